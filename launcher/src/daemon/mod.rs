//! The parts of a cluster as processes of their own: `prun controller` and `prun node`, and where they have their files.

pub mod controller;
pub mod home;
pub mod network;
pub mod node;
pub mod ready;
