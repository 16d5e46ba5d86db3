//! What a step process needs to start its ranks: the step, and for each of its nodes the tasks.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::ids::{LaunchId, Launched, Rank, StepKey};

/// One step as one rank server is to start it.
///
/// A rank server may stand for several nodes (the embedded cluster): then `nodes` holds all of those that take
/// part in the step. Paths, program arguments and the environment are bytes, as the system has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLaunch {
    /// Which step.
    pub key: StepKey,
    /// Which launch of it: a rank server starts none twice.
    #[serde(default)]
    pub launch: LaunchId,
    /// Proof that a rank or launcher belongs to this step.
    pub secret: Secret,
    /// Name of the job (`comm` of messages, pty titles).
    pub job_name: String,
    /// Ranks of the whole step.
    pub size: u32,
    /// Nodes of the whole step.
    pub node_count: u32,
    /// Programs of the step: one, or one a line of `--multi-prog`. Tasks name theirs by index.
    pub programs: Vec<Program>,
    /// The environment of every task, complete but for the variables of its node and itself.
    pub env: Vec<(ByteBuf, ByteBuf)>,
    /// Working directory; where it does not exist, `/tmp` is taken and a warning is sent (as Slurm does).
    pub cwd: ByteBuf,
    /// File mode creation mask.
    pub umask: u32,
    /// Soft resource limits by `RLIMIT_*` name without the prefix, in the resource's unit; `u64::MAX` is none.
    pub rlimits: Vec<(String, u64)>,
    /// The job script, for the batch step: written to a private file that takes the place of `argv[0]`.
    pub script: Option<ByteBuf>,
    /// Size of the terminal that task 0 gets (`--pty`): rows, columns.
    pub pty: Option<(u16, u16)>,
    /// Tasks whose stdout is logged write it to a terminal without line discipline, so that programs do not hold it
    /// back (`--unbuffered`).
    #[serde(default)]
    pub unbuffered: bool,
    /// Program that runs before each task; its stdout lines `export K=V`, `unset K`, `print …` act on the task.
    pub task_prolog: Option<ByteBuf>,
    /// Program that runs after each task.
    pub task_epilog: Option<ByteBuf>,
    /// Milliseconds between TERM and KILL when the step is ended.
    pub kill_wait_ms: u64,
    /// Milliseconds that the step goes on without the launcher that owns it; `None`: for ever (batch step).
    pub owner_grace_ms: Option<u64>,
    /// Milliseconds that the step goes on without a rank server, after which the controller has given its job up too
    /// (Slurm's `SlurmdTimeout`); `None`: for ever.
    #[serde(default)]
    pub server_grace_ms: Option<u64>,
    /// Address of the rank server that has the step's first node, where the step's barriers are kept; `None`: here.
    #[serde(default)]
    pub root: Option<String>,
    /// How the MPI libraries of its ranks find one another; `None`: they do not.
    #[serde(default)]
    pub mpi: Option<Mpi>,
    /// What the rank server's nodes are of their machine. Set by the rank server.
    #[serde(default)]
    pub machine: Machine,
    /// Every node of the step with its ranks, in the step's node order; empty: those of `nodes` are all.
    #[serde(default)]
    pub layout: Vec<NodeRanks>,
    /// The nodes of this rank server that take part, in the step's node order.
    pub nodes: Vec<NodeTasks>,
}

impl StepLaunch {
    /// Which step, and which launch of it.
    #[must_use]
    pub fn launched(&self) -> Launched {
        Launched { key: self.key, launch: self.launch }
    }
}

/// What a rank server's nodes are of the machine that they stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Machine {
    /// All of it: tasks are bound to its CPUs.
    #[default]
    Whole,
    /// All of it, with a number of CPUs that somebody has said, a container's for instance: tasks are bound to none.
    Counted,
    /// Several that share it, each with such a number of CPUs.
    Shared,
}

/// Which ranks a node of a step has, and how they are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRanks {
    /// The node's name.
    pub name: String,
    /// Address of its rank server: `unix:PATH` or `HOST:PORT`.
    pub address: String,
    /// Its ranks in order of local rank, as runs: the first rank of each, and how many.
    pub runs: Vec<(u32, u32)>,
}

impl NodeRanks {
    /// A node with these ranks.
    #[must_use]
    pub fn new(name: String, address: String, ranks: impl IntoIterator<Item = u32>) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for rank in ranks {
            match runs.last_mut() {
                Some((first, count)) if first.checked_add(*count) == Some(rank) => *count += 1,
                _ => runs.push((rank, 1)),
            }
        }
        Self { name, address, runs }
    }

    /// Its ranks in order of local rank.
    pub fn ranks(&self) -> impl Iterator<Item = Rank> {
        self.runs.iter().flat_map(|&(first, count)| (first..first.saturating_add(count)).map(Rank))
    }
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// `argv`, never empty.
    pub argv: Vec<ByteBuf>,
}

/// What MPI libraries are told about a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mpi {
    /// What they speak.
    pub kind: MpiKind,
    /// The MPI library that the program is linked with, where it is: its ranks are expected to speak.
    pub linked: Option<String>,
}

/// What an MPI library and its launcher speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MpiKind {
    /// PMI-1 and PMI-2, over an inherited socket (MPICH, Intel MPI, MVAPICH).
    Pmi,
    /// PMIx, by its own library (Open MPI).
    Pmix {
        /// `libpmix.so.2`, where the launcher has found one that belongs to the program.
        library: Option<ByteBuf>,
        /// The user asks for it: where no library is found, the step does not start. Otherwise it is said and goes on.
        required: bool,
    },
}

/// The tasks of a step on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTasks {
    /// The node's name.
    pub name: String,
    /// The node's number within the step, from 0 (`SLURM_NODEID`).
    pub node_id: u32,
    /// Variables that hold for every task on this node, over the step's.
    pub env: Vec<(ByteBuf, ByteBuf)>,
    /// Tasks in order of local rank.
    pub tasks: Vec<TaskLaunch>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLaunch {
    /// Its rank in the step.
    pub rank: Rank,
    /// Its number on its node (`SLURM_LOCALID`).
    pub local_rank: u32,
    /// Index into [`StepLaunch::programs`].
    pub program: u32,
    /// Variables of this task alone.
    pub env: Vec<(ByteBuf, ByteBuf)>,
    /// CPUs of the machine to bind to; empty: as the step process.
    pub cpus: Vec<u32>,
    /// Where its input comes from.
    pub stdin: Input,
    /// Where its output goes.
    pub stdout: Output,
    /// Where its error output goes.
    pub stderr: Output,
}

/// Where a task's input comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// `/dev/null`.
    Null,
    /// A file on the node, resolved against the step's working directory.
    File(ByteBuf),
    /// The launcher sends it.
    Launcher,
}

/// Where a stream of a task's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Nowhere.
    Null,
    /// Into the step process's log, from which launchers pull.
    Log,
    /// Straight into a file on the node, resolved against the step's working directory; missing directories are
    /// made. A file named by several streams of one step is opened once and shared.
    File {
        /// The path, all patterns expanded.
        path: ByteBuf,
        /// Keep what is there.
        append: bool,
    },
    /// Where the task's stdout goes (only for stderr).
    Stdout,
}

/// A step's secret. Its `Debug` form shows nothing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Lower-case hexadecimal, as it stands in `PRUN_STEP_SECRET`.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Reads what [`Secret::to_hex`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}
