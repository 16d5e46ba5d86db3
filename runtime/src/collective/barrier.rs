//! Dissemination barrier (Hensgen, Finkel, Manber: *Two Algorithms for Barrier Synchronization*, 1988).

use super::round::{Place, Round};
use super::schedule::Algorithm;
use super::seat::Seat;

/// In round k everybody tells the member 2^k ahead: ⌈log2 n⌉ rounds, and as many messages a member.
#[derive(Debug)]
pub(super) struct Dissemination {
    pub(super) seat: Seat,
}

impl Algorithm for Dissemination {
    fn rounds(&self) -> usize {
        self.seat.levels()
    }

    fn round(&self, number: usize, round: &mut Round) {
        let nothing = Place::OUTPUT.span(0..0);
        round.send(self.seat.ahead(1 << number), nothing);
        round.receive(self.seat.behind(1 << number), nothing);
    }
}
