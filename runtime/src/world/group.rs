//! Which ranks of the world a communicator has, and in which order.

use std::collections::HashMap;

use crate::ids::Rank;

/// Ranks of the world, numbered anew from 0 (MPI 4.1, section 7.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Group {
    /// All, as they are.
    All(usize),
    /// Some, in an order.
    Some { ranks: Vec<Rank>, numbers: HashMap<Rank, usize> },
}

impl Group {
    /// These, in this order.
    pub(crate) fn of(ranks: Vec<Rank>) -> Self {
        let numbers = ranks.iter().enumerate().map(|(number, rank)| (*rank, number)).collect();
        Self::Some { ranks, numbers }
    }

    /// How many.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::All(size) => *size,
            Self::Some { ranks, .. } => ranks.len(),
        }
    }

    /// Which rank of the world has a number here.
    pub(crate) fn rank(&self, number: usize) -> Option<Rank> {
        match self {
            Self::All(size) => (number < *size).then_some(Rank(number as u32)),
            Self::Some { ranks, .. } => ranks.get(number).copied(),
        }
    }

    /// Which number a rank of the world has here.
    pub(crate) fn number(&self, rank: Rank) -> Option<usize> {
        match self {
            Self::All(size) => Some(rank.0 as usize).filter(|number| number < size),
            Self::Some { numbers, .. } => numbers.get(&rank).copied(),
        }
    }

    /// All of them, in order.
    pub(crate) fn ranks(&self) -> impl Iterator<Item = Rank> {
        (0..self.size()).filter_map(|number| self.rank(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranks_are_each_others_inverse() {
        for group in [Group::All(3), Group::of(vec![Rank(7), Rank(2), Rank(5)])] {
            for (number, rank) in group.ranks().enumerate() {
                assert_eq!((group.rank(number), group.number(rank)), (Some(rank), Some(number)));
            }
            assert_eq!((group.rank(3), group.number(Rank(9))), (None, None));
        }
    }
}
