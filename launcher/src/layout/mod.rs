//! Which rank runs where: pure.
//!
//! [`allocate`] finds a job its nodes and CPUs, [`step`] lays the ranks of a step over them, [`plan`] is what both
//! give out.

pub mod allocate;
pub mod plan;
pub mod step;
