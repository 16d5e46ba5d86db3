//! Which algorithm for which call: by size, count and topology. Everything that decides is the same on every rank, so all
//! choose alike.
//!
//! Where ranks share nodes, calls go inside the node first and between one leader a node then, so that the slow links
//! carry everything once. An operation that does not commute goes so only where nodes hold ranks that follow one another.

use super::barrier::Dissemination;
use super::layout::Layout;
use super::round::{Place, Round};
use super::schedule::{Algorithm, Builder, Group, Schedule};
use super::seat::{Core, Seat};
use super::topology::Topology;
use super::{Span, bruck, doubling, halving, linear, pairwise, ring, scan, tree};

/// From so many bytes on a broadcast scatters and gathers instead of sending everything down a tree.
const LONG_BROADCAST_BYTES: usize = 64 << 10;
/// From so many bytes on reductions halve their vectors instead of sending them whole.
const LONG_REDUCE_BYTES: usize = 16 << 10;
/// From so many bytes a rank on a ring's many rounds cost less than the bytes that others send twice.
const RING_BYTES_A_RANK: usize = 64 << 10;
/// From so many bytes of all ranks on an allgather goes round a ring.
const LONG_ALL_GATHER_BYTES: usize = 80 << 10;
/// From so many bytes a block on it goes straight to its root or from it instead of through a tree.
const LONG_BLOCK_BYTES: usize = 16 << 10;
/// Up to so many bytes a block an alltoall passes blocks on in a few rounds instead of sending each where it belongs.
const SHORT_ALL_TO_ALL_BYTES: usize = 256;

/// A rank about to make a collective call: gives the schedules of its calls.
///
/// Counts are in elements. Every method says what stands in the schedule's input and output; "everywhere" means on every
/// rank alike.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    topology: &'a Topology,
    rank: u32,
    element_bytes: usize,
}

/// A rank's node and the leaders of all nodes, as groups.
struct Layers {
    node: Group,
    /// The leader's seat in the node's group.
    leader: usize,
    /// For leaders only.
    leaders: Option<Group>,
    /// The seat of the root's leader, which is the root itself.
    top: usize,
}

impl<'a> Caller<'a> {
    /// Rank `rank`, whose elements are of `element_bytes`.
    ///
    /// # Panics
    /// There is no such rank.
    #[must_use]
    pub fn new(topology: &'a Topology, rank: u32, element_bytes: usize) -> Self {
        assert!((rank as usize) < topology.size(), "rank {rank} of {}", topology.size());
        Self { topology, rank, element_bytes }
    }

    fn seat(&self) -> Seat {
        Seat { me: self.rank as usize, size: self.topology.size() }
    }

    fn whole(&self) -> Group {
        Group::whole(self.seat())
    }

    /// Node and leaders, where going by them saves anything and keeps the order that is needed.
    fn layers(&self, root: u32, commutes: bool) -> Option<Layers> {
        if !self.topology.is_layered() || !(commutes || self.topology.is_contiguous()) {
            return None;
        }
        let own = self.topology.node_of(self.rank);
        let leaders = self.topology.leaders(root);
        let node = Group::of(self.topology.ranks_of(own).clone(), self.rank)?;
        let leader = self.topology.ranks_of(own).binary_search(&leaders[own]).ok()?;
        let top = self.topology.node_of(root);
        Some(Layers { node, leader, leaders: Group::of(leaders, self.rank), top })
    }

    /// All ranks have come (MPI-4.1 6.3). No input, no output.
    #[must_use]
    pub fn barrier(&self) -> Schedule {
        let mut builder = Builder::default();
        let Some(Layers { node, leader, leaders, .. }) = self.layers(0, true) else {
            builder.then(&self.whole(), Dissemination { seat: self.seat() });
            return builder.finish();
        };
        self.reduce_within(&mut builder, &node, leader, 0, true, [Place::INPUT, Place::OUTPUT]);
        if let Some(leaders) = leaders {
            builder.then(&leaders, Dissemination { seat: leaders.seat });
        }
        self.broadcast_within(&mut builder, &node, leader, Place::OUTPUT, 0);
        builder.finish()
    }

    /// The root's output of `elements` comes to everybody's output (MPI-4.1 6.4).
    #[must_use]
    pub fn broadcast(&self, root: u32, elements: usize) -> Schedule {
        let mut builder = Builder::default();
        match self.layers(root, true) {
            Some(Layers { node, leader, leaders, top }) => {
                if let Some(leaders) = leaders {
                    self.broadcast_within(&mut builder, &leaders, top, Place::OUTPUT, elements);
                }
                self.broadcast_within(&mut builder, &node, leader, Place::OUTPUT, elements);
            }
            None => {
                self.broadcast_within(&mut builder, &self.whole(), root as usize, Place::OUTPUT, elements);
            }
        }
        builder.finish()
    }

