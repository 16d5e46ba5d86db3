//! What clients (every command) say to the controller, and what it answers.
//!
//! A client sends [`Call`]s and gets [`Answer`]s that carry the call's number. Every call gets exactly one
//! answer, but `Allocate` and `CreateStep` may get [`Reply::Pending`] before it, and `WatchJob` gets many. A job or step that was asked
//! for over a connection with `Allocate` ends with that connection.

use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::wire::launch::{Secret, StepLaunch};
use prun_runtime::wire::step::Exit;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::layout::plan::{Allocation, Plan};
use crate::script::spec::{JobSpec, StepSpec};

/// A request with its number on this connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the client.
    pub id: u64,
    /// What it wants.
    pub request: Request,
}

/// A reply to the call of the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The call's number.
    pub id: u64,
    /// What the controller says.
    pub reply: Reply,
}

/// One verb a variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// `sbatch`. Answer: `Submitted`.
    Submit(Box<Submission>),
    /// `sbatch --test-only`. Answer: `WouldStart`.
    TestOnly(Box<Submission>),
    /// `salloc`, or `srun` without a job. Answer: `Allocated`, or `Pending` first; an error later when it was
    /// cancelled meanwhile ([`ErrorCode::Revoked`]) or `--immediate` has waited long enough.
    Allocate(Box<Submission>),
    /// Gives an allocation back (`salloc` ends, `srun` ends) with the exit code of its command. Answer: `Done`.
    Release {
        /// The job.
        job: JobId,
        /// Wait status.
        exit: Exit,
    },
    /// `salloc --no-shell`: an allocation asked for over this connection outlives it. Answer: `Done`.
    Keep {
        /// The job.
        job: JobId,
    },
    /// `srun`: a step in a job. Answer: `Pending` when CPUs are busy, then `StepCreated`.
    CreateStep(Box<StepRequest>),
    /// `srun`: everything is known now, start the ranks. Answer: `Done` once handed to the nodes.
    LaunchStep(Box<StepStart>),
    /// What a launcher needs to attach (`sattach`). Answer: `Step`.
    AttachStep {
        /// Which.
        key: StepKey,
    },
    /// Wait until the job has ended. Answer: `Ended`.
    WaitJob {
        /// The job.
        job: JobId,
    },
    /// A job as it goes. Answers: `Job` now and after each change, at last `Ended`.
    WatchJob {
        /// The job.
        job: JobId,
    },
    /// The cluster as it goes. Answer: `Cluster`, at once where nothing was seen yet; else when it is no longer as it
    /// was seen, a few times a second at most. Whoever has shown it asks again.
    WatchCluster {
        /// The number of the picture that the client has.
        seen: Option<u64>,
    },
    /// Jobs with their steps. Answer: `Jobs`, ordered by id.
    Jobs {
        /// Ended ones that are out of `squeue`'s sight too (`sacct`).
        history: bool,
    },
    /// Answer: `Nodes`.
    Nodes,
    /// Answer: `Partitions`.
    Partitions,
    /// Answer: `Config`.
    Config,
    /// Answer: `Pong`.
    Ping,
    /// `scancel`, `scancel --signal`. Answer: `Signalled`.
    Signal(SignalRequest),
    /// `scontrol hold|uhold|release|requeue|requeuehold|suspend|resume|top`. Answer: `Done`.
    Act {
        /// Which jobs or elements.
        job: JobRef,
        /// What.
        action: Action,
    },
    /// `scontrol update jobid=…`: `KEY=VALUE` pairs as written. Answer: `Done`.
    UpdateJob {
        /// Which.
        job: JobRef,
        /// Lower-case key, value.
        changes: Vec<(String, String)>,
    },
    /// `scontrol update nodename=…`. Answer: `Done`.
    UpdateNode {
        /// Which, expanded.
        nodes: Vec<String>,
        /// Lower-case key, value.
        changes: Vec<(String, String)>,
    },
    /// `scontrol update partitionname=…`. Answer: `Done`.
    UpdatePartition {
        /// Which.
        partition: String,
        /// Lower-case key, value.
        changes: Vec<(String, String)>,
    },
    /// `scontrol write batch_script`. Answer: `Script`.
    Script {
        /// Which.
        job: JobId,
    },
    /// Ends the controller after its jobs are stopped. Answer: `Done`.
    Shutdown,
}

