//! What the controller answers.

use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::wire::launch::Secret;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::refusal::{ErrorCode, Refusal};
use super::view::{ClusterView, JobView, NodeView, PartitionView};
use crate::layout::plan::Plan;

/// A step that has its CPUs but not yet its ranks' programs and files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepCreated {
    /// Which step.
    pub key: StepKey,
    /// Its secret.
    pub secret: Secret,
    /// Where its ranks go.
    pub plan: Plan,
    /// Address of each node of the plan (`unix:PATH`, `HOST:PORT`), same order.
    pub addresses: Vec<String>,
    /// The job as it is; of several components the first, with what all of them hold.
    pub job: Box<JobView>,
    /// Milliseconds between TERM and KILL when the step is ended (`KillWait`).
    pub kill_wait_ms: u64,
    /// What the user should read (`warning: can't run 2 processes on 3 nodes, …`), without the command's name.
    pub warnings: Vec<String>,
    /// Its parts, where it is over several components of a heterogeneous job; else empty.
    #[serde(default)]
    pub parts: Vec<StepPart>,
}

/// What a component has of a step over several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPart {
    /// The step as it is known in the component.
    pub key: StepKey,
    /// Its ranks come one after the other, after those of the parts before it: how many.
    pub ranks: u32,
}

/// What the controller answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// The job's number.
    Submitted {
        /// The first component's.
        job: JobId,
        /// What the user should read, without prefix.
        warnings: Vec<String>,
    },
    /// When and where the job would start.
    WouldStart {
        /// Number it would have.
        job: JobId,
        /// Unix seconds.
        at: i64,
        /// CPUs.
        cpus: u32,
        /// Nodes, compressed.
        nodes: String,
        /// Partition.
        partition: String,
    },
    /// Waiting for resources.
    Pending {
        /// The job.
        job: JobId,
        /// Why, in Slurm's word (`Resources`, `Priority`).
        reason: String,
    },
    /// The allocation of a job asked for with `Allocate`.
    Allocated {
        /// The job.
        job: Box<JobView>,
        /// What the user should read, without prefix.
        warnings: Vec<String>,
        /// The other components of a heterogeneous job.
        #[serde(default)]
        others: Vec<JobView>,
    },
    /// A step has its CPUs.
    StepCreated(Box<StepCreated>),
    /// How to attach to a step.
    Step(Box<StepAttach>),
    /// A job as it is now; more follow.
    Job(Box<JobView>),
    /// A job has ended.
    Ended {
        /// As it ended.
        job: Box<JobView>,
    },
    /// The cluster as it is now.
    Cluster(Box<ClusterView>),
    /// Jobs by id.
    Jobs(Vec<JobView>),
    /// Jobs by id, and more of them to come: the last part is `Jobs`. Clients put the parts together.
    MoreJobs(Vec<JobView>),
    /// Nodes in the cluster's order.
    Nodes(Vec<NodeView>),
    /// Partitions in the cluster's order.
    Partitions(Vec<PartitionView>),
    /// Configuration as `scontrol show config` names it.
    Config(Vec<(String, String)>),
    /// The controller is there.
    Pong {
        /// Host.
        host: String,
    },
    /// What a signal did, for `scancel -v` and its errors: a job as named, and `None` or the error.
    Signalled(Vec<(String, Option<ErrorCode>)>),
    /// A job script.
    Script(ByteBuf),
    /// Done, nothing to say.
    Done,
    /// Refused.
    Error(Refusal),
}

/// What a launcher needs to attach to a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepAttach {
    /// The step that it was launched as: of a part, the first part.
    pub key: StepKey,
    /// Its secret.
    pub secret: Secret,
    /// Where its ranks are.
    pub plan: Plan,
    /// Address of each node of the plan.
    pub addresses: Vec<String>,
}
