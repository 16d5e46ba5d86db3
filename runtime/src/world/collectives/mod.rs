//! Collective calls: all ranks of a communicator make them, in the same order (MPI 4.1, chapter 6).
//!
//! ```no_run
//! # use prun_runtime::world::{Operation, World};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let world = World::init()?;
//! let mut sum = [world.rank() as u64];
//! world.all_reduce_in_place(&mut sum, &Operation::Sum)?;
//! let mut ranks = vec![0; world.size()];
//! world.all_gather(&[world.rank()], &mut ranks)?;
//! println!("{} ranks, {} in all", ranks.len(), sum[0]);
//! # Ok(())
//! # }
//! ```
//!
//! What is sent to whom is decided by [`crate::collective`]; here it is done. Every call blocks until this rank's part in it
//! is over, which may be before others have come, or not, but for `barrier`. Calls of ranks that do not match fail with
//! [`Failure::Mismatch`](super::Failure::Mismatch) where they meet.

mod background;
mod buffers;
mod data;
mod execute;
mod operation;
mod reduction;
mod split;
#[cfg(test)]
mod tests;
mod values;

use std::cell::{Cell, OnceCell};

use bytemuck::Pod;

use self::buffers::{Buffers, Input};
use self::execute::{Engaged, execute};
use super::communicator::Communicator;
use crate::collective::{Call, Caller, Count, Kind, Layout, Schedule, Side, Topology};
use crate::transport::failure::Failure;
use crate::transport::team::{TEAM_ALIGN_MAX, TEAM_BYTES_MAX, Team};

pub use self::background::{Background, BackgroundBarrier};
pub use self::operation::{Fold, Number, Operation, UserOperation};

/// What a communicator keeps of its collective calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// How many were made.
    made: Cell<u32>,
    /// Those that go on while the rank does something else.
    under_way: std::rc::Rc<Cell<usize>>,
    topology: OnceCell<Topology>,
}

/// What is said of a call, its number aside.
#[derive(Debug, Clone, Copy)]
struct Plan {
    kind: Kind,
    root: Option<usize>,
    count: Count,
    operation: u16,
}

impl Plan {
    fn new(kind: Kind, count: usize) -> Self {
        Self { kind, root: None, count: Count::Alike(count as u64), operation: 0 }
    }

    fn varying(kind: Kind) -> Self {
        Self { kind, root: None, count: Count::Varies, operation: 0 }
    }

    fn root(self, root: usize) -> Self {
        Self { root: Some(root), ..self }
    }

    fn operation<T>(self, operation: &impl Fold<T>) -> Self {
        Self { operation: operation.number(), ..self }
    }
}

impl Communicator {
    /// Which of its ranks are on which node.
    pub(super) fn topology(&self) -> &Topology {
        self.calls().topology.get_or_init(|| {
            let engine = self.port().engine();
            let node = |rank: crate::ids::Rank| engine.places()[rank.0 as usize].node;
            Topology::new(&self.group().ranks().map(node).collect::<Vec<_>>())
        })
    }

