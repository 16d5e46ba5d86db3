//! What a message says of the collective call that it belongs to, and whether two ranks' calls are the same one.
//!
//! MPI leaves calls that do not match undefined (MPI-4.1 6.1: all must call in the same order); here they are an error
//! that names both. All that is needed for that stands in a message's tag, so that it costs nothing.

use std::fmt;

/// A collective operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// All have come.
    Barrier = 1,
    /// From one to all.
    Broadcast,
    /// A block from one to each.
    Scatter,
    /// A block from each to one.
    Gather,
    /// A block from each to all.
    AllGather,
    /// A block from each to each.
    AllToAll,
    /// A fold to one.
    Reduce,
    /// A fold to all.
    AllReduce,
    /// A block of a fold to each.
    ReduceScatter,
    /// A fold of those up to each.
    Scan,
    /// A fold of those before each.
    ExclusiveScan,
    /// A communicator is divided.
    Split,
    /// A communicator is copied.
    Duplicate,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::Barrier,
        Self::Broadcast,
        Self::Scatter,
        Self::Gather,
        Self::AllGather,
        Self::AllToAll,
        Self::Reduce,
        Self::AllReduce,
        Self::ReduceScatter,
        Self::Scan,
        Self::ExclusiveScan,
        Self::Split,
        Self::Duplicate,
    ];

    /// The call's name in this library.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Barrier => "barrier",
            Self::Broadcast => "broadcast",
            Self::Scatter => "scatter",
            Self::Gather => "gather",
            Self::AllGather => "all_gather",
            Self::AllToAll => "all_to_all",
            Self::Reduce => "reduce",
            Self::AllReduce => "all_reduce",
            Self::ReduceScatter => "reduce_scatter",
            Self::Scan => "scan",
            Self::ExclusiveScan => "exclusive_scan",
            Self::Split => "split",
            Self::Duplicate => "duplicate",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many elements a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many on every rank.
    Alike(u64),
    /// Ranks differ, and rightly so (v variants).
    Varies,
}

/// A collective call as a rank has made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Which one of this communicator's, from 0; wraps.
    pub number: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether it goes on while the rank does something else; such a call matches no other one (MPI-4.1 6.12).
    pub is_background: bool,
    /// The root, where the kind has one.
    pub root: Option<u32>,
    /// Bytes of an element.
    pub element_bytes: usize,
    /// How many elements.
    pub count: Count,
    /// The operation: a built-in's number, or 0 for one of the user's and for calls without.
    pub operation: u16,
}

const KIND_BITS: u32 = 4;
const NUMBER_BITS: u32 = 6;
const ROOT_BITS: u32 = 8;
const DIGEST_BITS: u32 = 12;

/// What is known of a call by a tag: parts of it, cut to some bits. All calls that are the same have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    kind: u32,
    is_background: u32,
    number: u32,
    root: u32,
    digest: u32,
}

/// A rank has called something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch {
    /// Who notices.
    rank: u32,
    /// Its call.
    call: Call,
    /// Whose message does not match.
    other: u32,
    theirs: Mark,
}

impl Mark {
    fn to_tag(self) -> i32 {
        let Self { kind, is_background, number, root, digest } = self;
        let parts = [(is_background, 1), (number, NUMBER_BITS), (root, ROOT_BITS), (digest, DIGEST_BITS)];
        parts.into_iter().fold(kind, |tag, (part, bits)| tag << bits | part & ((1 << bits) - 1)).cast_signed()
    }

    fn of_tag(tag: i32) -> Self {
        let mut rest = tag.cast_unsigned();
        let [digest, root, number, is_background, kind] = [DIGEST_BITS, ROOT_BITS, NUMBER_BITS, 1, KIND_BITS]
            .map(|bits| {
                let part = rest & ((1 << bits) - 1);
                rest >>= bits;
                part
            });
        Self { kind, is_background, number, root, digest }
    }
}

impl Call {
    fn mark(&self) -> Mark {
        Mark::of_tag(self.tag())
    }

    /// The tag of its messages, 0 or more.
    #[must_use]
    pub fn tag(&self) -> i32 {
        let mark = Mark {
            kind: self.kind as u32,
            is_background: u32::from(self.is_background),
            number: self.number,
            // 0: none.
            root: self.root.map_or(0, |root| 1 + root % ((1 << ROOT_BITS) - 1)),
            digest: self.digest(),
        };
        mark.to_tag()
    }

