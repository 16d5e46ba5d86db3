//! What a rank says of the collective call that a message belongs to, and whether two ranks' calls are the same one.
//!
//! MPI leaves calls that do not match undefined (MPI-4.1 6.1: all must call in the same order); here they are an error
//! that names both.

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
    const ALL: [Self; 13] = [
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
    /// The root, where the kind has one.
    pub root: Option<u32>,
    /// Bytes of an element.
    pub element_bytes: u32,
    /// How many elements.
    pub count: Count,
    /// The operation: a built-in's number, or 0 for one of the user's and for calls without.
    pub operation: u16,
}

/// Bytes of a call in front of a message.
pub const CALL_BYTES: usize = 24;

/// A rank has called something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rank {theirs_rank} called {theirs} while rank {ours_rank} called {ours}")]
pub struct Mismatch {
    /// Who notices.
    pub ours_rank: u32,
    /// Its call.
    pub ours: Call,
    /// Whose message does not match.
    pub theirs_rank: u32,
    /// The call that it belongs to.
    pub theirs: Call,
}

impl Call {
    /// As bytes, little endian: number, kind, class of count, operation, root, bytes of an element, count.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; CALL_BYTES] {
        let (class, count) = match self.count {
            Count::Alike(count) => (0, count),
            Count::Varies => (1, 0),
        };
        let mut bytes = [0; CALL_BYTES];
        bytes[..4].copy_from_slice(&self.number.to_le_bytes());
        bytes[4..6].copy_from_slice(&[self.kind as u8, class]);
        bytes[6..8].copy_from_slice(&self.operation.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.root.unwrap_or(NO_ROOT).to_le_bytes());
        bytes[12..16].copy_from_slice(&self.element_bytes.to_le_bytes());
        bytes[16..].copy_from_slice(&count.to_le_bytes());
        bytes
    }

    /// From the first [`CALL_BYTES`] of a message; `None` where they are no call.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let four = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let count = u64::from_le_bytes(*bytes.get(16..)?.first_chunk()?);
        let (kind, class) = (bytes[4], bytes[5]);
        Some(Self {
            number: four(0)?,
            kind: *Kind::ALL.get(usize::from(kind).checked_sub(1)?)?,
            root: four(8).filter(|&root| root != NO_ROOT),
            element_bytes: four(12)?,
            count: match class {
                0 => Count::Alike(count),
                1 => Count::Varies,
                _ => return None,
            },
            operation: u16::from_le_bytes(*bytes[6..].first_chunk()?),
        })
    }

    /// Whether a message of rank `theirs_rank` belongs to the call that `ours_rank` is in.
    ///
    /// # Errors
    /// [`Mismatch`]: it belongs to another one.
    pub fn expect(&self, ours_rank: u32, theirs: Self, theirs_rank: u32) -> Result<(), Mismatch> {
        if theirs == *self { Ok(()) } else { Err(Mismatch { ours_rank, ours: *self, theirs_rank, theirs }) }
    }
}

/// Stands for no root in bytes: there is no such rank.
const NO_ROOT: u32 = u32::MAX;

/// `all_reduce of 3 elements of 8 bytes (its 7th collective call)`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(root) = self.root {
            write!(f, " to or from root {root}")?;
        }
        match self.count {
            Count::Alike(_) if self.kind == Kind::Barrier => {}
            Count::Alike(count) => write!(f, " of {count} elements of {} bytes", self.element_bytes)?,
            Count::Varies => write!(f, " of elements of {} bytes", self.element_bytes)?,
        }
        if self.operation != 0 {
            write!(f, " with operation {}", self.operation)?;
        }
        write!(f, " (call number {} of its communicator)", u64::from(self.number) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDUCE: Call = Call {
        number: 6,
        kind: Kind::Reduce,
        root: Some(0),
        element_bytes: 8,
        count: Count::Alike(3),
        operation: 0,
    };

    #[test]
    fn a_call_comes_back_from_its_bytes() {
        for (at, &kind) in (1..).zip(&Kind::ALL) {
            assert_eq!(kind as u8, at);
            for count in [Count::Alike(u64::MAX), Count::Varies] {
                for root in [None, Some(7)] {
                    let call = Call { kind, count, root, operation: 513, ..REDUCE };
                    assert_eq!(Call::from_bytes(&call.to_bytes()), Some(call));
                }
            }
        }
        let golden = [6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(REDUCE.to_bytes(), golden);
    }

    #[test]
    fn bytes_that_are_no_call_are_none() {
        for (at, value) in [(4, 0), (4, 14), (4, 255), (5, 2)] {
            let mut bytes = REDUCE.to_bytes();
            bytes[at] = value;
            assert_eq!(Call::from_bytes(&bytes), None, "{at} {value}");
        }
        for short in 0..CALL_BYTES {
            assert_eq!(Call::from_bytes(&REDUCE.to_bytes()[..short]), None);
        }
    }

    #[test]
    fn calls_that_differ_are_told_by_name() {
        assert_eq!(REDUCE.expect(0, REDUCE, 3), Ok(()));
        let barrier =
            Call { kind: Kind::Barrier, root: None, element_bytes: 0, count: Count::Alike(0), ..REDUCE };
        let told = barrier.expect(0, REDUCE, 3).unwrap_err().to_string();
        assert_eq!(
            told,
            "rank 3 called reduce to or from root 0 of 3 elements of 8 bytes (call number 7 of its communicator) \
             while rank 0 called barrier (call number 7 of its communicator)"
        );
        let others = [
            Call { number: 7, ..REDUCE },
            Call { root: Some(1), ..REDUCE },
            Call { element_bytes: 4, ..REDUCE },
            Call { count: Count::Alike(4), ..REDUCE },
            Call { count: Count::Varies, ..REDUCE },
            Call { operation: 2, ..REDUCE },
        ];
        assert!(others.into_iter().all(|other| REDUCE.expect(0, other, 1).is_err()));
    }
}
