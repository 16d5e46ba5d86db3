//! Slurm's variables: what a job's script, a step's tasks and their programs find in their environment. Pure.
//!
//! Variables of prun itself (`PRUN_*`), and those that only the node knows, are set by the step process.

use prun_runtime::wire::launch::StepLaunch;
use serde_bytes::ByteBuf;

use crate::controller::api::{JobView, StepCreated, Submission};
use crate::script::options::Request;

/// Names and values, later ones win.
pub type Variables = Vec<(ByteBuf, ByteBuf)>;

/// Variables of a job, as its script or the command of `salloc` finds them (`sbatch(1)`, output environment
/// variables).
#[must_use]
pub fn of_job(_job: &JobView) -> Variables {
    Variables::new()
}

/// Variables of a step for all of its tasks, over those of the job (`srun(1)`, output environment variables).
#[must_use]
pub fn of_step(_created: &StepCreated, _request: &Request) -> Variables {
    Variables::new()
}

/// Variables of all tasks on one node of the step's plan.
#[must_use]
pub fn of_node(_created: &StepCreated, _node: usize) -> Variables {
    Variables::new()
}

/// Variables of one task of one node of the step's plan.
#[must_use]
pub fn of_task(_created: &StepCreated, _node: usize, _task: usize) -> Variables {
    Variables::new()
}

/// The launch of a job's script on the first node of its allocation.
#[must_use]
pub fn batch_launch(
    _job: &JobView,
    _submission: &Submission,
    _secret: prun_runtime::wire::launch::Secret,
    _kill_wait_ms: u64,
) -> Option<StepLaunch> {
    None
}

/// What `--export` lets through.
#[must_use]
pub fn exported(_export: &crate::script::spec::Export, environment: Variables) -> Variables {
    environment
}
