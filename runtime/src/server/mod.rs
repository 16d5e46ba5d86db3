//! The rank server and the step process.
//!
//! A *rank server* ([`node`]) stands for one node (or several virtual ones): it takes launch requests from the
//! controller and hands connections on. For each step it has a *step process* ([`stepd`]), which owns that step's
//! tasks. Step processes are forked from the *guard* ([`guard`]), which sees the rank server's end, however it
//! ends, and leaves nothing behind; or, where steps outlive their rank server, stays with them until the last one
//! ends, while the next rank server takes them over ([`heirs`]).

pub mod control;
pub mod descendants;
pub mod door;
pub mod file;
pub mod guard;
pub mod heirs;
mod machine_load;
pub mod node;
pub mod shared_memory;
pub mod stepd;
pub mod sys;
pub mod usage;
