//! Recursive doubling: with a partner 1, 2, 4, … places away, each round doubles what a member knows. For short vectors:
//! ⌈log2 n⌉ rounds (Thakur, Rabenseifner, Gropp, 2005, 3.1 and 4.4).

use super::round::{Place, Round, Side};
use super::schedule::Algorithm;
use super::seat::{Core, Seat};

/// Everybody's block comes to all; the members are a power of two.
#[derive(Debug)]
pub(super) struct AllGather {
    pub(super) seat: Seat,
    pub(super) block: usize,
    pub(super) input: Place,
    pub(super) output: Place,
}

impl Algorithm for AllGather {
    fn rounds(&self) -> usize {
        1 + self.seat.levels()
    }

    fn round(&self, number: usize, round: &mut Round) {
        let Self { seat, block, output, .. } = *self;
        if number == 0 {
            let own = output.span(seat.me * block..(seat.me + 1) * block);
            return round.copy(self.input.span(0..block), own);
        }
        let have = 1 << (number - 1);
        let held_by = |member: usize| {
            let first = member & !(have - 1);
            output.span(first * block..(first + have) * block)
        };
        let partner = seat.me ^ have;
        round.send(partner, held_by(seat.me));
        round.receive(partner, held_by(partner));
    }
}

/// Everybody's elements are folded, in the order of members. Those outside of the core hand theirs to a neighbour before,
/// and get the result after.
#[derive(Debug)]
pub(super) struct AllReduce {
    core: Core,
    me: usize,
    elements: usize,
    input: Place,
    data: Place,
    incoming: Place,
}

impl AllReduce {
    /// `input` and everybody else's come to `data`; `incoming` has room for as many elements.
    pub(super) fn new(seat: Seat, elements: usize, [input, data, incoming]: [Place; 3]) -> Self {
        Self { core: Core::of(seat), me: seat.me, elements, input, data, incoming }
    }
}

impl Algorithm for AllReduce {
    fn rounds(&self) -> usize {
        1 + fold_rounds(self.core) + self.core.levels() + fold_rounds(self.core)
    }

    fn round(&self, number: usize, round: &mut Round) {
        let all = 0..self.elements;
        let (data, incoming) = (self.data.span(all.clone()), self.incoming.span(all.clone()));
        let first = 1 + fold_rounds(self.core);
        if number == 0 {
            round.copy(self.input.span(all), data);
        } else if number < first {
            fold_in(self.core, round, data, incoming);
        } else if number < first + self.core.levels() {
            let Some(me) = self.core.number() else { return };
            let partner = self.core.member(me ^ 1 << (number - first));
            round.send(partner, data);
            round.receive(partner, incoming);
            round.fold(data, incoming, if partner < self.me { Side::Left } else { Side::Right });
        } else {
            fold_out(self.core, round, data);
        }
    }
}

/// Rounds in which those outside of the core hand over theirs, or get the result.
pub(super) fn fold_rounds(core: Core) -> usize {
    usize::from(!core.is_whole())
}

/// Those outside of the core hand theirs to their right neighbours.
pub(super) fn fold_in(core: Core, round: &mut Round, data: super::Span, incoming: super::Span) {
    match (core.pair(), core.number()) {
        (Some(speaker), None) => round.send(speaker, data),
        (Some(spoken_for), Some(_)) => {
            round.receive(spoken_for, incoming);
            round.fold(data, incoming, Side::Left);
        }
        _ => {}
    }
}

/// They get the result.
pub(super) fn fold_out(core: Core, round: &mut Round, data: super::Span) {
    match (core.pair(), core.number()) {
        (Some(speaker), None) => round.receive(speaker, data),
        (Some(spoken_for), Some(_)) => round.send(spoken_for, data),
        _ => {}
    }
}
