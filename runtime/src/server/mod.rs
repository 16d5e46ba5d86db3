//! The rank server and the step process.

pub mod file;
