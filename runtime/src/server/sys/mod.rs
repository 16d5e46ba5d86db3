//! The only unsafe code of the rank server: making processes.

pub mod fork;
pub mod spawn;
pub mod wait;
