//! Schedules of collective calls, as pure machines: for a rank of n and a call the rounds of sends, receives and work on
//! its own buffers. No socket, clock or thread is known here; `world` executes what is decided here.
//!
//! | call | short | long |
//! |---|---|---|
//! | barrier | dissemination | |
//! | broadcast | binomial tree | binomial scatter, ring allgather |
//! | scatter, gather | binomial tree | straight; so the v variants |
//! | allgather | recursive doubling, or Bruck's where n is no power of two | ring; so the v variant |
//! | alltoall | Bruck's | pairwise exchange; so the v variant |
//! | reduce | binomial tree | Rabenseifner's |
//! | allreduce | recursive doubling | Rabenseifner's; a ring where n is no power of two and the operation commutes |
//! | reduce_scatter | recursive halving, or allreduce | pairwise exchange |
//! | scan, exscan | Hillis and Steele's | |
//!
//! [`Caller`] chooses. Where ranks share nodes, barrier, broadcast, reduce, allreduce and short allgathers go inside the
//! node first and between one leader a node then.
//!
//! # Layout
//! - [`Call`]: what the tag of each message says of its call, so that calls that do not match are told by name.
//! - [`Topology`], [`Layout`]: which rank is on which node; which elements belong to which rank.
//! - [`Schedule`], [`Round`]: what comes out.
//! - [`Operation`]: what is built in to fold with.
//! - `tree`, `linear`, `ring`, `bruck`, `pairwise`, `doubling`, `halving`, `scan`, `barrier`: the algorithms.
//! - `choice`: which of them when.
//!
//! What they promise is simulated up to 4,096 ranks in `tests/collective.rs`, and printed as a table there.

mod barrier;
mod bruck;
mod call;
mod choice;
mod doubling;
mod halving;
mod layout;
mod linear;
mod operation;
mod pairwise;
mod ring;
mod round;
mod scan;
mod schedule;
mod seat;
mod topology;
mod tree;

pub use call::{Call, Count, Kind, Mismatch};
pub use choice::Caller;
pub use layout::Layout;
pub use operation::{Operation, UnknownOperation};
pub use round::{Buffer, Local, Round, Side, Span, Transfer};
pub use schedule::Schedule;
pub use topology::Topology;
