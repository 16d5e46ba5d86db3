//! Which rank runs where: pure.
//!
//! [`allocate`] finds a job its nodes and CPUs, [`step`] lays the ranks of a step over them, [`plan`] is what both
//! give out.

pub mod allocate;
pub mod bind;
mod constraint;
pub mod demand;
pub mod devices;
mod fill;
mod never;
mod offer;
mod place;
pub mod plan;
mod select;
pub mod step;
mod step_demand;
mod step_room;

pub(crate) use place::is_arbitrary;