    fn broadcast_within(
        &self,
        builder: &mut Builder,
        group: &Group,
        root: usize,
        data: Place,
        elements: usize,
    ) {
        let seat = group.seat;
        if elements * self.element_bytes < LONG_BROADCAST_BYTES || seat.size < 4 || elements < seat.size {
            return builder.then(group, tree::Broadcast::new(seat, root, data, elements));
        }
        builder.then(group, tree::Scatter::in_place(seat, root, data, elements));
        let shares = Layout::Shared { elements, ranks: seat.size };
        builder.then(group, ring::AllGather::in_place(seat, root, shares, data));
    }

    /// Block i of the root's input comes to the output of rank i; blocks of `block` elements (MPI-4.1 6.6).
    #[must_use]
    pub fn scatter(&self, root: u32, block: usize) -> Schedule {
        if block * self.element_bytes >= LONG_BLOCK_BYTES {
            return self.scatter_v(root, Some(Layout::Even(block)), block);
        }
        let mut builder = Builder::default();
        let (input, output) = (Place::INPUT, Place::OUTPUT);
        let scatter =
            tree::Scatter::new(self.seat(), root as usize, block, input, output, &mut builder.scratch);
        builder.then(&self.whole(), scatter);
        builder.finish()
    }

    /// As [`Caller::scatter`], with blocks of the root's choice; a rank knows the length of its own.
    ///
    /// # Panics
    /// At the root: without a layout.
    #[must_use]
    pub fn scatter_v(&self, root: u32, layout: Option<Layout>, own: usize) -> Schedule {
        assert!(layout.is_some() || root != self.rank, "the root knows all blocks");
        let (seat, root) = (self.seat(), root as usize);
        let (input, output) = (Place::INPUT, Place::OUTPUT);
        self.alone(linear::Scatter { seat, root, layout, own, input, output })
    }

    /// The input of rank i becomes block i of the root's output; blocks of `block` elements (MPI-4.1 6.5).
    #[must_use]
    pub fn gather(&self, root: u32, block: usize) -> Schedule {
        if block * self.element_bytes >= LONG_BLOCK_BYTES {
            return self.gather_v(root, Some(Layout::Even(block)), block);
        }
        let mut builder = Builder::default();
        let (input, output) = (Place::INPUT, Place::OUTPUT);
        let gather =
            tree::Gather::new(self.seat(), root as usize, block, input, output, &mut builder.scratch);
        builder.then(&self.whole(), gather);
        builder.finish()
    }

    /// As [`Caller::gather`], with blocks of any length; a rank knows the length of its own, the root all.
    ///
    /// # Panics
    /// At the root: without a layout.
    #[must_use]
    pub fn gather_v(&self, root: u32, layout: Option<Layout>, own: usize) -> Schedule {
        assert!(layout.is_some() || root != self.rank, "the root knows all blocks");
        let (seat, root) = (self.seat(), root as usize);
        let (input, output) = (Place::INPUT, Place::OUTPUT);
        self.alone(linear::Gather { seat, root, layout, own, input, output })
    }

    /// The input of rank i becomes block i of everybody's output; blocks of `block` elements (MPI-4.1 6.7).
    #[must_use]
    pub fn all_gather(&self, block: usize) -> Schedule {
        let mut builder = Builder::default();
        let bytes = self.topology.size() * block * self.element_bytes;
        let layers = self.layers(0, false).filter(|_| bytes < LONG_ALL_GATHER_BYTES);
        let Some(Layers { node, leader, leaders, .. }) = layers else {
            self.all_gather_within(&mut builder, &self.whole(), block, [Place::INPUT, Place::OUTPUT]);
            return builder.finish();
        };
        let ranks_of = |node| self.topology.ranks_of(node);
        let first = ranks_of(self.topology.node_of(self.rank))[0] as usize;
        let on_node = Place::OUTPUT.after(first * block);
        let gather = tree::Gather::new(node.seat, leader, block, Place::INPUT, on_node, &mut builder.scratch);
        builder.then(&node, gather);
        if let Some(leaders) = leaders {
            let nodes = (0..self.topology.nodes()).map(ranks_of);
            let counts: Vec<usize> = nodes.map(|ranks| ranks.len() * block).collect();
            if counts.iter().all(|&count| count == counts[0]) {
                self.all_gather_within(&mut builder, &leaders, counts[0], [on_node, Place::OUTPUT]);
            } else {
                let layout = Layout::of_counts(&counts);
                let gather = ring::AllGather::in_place(leaders.seat, 0, layout, Place::OUTPUT);
                builder.then(&leaders, gather);
            }
        }
        self.broadcast_within(&mut builder, &node, leader, Place::OUTPUT, self.topology.size() * block);
        builder.finish()
    }

