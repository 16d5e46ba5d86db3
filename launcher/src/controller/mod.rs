//! Queue and cluster state.
//!
//! [`api`] is what commands say and hear, [`client`] their end of the link; [`core`] decides and knows no socket,
//! clock or file; [`journal`] keeps what it decided on; [`serve`] moves bytes between the core, clients and rank
//! servers.

pub mod api;
pub mod client;
pub mod config_file;
pub mod core;
mod error_text;
pub mod journal;
pub mod serve;
mod this_machine;
