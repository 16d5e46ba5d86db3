//! Rank ↔ step process.
//!
//! What a rank gives or gets stands in data frames after the message that tells how many bytes it is: as many frames as
//! it takes, none for none.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::launch::NodeRanks;
use crate::collective::Operation;
use crate::ids::Rank;

/// Rank to step process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToServer {
    /// The rank makes a call that all ranks of the step make. Calls are counted for each rank: its n-th belongs to every
    /// other rank's n-th. Any process of the rank may speak for it, one at a time. Answered by `Done`.
    Collective {
        /// Which.
        call: Call,
        /// What the rank gives; its data follows.
        bytes: u64,
        /// Why the rank has nothing to give, though it should: then the call fails for all, who are told this.
        #[serde(default)]
        failure: Option<String>,
    },
    /// A message for a rank, which its data follows. Answered by `Done` once the step has it.
    Send {
        /// For whom.
        to: Rank,
        /// Chosen by who sends; who receives may ask for it.
        tag: u32,
        /// Its length.
        bytes: u64,
    },
    /// The rank wants a message. Answered by `Message`.
    Receive {
        /// Only from this one.
        from: Option<Rank>,
        /// Only with this tag.
        tag: Option<u32>,
    },
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
    /// The program has been blocked in one call for as long as it was told to take for worth telling
    /// ([`FromServer::Attached`]).
    Blocked {
        /// Call, line and what it waits for, for people.
        what: String,
    },
    /// The program goes on after it was blocked.
    GoesOn,
    /// All ranks of a step process that have not ended have been blocked for long, and are for as long as this link is
    /// open; no answer.
    AllBlocked {
        /// Each, and what it is in, for people.
        ranks: Vec<(Rank, String)>,
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
    /// The rank has ended. Its step process says so where the step's calls are kept elsewhere; no answer.
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

/// A call of all ranks. That of every rank must be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// All wait for all. Nobody gives anything.
    Barrier,
    /// The root's bytes come to all.
    Broadcast {
        /// Who gives.
        root: Rank,
    },
    /// Everybody's bytes come to the root, in the order of ranks.
    Gather {
        /// Who gets.
        root: Rank,
    },
    /// [`super::numbers::Numbers`] are folded in the order of ranks, and come to the root.
    Reduce {
        /// Who gets.
        root: Rank,
        /// What with.
        operation: Operation,
    },
    /// They come to all.
    AllReduce {
        /// What with.
        operation: Operation,
    },
    /// Everybody gets the fold of those up to its own; exclusive: before its own, the lowest rank nothing.
    Scan {
        /// What with.
        operation: Operation,
        /// Without its own.
        exclusive: bool,
    },
}

impl Call {
    /// Who gives or gets on its own.
    #[must_use]
    pub fn root(&self) -> Option<Rank> {
        match *self {
            Self::Broadcast { root } | Self::Gather { root } | Self::Reduce { root, .. } => Some(root),
            Self::Barrier | Self::AllReduce { .. } | Self::Scan { .. } => None,
        }
    }
}

/// As it is typed: `reduce --root 0 --op sum`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Barrier => write!(f, "barrier"),
            Self::Broadcast { root } => write!(f, "bcast --root {root}"),
            Self::Gather { root } => write!(f, "gather --root {root}"),
            Self::Reduce { root, operation } => write!(f, "reduce --root {root} --op {operation}"),
            Self::AllReduce { operation } => write!(f, "allreduce --op {operation}"),
            Self::Scan { operation, exclusive: false } => write!(f, "scan --op {operation}"),
            Self::Scan { operation, exclusive: true } => write!(f, "scan --exclusive --op {operation}"),
        }
    }
}

/// Step process to rank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromServer {
    /// Every step process has come to the fence.
    Fenced {
        /// What each gave, in the same order for all.
        parts: Vec<ByteBuf>,
    },
    /// It is done: every rank has made the call, or the step has the message.
    Done {
        /// What the rank gets; its data follows.
        bytes: u64,
    },
    /// A message that matches, with its data.
    Message {
        /// From whom.
        from: Rank,
        /// With which tag.
        tag: u32,
        /// Its length.
        bytes: u64,
    },
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
        /// After so many milliseconds in one call it is to say that it is blocked; 0: never.
        #[serde(default)]
        deadlock_ms: u64,
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
        /// It has left in good order.
        #[serde(default)]
        has_left: bool,
    },
    /// Answer to who comes for a [`Peer`](super::preamble::Target::Peer): nothing more is read from this connection but
    /// by that rank.
    Introduced,
    /// A rank is gone: the call cannot complete, since it had not made it; the message will never come, or never be received;
    /// or, on the link of a program that takes part, the step is over.
    PeerGone {
        /// The lowest such rank.
        rank: Rank,
        /// Its node.
        node: String,
        /// How it ended, for people: `exited with code 1`, `was killed by signal 9`.
        how: String,
    },
    /// Ranks have made different calls. No later call can be told apart, so all fail.
    Mismatch {
        /// Which call it was of each, counted from 1.
        number: u64,
        /// Who called first.
        first: Rank,
        /// What.
        called: Call,
        /// Who called something else.
        other: Rank,
        /// What.
        other_called: Call,
    },
    /// The request cannot be served.
    Refused {
        /// Why.
        reason: String,
    },
}
