//! What a rank sends to itself.

use std::collections::VecDeque;

use super::envelope::Head;
use super::exchange::Carrier;
use super::failure::Failure;

/// Bytes of a record: larger messages to oneself wait for their receive, as all large ones do.
const RECORD_BYTES_MAX: usize = 64 << 10;

/// Records on their way from a rank to itself.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    records: VecDeque<(Head, Vec<u8>)>,
}

impl Loopback {
    /// The next record.
    pub(crate) fn next(&mut self) -> Option<(Head, Vec<u8>)> {
        self.records.pop_front()
    }

    /// Whether a message may go whole.
    pub(crate) fn takes_whole(length: usize) -> bool {
        length <= RECORD_BYTES_MAX
    }
}

impl Carrier for Loopback {
    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }

    fn push(&mut self, head: Head, parts: [&[u8]; 2]) -> Result<bool, Failure> {
        self.records.push_back((head, parts.concat()));
        Ok(true)
    }
}