    fn all_gather_within(&self, builder: &mut Builder, group: &Group, block: usize, places: [Place; 2]) {
        let (seat, [input, output]) = (group.seat, places);
        if seat.size * block * self.element_bytes >= LONG_ALL_GATHER_BYTES {
            builder.then(group, ring::AllGather::new(seat, Layout::Even(block), input, output));
        } else if seat.size.is_power_of_two() {
            builder.then(group, doubling::AllGather { seat, block, input, output });
        } else {
            let gather = bruck::AllGather::new(seat, block, places, &mut builder.scratch);
            builder.then(group, gather);
        }
    }

    /// As [`Caller::all_gather`], with blocks of any length, known everywhere.
    #[must_use]
    pub fn all_gather_v(&self, layout: Layout) -> Schedule {
        self.alone(ring::AllGather::new(self.seat(), layout, Place::INPUT, Place::OUTPUT))
    }

    /// Block j of rank i's input becomes block i of rank j's output; blocks of `block` elements (MPI-4.1 6.8).
    #[must_use]
    pub fn all_to_all(&self, block: usize) -> Schedule {
        if block * self.element_bytes > SHORT_ALL_TO_ALL_BYTES || self.topology.size() < 8 {
            return self.all_to_all_v(Layout::Even(block), Layout::Even(block));
        }
        let mut builder = Builder::default();
        let places = [Place::INPUT, Place::OUTPUT];
        let exchange = bruck::AllToAll::new(self.seat(), block, places, &mut builder.scratch);
        builder.then(&self.whole(), exchange);
        builder.finish()
    }

    /// As [`Caller::all_to_all`], with blocks of any length: of the input by whom they go to, of the output by whom they
    /// come from.
    #[must_use]
    pub fn all_to_all_v(&self, outgoing: Layout, incoming: Layout) -> Schedule {
        let (input, output) = (Place::INPUT, Place::OUTPUT);
        self.alone(pairwise::AllToAll { seat: self.seat(), outgoing, incoming, input, output })
    }

    /// Inputs of `elements` everywhere, folded in the order of ranks, come to the root's output (MPI-4.1 6.9.1).
    #[must_use]
    pub fn reduce(&self, root: u32, elements: usize, commutes: bool) -> Schedule {
        let mut builder = Builder::default();
        let Some(Layers { node, leader, leaders, top }) = self.layers(root, commutes) else {
            let places = [Place::INPUT, Place::OUTPUT];
            self.reduce_within(&mut builder, &self.whole(), root as usize, elements, commutes, places);
            return builder.finish();
        };
        let of_node = match leaders {
            Some(_) if self.rank == root => Place::OUTPUT,
            Some(_) => builder.scratch.take(elements),
            None => Place::OUTPUT,
        };
        self.reduce_within(&mut builder, &node, leader, elements, commutes, [Place::INPUT, of_node]);
        if let Some(leaders) = leaders {
            self.reduce_within(&mut builder, &leaders, top, elements, commutes, [of_node, Place::OUTPUT]);
        }
        builder.finish()
    }

    fn reduce_within(
        &self,
        builder: &mut Builder,
        group: &Group,
        root: usize,
        elements: usize,
        commutes: bool,
        places: [Place; 2],
    ) {
        let (seat, [input, output]) = (group.seat, places);
        if elements * self.element_bytes < LONG_REDUCE_BYTES || seat.size < 4 || elements < seat.size {
            let reduce = tree::Reduce::new(seat, root, elements, commutes, places, &mut builder.scratch);
            return builder.then(group, reduce);
        }
        let data = if seat.me == root { output } else { builder.scratch.take(elements) };
        let incoming = builder.scratch.take(elements);
        let goal = halving::Goal::One(root);
        builder.then(group, halving::Halving::new(seat, elements, goal, [input, data, incoming]));
    }

