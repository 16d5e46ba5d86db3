//! The core as a whole: what clients and rank servers say goes in, what comes out is looked at.

mod arrays;
mod configured;
mod dependencies;
mod ends;
pub(in crate::controller) mod golden;
mod het;
mod limits;
mod lost;
mod overview;
mod queue;
mod random;
mod steps;
pub(in crate::controller) mod world;
