//! One rank as its server knows it.

use super::Served;
use crate::pmi::frame::Inbox;

/// How far a rank's library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing heard yet: perhaps no MPI program.
    Fresh,
    /// Between `init` and `finalize`.
    Open,
    /// At a fence.
    Waiting,
    /// After `finalize`. A further program of the rank may open again.
    Finalized,
    /// Its socket is closed.
    Gone,
}

/// A rank that is served.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) served: Served,
    pub(super) inbox: Inbox,
    pub(super) phase: Phase,
    pub(super) has_spoken: bool,
    /// MPI programs that it has begun, one after the other.
    pub(super) programs: u32,
    /// The mark of the thread whose fence is to be answered (version 2).
    pub(super) thread: Option<Vec<u8>>,
    /// A key of its node that it waits for, and the waiting thread's mark.
    pub(super) wants: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Client {
    pub(super) fn new(served: Served) -> Self {
        Self {
            served,
            inbox: Inbox::default(),
            phase: Phase::Fresh,
            has_spoken: false,
            programs: 0,
            thread: None,
            wants: None,
        }
    }
}
