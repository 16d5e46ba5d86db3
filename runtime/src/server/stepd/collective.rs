//! Calls that all ranks of a step make together, barriers first of all: pure.
//!
//! The n-th call of a rank belongs to every other rank's n-th. A rank that has ended short of one makes it fail for all,
//! by name, instead of leaving them waiting; so does a rank that calls something else.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::answer::{Answer, End};
use crate::ids::Rank;
use crate::wire::rank::{Call, FromServer};

mod results;

/// A step's collective calls. `W` is who waits: whatever can be told the outcome.
#[derive(Debug)]
pub(super) struct Collectives<W> {
    size: u32,
    /// How many calls each rank has made.
    made: HashMap<Rank, u64>,
    /// Ranks that have ended.
    gone: BTreeMap<Rank, End>,
    /// Calls that some ranks have made and others have not, by number.
    open: BTreeMap<u64, Meeting<W>>,
    /// The first call that was not the same for all, as all are told. What comes after it cannot be told apart.
    broken: Option<(u64, Answer)>,
}

#[derive(Debug)]
struct Meeting<W> {
    call: Call,
    first: Rank,
    came: BTreeMap<Rank, (W, Given)>,
}

/// What a rank gives to a call, or why it cannot.
pub(super) type Given = Result<Bytes, String>;

/// Whom to tell what.
pub(super) type Told<W> = Vec<(W, Answer)>;

impl<W> Collectives<W> {
    /// Calls of ranks 0 to `size - 1`.
    #[must_use]
    pub(super) fn new(size: u32) -> Self {
        Self { size, made: HashMap::new(), gone: BTreeMap::new(), open: BTreeMap::new(), broken: None }
    }

    /// A rank makes its next call; gives whom to tell what now.
    #[must_use]
    pub(super) fn arrive(&mut self, rank: Rank, call: Call, given: Given, waiter: W) -> Told<W> {
        let made = self.made.entry(rank).or_insert(0);
        *made += 1;
        let number = *made;
        if let Some((_, answer)) = self.broken.as_ref().filter(|(first, _)| number >= *first) {
            return vec![(waiter, answer.clone())];
        }
        if let Some(answer) = self.short_of(number) {
            return vec![(waiter, answer)];
        }
        let meeting =
            self.open.entry(number).or_insert_with(|| Meeting { call, first: rank, came: BTreeMap::new() });
        let (first, called) = (meeting.first, meeting.call);
        meeting.came.insert(rank, (waiter, given));
        if called != call {
            let message = FromServer::Mismatch { number, first, called, other: rank, other_called: call };
            return self.break_from(number, Answer::bare(message));
        }
        if meeting.came.len() < self.size as usize {
            return Vec::new();
        }
        self.open.remove(&number).map(Meeting::complete).unwrap_or_default()
    }

    /// A rank has ended.
    #[must_use]
    pub(super) fn leave(&mut self, rank: Rank, end: End) -> Told<W> {
        let made = self.made.get(&rank).copied().unwrap_or(0);
        let answer = end.told_of(rank);
        self.gone.insert(rank, end);
        fail(self.open.split_off(&(made + 1)), &answer)
    }

    /// What is told of a call that a rank has ended short of: of the lowest such rank.
    fn short_of(&self, number: u64) -> Option<Answer> {
        let made = |rank| self.made.get(rank).copied().unwrap_or(0);
        self.gone.iter().find(|(rank, _)| made(rank) < number).map(|(&rank, end)| end.told_of(rank))
    }

    fn break_from(&mut self, number: u64, answer: Answer) -> Told<W> {
        let told = fail(self.open.split_off(&number), &answer);
        self.broken = Some((number, answer));
        told
    }
}

impl<W> Meeting<W> {
    /// All have come.
    fn complete(self) -> Told<W> {
        let (waiters, given): (Vec<W>, Vec<Given>) = self.came.into_values().unzip();
        let given = (0..).zip(given).map(|(rank, given)| given.map_err(|why| format!("rank {rank}: {why}")));
        let results = given.collect::<Result<Vec<Bytes>, String>>();
        match results.and_then(|given| results::of(self.call, &given).map_err(|error| error.to_string())) {
            Ok(results) => waiters.into_iter().zip(results.into_iter().map(Answer::done)).collect(),
            Err(why) => {
                let answer = Answer::refused(format!("`{}`: {why}", self.call));
                waiters.into_iter().map(|waiter| (waiter, answer.clone())).collect()
            }
        }
    }
}

fn fail<W>(meetings: BTreeMap<u64, Meeting<W>>, answer: &Answer) -> Told<W> {
    let waiters = meetings.into_values().flat_map(|meeting| meeting.came.into_values());
    waiters.map(|(waiter, _)| (waiter, answer.clone())).collect()
}

#[cfg(test)]
mod tests;
