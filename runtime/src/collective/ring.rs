//! Rings: n − 1 rounds in which everybody passes a block to its right neighbour. As many bytes as must be moved, between
//! neighbours only (Patarasuk, Yuan: *Bandwidth optimal all-reduce algorithms for clusters of workstations*, 2009).

use super::layout::Layout;
use super::round::{Place, Round, Side};
use super::schedule::Algorithm;
use super::seat::Seat;

/// Everybody's block comes to all: (n − 1)/n of the bytes through each member.
#[derive(Debug)]
pub(super) struct AllGather {
    seat: Seat,
    /// Where members are counted from.
    root: usize,
    layout: Layout,
    /// From where the own block is copied.
    input: Option<Place>,
    data: Place,
    /// The block that a member has at first, counted from its own.
    first: usize,
}

impl AllGather {
    /// The block of `input` comes to everybody's `data`.
    pub(super) fn new(seat: Seat, layout: Layout, input: Place, data: Place) -> Self {
        Self { seat, root: 0, layout, input: Some(input), data, first: 0 }
    }

    /// Member number i, counted from `root`, has block i of `data` already.
    pub(super) fn in_place(seat: Seat, root: usize, layout: Layout, data: Place) -> Self {
        Self { seat, root, layout, input: None, data, first: 0 }
    }
}

impl Algorithm for AllGather {
    fn rounds(&self) -> usize {
        usize::from(self.input.is_some()) + self.seat.size - 1
    }

    fn round(&self, number: usize, round: &mut Round) {
        let Self { seat, layout, data, .. } = self;
        let counted = Seat { me: seat.counted_from(self.root), size: seat.size };
        let block = |number| data.span(layout.block(number));
        let mut step = number;
        if let Some(input) = self.input {
            if number == 0 {
                let own = layout.block(counted.me);
                return round.copy(input.span(0..own.len()), block(counted.me));
            }
            step -= 1;
        }
        round.send(seat.ahead(1), block((counted.behind(step) + self.first) % seat.size));
        round.receive(seat.behind(1), block((counted.behind(step + 1) + self.first) % seat.size));
    }
}

/// Everybody's elements are folded, in an order that differs by block: for operations that commute. 2(n − 1)/n of the
/// bytes through each member.
#[derive(Debug)]
pub(super) struct AllReduce {
    seat: Seat,
    layout: Layout,
    elements: usize,
    input: Place,
    data: Place,
    incoming: Place,
    gather: AllGather,
}

impl AllReduce {
    /// `incoming` has room for [`Layout::longest`] of `elements` shared among all members.
    pub(super) fn new(seat: Seat, elements: usize, [input, data, incoming]: [Place; 3]) -> Self {
        let layout = Layout::Shared { elements, ranks: seat.size };
        let gather = AllGather { seat, root: 0, layout: layout.clone(), input: None, data, first: 1 };
        Self { seat, layout, elements, input, data, incoming, gather }
    }
}

impl Algorithm for AllReduce {
    fn rounds(&self) -> usize {
        1 + 2 * (self.seat.size - 1)
    }

    fn round(&self, number: usize, round: &mut Round) {
        let seat = self.seat;
        if number == 0 {
            round.copy(self.input.span(0..self.elements), self.data.span(0..self.elements));
        } else if number < seat.size {
            let step = number - 1;
            let mine = self.data.span(self.layout.block(seat.behind(step + 1)));
            let incoming = self.incoming.span(0..mine.len);
            round.send(seat.ahead(1), self.data.span(self.layout.block(seat.behind(step))));
            round.receive(seat.behind(1), incoming);
            round.fold(mine, incoming, Side::Left);
        } else {
            self.gather.round(number - seat.size, round);
        }
    }
}
