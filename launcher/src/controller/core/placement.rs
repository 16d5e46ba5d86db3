//! What the core asks of other rooms. As values, so that tests of the core can answer in their place.

use std::fmt;

use prun_runtime::wire::launch::{Secret, StepLaunch};

use crate::controller::api::{JobView, Submission};
use crate::environment::batch_launch;
use crate::layout::allocate::{NodeRoom, Unfit, allocate};
use crate::layout::plan::{Allocation, NodePlan};
use crate::layout::step::{StepLayout, StepUnfit, lay_out};
use crate::script::spec::{JobSpec, StepSpec};

/// How jobs and steps get their places.
#[derive(Clone, Copy)]
pub(super) struct Placement {
    /// See [`allocate`].
    pub(super) allocate: Allocate,
    /// See [`lay_out`].
    pub(super) lay_out: LayOut,
    /// See [`batch_launch`].
    pub(super) batch_launch: fn(&JobView, &Submission, Secret, u64) -> Option<StepLaunch>,
}

type Allocate = fn(&JobSpec, Option<u64>, &[NodeRoom<'_>]) -> Result<Allocation, Unfit>;

type LayOut = fn(&JobSpec, &Allocation, &[&[NodePlan]], &JobSpec, &StepSpec) -> Result<StepLayout, StepUnfit>;

impl Placement {
    /// The layout of the launcher.
    pub(super) const REAL: Self = Self { allocate, lay_out, batch_launch };
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placement")
    }
}
