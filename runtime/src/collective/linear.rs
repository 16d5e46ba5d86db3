//! Straight to and from the root: for blocks of any length, of which a member knows its own only, and for blocks so
//! large that passing them on through a tree costs more than it saves.

use super::layout::Layout;
use super::round::{Place, Round};
use super::schedule::Algorithm;
use super::seat::Seat;

/// The root's blocks go to one member each.
#[derive(Debug)]
pub(super) struct Scatter {
    pub(super) seat: Seat,
    pub(super) root: usize,
    /// At the root: the blocks of `input`.
    pub(super) layout: Option<Layout>,
    /// Elements of the own block.
    pub(super) own: usize,
    pub(super) input: Place,
    pub(super) output: Place,
}

impl Algorithm for Scatter {
    fn rounds(&self) -> usize {
        1
    }

    fn round(&self, _: usize, round: &mut Round) {
        let Some(layout) = self.layout.as_ref().filter(|_| self.seat.me == self.root) else {
            return round.receive(self.root, self.output.span(0..self.own));
        };
        for to in (1..self.seat.size).map(|by| self.seat.ahead(by)) {
            round.send(to, self.input.span(layout.block(to)));
        }
        round.copy(self.input.span(layout.block(self.root)), self.output.span(0..self.own));
    }
}

/// Everybody's block goes to the root.
#[derive(Debug)]
pub(super) struct Gather {
    pub(super) seat: Seat,
    pub(super) root: usize,
    /// At the root: the blocks of `output`.
    pub(super) layout: Option<Layout>,
    /// Elements of the own block.
    pub(super) own: usize,
    pub(super) input: Place,
    pub(super) output: Place,
}

impl Algorithm for Gather {
    fn rounds(&self) -> usize {
        1
    }

    fn round(&self, _: usize, round: &mut Round) {
        let own = self.input.span(0..self.own);
        let Some(layout) = self.layout.as_ref().filter(|_| self.seat.me == self.root) else {
            return round.send(self.root, own);
        };
        for from in (1..self.seat.size).map(|by| self.seat.ahead(by)) {
            round.receive(from, self.output.span(layout.block(from)));
        }
        round.copy(own, self.output.span(layout.block(self.root)));
    }
}
