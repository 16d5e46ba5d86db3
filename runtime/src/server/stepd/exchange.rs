//! Fences that carry data, kept where a step's first node is: pure.
//!
//! A fence is an allgather over step processes: each speaks for its ranks, and all are answered with what all gave,
//! in the order of their lowest ranks. Ranks that end short of it make it fail for all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_bytes::ByteBuf;

use crate::ids::Rank;

/// Fences of a step. `W` is who waits: whatever can be told the outcome.
#[derive(Debug)]
pub(super) struct Exchange<W> {
    size: u32,
    /// Ranks that have ended, and how, as a person would be told.
    gone: BTreeMap<Rank, (String, String)>,
    /// By group: a step process comes to no second one of a group before the first is over.
    open: HashMap<Vec<Rank>, Round<W>>,
}

#[derive(Debug)]
struct Round<W> {
    spoken_for: BTreeSet<Rank>,
    /// By the lowest rank that it is from.
    parts: BTreeMap<Rank, ByteBuf>,
    waiting: Vec<W>,
}

/// What a waiting step process is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fenced {
    /// What all have given.
    Complete(Vec<ByteBuf>),
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

impl<W> Exchange<W> {
    /// Fences over ranks 0 to `size - 1`, or some of them.
    #[must_use]
    pub(super) fn new(size: u32) -> Self {
        Self { size, gone: BTreeMap::new(), open: HashMap::new() }
    }

    /// A step process has come to a fence of a group (empty: all ranks), for these ranks; gives whom to tell what now.
    #[must_use]
    pub(super) fn arrive(
        &mut self,
        group: Vec<Rank>,
        ranks: &[Rank],
        data: ByteBuf,
        waiter: W,
    ) -> Vec<(W, Fenced)> {
        let round = self.open.entry(group.clone()).or_insert_with(|| Round {
            spoken_for: BTreeSet::new(),
            parts: BTreeMap::new(),
            waiting: Vec::new(),
        });
        round.spoken_for.extend(ranks);
        round.waiting.push(waiter);
        if let Some(&lowest) = ranks.iter().min() {
            round.parts.insert(lowest, data);
        }
        self.settle(&group)
    }

    /// A rank has ended.
    #[must_use]
    pub(super) fn leave(&mut self, rank: Rank, node: String, how: String) -> Vec<(W, Fenced)> {
        self.gone.insert(rank, (node, how));
        let groups: Vec<Vec<Rank>> = self.open.keys().cloned().collect();
        groups.iter().flat_map(|group| self.settle(group)).collect()
    }

    fn settle(&mut self, group: &[Rank]) -> Vec<(W, Fenced)> {
        let Some(round) = self.open.get(group) else { return Vec::new() };
        let size = if group.is_empty() { self.size as usize } else { group.len() };
        let takes_part = |rank: &Rank| group.is_empty() || group.binary_search(rank).is_ok();
        let short =
            |(rank, _): &(&Rank, &(String, String))| takes_part(rank) && !round.spoken_for.contains(rank);
        let outcome = if round.spoken_for.len() >= size {
            Fenced::Complete(round.parts.values().cloned().collect())
        } else if let Some((&rank, (node, how))) = self.gone.iter().find(short) {
            Fenced::PeerGone { rank, node: node.clone(), how: how.clone() }
        } else {
            return Vec::new();
        };
        let waiting = self.open.remove(group).map(|round| round.waiting).unwrap_or_default();
        waiting.into_iter().map(|waiter| (waiter, outcome.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(numbers: &[u32]) -> Vec<Rank> {
        numbers.iter().map(|&number| Rank(number)).collect()
    }

    fn arrive(
        exchange: &mut Exchange<&'static str>,
        group: &[u32],
        of: &[u32],
        data: &'static str,
    ) -> Vec<(&'static str, Fenced)> {
        exchange.arrive(ranks(group), &ranks(of), ByteBuf::from(data), data)
    }

    #[test]
    fn all_get_what_all_gave_in_the_order_of_ranks() {
        let mut exchange = Exchange::new(4);
        for _ in 0..2 {
            assert!(arrive(&mut exchange, &[], &[3, 2], "b").is_empty());
            let all = Fenced::Complete(vec![ByteBuf::from("a"), ByteBuf::from("b")]);
            assert_eq!(arrive(&mut exchange, &[], &[0, 1], "a"), [("b", all.clone()), ("a", all)]);
        }
    }

    #[test]
    fn groups_do_not_wait_for_one_another() {
        let mut exchange = Exchange::new(4);
        assert!(arrive(&mut exchange, &[], &[0, 1], "all").is_empty());
        assert!(arrive(&mut exchange, &[1, 2], &[1], "x").is_empty());
        assert_eq!(arrive(&mut exchange, &[1, 2], &[2], "y").len(), 2);
        assert_eq!(arrive(&mut exchange, &[], &[2, 3], "rest").len(), 2);
    }

    #[test]
    fn a_rank_that_ended_short_of_it_is_named() {
        let mut exchange = Exchange::new(3);
        let gone = Fenced::PeerGone { rank: Rank(2), node: "n1".into(), how: "exited with code 1".into() };
        assert!(arrive(&mut exchange, &[], &[0], "a").is_empty());
        assert!(arrive(&mut exchange, &[0, 1], &[0], "pair").is_empty());
        let told = exchange.leave(Rank(2), "n1".into(), "exited with code 1".into());
        assert_eq!(told, [("a", gone.clone())]);
        assert_eq!(arrive(&mut exchange, &[0, 1], &[1], "other").len(), 2, "it takes no part in that one");
        assert_eq!(arrive(&mut exchange, &[], &[0, 1], "late"), [("late", gone)]);
    }
}
