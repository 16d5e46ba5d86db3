//! Queue and cluster state.

pub mod api;
pub mod client;
mod error_text;
