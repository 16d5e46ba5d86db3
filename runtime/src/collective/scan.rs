//! Prefix folds in ⌈log2 n⌉ rounds: in round k a member adds what the one 2^k before it has (Hillis, Steele: *Data
//! Parallel Algorithms*, 1986). The order of members is kept.

use super::round::{Place, Round, Scratch, Side};
use super::schedule::Algorithm;
use super::seat::Seat;

/// Member i gets the fold of members 0 to i, or without its own (MPI-4.1 6.11.1, 6.11.2).
#[derive(Debug)]
pub(super) struct Scan {
    seat: Seat,
    elements: usize,
    input: Place,
    output: Place,
    /// The fold of the members up to this one, as many as the round reaches back. Inclusive: the result itself.
    window: Place,
    incoming: Place,
    exclusive: bool,
}

impl Scan {
    pub(super) fn new(
        seat: Seat,
        elements: usize,
        exclusive: bool,
        [input, output]: [Place; 2],
        scratch: &mut Scratch,
    ) -> Self {
        let window = if exclusive { scratch.take(elements) } else { output };
        Self { seat, elements, input, output, window, incoming: scratch.take(elements), exclusive }
    }
}

impl Algorithm for Scan {
    fn rounds(&self) -> usize {
        1 + self.seat.levels()
    }

    fn round(&self, number: usize, round: &mut Round) {
        let Self { seat, .. } = *self;
        let [input, output, window, incoming] =
            [self.input, self.output, self.window, self.incoming].map(|place| place.span(0..self.elements));
        if number == 0 {
            return round.copy(input, window);
        }
        let reach = 1 << (number - 1);
        if seat.me + reach < seat.size {
            round.send(seat.me + reach, window);
        }
        if seat.me >= reach {
            round.receive(seat.me - reach, incoming);
            if self.exclusive && number == 1 {
                // The first fold that comes begins the result; member 0 gets none.
                round.copy(incoming, output);
            } else if self.exclusive {
                round.fold(output, incoming, Side::Left);
            }
            round.fold(window, incoming, Side::Left);
        }
    }
}
