//! Which elements of a buffer belong to which rank.

use std::ops::Range;
use std::sync::Arc;

/// Blocks of a buffer, one a rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Every block has so many elements, in the order of ranks.
    Even(usize),
    /// So many elements shared out as evenly as can be, in the order of ranks.
    Shared {
        /// Elements in all.
        elements: usize,
        /// Among so many ranks.
        ranks: usize,
    },
    /// Blocks of any length anywhere (the counts and displacements of MPI's v variants).
    Listed(Arc<[(usize, usize)]>),
}

impl Layout {
    /// Blocks of these lengths, one after the other.
    #[must_use]
    pub fn of_counts(counts: &[usize]) -> Self {
        let starts = counts.iter().scan(0, |next, &count| {
            *next += count;
            Some(*next - count)
        });
        Self::Listed(starts.zip(counts.iter().copied()).collect())
    }

    /// Blocks of these first elements and lengths. Those that are received into must not overlap.
    ///
    /// # Panics
    /// There are not as many displacements as counts.
    #[must_use]
    pub fn with_displacements(displacements: &[usize], counts: &[usize]) -> Self {
        assert_eq!(displacements.len(), counts.len(), "as many displacements as counts");
        Self::Listed(displacements.iter().copied().zip(counts.iter().copied()).collect())
    }

    /// A rank's block.
    ///
    /// # Panics
    /// There is no such rank.
    #[must_use]
    pub fn block(&self, rank: usize) -> Range<usize> {
        match self {
            Self::Even(elements) => rank * elements..(rank + 1) * elements,
            Self::Shared { elements, ranks } => rank * elements / ranks..(rank + 1) * elements / ranks,
            Self::Listed(blocks) => blocks[rank].0..blocks[rank].0 + blocks[rank].1,
        }
    }

    /// The blocks of some ranks that follow one another, where blocks do so too.
    pub(super) fn blocks(&self, ranks: Range<usize>) -> Range<usize> {
        if ranks.is_empty() {
            return 0..0;
        }
        self.block(ranks.start).start..self.block(ranks.end - 1).end
    }

    /// The longest block of `ranks` ranks.
    pub(super) fn longest(&self, ranks: usize) -> usize {
        match self {
            Self::Even(elements) => *elements,
            Self::Shared { elements, ranks } => elements.div_ceil(*ranks),
            Self::Listed(_) => (0..ranks).map(|rank| self.block(rank).len()).max().unwrap_or(0),
        }
    }

    /// Elements of all blocks of `ranks` ranks.
    #[must_use]
    pub fn elements(&self, ranks: usize) -> usize {
        match self {
            Self::Even(elements) => elements * ranks,
            Self::Shared { elements, .. } => *elements,
            Self::Listed(blocks) => blocks.iter().map(|block| block.1).sum(),
        }
    }
}
