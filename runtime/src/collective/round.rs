//! What a rank does in one round: sends and receives side by side, and then work on its own buffers.

use std::ops::Range;

/// One of the buffers that a schedule names; who executes it says where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Buffer {
    /// What the rank gives. Never written. It may be (a part of) the output: then a copy between the two is none.
    Input,
    /// What the rank gets; for a broadcast also what the root gives.
    Output,
    /// Room for partial results, of [`super::Schedule::scratch`] elements.
    Scratch,
}

/// Consecutive elements of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which buffer.
    pub buffer: Buffer,
    /// Its first element.
    pub start: usize,
    /// How many.
    pub len: usize,
}

impl Span {
    /// The elements as indices.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.len
    }

    /// Whether an element belongs to both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.buffer == other.buffer
            && self.start.max(other.start) < (self.start + self.len).min(other.start + other.len)
    }
}

/// A point in a buffer from which an algorithm counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    buffer: Buffer,
    at: usize,
}

impl Place {
    pub(super) const INPUT: Self = Self { buffer: Buffer::Input, at: 0 };
    pub(super) const OUTPUT: Self = Self { buffer: Buffer::Output, at: 0 };

    /// A point so many elements on.
    pub(super) fn after(self, elements: usize) -> Self {
        Self { at: self.at + elements, ..self }
    }

    pub(super) fn span(self, range: Range<usize>) -> Span {
        Span { buffer: self.buffer, start: self.at + range.start, len: range.len() }
    }
}

/// Hands out the scratch buffer of a schedule.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    taken: usize,
}

impl Scratch {
    pub(super) fn take(&mut self, elements: usize) -> Place {
        let place = Place { buffer: Buffer::Scratch, at: self.taken };
        self.taken += elements;
        place
    }

    /// Elements taken in all.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }
}

/// Elements that go to a rank or come from it. Between two ranks transfers match in the order of their rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The other rank.
    pub peer: u32,
    /// Which elements; none is a message too.
    pub span: Span,
}

/// On which side of the operation an operand stands: `left ∘ right`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It comes from lower ranks.
    Left,
    /// It comes from higher ranks.
    Right,
}

/// Work on a rank's own buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// `to ← from`, of equal length, not overlapping.
    Copy {
        /// From there.
        from: Span,
        /// To here.
        to: Span,
    },
    /// `into ← into ∘ other`, or `other ∘ into`, element by element.
    Fold {
        /// Where the result goes.
        into: Span,
        /// The other operand, of equal length, not overlapping.
        other: Span,
        /// Where the other operand stands.
        side: Side,
    },
}

/// One round of one rank. All transfers may be under way at once: no receive touches what another transfer of the round
/// does. When all are done, the local work is done in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// What the rank sends.
    pub sends: Vec<Transfer>,
    /// What it receives.
    pub receives: Vec<Transfer>,
    /// What it does then.
    pub locals: Vec<Local>,
}

impl Round {
    /// Makes it an empty round, and keeps its memory.
    pub fn clear(&mut self) {
        self.sends.clear();
        self.receives.clear();
        self.locals.clear();
    }

    pub(super) fn send(&mut self, peer: usize, span: Span) {
        self.sends.push(Transfer { peer: peer as u32, span });
    }

    pub(super) fn receive(&mut self, peer: usize, span: Span) {
        self.receives.push(Transfer { peer: peer as u32, span });
    }

    /// Copies, where there is anything to copy.
    pub(super) fn copy(&mut self, from: Span, to: Span) {
        debug_assert_eq!(from.len, to.len);
        if from.len > 0 && from != to {
            self.locals.push(Local::Copy { from, to });
        }
    }

    pub(super) fn fold(&mut self, into: Span, other: Span, side: Side) {
        debug_assert_eq!(into.len, other.len);
        if into.len > 0 {
            self.locals.push(Local::Fold { into, other, side });
        }
    }
}
