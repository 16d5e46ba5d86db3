//! Why it refuses, with Slurm's errors.

use serde::{Deserialize, Serialize};

/// Why the controller refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which of Slurm's errors it is.
    pub code: ErrorCode,
    /// Lines that go before it (`invalid partition specified: x`), without prefix.
    pub detail: Vec<String>,
}

/// Slurm's errors that a controller answers with; the text of each is Slurm's (`slurm_errno.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorCode {
    /// Invalid partition name specified.
    InvalidPartition,
    /// No partition specified or system default partition.
    NoPartition,
    /// Requested partition configuration not available now.
    PartitionNotAvailable,
    /// Requested node configuration is not available.
    NodeConfig,
    /// Node count specification invalid.
    NodeCount,
    /// Invalid node name specified.
    InvalidNodeName,
    /// More processors requested than permitted.
    TooManyCpus,
    /// Memory required by task is not available.
    InvalidTaskMemory,
    /// CPU count per node can not be satisfied.
    CpuCount,
    /// Requested nodes are busy.
    NodesBusy,
    /// Invalid feature specification.
    InvalidFeature,
    /// Invalid generic resource (gres) specification.
    InvalidGres,
    /// Invalid license specification.
    InvalidLicenses,
    /// Invalid job array specification.
    InvalidArray,
    /// Job dependency problem.
    Dependency,
    /// Circular job dependency.
    CircularDependency,
    /// Requested time limit is invalid (missing or exceeds some limit).
    InvalidTimeLimit,
    /// Invalid time-min specification (exceeds job's time or other limits).
    InvalidTimeMin,
    /// Invalid job id specified.
    InvalidJobId,
    /// Job/step already completing or completed.
    AlreadyDone,
    /// Job has already finished.
    JobFinished,
    /// Job is in held state, pending scheduler release.
    JobHeld,
    /// Job is not suspended.
    NotSuspended,
    /// Invalid preferred feature specification.
    InvalidPrefer,
    /// Job is pending execution.
    JobPending,
    /// Job is not pending.
    NotPending,
    /// Requested operation is presently disabled.
    Disabled,
    /// Access/permission denied.
    AccessDenied,
    /// Required partition not available (inactive or drain).
    PartitionDown,
    /// Invalid account or account/partition combination specified.
    InvalidAccount,
    /// Invalid qos specification.
    InvalidQos,
    /// Requested reservation is invalid.
    InvalidReservation,
    /// Task count specification invalid.
    InvalidTaskCount,
    /// Job step requested for a job that has no CPUs free, with `--immediate`.
    StepsBusy,
    /// Options of a step that its job has no place for, as `srun` itself finds: the detail says all, nothing follows.
    StepOptions,
    /// Unspecified error.
    Unspecified,
    /// Job script not available.
    NoScript,
    /// Job has already finished / cannot be requeued.
    NotRequeueable,
    /// What prun does not do; the detail says what.
    NotSupported,
    /// Job violates accounting/QOS policy.
    Policy,
    /// Invalid job update specification.
    InvalidUpdate,
    /// The journal cannot be written.
    Journal,
    /// A job that was asked for with `Allocate` was cancelled before it had its allocation.
    Revoked,
    /// A component of a heterogeneous job is to be treated alone where only the whole job can be.
    NotWholeHetJob,
    /// More jobs or watchers than the controller keeps.
    TooMany,
    /// The configuration file cannot be read, or says what cannot be.
    Configuration,
}
