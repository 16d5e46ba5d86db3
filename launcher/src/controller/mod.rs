//! Queue and cluster state.

pub mod api;
