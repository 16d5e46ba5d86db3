//! A whole cluster in one process.

pub mod private_dir;
pub mod shape;