    /// Inputs of `elements` everywhere, folded in the order of ranks, come to everybody's output (MPI-4.1 6.9.6).
    #[must_use]
    pub fn all_reduce(&self, elements: usize, commutes: bool) -> Schedule {
        let mut builder = Builder::default();
        let (input, output) = (Place::INPUT, Place::OUTPUT);
        let Some(Layers { node, leader, leaders, .. }) = self.layers(0, commutes) else {
            self.all_reduce_within(&mut builder, &self.whole(), elements, commutes, [input, output]);
            return builder.finish();
        };
        self.reduce_within(&mut builder, &node, leader, elements, commutes, [input, output]);
        if let Some(leaders) = leaders {
            self.all_reduce_within(&mut builder, &leaders, elements, commutes, [output, output]);
        }
        self.broadcast_within(&mut builder, &node, leader, output, elements);
        builder.finish()
    }

    fn all_reduce_within(
        &self,
        builder: &mut Builder,
        group: &Group,
        elements: usize,
        commutes: bool,
        [input, data]: [Place; 2],
    ) {
        let seat = group.seat;
        let bytes = elements * self.element_bytes;
        if bytes < LONG_REDUCE_BYTES || elements < seat.size {
            let incoming = builder.scratch.take(elements);
            builder.then(group, doubling::AllReduce::new(seat, elements, [input, data, incoming]));
        } else if commutes && !Core::of(seat).is_whole() && bytes / seat.size >= RING_BYTES_A_RANK {
            let incoming = builder.scratch.take(elements.div_ceil(seat.size));
            builder.then(group, ring::AllReduce::new(seat, elements, [input, data, incoming]));
        } else {
            let incoming = builder.scratch.take(elements);
            let places = [input, data, incoming];
            builder.then(group, halving::Halving::new(seat, elements, halving::Goal::All, places));
        }
    }

    /// Inputs, folded in the order of ranks: block i of the result comes to the output of rank i (MPI-4.1 6.10). The
    /// blocks follow one another and are known everywhere.
    #[must_use]
    pub fn reduce_scatter(&self, layout: Layout, commutes: bool) -> Schedule {
        let mut builder = Builder::default();
        let (seat, group) = (self.seat(), self.whole());
        let (input, output) = (Place::INPUT, Place::OUTPUT);
        let elements = layout.elements(seat.size);
        let bytes = elements * self.element_bytes;
        if commutes && seat.size.is_power_of_two() && bytes < seat.size * RING_BYTES_A_RANK {
            let data = builder.scratch.take(elements);
            let incoming = builder.scratch.take(elements);
            builder.then(&group, halving::ReduceScatter { seat, layout, input, output, data, incoming });
        } else if commutes && bytes >= LONG_REDUCE_BYTES {
            let incoming = builder.scratch.take(layout.longest(seat.size));
            builder.then(&group, pairwise::ReduceScatter { seat, layout, input, output, incoming });
        } else {
            let all = builder.scratch.take(elements);
            self.all_reduce_within(&mut builder, &group, elements, commutes, [input, all]);
            let own = layout.block(seat.me);
            builder.then(&group, Keep { to: output.span(0..own.len()), from: all.span(own) });
        }
        builder.finish()
    }

    /// The fold of the inputs of ranks 0 to i comes to the output of rank i (MPI-4.1 6.11.1).
    #[must_use]
    pub fn scan(&self, elements: usize) -> Schedule {
        self.prefix(elements, false)
    }

    /// The fold of the inputs of ranks 0 to i − 1 comes to the output of rank i; that of rank 0 stays as it is
    /// (MPI-4.1 6.11.2).
    #[must_use]
    pub fn exclusive_scan(&self, elements: usize) -> Schedule {
        self.prefix(elements, true)
    }

    fn prefix(&self, elements: usize, exclusive: bool) -> Schedule {
        let mut builder = Builder::default();
        let places = [Place::INPUT, Place::OUTPUT];
        let scan = scan::Scan::new(self.seat(), elements, exclusive, places, &mut builder.scratch);
        builder.then(&self.whole(), scan);
        builder.finish()
    }

    fn alone(&self, algorithm: impl Algorithm + 'static) -> Schedule {
        let mut builder = Builder::default();
        builder.then(&self.whole(), algorithm);
        builder.finish()
    }
}

/// A part of a result is kept, where it belongs.
#[derive(Debug)]
struct Keep {
    from: Span,
    to: Span,
}

impl Algorithm for Keep {
    fn rounds(&self) -> usize {
        1
    }

    fn round(&self, _: usize, round: &mut Round) {
        round.copy(self.from, self.to);
    }
}