/// Who a request comes from, and what is submitted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Submission {
    /// What is asked for; more than one is a heterogeneous job.
    pub components: Vec<JobSpec>,
    /// The script with its name as shown (`Command=`), for batch jobs.
    pub script: Option<Script>,
    /// The environment at submission (already filtered by `--export`).
    pub env: Vec<(ByteBuf, ByteBuf)>,
    /// Who submits.
    pub submitter: Submitter,
    /// The script's output, where the script names no file for it, stays in its step's log for the launcher that
    /// attaches to it (`prun job.sh`).
    pub streams: bool,
}

/// A job script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The file as named in `Command=`, absolute; for `--wrap` and stdin the name is as Slurm shows it.
    pub path: String,
    /// Its bytes.
    pub content: ByteBuf,
    /// Arguments after the script's name.
    pub args: Vec<ByteBuf>,
}

/// The process that submits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Submitter {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// User name.
    pub user: String,
    /// Group name.
    pub group: String,
    /// Host of submission.
    pub host: String,
    /// Session id of the submitting process (`AllocNode:Sid`).
    pub sid: u32,
    /// File mode creation mask.
    pub umask: u32,
    /// Soft limits to propagate, as [`StepLaunch::rlimits`].
    pub rlimits: Vec<(String, u64)>,
    /// The command line as typed (`SubmitLine`).
    pub command_line: String,
}

/// `srun` inside a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepRequest {
    /// The job.
    pub job: JobId,
    /// Resources of the step. Only what was asked of this step: what comes from the job is the controller's to fill in.
    pub spec: JobSpec,
    /// How tasks run.
    pub step: StepSpec,
    /// Name shown for the step.
    pub name: String,
    /// The command line that asks for it.
    #[serde(default)]
    pub command_line: String,
    /// Do not wait for free CPUs: refuse instead (`--immediate`).
    pub immediate: bool,
}

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
    /// The job as it is.
    pub job: Box<JobView>,
    /// Milliseconds between TERM and KILL when the step is ended (`KillWait`).
    pub kill_wait_ms: u64,
    /// What the user should read (`warning: can't run 2 processes on 3 nodes, …`), without the command's name.
    pub warnings: Vec<String>,
}

/// The launch of a created step. One for each distinct address, nodes split accordingly by the launcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepStart {
    /// The launch with all nodes of the step; the controller splits it by rank server.
    pub launch: StepLaunch,
}

/// A job as named by a user: `12`, `12_3`, `12_[1-4]`, `12+1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    /// The number.
    pub job: JobId,
    /// Array elements, if only some.
    pub elements: Option<Vec<u32>>,
    /// Component of a heterogeneous job.
    pub component: Option<u32>,
}

/// `scancel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalRequest {
    /// Jobs named; empty: all that the filter leaves.
    pub jobs: Vec<JobRef>,
    /// A step of the (single) job named.
    pub step: Option<prun_runtime::ids::StepId>,
    /// `None` cancels.
    pub signal: Option<i32>,
    /// `--batch`: only the script.
    pub batch: bool,
    /// `--full`: script and steps.
    pub full: bool,
    /// Filters: name, partition, account, qos, state (long form), user, nodelist, reservation, wckey.
    pub filter: SignalFilter,
}

/// The filters of `scancel`; empty ones do not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SignalFilter {
    /// `--name`.
    pub name: Option<String>,
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--qos`.
    pub qos: Option<String>,
    /// `--state`.
    pub state: Option<JobState>,
    /// `--user`.
    pub user: Option<String>,
    /// `--nodelist`, expanded.
    pub nodes: Vec<String>,
    /// `--reservation`.
    pub reservation: Option<String>,
    /// `--wckey`.
    pub wckey: Option<String>,
}

/// What can be done to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// `hold`.
    Hold,
    /// `uhold`.
    UserHold,
    /// `release`.
    Release,
    /// `requeue`.
    Requeue,
    /// `requeuehold`.
    RequeueHold,
    /// `suspend`.
    Suspend,
    /// `resume`.
    Resume,
    /// `top`.
    Top,
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
}

/// What a launcher needs to attach to a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepAttach {
    /// Its secret.
    pub secret: Secret,
    /// Where its ranks are.
    pub plan: Plan,
    /// Address of each node of the plan.
    pub addresses: Vec<String>,
}

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
