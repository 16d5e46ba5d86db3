//! Jobs, steps, nodes and partitions as commands see them.

use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::net::address::Address;
use prun_runtime::wire::step::Exit;
use serde::{Deserialize, Serialize};

use super::request::Submitter;
use crate::layout::plan::{Allocation, Plan};
use crate::script::spec::JobSpec;

/// A job's state, without the flags that `scontrol` shows beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobState {
    /// PENDING.
    Pending,
    /// RUNNING.
    Running,
    /// SUSPENDED.
    Suspended,
    /// COMPLETING.
    Completing,
    /// COMPLETED.
    Completed,
    /// CANCELLED.
    Cancelled,
    /// FAILED.
    Failed,
    /// TIMEOUT.
    Timeout,
    /// NODE_FAIL.
    NodeFail,
    /// PREEMPTED.
    Preempted,
    /// OUT_OF_MEMORY.
    OutOfMemory,
    /// DEADLINE.
    Deadline,
    /// REQUEUED, as accounting keeps the run before.
    Requeued,
}

/// A job as commands see it. Pending elements of one array are one record (`array.elements` names them); a
/// running or ended element is a record of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobView {
    /// Its number (`JobIdRaw`).
    pub id: JobId,
    /// The cluster's name.
    pub cluster: String,
    /// The array it belongs to.
    pub array: Option<ArrayView>,
    /// Its place in a heterogeneous job.
    #[serde(default)]
    pub het: Option<HetView>,
    /// What was asked for.
    pub spec: JobSpec,
    /// Name shown.
    pub name: String,
    /// Partition: the one it runs in, or all asked for, joined by commas.
    pub partition: String,
    /// Account shown.
    pub account: String,
    /// QOS shown.
    pub qos: String,
    /// Who submitted.
    pub submitter: Submitter,
    /// State.
    pub state: JobState,
    /// Why it waits or how it ended, in Slurm's word (`None`, `Resources`, `JobHeldUser`, `NonZeroExitCode`).
    pub reason: String,
    /// User that cancelled it.
    pub cancelled_by: Option<u32>,
    /// Current priority; 0 is held.
    pub priority: u32,
    /// Least and most nodes as they are shown; most is 0 where nothing bounds them.
    pub node_range: (u32, u32),
    /// Least nodes asked for, after defaults.
    #[serde(default)]
    pub nodes_asked: u32,
    /// Memory of a node in MiB, with which accounting counts a job that asks for none.
    #[serde(default)]
    pub node_memory_mb: u64,
    /// CPUs held or wanted.
    pub cpus: u32,
    /// Tasks after defaults.
    pub ntasks: u32,
    /// Memory wanted in MiB a node or a CPU, after defaults; `None`: none asked.
    pub memory: Option<crate::script::spec::Memory>,
    /// Time limit in minutes, after the partition's default; `None`: no limit.
    pub time_limit: Option<u32>,
    /// What it holds or held.
    pub allocation: Option<Allocation>,
    /// Nodes that it will start on, if known (`SchedNodeList`).
    pub planned_nodes: Option<String>,
    /// Unix seconds with fractions: submission.
    pub submit_time: f64,
    /// When it became able to run.
    pub eligible_time: Option<f64>,
    /// When it started, or is expected to.
    pub start_time: Option<f64>,
    /// When it ended, or will by its limit.
    pub end_time: Option<f64>,
    /// When it was suspended last.
    pub suspend_time: Option<f64>,
    /// Seconds that it was suspended in all.
    pub suspended_secs: f64,
    /// When the scheduler looked at it last.
    pub last_sched_eval: Option<f64>,
    /// Exit code of the script, and the highest of its steps (`DerivedExitCode`).
    pub exit: Exit,
    /// The highest exit of its steps.
    pub derived_exit: Exit,
    /// Times it was requeued.
    pub restarts: u32,
    /// Script as shown in `Command=`, with arguments; `None` for allocations.
    pub command: Option<String>,
    /// Whether it is a batch job.
    pub batch: bool,
    /// Output paths, absolute, patterns expanded as far as the job is known; empty where its launcher shows the output.
    pub stdout: String,
    /// Error path.
    pub stderr: String,
    /// Input path.
    pub stdin: String,
    /// What it still waits for, as `--dependency` would be written with states (`afterok:12(unfulfilled)`).
    pub dependency: Option<String>,
    /// Its steps, batch first.
    pub steps: Vec<StepView>,
}

/// A cluster as a whole, within bounds that suit a screen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterView {
    /// Number of this picture of it, which the next question names.
    pub seen: u64,
    /// Jobs that hold nodes, by id; then those that wait, in the queue's order; then those that ended, the last first.
    /// Only steps that run have their plan and what their tasks used.
    pub jobs: Vec<JobView>,
    /// Jobs that found no place in the list.
    pub jobs_left_out: usize,
    /// Nodes in the cluster's order.
    pub nodes: Vec<NodeView>,
    /// Nodes that found no place in the list.
    pub nodes_left_out: usize,
}

