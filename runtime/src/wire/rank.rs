//! Rank ↔ step process.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::launch::NodeRanks;
use crate::ids::Rank;

/// Rank to step process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToServer {
    /// The rank has reached a barrier of the whole step. Barriers are counted for each rank: its n-th matches
    /// every other rank's n-th. Any process of the rank may speak for it, one at a time.
    Barrier,
    /// This link is that of a program which takes part as the rank, from now until it [leaves](Self::Leave) or the link
    /// closes: that is a loss. A rank's n-th program takes part together with every other rank's n-th. Answered by
    /// `Attached`.
    Attach,
    /// The program has left in good order.
    Leave,
    /// The program wants to speak to a rank of another node. Answered by a `Peer` or a `NoPeer`, some time.
    Dial {
        /// Which.
        to: Rank,
    },
    /// The program ends the step, with this exit code.
    Abort {
        /// Its code.
        code: i32,
    },
    /// A step process has ranks whose n-th programs take part: it wants to hear of a rank that is lost. Answered by a
    /// `PeerGone`, when there is one.
    Watch {
        /// Which turn it is for them.
        turn: u64,
    },
    /// A rank's program is gone before its time; no answer.
    Lost {
        /// Its node.
        node: String,
        /// How, for people.
        how: String,
    },
    /// The rank has ended. Its step process says so where the step's barriers are kept elsewhere; no answer.
    Left {
        /// Its node.
        node: String,
        /// How, for people.
        how: String,
        /// Programs that it has had take part.
        #[serde(default)]
        turns: u64,
    },
    /// A step process has come to a fence that carries data, for all of its ranks that take part: an allgather over
    /// step processes. It comes to no other fence of the same group before this one is answered.
    Fence {
        /// Ranks that take part, ascending; empty: all of the step.
        group: Vec<Rank>,
        /// Those of them that this step process speaks for.
        ranks: Vec<Rank>,
        /// What it gives to the others.
        data: ByteBuf,
    },
}

/// Step process to rank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromServer {
    /// Every rank has reached the barrier.
    Released,
    /// Answer to `Attach`. The memory that the node's ranks share travels with it.
    Attached {
        /// Every node of the step, with its ranks.
        nodes: Vec<NodeRanks>,
        /// The rank's node, as a place among these.
        node: u32,
        /// There are more ranks here than CPUs.
        crowded: bool,
        /// Which of the rank's programs it is: the first one is 1.
        turn: u64,
        /// So many `Bell`s follow, one for each rank of the node in order of local rank.
        bells: u32,
    },
    /// The event descriptor that wakes a rank; it travels with the message.
    Bell,
    /// A connection to a rank of another node; the socket travels with the message.
    Peer {
        /// Which rank.
        rank: Rank,
        /// This side has asked for it, and so is the first to send on it.
        dialled: bool,
    },
    /// A rank of another node that was asked for cannot be reached.
    NoPeer {
        /// Which.
        rank: Rank,
        /// Why.
        reason: String,
    },
    /// Answer to who comes for a [`Peer`](super::preamble::Target::Peer): nothing more is read from this connection but
    /// by that rank.
    Introduced,
    /// Every step process has come to the fence.
    Fenced {
        /// What each gave, in the same order for all.
        parts: Vec<ByteBuf>,
    },
    /// A rank is gone: the barrier or fence cannot complete, since the rank had not reached it; or, on the link of a
    /// program that takes part, the step is over.
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
