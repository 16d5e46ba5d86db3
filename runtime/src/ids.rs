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

/// One launch of a step. A job that is requeued has steps of the same names again; their launches differ, so that what
/// is left of an earlier one is not taken for the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaunchId(pub u64);

impl fmt::Display for LaunchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A step's launch as a rank server knows it, written `JOB.STEP.LAUNCH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Launched {
    /// Which step.
    pub key: StepKey,
    /// Which launch of it.
    pub launch: LaunchId,
}

impl fmt::Display for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.launch)
    }
}

/// A text that is no `JOB.STEP.LAUNCH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no launch of a step: `JOB.STEP.LAUNCH` is one")]
pub struct NoLaunch;

impl std::str::FromStr for Launched {
    type Err = NoLaunch;

    fn from_str(text: &str) -> Result<Self, NoLaunch> {
        let mut parts = text.split('.');
        let (Some(job), Some(step), Some(launch), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoLaunch);
        };
        let job = job.parse().map(JobId).map_err(|_| NoLaunch)?;
        let step = match step {
            "batch" => StepId::BATCH,
            number => number.parse().map(StepId).map_err(|_| NoLaunch)?,
        };
        let launch = launch.parse().map(LaunchId).map_err(|_| NoLaunch)?;
        Ok(Self { key: StepKey { job, step }, launch })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_is_read_as_it_is_written() {
        for step in [StepId::BATCH, StepId(0), StepId(17)] {
            let launched = Launched { key: StepKey { job: JobId(12), step }, launch: LaunchId(u64::MAX) };
            assert_eq!(launched.to_string().parse(), Ok(launched));
        }
        for text in ["", "12", "12.0", "12.0.1.2", "a.0.1", "12.b.1", "12.0.-1", "socket"] {
            assert_eq!(text.parse::<Launched>(), Err(NoLaunch), "{text}");
        }
    }
}
