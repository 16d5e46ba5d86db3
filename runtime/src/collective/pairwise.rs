//! Pairwise exchange: n − 1 rounds in which everybody exchanges with one other member, for long blocks; every byte goes
//! once, straight to where it belongs (Thakur, Rabenseifner, Gropp, 2005, 3.4 and 3.5).

use super::layout::Layout;
use super::round::{Place, Round, Side};
use super::schedule::Algorithm;
use super::seat::Seat;

/// To whom and from whom in the round of this number: partners where the members are a power of two, else a turn.
fn partners(seat: Seat, step: usize) -> (usize, usize) {
    if seat.size.is_power_of_two() {
        (seat.me ^ step, seat.me ^ step)
    } else {
        (seat.ahead(step), seat.behind(step))
    }
}

/// Everybody has a block for each.
#[derive(Debug)]
pub(super) struct AllToAll {
    pub(super) seat: Seat,
    /// Blocks of `input`, by whom they go to.
    pub(super) outgoing: Layout,
    /// Blocks of `output`, by whom they come from.
    pub(super) incoming: Layout,
    pub(super) input: Place,
    pub(super) output: Place,
}

impl Algorithm for AllToAll {
    fn rounds(&self) -> usize {
        self.seat.size
    }

    fn round(&self, number: usize, round: &mut Round) {
        let outgoing = |to| self.input.span(self.outgoing.block(to));
        let incoming = |from| self.output.span(self.incoming.block(from));
        if number == 0 {
            return round.copy(outgoing(self.seat.me), incoming(self.seat.me));
        }
        let (to, from) = partners(self.seat, number);
        round.send(to, outgoing(to));
        round.receive(from, incoming(from));
    }
}

/// Everybody's elements are folded, and each gets a block of the result. Blocks are folded in an order of their own: for
/// operations that commute.
#[derive(Debug)]
pub(super) struct ReduceScatter {
    pub(super) seat: Seat,
    pub(super) layout: Layout,
    pub(super) input: Place,
    pub(super) output: Place,
    /// Room for the own block.
    pub(super) incoming: Place,
}

impl Algorithm for ReduceScatter {
    fn rounds(&self) -> usize {
        self.seat.size
    }

    fn round(&self, number: usize, round: &mut Round) {
        let own = self.layout.block(self.seat.me);
        let output = self.output.span(0..own.len());
        if number == 0 {
            return round.copy(self.input.span(own), output);
        }
        let (to, from) = partners(self.seat, number);
        let incoming = self.incoming.span(0..own.len());
        round.send(to, self.input.span(self.layout.block(to)));
        round.receive(from, incoming);
        round.fold(output, incoming, Side::Right);
    }
}
