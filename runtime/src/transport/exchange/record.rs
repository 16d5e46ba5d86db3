//! What goes between the protocol and what carries it.

use crate::ids::Rank;
use crate::transport::envelope::{Head, Kind, Offer};
use crate::transport::failure::Failure;
use crate::transport::tickets::Ticket;

/// What is to go to a rank, in this order.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message, whole or offered.
    Message { send: Ticket, whole: bool },
    /// The pieces of a granted message.
    Pieces { send: Ticket, receive: u64, sent: usize },
    /// An answer.
    Answer { kind: Kind, values: [u64; 2] },
}

/// Something that carries records to one rank.
pub(crate) trait Carrier {
    /// Bytes after its head that a record may have.
    fn record_bytes_max(&self) -> usize;
    /// Takes a record, its bytes in two parts; false, and nothing is taken, where there is no room now.
    ///
    /// # Errors
    /// Those of the carrier, after which it carries nothing any more.
    fn push(&mut self, head: Head, parts: [&[u8]; 2]) -> Result<bool, Failure>;
}

/// The bytes of a record that has come.
pub(crate) trait Body {
    /// Copies from `offset` on.
    fn copy(&self, offset: usize, to: &mut [u8]);
}

impl Body for &[u8] {
    fn copy(&self, offset: usize, to: &mut [u8]) {
        to.copy_from_slice(&self[offset..offset + to.len()]);
    }
}

/// What is kept of a message that nobody wants yet.
#[derive(Debug)]
pub(crate) enum Kept {
    Whole(Vec<u8>),
    Offer(Offer),
}

impl Kept {
    /// The message's length.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Offer(offer) => usize::try_from(offer.length).unwrap_or(usize::MAX),
        }
    }
}

/// An offered message that a receive wants: to be read from the sender's memory, or granted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetch {
    /// The receive.
    pub(crate) receive: Ticket,
    /// Whose message.
    pub(crate) from: Rank,
    /// The message.
    pub(crate) offer: Offer,
}
