//! A plan becomes live ranks: launch requests, links to step processes, what comes back over them.
//!
//! [`launch`] puts together what step processes need to know, [`multi_prog`] reads programs by rank from a file, and
//! [`watch`] decides what to say and do as tasks start and end: all pure. [`link`] is a connection to one step
//! process, [`reach`] makes those of a whole step, [`input`] reads what the tasks are to read, [`session`] runs a live step over all of them, and
//! [`bcast`] copies files to nodes.

pub mod bcast;
pub mod exits;
pub mod input;
pub mod launch;
pub mod link;
pub mod multi_prog;
pub mod reach;
pub mod session;
pub mod signals;
pub mod verbose;
pub mod watch;
