//! Rabenseifner's algorithm for long vectors: reduce-scatter by halving, then gather by doubling, 2(n − 1)/n of the bytes
//! through each member in 2 log2 n rounds (Rabenseifner: *Optimization of Collective Reduction Operations*, 2004).
//!
//! Partners are 1, 2, 4, … places away while the vector is halved, so that what has been folded so far always comes from
//! members side by side: the order of members is kept, and operations need not commute.

use std::ops::Range;

use super::doubling::{fold_in, fold_out, fold_rounds};
use super::layout::Layout;
use super::round::{Place, Round, Side};
use super::schedule::Algorithm;
use super::seat::{Core, Seat};

/// Who gets the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// All (allreduce).
    All,
    /// One member (reduce).
    One(usize),
}

/// Everybody's elements are folded.
#[derive(Debug)]
pub(super) struct Halving {
    core: Core,
    me: usize,
    elements: usize,
    goal: Goal,
    input: Place,
    data: Place,
    incoming: Place,
}

impl Halving {
    /// `input` and everybody else's come to `data`; every member needs it, and `incoming`, in full.
    pub(super) fn new(seat: Seat, elements: usize, goal: Goal, [input, data, incoming]: [Place; 3]) -> Self {
        Self { core: Core::of(seat), me: seat.me, elements, goal, input, data, incoming }
    }

    /// The part of the vector that a member of the core holds after so many halvings.
    fn part(&self, number: usize, halvings: usize) -> Range<usize> {
        let mut part = 0..self.elements;
        for level in 0..halvings {
            let middle = part.start + part.len() / 2;
            part = if number >> level & 1 == 0 { part.start..middle } else { middle..part.end };
        }
        part
    }

    fn halve(&self, level: usize, round: &mut Round) {
        let Some(me) = self.core.number() else { return };
        let other = me ^ 1 << level;
        let mine = self.data.span(self.part(me, level + 1));
        let incoming = self.incoming.span(0..mine.len);
        let partner = self.core.member(other);
        round.send(partner, self.data.span(self.part(other, level + 1)));
        round.receive(partner, incoming);
        round.fold(mine, incoming, if partner < self.me { Side::Left } else { Side::Right });
    }

    fn double(&self, level: usize, round: &mut Round) {
        let Some(me) = self.core.number() else { return };
        let other = me ^ 1 << level;
        let partner = self.core.member(other);
        let (mine, theirs) =
            (self.data.span(self.part(me, level + 1)), self.data.span(self.part(other, level + 1)));
        let (sends, receives) = match self.goal {
            Goal::All => (true, true),
            Goal::One(root) => {
                let goal = self.core.number_of(self.core.speaker_for(root)).unwrap_or(0);
                // Whoever is on the root's side of all levels above still takes part.
                let takes_part = (me ^ goal) >> (level + 1) == 0;
                let on_its_side = (me ^ goal) >> level & 1 == 0;
                (takes_part && !on_its_side, takes_part && on_its_side)
            }
        };
        if sends {
            round.send(partner, mine);
        }
        if receives {
            round.receive(partner, theirs);
        }
    }

    fn hand_out(&self, round: &mut Round) {
        let concerns_me = match self.goal {
            Goal::All => true,
            // A root in the core has the result already.
            Goal::One(root) => {
                let is_outside = self.core.number_of(root).is_none();
                is_outside && (self.me == root || self.core.pair() == Some(root))
            }
        };
        if concerns_me {
            fold_out(self.core, round, self.data.span(0..self.elements));
        }
    }
}

impl Algorithm for Halving {
    fn rounds(&self) -> usize {
        1 + 2 * fold_rounds(self.core) + 2 * self.core.levels()
    }

    fn round(&self, number: usize, round: &mut Round) {
        let all = 0..self.elements;
        let first = 1 + fold_rounds(self.core);
        let levels = self.core.levels();
        if number == 0 {
            round.copy(self.input.span(all.clone()), self.data.span(all));
        } else if number < first {
            fold_in(self.core, round, self.data.span(all.clone()), self.incoming.span(all));
        } else if number < first + levels {
            self.halve(number - first, round);
        } else if number < first + 2 * levels {
            self.double(first + 2 * levels - 1 - number, round);
        } else {
            self.hand_out(round);
        }
    }
}

/// Everybody's elements are folded, and each gets a block of the result: log2 n rounds, (n − 1)/n of the bytes. For a
/// power of two of members, blocks one after the other, and operations that commute: partners are far away at first, so
/// that blocks end where they belong.
#[derive(Debug)]
pub(super) struct ReduceScatter {
    pub(super) seat: Seat,
    pub(super) layout: Layout,
    pub(super) input: Place,
    pub(super) output: Place,
    /// Room for all elements.
    pub(super) data: Place,
    /// Room for half of the blocks, whichever.
    pub(super) incoming: Place,
}

impl Algorithm for ReduceScatter {
    fn rounds(&self) -> usize {
        2 + self.seat.levels()
    }

    fn round(&self, number: usize, round: &mut Round) {
        let Self { seat, layout, data, .. } = self;
        if number == 0 {
            let all = layout.blocks(0..seat.size);
            return round.copy(self.input.span(all.clone()), data.span(all));
        }
        if number > seat.levels() {
            let own = layout.block(seat.me);
            return round.copy(data.span(own.clone()), self.output.span(0..own.len()));
        }
        let half = seat.size >> number;
        let blocks_with = |member: usize| {
            let first = member & !(half - 1);
            data.span(layout.blocks(first..first + half))
        };
        let partner = seat.me ^ half;
        let mine = blocks_with(seat.me);
        let incoming = self.incoming.span(0..mine.len);
        round.send(partner, blocks_with(partner));
        round.receive(partner, incoming);
        round.fold(mine, incoming, Side::Right);
    }
}