    /// What is too long for a tag, as a few bits (FNV-1a).
    fn digest(&self) -> u32 {
        let count = match self.count {
            Count::Alike(count) => [0, count],
            Count::Varies => [1, 0],
        };
        let words = [self.element_bytes as u64, u64::from(self.operation), count[0], count[1]];
        let hash =
            words.into_iter().flat_map(u64::to_le_bytes).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        (hash ^ hash >> 32) as u32 & ((1 << DIGEST_BITS) - 1)
    }

    /// Whether a message with this tag, from rank `other`, belongs to the call that `rank` is in.
    ///
    /// # Errors
    /// [`Mismatch`]: it belongs to another one.
    pub fn expect(&self, rank: u32, tag: i32, other: u32) -> Result<(), Mismatch> {
        if tag == self.tag() {
            return Ok(());
        }
        Err(Mismatch { rank, call: *self, other, theirs: Mark::of_tag(tag) })
    }
}

impl std::error::Error for Mismatch {}

/// `rank 3 called reduce while rank 0 called barrier`.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rank, call, other, theirs } = self;
        let ours = call.mark();
        let kind = Kind::ALL.iter().find(|kind| **kind as u32 == theirs.kind);
        let name =
            |kind: &Kind, is_background| format!("{}{kind}", if is_background == 1 { "i" } else { "" });
        let (they, we) = match kind {
            Some(kind) => (name(kind, theirs.is_background), name(&call.kind, ours.is_background)),
            None => {
                return write!(
                    f,
                    "rank {other} called something unknown while rank {rank} called {}",
                    call.kind
                );
            }
        };
        write!(f, "rank {other} called {they} while rank {rank} called {we}")?;
        let same = they == we;
        if same && theirs.root != ours.root {
            f.write_str(" with another root")
        } else if same && theirs.digest != ours.digest {
            f.write_str(" with another number or type of elements, or another operation")
        } else if theirs.number != ours.number {
            f.write_str(" at another place among the calls of the communicator")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDUCE: Call = Call {
        number: 6,
        kind: Kind::Reduce,
        is_background: false,
        root: Some(0),
        element_bytes: 8,
        count: Count::Alike(3),
        operation: 0,
    };

    #[test]
    fn tags_are_tags_and_hold_their_parts() {
        for (at, &kind) in (1..).zip(&Kind::ALL) {
            assert_eq!(kind as u8, at);
            for root in [None, Some(0), Some(254), Some(255), Some(u32::MAX)] {
                for number in [0, 63, 64, u32::MAX] {
                    let call = Call { kind, root, number, is_background: number == 63, ..REDUCE };
                    assert!(call.tag() >= 0, "{call:?}");
                    let mark = call.mark();
                    assert_eq!((mark.kind, mark.number), (at.into(), number % 64));
                    assert_eq!(mark.is_background == 1, call.is_background);
                    assert_eq!(call.expect(0, call.tag(), 1), Ok(()));
                }
            }
        }
    }

    #[test]
    fn calls_that_differ_are_told_apart_in_words() {
        let barrier =
            Call { kind: Kind::Barrier, root: None, element_bytes: 0, count: Count::Alike(0), ..REDUCE };
        let told = |ours: Call, theirs: Call| ours.expect(0, theirs.tag(), 3).unwrap_err().to_string();
        assert_eq!(told(barrier, REDUCE), "rank 3 called reduce while rank 0 called barrier");
        let both = "rank 3 called reduce while rank 0 called reduce";
        for (theirs, how) in [
            (Call { root: Some(1), ..REDUCE }, " with another root"),
            (
                Call { element_bytes: 4, ..REDUCE },
                " with another number or type of elements, or another operation",
            ),
            (
                Call { count: Count::Alike(4), ..REDUCE },
                " with another number or type of elements, or another operation",
            ),
            (
                Call { count: Count::Varies, ..REDUCE },
                " with another number or type of elements, or another operation",
            ),
            (
                Call { operation: 2, ..REDUCE },
                " with another number or type of elements, or another operation",
            ),
            (Call { number: 7, ..REDUCE }, " at another place among the calls of the communicator"),
        ] {
            assert_eq!(told(REDUCE, theirs), format!("{both}{how}"));
        }
        let background = Call { is_background: true, ..REDUCE };
        assert_eq!(told(REDUCE, background), "rank 3 called ireduce while rank 0 called reduce");
        let unknown = REDUCE.expect(0, 0, 3).unwrap_err().to_string();
        assert_eq!(unknown, "rank 3 called something unknown while rank 0 called reduce");
    }
}
