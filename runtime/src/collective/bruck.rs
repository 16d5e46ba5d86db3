//! Bruck's algorithms: any number of members in ⌈log2 n⌉ rounds, for short blocks (Bruck, Ho, Kipnis, Upfal,
//! Weathersby: *Efficient Algorithms for All-to-All Communications in Multiport Message-Passing Systems*, 1997).

use super::round::{Place, Round, Scratch};
use super::schedule::Algorithm;
use super::seat::Seat;

/// Everybody's block comes to all. Blocks are counted from the own one, and turned round in the end.
#[derive(Debug)]
pub(super) struct AllGather {
    seat: Seat,
    block: usize,
    input: Place,
    output: Place,
    held: Place,
}

impl AllGather {
    pub(super) fn new(seat: Seat, block: usize, [input, output]: [Place; 2], scratch: &mut Scratch) -> Self {
        Self { seat, block, input, output, held: scratch.take(seat.size * block) }
    }
}

impl Algorithm for AllGather {
    fn rounds(&self) -> usize {
        self.seat.levels() + 2
    }

    fn round(&self, number: usize, round: &mut Round) {
        let Self { seat, block, .. } = *self;
        let held = |from: usize, to: usize| self.held.span(from * block..to * block);
        if number == 0 {
            round.copy(self.input.span(0..block), held(0, 1));
        } else if number <= seat.levels() {
            let have = 1 << (number - 1);
            let more = have.min(seat.size - have);
            round.send(seat.behind(have), held(0, more));
            round.receive(seat.ahead(have), held(have, have + more));
        } else {
            let (me, size) = (seat.me, seat.size);
            round.copy(held(0, size - me), self.output.span(me * block..size * block));
            round.copy(held(size - me, size), self.output.span(0..me * block));
        }
    }
}

/// Everybody has a block for each: a block that has d places to go moves 2^k places in round k where d has that bit.
#[derive(Debug)]
pub(super) struct AllToAll {
    seat: Seat,
    block: usize,
    input: Place,
    output: Place,
    /// Blocks by how far they have to go.
    held: Place,
    outgoing: Place,
    incoming: Place,
}

impl AllToAll {
    pub(super) fn new(seat: Seat, block: usize, [input, output]: [Place; 2], scratch: &mut Scratch) -> Self {
        let moved = seat.size.div_ceil(2) * block;
        let [held, outgoing, incoming] = [seat.size * block, moved, moved].map(|room| scratch.take(room));
        Self { seat, block, input, output, held, outgoing, incoming }
    }

    /// Distances with this bit, each with its position in a message.
    fn moved(&self, level: usize) -> impl Iterator<Item = (usize, usize)> {
        (1..self.seat.size).filter(move |distance| distance >> level & 1 == 1).enumerate()
    }

    fn pack(&self, level: usize, round: &mut Round) {
        let at = |place: Place, number: usize| place.span(number * self.block..(number + 1) * self.block);
        for (position, distance) in self.moved(level) {
            round.copy(at(self.held, distance), at(self.outgoing, position));
        }
    }
}

impl Algorithm for AllToAll {
    fn rounds(&self) -> usize {
        self.seat.levels() + 2
    }

    fn round(&self, number: usize, round: &mut Round) {
        let Self { seat, block, .. } = *self;
        let at = |place: Place, number: usize| place.span(number * block..(number + 1) * block);
        let last = seat.levels() + 1;
        if number == 0 {
            for distance in 0..seat.size {
                round.copy(at(self.input, seat.ahead(distance)), at(self.held, distance));
            }
            self.pack(0, round);
        } else if number < last {
            let level = number - 1;
            let moved = self.moved(level).count() * block;
            round.send(seat.ahead(1 << level), self.outgoing.span(0..moved));
            round.receive(seat.behind(1 << level), self.incoming.span(0..moved));
            for (position, distance) in self.moved(level) {
                round.copy(at(self.incoming, position), at(self.held, distance));
            }
            self.pack(level + 1, round);
        } else {
            for distance in 0..seat.size {
                round.copy(at(self.held, distance), at(self.output, seat.behind(distance)));
            }
        }
    }
}
