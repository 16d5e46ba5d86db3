//! A whole cluster in one process.

pub mod shape;
