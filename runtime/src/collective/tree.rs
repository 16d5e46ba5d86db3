//! Binomial trees: broadcast, scatter, gather and reduce in ⌈log2 n⌉ rounds (Thakur, Rabenseifner, Gropp, 2005).
//!
//! Members are counted from the root. The subtree of a member whose lowest bit is 2^k are the 2^k members from it on,
//! so that what belongs to a subtree stands together, and in order.

use std::ops::Range;

use super::layout::Layout;
use super::round::{Place, Round, Scratch, Side};
use super::schedule::Algorithm;
use super::seat::Seat;

/// What a member does at one level of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It has a child there.
    Parent(usize),
    /// It is a child there.
    Child(usize),
    Idle,
}

/// A tree as one member sees it. Numbers are counted from the root.
#[derive(Debug, Clone, Copy)]
struct Tree {
    seat: Seat,
    root: usize,
    me: usize,
}

impl Tree {
    fn new(seat: Seat, root: usize) -> Self {
        Self { seat, root, me: seat.counted_from(root) }
    }

    fn role(self, level: usize) -> Role {
        let bit = 1 << level;
        match self.me % (2 * bit) {
            0 if self.me + bit < self.seat.size => Role::Parent(self.me + bit),
            low if low == bit => Role::Child(self.me - bit),
            _ => Role::Idle,
        }
    }

    /// The level for the round when going down: the largest subtrees first.
    fn down(self, round: usize) -> usize {
        self.seat.levels() - 1 - round
    }

    /// The subtree that hangs from a child on a level.
    fn subtree(self, child: usize, level: usize) -> Range<usize> {
        child..(child + (1 << level)).min(self.seat.size)
    }

    /// My own subtree.
    fn below_me(self) -> Range<usize> {
        if self.me == 0 {
            return 0..self.seat.size;
        }
        self.subtree(self.me, self.me.trailing_zeros() as usize)
    }

    /// A member by its number from the root.
    fn member(self, number: usize) -> usize {
        (number + self.root) % self.seat.size
    }
}

/// The root's elements go to all.
#[derive(Debug)]
pub(super) struct Broadcast {
    tree: Tree,
    data: Place,
    elements: usize,
}

impl Broadcast {
    pub(super) fn new(seat: Seat, root: usize, data: Place, elements: usize) -> Self {
        Self { tree: Tree::new(seat, root), data, elements }
    }
}

impl Algorithm for Broadcast {
    fn rounds(&self) -> usize {
        self.tree.seat.levels()
    }

    fn round(&self, number: usize, round: &mut Round) {
        let data = self.data.span(0..self.elements);
        match self.tree.role(self.tree.down(number)) {
            Role::Parent(child) => round.send(self.tree.member(child), data),
            Role::Child(parent) => round.receive(self.tree.member(parent), data),
            Role::Idle => {}
        }
    }
}

/// The root's blocks go to one member each, those of a subtree together.
#[derive(Debug)]
pub(super) struct Scatter {
    tree: Tree,
    layout: Layout,
    /// Where blocks stand that go through here, counted from the root. The block of number n is at the place of the
    /// layout's n-th, less what comes before `held_from`.
    held: Place,
    held_from: usize,
    /// From the root's buffer, where its blocks do not stand as they are counted.
    turn: Option<Place>,
    /// To where the own block goes, where it is not to stay.
    own: Option<Place>,
}

impl Scatter {
    /// Blocks of equal length, in the order of members in `input`; the own one comes to `output`.
    pub(super) fn new(
        seat: Seat,
        root: usize,
        block: usize,
        input: Place,
        output: Place,
        scratch: &mut Scratch,
    ) -> Self {
        let tree = Tree::new(seat, root);
        let below = tree.below_me();
        let (held, turn, own) = match (tree.me, root) {
            (0, 0) => (input, None, Some(output)),
            (0, _) => (scratch.take(seat.size * block), Some(input), Some(output)),
            _ if below.len() == 1 => (output, None, None),
            _ => (scratch.take(below.len() * block), None, Some(output)),
        };
        Self { tree, layout: Layout::Even(block), held, held_from: below.start * block, turn, own }
    }

    /// `elements` in `data` are shared out, and stay where they are: a member holds its share of them in the end.
    /// Shares are numbered from the root.
    pub(super) fn in_place(seat: Seat, root: usize, data: Place, elements: usize) -> Self {
        let layout = Layout::Shared { elements, ranks: seat.size };
        Self { tree: Tree::new(seat, root), layout, held: data, held_from: 0, turn: None, own: None }
    }

    fn held(&self, numbers: Range<usize>) -> super::Span {
        let range = self.layout.blocks(numbers);
        self.held.span(range.start - self.held_from..range.end - self.held_from)
    }
}

impl Algorithm for Scatter {
    fn rounds(&self) -> usize {
        self.tree.seat.levels() + 2
    }

