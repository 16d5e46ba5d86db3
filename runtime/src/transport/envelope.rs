//! What stands before every message, in a ring as on a stream: sixteen bytes.

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A whole message.
    Eager = 1,
    /// A large message waits at its sender ([`Offer`]).
    Offer = 2,
    /// The receiver wants an offered message sent ([`Grant`]).
    Grant = 3,
    /// A piece of a granted message ([`Piece`], then bytes).
    Piece = 4,
    /// The receiver has what it wants of an offered message, and the sender's buffer is its own again ([`Taken`]).
    Taken = 5,
    /// So many bytes of whole messages have been matched by the receiver ([`Credit`]); on streams only.
    Credit = 6,
    /// The first word of the side that has asked for a stream; on streams only.
    Hello = 7,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Eager,
            2 => Self::Offer,
            3 => Self::Grant,
            4 => Self::Piece,
            5 => Self::Taken,
            6 => Self::Credit,
            7 => Self::Hello,
            _ => return None,
        })
    }
}

/// The head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// What follows.
    pub(crate) kind: Kind,
    /// Bytes that follow.
    pub(crate) length: u32,
    /// Message space of a communicator.
    pub(crate) context: u32,
    /// The message's tag.
    pub(crate) tag: i32,
}

/// Bytes of a head.
pub(crate) const HEAD_BYTES: usize = 16;

/// Set in the first word of every head, so that none is zero.
const PRESENT: u64 = 1 << 63;

impl Head {
    /// As two words. The first one is never zero.
    pub(crate) fn words(self) -> (u64, u64) {
        let first = PRESENT | u64::from(self.length) | (self.kind as u64) << 32;
        (first, u64::from(self.context) | u64::from(self.tag.cast_unsigned()) << 32)
    }

    /// From two words; `None` for what is no head.
    pub(crate) fn from_words(first: u64, second: u64) -> Option<Self> {
        Some(Self {
            kind: Kind::from_byte((first >> 32) as u8)?,
            length: first as u32,
            context: second as u32,
            tag: ((second >> 32) as u32).cast_signed(),
        })
    }

    /// As bytes on a stream.
    pub(crate) fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let (first, second) = self.words();
        numbers([first, second])
    }

    /// From bytes of a stream; `None` for what is no head.
    pub(crate) fn from_bytes(bytes: [u8; HEAD_BYTES]) -> Option<Self> {
        let [first, second] = parse(&bytes)?;
        Self::from_words(first, second)
    }
}

/// Numbers in a row, little endian.
pub(crate) fn numbers<const N: usize, const B: usize>(values: [u64; N]) -> [u8; B] {
    let mut bytes = [0; B];
    for (place, value) in bytes.chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Reads what [`numbers`] wrote; `None` for too few bytes.
pub(crate) fn parse<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let mut values = [0; N];
    for (at, value) in values.iter_mut().enumerate() {
        *value = u64::from_le_bytes(bytes.get(at * 8..at * 8 + 8)?.try_into().ok()?);
    }
    Some(values)
}

/// Bytes of an [`Offer`].
pub(crate) const OFFER_BYTES: usize = 24;

/// A large message that waits at its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Its length.
    pub(crate) length: u64,
    /// The sender's request.
    pub(crate) send: u64,
    /// Where it is in the sender's memory; meaningful on the same machine only.
    pub(crate) address: u64,
}

impl Offer {
    /// As bytes.
    pub(crate) fn to_bytes(self) -> [u8; OFFER_BYTES] {
        numbers([self.length, self.send, self.address])
    }

    /// From bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [length, send, address] = parse(bytes)?;
        Some(Self { length, send, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_offers_come_back() {
        for kind in
            [Kind::Eager, Kind::Offer, Kind::Grant, Kind::Piece, Kind::Taken, Kind::Credit, Kind::Hello]
        {
            let head = Head { kind, length: u32::MAX, context: 7, tag: -3 };
            assert_eq!(Head::from_bytes(head.to_bytes()), Some(head));
            assert_ne!(head.words().0, 0);
        }
        assert_eq!(Head::from_words(PRESENT, 0), None);
        let offer = Offer { length: 1 << 40, send: 3, address: u64::MAX };
        assert_eq!(Offer::from_bytes(&offer.to_bytes()), Some(offer));
        assert_eq!(Offer::from_bytes(&[0; 23]), None);
    }
}