/// A job's place in an array.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArrayView {
    /// Number of the array (`ArrayJobId`).
    pub id: JobId,
    /// The element, for one that runs or ran.
    pub element: Option<u32>,
    /// Elements that still wait, as shown (`3-7:2%4`), for the record of the pending ones.
    pub pending: Option<String>,
    /// Elements that still wait.
    pub elements: Vec<u32>,
    /// `%N`.
    pub limit: Option<u32>,
}

/// A component's place in a heterogeneous job. Its components have consecutive numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HetView {
    /// Number of the first component, which runs the script (`HetJobId`).
    pub leader: JobId,
    /// How many components are before this one (`HetJobOffset`).
    pub offset: u32,
    /// Components in all.
    pub size: u32,
}

/// A step as commands see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepView {
    /// Which.
    pub key: StepKey,
    /// Name.
    pub name: String,
    /// State.
    pub state: JobState,
    /// User that cancelled it.
    pub cancelled_by: Option<u32>,
    /// Exit.
    pub exit: Exit,
    /// When it started, Unix seconds.
    pub start_time: f64,
    /// When it ended.
    pub end_time: Option<f64>,
    /// Time limit in minutes.
    pub time_limit: Option<u32>,
    /// Where its ranks are.
    pub plan: Plan,
    /// Tasks.
    pub ntasks: u32,
    /// CPUs.
    pub cpus: u32,
    /// `--distribution`.
    pub distribution: String,
    /// The command line that asked for it; empty for the script.
    #[serde(default)]
    pub command_line: String,
    /// What each ended task used, by rank: for `sacct`.
    pub usage: Vec<(u32, Exit)>,
}

/// A node as commands see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeView {
    /// What it registered with.
    pub facts: prun_runtime::wire::node::NodeFacts,
    /// Whether its rank server is there.
    pub up: bool,
    /// Set down by hand.
    pub down: bool,
    /// Takes no new jobs.
    pub drain: bool,
    /// Why it is down or drained, who said so (user, uid) and when (Unix seconds).
    pub reason: Option<(String, String, u32, f64)>,
    /// CPUs held by jobs.
    pub cpus_allocated: u32,
    /// Memory held by jobs in MiB.
    pub memory_allocated: u64,
    /// Partitions it belongs to.
    pub partitions: Vec<String>,
    /// Features.
    pub features: Vec<String>,
    /// Generic resources: name and count.
    pub gres: Vec<(String, u64)>,
    /// Nodes of less weight are taken first.
    #[serde(default)]
    pub weight: u32,
    /// Generic resources held by jobs.
    pub gres_allocated: Vec<(String, u64)>,
    /// Load of the machine times 100, if known.
    pub load: Option<u32>,
    /// Free memory in MiB, if known.
    pub free_mb: Option<u64>,
    /// When its rank server started, Unix seconds.
    pub start_time: f64,
    /// When it was busy last.
    pub last_busy: f64,
}

impl NodeView {
    /// Host and port of its rank server, as Slurm's commands show them; one that has only a Unix socket has port 0.
    #[must_use]
    pub fn host_and_port(&self) -> (String, String) {
        match self.facts.address.parse() {
            Ok(Address::Tcp { host, port }) => (host, port.to_string()),
            Ok(Address::Unix(_)) | Err(_) => (self.facts.address.clone(), "0".to_owned()),
        }
    }
}

/// A partition as commands see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartitionView {
    /// Its name.
    pub name: String,
    /// Whether jobs go here that name none.
    pub is_default: bool,
    /// `UP`, `DOWN`, `DRAIN`, `INACTIVE`.
    pub state: String,
    /// Its nodes.
    pub nodes: Vec<String>,
    /// Largest time limit in minutes.
    pub max_time: Option<u32>,
    /// Time limit of jobs that ask for none, in minutes.
    pub default_time: Option<u32>,
    /// Most nodes a job may have.
    pub max_nodes: Option<u32>,
    /// Least nodes a job must have.
    pub min_nodes: u32,
    /// CPUs.
    pub cpus: u32,
    /// Memory of its nodes in MiB.
    pub memory_mb: u64,
    /// Memory of jobs that ask for none, a CPU or a node in MiB.
    pub default_memory: Option<crate::script::spec::Memory>,
    /// Most memory a CPU or a node in MiB.
    pub max_memory: Option<crate::script::spec::Memory>,
    /// `NO`, `EXCLUSIVE`, `YES:4`, `FORCE:4`.
    pub over_subscribe: String,
    /// `PriorityTier`.
    pub priority_tier: u32,
}
