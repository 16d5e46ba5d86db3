//! A schedule: the rounds of one rank, made one at a time as they are wanted.

use std::fmt;
use std::sync::Arc;

use super::round::{Round, Scratch};
use super::seat::Seat;

/// One algorithm as one member of a group sees it. Peers are members' numbers.
pub(super) trait Algorithm: fmt::Debug + Send {
    /// How many rounds it has, for every member alike; in some a member may have nothing to do.
    fn rounds(&self) -> usize;

    /// Adds what is done in a round.
    fn round(&self, number: usize, round: &mut Round);
}

/// The rounds of one rank in one collective call: algorithms one after the other, each within a group.
///
/// It knows no socket, clock or thread, and keeps no state: any round can be asked for, and ranks need not be in the
/// same one.
#[derive(Debug)]
pub struct Schedule {
    phases: Vec<Phase>,
    scratch: usize,
}

#[derive(Debug)]
struct Phase {
    group: Group,
    algorithm: Box<dyn Algorithm>,
}

impl Schedule {
    /// How many rounds the rank has. In some it may have nothing to do.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.phases.iter().map(|phase| phase.algorithm.rounds()).sum()
    }

    /// Elements of the scratch buffer.
    #[must_use]
    pub fn scratch(&self) -> usize {
        self.scratch
    }

    /// Puts what the rank does in a round, counted from 0, into `round`. Empty past the last.
    pub fn round(&self, number: usize, round: &mut Round) {
        round.clear();
        let mut number = number;
        for Phase { group, algorithm } in &self.phases {
            let rounds = algorithm.rounds();
            if number < rounds {
                algorithm.round(number, round);
                return group.name_peers(round);
            }
            number -= rounds;
        }
    }
}

/// Ranks that do something together.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) seat: Seat,
    /// By member; `None`: all ranks.
    ranks: Option<Arc<[u32]>>,
}

impl Group {
    /// All ranks.
    pub(super) fn whole(seat: Seat) -> Self {
        Self { seat, ranks: None }
    }

    /// These ranks, if `me` is one of them.
    pub(super) fn of(ranks: Arc<[u32]>, me: u32) -> Option<Self> {
        let at = ranks.iter().position(|&rank| rank == me)?;
        Some(Self { seat: Seat { me: at, size: ranks.len() }, ranks: Some(ranks) })
    }

    fn name_peers(&self, round: &mut Round) {
        if let Some(ranks) = &self.ranks {
            for transfer in round.sends.iter_mut().chain(&mut round.receives) {
                transfer.peer = ranks[transfer.peer as usize];
            }
        }
    }
}

/// Puts a schedule together.
#[derive(Debug, Default)]
pub(super) struct Builder {
    phases: Vec<Phase>,
    pub(super) scratch: Scratch,
}

impl Builder {
    /// What a group does next.
    pub(super) fn then(&mut self, group: &Group, algorithm: impl Algorithm + 'static) {
        self.phases.push(Phase { group: group.clone(), algorithm: Box::new(algorithm) });
    }

    pub(super) fn finish(self) -> Schedule {
        Schedule { phases: self.phases, scratch: self.scratch.taken() }
    }
}
