//! Collective calls with what each rank gives, and what the standard says that each gets.

use prun_runtime::collective::{Caller, Layout, Schedule, Topology};

use super::simulator::{Rank, Simulation, Tally, UNWRITTEN, fold};

/// A call as all ranks make it.
#[derive(Debug, Clone)]
pub(crate) enum Case {
    Barrier,
    Broadcast {
        root: u32,
        elements: usize,
    },
    Scatter {
        root: u32,
        block: usize,
    },
    ScatterV {
        root: u32,
        counts: Vec<usize>,
    },
    Gather {
        root: u32,
        block: usize,
    },
    GatherV {
        root: u32,
        counts: Vec<usize>,
    },
    AllGather {
        block: usize,
    },
    AllGatherV {
        counts: Vec<usize>,
    },
    AllToAll {
        block: usize,
    },
    /// By from and to.
    AllToAllV {
        counts: Vec<Vec<usize>>,
    },
    Reduce {
        root: u32,
        elements: usize,
        commutes: bool,
    },
    AllReduce {
        elements: usize,
        commutes: bool,
    },
    ReduceScatter {
        counts: Vec<usize>,
        commutes: bool,
    },
    Scan {
        elements: usize,
    },
    ExclusiveScan {
        elements: usize,
    },
}

/// Element `at` of what a rank gives: never the same twice, and of maps that commute where it must.
fn given(rank: usize, at: usize, commutes: bool) -> u32 {
    let slope = if commutes { 1 } else { 2 + (rank * 31 + at) as u32 % 1000 };
    (slope << 16) | ((rank * 7919 + at * 13 + 1) as u32 % 65_521)
}

fn all_given(rank: usize, range: std::ops::Range<usize>) -> Vec<u32> {
    range.map(|at| given(rank, at, false)).collect()
}

/// The folds of ranks 0 to i, by element, for every i.
fn folds(ranks: usize, elements: usize, commutes: bool) -> Vec<Vec<u32>> {
    let mut folds: Vec<Vec<u32>> = Vec::new();
    for rank in 0..ranks {
        let own = (0..elements).map(|at| given(rank, at, commutes));
        folds.push(match folds.last() {
            Some(before) => before.iter().zip(own).map(|(&before, own)| fold(before, own)).collect(),
            None => own.collect(),
        });
    }
    folds
}

fn block_of(counts: &[usize], rank: usize) -> std::ops::Range<usize> {
    let start = counts[..rank].iter().sum();
    start..start + counts[rank]
}

impl Case {
    fn schedule(&self, caller: &Caller<'_>, rank: usize, is: impl Fn(u32) -> bool) -> Schedule {
        let listed = |root, counts: &[usize]| is(root).then(|| Layout::of_counts(counts));
        match self {
            Self::Barrier => caller.barrier(),
            Self::Broadcast { root, elements } => caller.broadcast(*root, *elements),
            Self::Scatter { root, block } => caller.scatter(*root, *block),
            Self::ScatterV { root, counts } => caller.scatter_v(*root, listed(*root, counts), counts[rank]),
            Self::Gather { root, block } => caller.gather(*root, *block),
            Self::GatherV { root, counts } => caller.gather_v(*root, listed(*root, counts), counts[rank]),
            Self::AllGather { block } => caller.all_gather(*block),
            Self::AllGatherV { counts } => caller.all_gather_v(Layout::of_counts(counts)),
            Self::AllToAll { block } => caller.all_to_all(*block),
            Self::AllToAllV { counts } => {
                let incoming: Vec<usize> = counts.iter().map(|row| row[rank]).collect();
                caller.all_to_all_v(Layout::of_counts(&counts[rank]), Layout::of_counts(&incoming))
            }
            Self::Reduce { root, elements, commutes } => caller.reduce(*root, *elements, *commutes),
            Self::AllReduce { elements, commutes } => caller.all_reduce(*elements, *commutes),
            Self::ReduceScatter { counts, commutes } => {
                caller.reduce_scatter(Layout::of_counts(counts), *commutes)
            }
            Self::Scan { elements } => caller.scan(*elements),
            Self::ExclusiveScan { elements } => caller.exclusive_scan(*elements),
        }
    }

    fn input(&self, rank: usize, size: usize) -> Vec<u32> {
        let root_gives = |root: u32, elements| if root as usize == rank { elements } else { 0 };
        let (elements, commutes) = match self {
            Self::Barrier | Self::Broadcast { .. } => (0, false),
            Self::Scatter { root, block } => (root_gives(*root, block * size), false),
            Self::ScatterV { root, counts } => (root_gives(*root, counts.iter().sum()), false),
            Self::Gather { block, .. } | Self::AllGather { block } => (*block, false),
            Self::GatherV { counts, .. } | Self::AllGatherV { counts } => (counts[rank], false),
            Self::AllToAll { block } => (block * size, false),
            Self::AllToAllV { counts } => (counts[rank].iter().sum(), false),
            Self::Reduce { elements, commutes, .. } | Self::AllReduce { elements, commutes } => {
                (*elements, *commutes)
            }
            Self::ReduceScatter { counts, commutes } => (counts.iter().sum(), *commutes),
            Self::Scan { elements } | Self::ExclusiveScan { elements } => (*elements, false),
        };
        (0..elements).map(|at| given(rank, at, commutes)).collect()
    }

