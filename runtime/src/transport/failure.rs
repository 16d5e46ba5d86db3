//! What a rank can fail with when it speaks to others.

use crate::ids::Rank;

/// Why a call on a communicator did not do what it says. Ranks in it are those of the step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The message is longer than the room for it (MPI 4.1, section 3.2.4: an overflow error). The message is gone; the
    /// room holds nothing of it.
    #[error("the message of rank {from} with tag {tag} has {sent} bytes, the receive has room for {room}")]
    Truncated {
        /// Who has sent it.
        from: Rank,
        /// Its tag.
        tag: i32,
        /// Its length in bytes.
        sent: usize,
        /// The room in bytes.
        room: usize,
    },
    /// The message's length is no multiple of the element's: another type was sent than is received.
    #[error(
        "the message of rank {from} with tag {tag} has {sent} bytes, which is no number of elements of {element} bytes"
    )]
    WrongType {
        /// Who has sent it.
        from: Rank,
        /// Its tag.
        tag: i32,
        /// Its length in bytes.
        sent: usize,
        /// Bytes of an element.
        element: usize,
    },
    /// The message is not the value that was expected, or the value cannot be written as a message.
    #[error("the value cannot be {verb}: {reason}")]
    Value {
        /// `read` or `written`.
        verb: &'static str,
        /// Why.
        reason: String,
    },
    /// The communicator has no such rank.
    #[error("there is no rank {rank}: the communicator has {size}")]
    NoSuchRank {
        /// As asked, in the communicator.
        rank: u32,
        /// Ranks of the communicator.
        size: u32,
    },
    /// Tags are not negative.
    #[error("tag {0} is negative")]
    NegativeTag(i32),
    /// A rank has ended, and with it the step.
    #[error("rank {rank} on {node} {how}")]
    Lost {
        /// Which.
        rank: Rank,
        /// Its node.
        node: String,
        /// How, for people.
        how: String,
    },
    /// The rank has left in good order, and what was to come from it or go to it never will.
    #[error("rank {0} has left")]
    Left(Rank),
    /// Every other rank has left.
    #[error("all other ranks have left")]
    AllLeft,
    /// This rank has called `abort`, or has panicked.
    #[error("this rank has given up")]
    GaveUp,
    /// Ranks have called different collectives, or the same one with arguments that do not fit together.
    #[error("{0}")]
    Mismatch(String),
    /// Memory to share is not to be had.
    #[error("cannot share memory: {0}")]
    Memory(String),
    /// The step process is gone or speaks another language.
    #[error("lost the step: {0}")]
    StepGone(String),
    /// Another rank's node cannot be reached, or its link broke.
    #[error("cannot reach rank {rank}: {reason}")]
    Unreachable {
        /// Which.
        rank: Rank,
        /// Why.
        reason: String,
    },
    /// What came from a rank is no message.
    #[error("what rank {0} has sent is no message")]
    Broken(Rank),
    /// More messages wait for a receive than are kept.
    #[error("{0} messages wait for a receive: more are not kept")]
    TooManyWaiting(usize),
}
