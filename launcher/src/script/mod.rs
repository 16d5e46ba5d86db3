//! What a job asks for: lines → words → options → [`spec::JobSpec`].

pub mod spec;