    /// What everybody gets; a rank that gets nothing has no output at all.
    fn outputs(&self, size: usize) -> Vec<Vec<u32>> {
        let ranks = 0..size;
        let only = |root: u32, output: Vec<u32>| {
            let mut outputs = vec![Vec::new(); size];
            outputs[root as usize] = output;
            outputs
        };
        let joined = |counts: &dyn Fn(usize) -> usize| -> Vec<u32> {
            ranks.clone().flat_map(|rank| all_given(rank, 0..counts(rank))).collect()
        };
        match self {
            Self::Barrier => vec![Vec::new(); size],
            Self::Broadcast { root, elements } => vec![all_given(*root as usize, 0..*elements); size],
            Self::Scatter { root, block } => {
                ranks.map(|rank| all_given(*root as usize, rank * block..(rank + 1) * block)).collect()
            }
            Self::ScatterV { root, counts } => {
                ranks.map(|rank| all_given(*root as usize, block_of(counts, rank))).collect()
            }
            Self::Gather { root, block } => only(*root, joined(&|_| *block)),
            Self::GatherV { root, counts } => only(*root, joined(&|rank| counts[rank])),
            Self::AllGather { block } => vec![joined(&|_| *block); size],
            Self::AllGatherV { counts } => vec![joined(&|rank| counts[rank]); size],
            Self::AllToAll { block } => {
                let block_for = |to: usize| to * block..(to + 1) * block;
                ranks
                    .clone()
                    .map(|to| ranks.clone().flat_map(|from| all_given(from, block_for(to))).collect())
                    .collect()
            }
            Self::AllToAllV { counts } => {
                let block = |from: usize, to| all_given(from, block_of(&counts[from], to));
                ranks.clone().map(|to| ranks.clone().flat_map(|from| block(from, to)).collect()).collect()
            }
            Self::Reduce { root, elements, commutes } => {
                only(*root, folds(size, *elements, *commutes).pop().unwrap())
            }
            Self::AllReduce { elements, commutes } => {
                vec![folds(size, *elements, *commutes).pop().unwrap(); size]
            }
            Self::ReduceScatter { counts, commutes } => {
                let all = folds(size, counts.iter().sum(), *commutes).pop().unwrap();
                ranks.map(|rank| all[block_of(counts, rank)].to_vec()).collect()
            }
            Self::Scan { elements } => folds(size, *elements, false),
            Self::ExclusiveScan { elements } => {
                let mut folds = folds(size, *elements, false);
                folds.insert(0, vec![UNWRITTEN; *elements]);
                folds.truncate(size);
                folds
            }
        }
    }

    /// Where the input stands in the output in the call's form in place; `None`: it has none, or not on this rank.
    fn in_place(&self, rank: usize) -> Option<usize> {
        match self {
            Self::Gather { root, block } if *root as usize == rank => Some(rank * block),
            Self::AllGather { block } => Some(rank * block),
            Self::AllGatherV { counts } => Some(block_of(counts, rank).start),
            Self::Reduce { root, .. } if *root as usize == rank => Some(0),
            Self::AllReduce { .. } | Self::Scan { .. } | Self::ExclusiveScan { .. } => Some(0),
            _ => None,
        }
    }

    /// Runs the call on all ranks and compares what comes out.
    pub(crate) fn verify(&self, topology: &Topology, element_bytes: usize, in_place: bool, seed: u64) {
        let size = topology.size();
        let mut expected = self.outputs(size);
        let mut ranks = Vec::new();
        for (rank, expected) in expected.iter_mut().enumerate() {
            let mut output = match self {
                Self::Broadcast { root, .. } if *root as usize == rank => expected.clone(),
                _ => vec![UNWRITTEN; expected.len()],
            };
            let mut input = self.input(rank, size);
            let at = self.in_place(rank).filter(|_| in_place);
            if let Some(at) = at {
                output[at..at + input.len()].copy_from_slice(&input);
                if matches!(self, Self::ExclusiveScan { .. }) && rank == 0 {
                    // It gets nothing, and keeps what it gave.
                    expected.clone_from(&output);
                }
                input.clear();
            }
            let caller = Caller::new(topology, rank as u32, element_bytes);
            let schedule = self.schedule(&caller, rank, |root| root as usize == rank);
            ranks.push(Rank { schedule, input, output, in_place: at });
        }
        let outputs = Simulation::new(ranks, true, seed).run();
        for (rank, ((output, _), expected)) in outputs.iter().zip(&expected).enumerate() {
            assert_eq!(
                output, expected,
                "rank {rank} of {size} in {self:?}, {element_bytes} bytes an element"
            );
        }
    }

    /// Runs the call without data and gives what each rank did.
    pub(crate) fn count(&self, topology: &Topology, element_bytes: usize) -> Vec<Tally> {
        let rank = |rank: u32| {
            let caller = Caller::new(topology, rank, element_bytes);
            let schedule = self.schedule(&caller, rank as usize, |root| root == rank);
            Rank { schedule, input: Vec::new(), output: Vec::new(), in_place: None }
        };
        let ranks = (0..topology.size() as u32).map(rank).collect();
        Simulation::new(ranks, false, 1).run().into_iter().map(|(_, tally)| tally).collect()
    }
}
