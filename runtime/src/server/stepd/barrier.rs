//! Barriers of a whole step: pure.
//!
//! The n-th barrier of a rank matches every other rank's n-th. A rank that has ended short of it makes it fail for
//! all, by name, instead of leaving them waiting.

use std::collections::{BTreeMap, HashMap};

use crate::ids::Rank;

/// Counts of a step's barriers. `W` is who waits: whatever can be told the outcome.
#[derive(Debug)]
pub(super) struct Barrier<W> {
    size: u32,
    arrived: HashMap<Rank, u64>,
    /// Ranks that have ended, and how, as a person would be told.
    gone: BTreeMap<Rank, (String, String)>,
    waiting: Vec<(u64, W)>,
    /// Barriers that every rank has passed.
    passed: u64,
    /// Ranks that have reached barrier `passed + 1` or one after it.
    beyond: u32,
}

/// What a waiting rank is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All are there.
    Released,
    /// It will never be complete.
    PeerGone {
        /// The lowest rank that ended short of it.
        rank: Rank,
        /// Its node.
        node: String,
        /// How it ended.
        how: String,
    },
}

impl<W> Barrier<W> {
    /// Barriers over ranks 0 to `size - 1`.
    #[must_use]
    pub(super) fn new(size: u32) -> Self {
        Self {
            size,
            arrived: HashMap::new(),
            gone: BTreeMap::new(),
            waiting: Vec::new(),
            passed: 0,
            beyond: 0,
        }
    }

    /// A rank has reached its next barrier; gives whom to tell what now.
    #[must_use]
    pub(super) fn arrive(&mut self, rank: Rank, waiter: W) -> Vec<(W, Outcome)> {
        let count = self.arrived.entry(rank).or_insert(0);
        *count += 1;
        let generation = *count;
        if generation == self.passed + 1 {
            self.beyond += 1;
        }
        self.waiting.push((generation, waiter));
        self.settle()
    }

    /// A rank has ended.
    #[must_use]
    pub(super) fn leave(&mut self, rank: Rank, node: String, how: String) -> Vec<(W, Outcome)> {
        self.gone.insert(rank, (node, how));
        self.settle()
    }

    fn settle(&mut self) -> Vec<(W, Outcome)> {
        if self.beyond < self.size && (self.gone.is_empty() || self.waiting.is_empty()) {
            return Vec::new();
        }
        if self.beyond == self.size {
            self.passed += 1;
            self.beyond = self.arrived.values().filter(|&&count| count > self.passed).count() as u32;
        }
        let passed = self.passed;
        let mut told = Vec::new();
        let mut left = Vec::new();
        for (generation, waiter) in self.waiting.drain(..) {
            let short = || {
                self.gone.iter().find(|(rank, _)| self.arrived.get(rank).copied().unwrap_or(0) < generation)
            };
            if generation <= passed {
                told.push((waiter, Outcome::Released));
            } else if let Some((&rank, (node, how))) = short() {
                told.push((waiter, Outcome::PeerGone { rank, node: node.clone(), how: how.clone() }));
            } else {
                left.push((generation, waiter));
            }
        }
        self.waiting = left;
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(rank: u32) -> Outcome {
        Outcome::PeerGone { rank: Rank(rank), node: "n1".into(), how: "exited with code 1".into() }
    }

    #[test]
    fn all_are_released_by_the_last_and_the_next_barrier_is_a_new_one() {
        let mut barrier = Barrier::new(3);
        for _ in 0..3 {
            assert!(barrier.arrive(Rank(0), "a").is_empty());
            assert!(barrier.arrive(Rank(2), "c").is_empty());
            let told = barrier.arrive(Rank(1), "b");
            assert_eq!(told.len(), 3);
            assert!(told.iter().all(|(_, outcome)| *outcome == Outcome::Released));
        }
    }

    #[test]
    fn a_rank_may_run_ahead_by_its_other_processes() {
        let mut barrier = Barrier::new(2);
        assert!(barrier.arrive(Rank(0), "first").is_empty());
        assert!(barrier.arrive(Rank(0), "second").is_empty());
        assert_eq!(barrier.arrive(Rank(1), "x"), [("first", Outcome::Released), ("x", Outcome::Released)]);
        assert_eq!(barrier.arrive(Rank(1), "y").len(), 2);
    }

    #[test]
    fn a_rank_that_ended_short_of_it_is_named_to_those_who_wait_and_who_come() {
        let mut barrier = Barrier::new(3);
        assert!(barrier.arrive(Rank(0), "a").is_empty());
        let told = barrier.leave(Rank(2), "n1".into(), "exited with code 1".into());
        assert_eq!(told, [("a", gone(2))]);
        assert_eq!(barrier.arrive(Rank(1), "b"), [("b", gone(2))]);
    }

    #[test]
    fn a_rank_that_ended_after_reaching_it_does_no_harm() {
        // Its barrier command may be in the background.
        let mut barrier = Barrier::new(2);
        assert!(barrier.arrive(Rank(0), "a").is_empty());
        assert!(barrier.leave(Rank(0), "n1".into(), "exited with code 1".into()).is_empty());
        assert_eq!(barrier.arrive(Rank(1), "b").len(), 2);
        assert_eq!(barrier.arrive(Rank(1), "b"), [("b", gone(0))]);
    }
}
