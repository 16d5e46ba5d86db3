//! Which ranks a PMIx library has seen come and go: pure.
//!
//! The library itself waits at fences for ranks that are gone; what they would be waited for in vain is found here.

use std::collections::BTreeMap;

use crate::ids::Rank;

/// How far a rank is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Fresh,
    Connected,
    Finalized,
    /// Gone without having come.
    Missed,
    Gone,
}

/// The ranks of one step process.
#[derive(Debug)]
pub struct Attendance {
    phases: BTreeMap<Rank, Phase>,
}

/// Why the step must end, by whose doing.
pub type Reason = (Rank, String);

impl Attendance {
    /// None of these ranks has come yet.
    #[must_use]
    pub fn new(ranks: impl IntoIterator<Item = Rank>) -> Self {
        Self { phases: ranks.into_iter().map(|rank| (rank, Phase::Fresh)).collect() }
    }

    /// Whether some rank has ever come.
    #[must_use]
    pub fn was_spoken_to(&self) -> bool {
        self.phases.values().any(|phase| !matches!(phase, Phase::Fresh | Phase::Missed))
    }

    /// A rank's library has come.
    pub fn connected(&mut self, rank: Rank) -> Option<Reason> {
        self.set(rank, Phase::Connected);
        self.vain_wait()
    }

    /// A rank's library is done.
    pub fn finalized(&mut self, rank: Rank) {
        self.set(rank, Phase::Finalized);
    }

    /// A rank's process has ended.
    pub fn ended(&mut self, rank: Rank) -> Option<Reason> {
        match self.phases.get(&rank) {
            Some(Phase::Connected) => {
                self.set(rank, Phase::Gone);
                Some((rank, "ended without MPI_Finalize".to_owned()))
            }
            Some(Phase::Fresh) => {
                self.set(rank, Phase::Missed);
                self.vain_wait()
            }
            _ => {
                self.set(rank, Phase::Gone);
                None
            }
        }
    }

    fn set(&mut self, rank: Rank, phase: Phase) {
        if let Some(known) = self.phases.get_mut(&rank) {
            *known = phase;
        }
    }

    fn vain_wait(&self) -> Option<Reason> {
        let of = |wanted| self.phases.iter().find(|(_, phase)| **phase == wanted).map(|(rank, _)| *rank);
        let (waits, missed) = (of(Phase::Connected)?, of(Phase::Missed)?);
        Some((missed, format!("has ended, and rank {waits} waits for it in MPI_Init")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attendance() -> Attendance {
        Attendance::new((0..3).map(Rank))
    }

    #[test]
    fn ranks_that_come_and_finalize_may_go() {
        let mut ranks = attendance();
        assert!(!ranks.was_spoken_to());
        for rank in (0..3).map(Rank) {
            assert_eq!(ranks.connected(rank), None);
        }
        for rank in (0..3).map(Rank) {
            ranks.finalized(rank);
            assert_eq!(ranks.ended(rank), None);
        }
        assert!(ranks.was_spoken_to());
    }

    #[test]
    fn a_rank_that_goes_before_it_is_done_is_named() {
        let mut ranks = attendance();
        assert_eq!(ranks.connected(Rank(1)), None);
        assert_eq!(ranks.ended(Rank(1)), Some((Rank(1), "ended without MPI_Finalize".into())));
    }

    #[test]
    fn nobody_waits_for_a_rank_that_never_comes_and_goes() {
        let why = Some((Rank(2), "has ended, and rank 0 waits for it in MPI_Init".to_owned()));
        let mut ranks = attendance();
        assert_eq!(ranks.connected(Rank(0)), None);
        assert_eq!(ranks.ended(Rank(2)), why);
        let mut ranks = attendance();
        assert_eq!(ranks.ended(Rank(2)), None, "perhaps no program of the step knows MPI");
        assert!(!ranks.was_spoken_to());
        assert_eq!(ranks.connected(Rank(0)), why);
    }
}
