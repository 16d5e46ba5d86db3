//! What Slurm's errors are called (`slurm_strerror` of 24.11): programs look for these texts.

use super::api::ErrorCode;

impl ErrorCode {
    /// Whether it says all, so that no `Batch job submission failed: ` or the like goes before it.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        self == Self::InvalidGres
    }

    /// Slurm's text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::InvalidPartition => "Invalid partition name specified",
            Self::NoPartition => "No partition specified or system default partition",
            Self::PartitionNotAvailable => "Requested partition configuration not available now",
            Self::NodeConfig => "Requested node configuration is not available",
            Self::NodeCount => "Node count specification invalid",
            Self::InvalidNodeName => "Invalid node name specified",
            Self::TooManyCpus => "More processors requested than permitted",
            Self::InvalidTaskMemory => "Memory required by task is not available",
            Self::CpuCount => "CPU count per node can not be satisfied",
            Self::NodesBusy => "Requested nodes are busy",
            Self::InvalidFeature => "Invalid feature specification",
            Self::InvalidGres => "Invalid generic resource (gres) specification",
            Self::InvalidLicenses => "Invalid license specification",
            Self::InvalidArray => "Invalid job array specification",
            Self::Dependency => "Job dependency problem",
            Self::CircularDependency => "Circular job dependency",
            Self::InvalidTimeLimit => "Requested time limit is invalid (missing or exceeds some limit)",
            Self::InvalidTimeMin => "Invalid time-min specification (exceeds job's time or other limits)",
            Self::InvalidJobId => "Invalid job id specified",
            Self::AlreadyDone => "Job/step already completing or completed",
            Self::JobFinished => "Job has already finished",
            Self::JobHeld => "Job is in held state, pending scheduler release",
            Self::NotSuspended => "Job is not suspended",
            Self::InvalidPrefer => "Invalid preferred feature specification",
            Self::JobPending => "Job is pending execution",
            Self::NotPending => "Job is no longer pending execution",
            Self::Disabled => "Requested operation is presently disabled",
            Self::AccessDenied => "Access/permission denied",
            Self::PartitionDown => "Required partition not available (inactive or drain)",
            Self::InvalidAccount => "Invalid account or account/partition combination specified",
            Self::InvalidQos => "Invalid qos specification",
            Self::InvalidReservation => "Requested reservation is invalid",
            Self::InvalidTaskCount => "Task count specification invalid",
            Self::StepsBusy => "Requested nodes are busy",
            Self::StepOptions => "Invalid job step options",
            Self::Unspecified => "Unspecified error",
            Self::NoScript => "Job script not available",
            Self::NotRequeueable => "Requested operation not supported on this job",
            Self::NotSupported => "Requested operation not supported on this system",
            Self::Policy => {
                "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
            }
            Self::InvalidUpdate => "Invalid job update specification",
            Self::Journal => "Unable to save the job: the controller's journal cannot be written",
            Self::Revoked => "Job allocation has been revoked",
            Self::NotWholeHetJob => "Operation not permitted on individual component of heterogeneous job",
            Self::Configuration => "Unable to process configuration file",
            Self::TooMany => "Slurm temporarily unable to accept job",
        }
    }
}
