//! A step's request inside an allocation → its plan, or why not.

use super::plan::{Allocation, NodePlan, Plan};
use crate::controller::api::ErrorCode;
use crate::script::spec::{JobSpec, StepSpec};

/// A step's place, and what the user should read about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepLayout {
    /// Where its ranks go.
    pub plan: Plan,
    /// Lines without prefix (`Warning: can't run 2 processes on 3 nodes, setting nnodes to 2`).
    pub warnings: Vec<String>,
}

/// Why a step has no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepUnfit {
    /// Never in this allocation: the error, and lines that go before it, without prefix.
    Never(ErrorCode, Vec<String>),
    /// Once other steps of the job have ended.
    Busy,
}

/// Lays a step out. `running` holds, for each running step that does not overlap, what it holds on each node.
///
/// # Errors
/// [`StepUnfit`].
pub fn lay_out(
    _job: &JobSpec,
    _allocation: &Allocation,
    _running: &[&[NodePlan]],
    _asked: &JobSpec,
    _step: &StepSpec,
) -> Result<StepLayout, StepUnfit> {
    Err(StepUnfit::Busy)
}
