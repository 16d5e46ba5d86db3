//! The words of the field as types, so that a rank is never passed where a job id is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A job's number, unique within a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A step's number within its job. The script itself is [`StepId::BATCH`].
///
/// The reserved values are Slurm's (`slurm.h`), since programs read them in `SLURM_STEP_ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

impl StepId {
    /// The job script.
    pub const BATCH: Self = Self(0xffff_fffb);
    /// The highest number a step started by `srun` may have.
    pub const MAX_NORMAL: Self = Self(0xffff_fff0);

    /// Whether this is the job script.
    #[must_use]
    pub fn is_batch(self) -> bool {
        self == Self::BATCH
    }
}

/// `batch`, or the number.
impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_batch() { f.write_str("batch") } else { self.0.fmt(f) }
    }
}

/// A step of a job, written `JOB.STEP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepKey {
    /// The job.
    pub job: JobId,
    /// The step within it.
    pub step: StepId,
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.job, self.step)
    }
}

/// A task's number within its step, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rank(pub u32);

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
