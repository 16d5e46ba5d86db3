//! What a rank of prun links, and the rank server that starts it.
//!
//! A *job* holds an *allocation* of CPUs on *nodes*; a *step* is one parallel launch inside it; a *task* or
//! *rank* is one process of a step. The *rank server* of a node starts a *step process* for each step, which
//! owns that step's ranks: their process groups, output logs, barriers and exit codes.
//!
//! # Layout
//! - [`ids`], [`limits`], [`mod@env`]: the words as types, every bound with its reason, the table of variables.
//! - [`wire`]: what travels between launcher, controller, rank server, step process and rank.
//! - [`collective`]: schedules of collective calls, as pure machines.
//! - [`world`]: what a rank calls.
//! - [`net`] (feature `server`): addresses, and links to them: Unix sockets, or TCP sealed with Noise.
//! - [`pmi`] (feature `server`): how MPI libraries find their ranks.
//! - [`server`] (feature `server`): the rank server and the step process.

pub mod collective;
pub mod env;
pub mod ids;
pub mod limits;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "server")]
pub mod pmi;
#[cfg(feature = "server")]
pub mod server;
#[expect(dead_code, reason = "collectives and links between nodes, which come next, use the rest")]
mod transport;
pub mod wire;
pub mod world;

pub use transport::peer_memory::memory_can_be_read;
