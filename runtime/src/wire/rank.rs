//! Rank ↔ step process.

use serde::{Deserialize, Serialize};

use crate::ids::Rank;

/// Rank to step process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToServer {
    /// The rank has reached a barrier of the whole step. Barriers are counted for each rank: its n-th matches
    /// every other rank's n-th. Any process of the rank may speak for it, one at a time.
    Barrier,
    /// The rank has ended. Its step process says so where the step's barriers are kept elsewhere; no answer.
    Left {
        /// Its node.
        node: String,
        /// How, for people.
        how: String,
    },
}

/// Step process to rank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromServer {
    /// Every rank has reached the barrier.
    Released,
    /// The barrier cannot complete: a rank that had not reached it is gone.
    PeerGone {
        /// The lowest such rank.
        rank: Rank,
        /// Its node.
        node: String,
        /// How it ended, for people: `exited with code 1`, `was killed by signal 9`.
        how: String,
    },
    /// The request cannot be served.
    Refused {
        /// Why.
        reason: String,
    },
}
