//! What clients ask.

use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::step::Exit;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::view::JobState;
use crate::script::spec::{JobSpec, StepSpec};

/// One verb a variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// `sbatch`. Answer: `Submitted`.
    Submit(Box<Submission>),
    /// `sbatch --test-only`. Answer: `WouldStart`.
    TestOnly(Box<Submission>),
    /// `salloc`, or `srun` without a job. Answer: `Allocated`, or `Pending` first; an error later when it was
    /// cancelled meanwhile ([`super::ErrorCode::Revoked`]) or `--immediate` has waited long enough.
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
    /// `salloc` or `srun` whose controller was away: what was asked for with `Allocate` is waited for here from now on.
    /// Answer: as of `Allocate`; an error where the job has ended.
    Reclaim {
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
    /// `scontrol reconfigure`: the configuration file is read again. Answer: `Done`; an error with its mistakes, and all stays
    /// as it was.
    Reconfigure,
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
    /// `prun backup`: a copy of the journal, on the controller's host. Answer: `Done`.
    Backup {
        /// A new file, absolute.
        path: String,
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
    /// The same of the other components of a heterogeneous job that the step is over, which it can only start in all at
    /// once; ranks are counted in this order.
    #[serde(default)]
    pub others: Vec<StepRequest>,
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