    fn round(&self, number: usize, round: &mut Round) {
        let tree = &self.tree;
        if number == 0 {
            if let Some(input) = self.turn {
                let (size, root) = (tree.seat.size, tree.root);
                round.copy(input.span(self.layout.blocks(root..size)), self.held(0..size - root));
                round.copy(input.span(self.layout.blocks(0..root)), self.held(size - root..size));
            }
        } else if number <= tree.seat.levels() {
            let level = tree.down(number - 1);
            match tree.role(level) {
                Role::Parent(child) => round.send(tree.member(child), self.held(tree.subtree(child, level))),
                Role::Child(parent) => round.receive(tree.member(parent), self.held(tree.below_me())),
                Role::Idle => {}
            }
        } else if let Some(output) = self.own {
            let own = self.held(tree.me..tree.me + 1);
            round.copy(own, output.span(0..own.len));
        }
    }
}

/// Everybody's block goes to the root, those of a subtree together.
#[derive(Debug)]
pub(super) struct Gather {
    tree: Tree,
    block: usize,
    input: Place,
    /// Where blocks stand that go through here, counted from the root, the own one first.
    held: Place,
    /// To the root's buffer, where its blocks do not stand as they are counted.
    turn: Option<Place>,
}

impl Gather {
    /// Blocks of equal length, in the order of members in the root's `output`.
    pub(super) fn new(
        seat: Seat,
        root: usize,
        block: usize,
        input: Place,
        output: Place,
        scratch: &mut Scratch,
    ) -> Self {
        let tree = Tree::new(seat, root);
        let below = tree.below_me();
        let (held, turn) = match (tree.me, root) {
            (0, 0) => (output, None),
            (0, _) => (scratch.take(seat.size * block), Some(output)),
            _ if below.len() == 1 => (input, None),
            _ => (scratch.take(below.len() * block), None),
        };
        Self { tree, block, input, held, turn }
    }

    fn held(&self, numbers: Range<usize>) -> super::Span {
        let first = self.tree.me;
        self.held.span((numbers.start - first) * self.block..(numbers.end - first) * self.block)
    }
}

impl Algorithm for Gather {
    fn rounds(&self) -> usize {
        self.tree.seat.levels() + 2
    }

    fn round(&self, number: usize, round: &mut Round) {
        let tree = &self.tree;
        if number == 0 {
            round.copy(self.input.span(0..self.block), self.held(tree.me..tree.me + 1));
        } else if number <= tree.seat.levels() {
            let level = number - 1;
            match tree.role(level) {
                Role::Parent(child) => {
                    round.receive(tree.member(child), self.held(tree.subtree(child, level)));
                }
                Role::Child(parent) => round.send(tree.member(parent), self.held(tree.below_me())),
                Role::Idle => {}
            }
        } else if let Some(output) = self.turn {
            let (size, root, block) = (tree.seat.size, tree.root, self.block);
            round.copy(self.held(0..size - root), output.span(root * block..size * block));
            round.copy(self.held(size - root..size), output.span(0..root * block));
        }
    }
}

/// Everybody's elements are folded, and the result comes to the root.
#[derive(Debug)]
pub(super) struct Reduce {
    tree: Tree,
    /// Who gets the result, if that is not the tree's root.
    deliver_to: Option<usize>,
    elements: usize,
    input: Place,
    /// Where partial results stand.
    partial: Place,
    /// Where those of children come to.
    incoming: Place,
    output: Place,
}

impl Reduce {
    /// Every member has `input`; `output` is used at the root. An operation that does not commute is folded at member
    /// 0, since only from there on numbers count in the order of members, and then sent on.
    pub(super) fn new(
        seat: Seat,
        root: usize,
        elements: usize,
        commutes: bool,
        [input, output]: [Place; 2],
        scratch: &mut Scratch,
    ) -> Self {
        let top = if commutes { root } else { 0 };
        let tree = Tree::new(seat, top);
        let is_leaf = tree.below_me().len() == 1 && tree.me != 0;
        let partial = match seat.me {
            _ if is_leaf => input,
            me if me == root && me == top => output,
            _ => scratch.take(elements),
        };
        let incoming = scratch.take(if is_leaf { 0 } else { elements });
        Self { tree, deliver_to: (root != top).then_some(root), elements, input, partial, incoming, output }
    }
}

impl Algorithm for Reduce {
    fn rounds(&self) -> usize {
        1 + self.tree.seat.levels() + usize::from(self.deliver_to.is_some())
    }

    fn round(&self, number: usize, round: &mut Round) {
        let (tree, all) = (&self.tree, 0..self.elements);
        let partial = self.partial.span(all.clone());
        if number == 0 {
            round.copy(self.input.span(all), partial);
        } else if number <= tree.seat.levels() {
            match tree.role(number - 1) {
                Role::Parent(child) => {
                    let incoming = self.incoming.span(all);
                    round.receive(tree.member(child), incoming);
                    round.fold(partial, incoming, Side::Right);
                }
                Role::Child(parent) => round.send(tree.member(parent), partial),
                Role::Idle => {}
            }
        } else if let Some(root) = self.deliver_to {
            if tree.me == 0 {
                round.send(root, partial);
            } else if tree.seat.me == root {
                round.receive(tree.root, self.output.span(all));
            }
        }
    }
}