    /// This rank, about to make a call on elements of so many bytes.
    fn caller(&self, element: usize) -> Caller<'_> {
        Caller::new(self.topology(), self.rank() as u32, element)
    }

    /// A rank of it.
    fn check_root(&self, root: usize) -> Result<(), Failure> {
        self.world_rank(root).map(drop)
    }

    /// Begins a call: it has its number from now on.
    fn engage<T>(&self, plan: Plan, is_background: bool) -> Engaged {
        let calls = self.calls();
        let number = calls.made.get();
        calls.made.set(number.wrapping_add(1));
        let Plan { kind, root, count, operation } = plan;
        let root = root.map(|root| root as u32);
        let call =
            Call { number, kind, is_background, root, element_bytes: size_of::<T>(), count, operation };
        let only = is_background || calls.under_way.get() > 0;
        Engaged { call, context: self.collective_context(), only }
    }

    /// Its ranks as a team, for a call in which each lays down as much as this.
    fn team_for<T>(&self, data: &[T]) -> Option<&Team> {
        let fits = size_of_val(data) <= TEAM_BYTES_MAX && align_of::<T>() <= TEAM_ALIGN_MAX;
        self.team().filter(|_| fits)
    }

    /// Makes a call in shared memory, in which every rank gets what all give, in their order; all give as much. `None`,
    /// and nothing has been done, where it is to be made by messages.
    fn share<T: Pod>(
        &self,
        plan: Plan,
        data: &[T],
        mut take: impl FnMut(usize, &[T]),
    ) -> Option<Result<(), Failure>> {
        let team = self.team_for(data)?;
        let engaged = self.engage::<T>(plan, false);
        let bytes = bytemuck::cast_slice(data);
        let shared = team.exchange(self.port(), engaged.named(), bytes, |member, bytes| {
            take(member, bytemuck::cast_slice(bytes));
        });
        Some(shared.map_err(|error| engaged.clash(self.rank(), error)))
    }

    /// Everybody's value comes to all, as a part of a larger call.
    pub(super) fn gather_words<T: Pod>(&self, own: T, all: &mut [T]) -> Result<(), Failure> {
        let plan = Plan::new(Kind::AllGather, 1);
        if let Some(done) = self.share(plan, &[own], |from, theirs| all[from] = theirs[0]) {
            return done;
        }
        let schedule = self.caller(size_of::<T>()).all_gather(1);
        self.carry_out(plan, &schedule, Given::Apart(&[own]), all)
    }

    /// Makes a call that folds nothing.
    fn carry_out<T: Pod>(
        &self,
        plan: Plan,
        schedule: &Schedule,
        input: Given<'_, T>,
        output: &mut [T],
    ) -> Result<(), Failure> {
        self.carry_out_with(plan, schedule, input, output, |_, _, _| ())
    }

    /// Makes a call.
    fn carry_out_with<T: Pod>(
        &self,
        plan: Plan,
        schedule: &Schedule,
        input: Given<'_, T>,
        output: &mut [T],
        fold: impl Fn(&mut [T], &[T], Side),
    ) -> Result<(), Failure> {
        let engaged = self.engage::<T>(plan, false);
        if let Some(team) = self.team() {
            team.announce(self.port(), engaged.named()).map_err(|error| engaged.clash(self.rank(), error))?;
        }
        let mut scratch = vec![T::zeroed(); schedule.scratch()];
        let mut buffers = Buffers {
            element: size_of::<T>(),
            input: match input {
                Given::Apart(input) => Input::Apart(bytemuck::cast_slice(input)),
                Given::InOutput(at) => Input::InOutput(at),
            },
            output: bytemuck::cast_slice_mut(output),
            scratch: bytemuck::cast_slice_mut(&mut scratch),
        };
        let mut fold = |into: &mut [u8], other: &[u8], side| {
            fold(bytemuck::cast_slice_mut(into), bytemuck::cast_slice(other), side);
        };
        execute(self, &engaged, schedule, &mut buffers, &mut fold)
    }
}

/// What a rank gives.
#[derive(Debug, Clone, Copy)]
enum Given<'a, T> {
    /// These.
    Apart(&'a [T]),
    /// What stands in the output from this element on.
    InOutput(usize),
}

/// Arguments that do not fit together.
fn unfit(what: String) -> Failure {
    Failure::Mismatch(what)
}

/// Checks a slice's length.
fn expect_len(name: &str, len: usize, expected: usize) -> Result<(), Failure> {
    if len == expected {
        Ok(())
    } else {
        Err(unfit(format!("`{name}` has {len} elements where {expected} are needed")))
    }
}

/// Blocks of these lengths, one a rank.
fn layout_of(name: &str, counts: &[usize], size: usize) -> Result<Layout, Failure> {
    expect_len(name, counts.len(), size)?;
    Ok(Layout::of_counts(counts))
}
