//! Whether a rank can still do its part in the programs of others: pure.
//!
//! A rank's n-th program that takes part belongs together with every other rank's n-th, all of which are a *turn*. A
//! rank that ends short of a turn that others have begun leaves them waiting for ever.

use std::collections::BTreeMap;

use crate::ids::Rank;

/// Turns of a whole step.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The latest turn that any rank has begun.
    begun: u64,
    /// Ranks that have ended, and how many turns each had.
    gone: BTreeMap<Rank, (u64, Lost)>,
}

/// A rank that is gone before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// Which.
    pub(super) rank: Rank,
    /// Its node.
    pub(super) node: String,
    /// How it ended, for people.
    pub(super) how: String,
}

impl Turns {
    /// A rank has begun a turn; gives one that will not come to it.
    #[must_use]
    pub(super) fn begin(&mut self, turn: u64) -> Option<Lost> {
        self.begun = self.begun.max(turn);
        self.short()
    }

    /// A rank has ended after so many turns; gives one that is missed.
    #[must_use]
    pub(super) fn end(&mut self, turns: u64, rank: Lost) -> Option<Lost> {
        self.gone.insert(rank.rank, (turns, rank));
        self.short()
    }

    fn short(&self) -> Option<Lost> {
        self.gone.values().find(|(turns, _)| *turns < self.begun).map(|(_, lost)| lost.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(rank: u32) -> Lost {
        Lost { rank: Rank(rank), node: "n1".into(), how: "exited with code 0".into() }
    }

    #[test]
    fn a_rank_is_missed_that_ends_short_of_a_turn_that_others_have_begun() {
        let mut turns = Turns::default();
        assert_eq!(turns.end(0, lost(3)), None, "nobody takes part");
        assert_eq!(turns.begin(1), Some(lost(3)));
        let mut turns = Turns::default();
        assert_eq!((turns.begin(1), turns.end(1, lost(2))), (None, None));
        assert_eq!(turns.begin(2), Some(lost(2)));
        assert_eq!(turns.begin(1), Some(lost(2)), "one that is behind begins nothing new");
    }
}
