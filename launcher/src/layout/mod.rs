//! Which rank runs where: pure.

pub mod plan;
