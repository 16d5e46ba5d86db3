//! What a job asks for, typed: the end of reading a script, a command line and the input variables.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// One job as asked for by `sbatch`, `salloc`, `srun` or `prun`. `None` and empty mean: not asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSpec {
    /// `--job-name`, or what the command makes of it (script name, `wrap`, program).
    pub name: Option<String>,
    /// `--partition`, one or several.
    pub partition: Vec<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--qos`.
    pub qos: Option<String>,
    /// `--reservation`.
    pub reservation: Option<String>,
    /// `--comment`.
    pub comment: Option<String>,
    /// `scontrol update AdminComment=`.
    pub admin_comment: Option<String>,
    /// `--wckey`.
    pub wckey: Option<String>,
    /// `--nodes`: least and most.
    pub nodes: Option<(u32, u32)>,
    /// `--ntasks`.
    pub ntasks: Option<u32>,
    /// `--ntasks-per-node`.
    pub ntasks_per_node: Option<u32>,
    /// `--ntasks-per-socket`.
    pub ntasks_per_socket: Option<u32>,
    /// `--ntasks-per-core`.
    pub ntasks_per_core: Option<u32>,
    /// `--ntasks-per-gpu`.
    pub ntasks_per_gpu: Option<u32>,
    /// `--cpus-per-task`.
    pub cpus_per_task: Option<u32>,
    /// `--mincpus`.
    pub min_cpus: Option<u32>,
    /// `--sockets-per-node`, `--cores-per-socket`, `--threads-per-core`, `-B`.
    pub geometry: (Option<u32>, Option<u32>, Option<u32>),
    /// `--mem`, `--mem-per-cpu`, `--mem-per-gpu`.
    pub memory: Option<Memory>,
    /// `--tmp` in MiB.
    pub tmp_mb: Option<u64>,
    /// `--nodelist` (or the file of `--nodefile`): names in the order written.
    pub nodelist: Vec<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--constraint`.
    pub constraint: Option<String>,
    /// `--contiguous`.
    pub contiguous: bool,
    /// `--exclusive`, `--oversubscribe`.
    pub sharing: Option<Sharing>,
    /// `--overcommit`.
    pub overcommit: bool,
    /// `--spread-job`.
    pub spread: bool,
    /// `--use-min-nodes`.
    pub use_min_nodes: bool,
    /// `--distribution`.
    pub distribution: Option<Distribution>,
    /// `--hint`.
    pub hint: Option<String>,
    /// `--gres`, `--gpus*` as `(name, type, count, per what)`.
    pub gres: Vec<Gres>,
    /// `--licenses`.
    pub licenses: Option<String>,
    /// `--time` in minutes; `Some(None)` is no limit.
    pub time_limit: Option<Option<u32>>,
    /// `--time-min` in minutes.
    pub time_min: Option<u32>,
    /// `--begin`, Unix seconds.
    pub begin: Option<i64>,
    /// `--deadline`, Unix seconds.
    pub deadline: Option<i64>,
    /// `--immediate` in seconds; `Some(0)` is at once.
    pub immediate: Option<u32>,
    /// `--dependency`.
    pub dependency: Option<Dependency>,
    /// `--kill-on-invalid-dep`.
    pub kill_on_invalid_dep: Option<bool>,
    /// `--array`.
    pub array: Option<ArraySpec>,
    /// `--hold`.
    pub hold: bool,
    /// `--priority`.
    pub priority: Option<u32>,
    /// `--nice`.
    pub nice: i32,
    /// `--requeue`, `--no-requeue`.
    pub requeue: Option<bool>,
    /// `--no-kill`.
    pub no_kill: bool,
    /// `--reboot`.
    pub reboot: bool,
    /// `--signal`.
    pub signal: Option<SignalSpec>,
    /// `--mail-type`, `--mail-user`.
    pub mail_type: Vec<String>,
    /// `--mail-user`.
    pub mail_user: Option<String>,
    /// `--output`, as written: patterns are expanded where job and node are known.
    pub stdout: Option<String>,
    /// `--error`, as written.
    pub stderr: Option<String>,
    /// `--input`, as written.
    pub stdin: Option<String>,
    /// `--open-mode=append`.
    pub append: Option<bool>,
    /// Working directory, absolute.
    pub work_dir: ByteBuf,
    /// Directory of submission, absolute.
    pub submit_dir: ByteBuf,
    /// `--export`.
    pub export: Export,
    /// `--get-user-env`.
    pub get_user_env: bool,
    /// `--propagate` as written.
    pub propagate: Option<String>,
    /// `--network` as written.
    pub network: Option<String>,
    /// `--cpu-freq` as written.
    pub cpu_freq: Option<String>,
    /// Options that prun knows and leaves without effect, as `(name, value)`, for `scontrol` and for warnings.
    pub without_effect: Vec<(String, String)>,
}

impl JobSpec {
    /// What the next component of a heterogeneous job begins with: the same job, but not the resources of this
    /// component (`slurm_opt.c` of 24.11 resets them on each pass).
    #[must_use]
    pub fn next_component(&self) -> Self {
        Self {
            partition: Vec::new(),
            nodes: None,
            ntasks: None,
            ntasks_per_node: None,
            ntasks_per_socket: None,
            ntasks_per_core: None,
            ntasks_per_gpu: None,
            cpus_per_task: None,
            min_cpus: None,
            geometry: (None, None, None),
            // A node's memory stays.
            memory: self.memory.filter(|memory| matches!(memory, Memory::PerNode(_))),
            tmp_mb: None,
            nodelist: Vec::new(),
            constraint: None,
            contiguous: false,
            sharing: None,
            overcommit: false,
            spread: false,
            use_min_nodes: false,
            gres: Vec::new(),
            licenses: None,
            // The user hears of the first component only.
            mail_type: Vec::new(),
            mail_user: None,
            ..self.clone()
        }
    }
}

/// Memory asked for, in MiB; 0 means all of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Memory {
    /// `--mem`.
    PerNode(u64),
    /// `--mem-per-cpu`.
    PerCpu(u64),
    /// `--mem-per-gpu`.
    PerGpu(u64),
}

/// Whether a job's nodes are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sharing {
    /// `--exclusive`.
    Exclusive,
    /// `--exclusive=user`.
    User,
    /// `--exclusive=mcs`.
    Mcs,
    /// `--exclusive=topo`.
    Topo,
    /// `--oversubscribe`.
    Shared,
}

/// `--distribution`: over nodes, then over sockets and cores; `,Pack`/`,NoPack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// How ranks go over nodes.
    pub nodes: NodeDistribution,
    /// How they go over sockets, as written (`block`, `cyclic`, `fcyclic`).
    pub sockets: Option<InnerDistribution>,
    /// How they go over cores.
    pub cores: Option<InnerDistribution>,
    /// `Pack` or `NoPack`.
    pub pack: Option<bool>,
}

/// The first level of `--distribution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum NodeDistribution {
    #[default]
    /// `*`: as the cluster does it.
    Default,
    /// Fill a node, then the next.
    Block,
    /// Round-robin.
    Cyclic,
    /// Blocks of this size, round-robin.
    Plane(u32),
    /// As the host file says (`SLURM_HOSTFILE`).
    Arbitrary,
}

/// The second and third level of `--distribution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InnerDistribution {
    /// `*`.
    Default,
    /// `block`.
    Block,
    /// `cyclic`.
    Cyclic,
    /// `fcyclic`.
    Fcyclic,
}

/// One generic resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gres {
    /// `gpu`.
    pub name: String,
    /// `a100` of `gpu:a100:2`.
    pub kind: Option<String>,
    /// How many.
    pub count: u64,
    /// Of what.
    pub per: GresPer,
}

/// What a count of a generic resource holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GresPer {
    /// `--gpus`.
    Job,
    /// `--gres`, `--gpus-per-node`.
    Node,
    /// `--gpus-per-socket`.
    Socket,
    /// `--gpus-per-task`.
    Task,
}

/// `--array`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArraySpec {
    /// Element numbers, ascending, each once.
    pub elements: Vec<u32>,
    /// `%N`: how many may run at once.
    pub limit: Option<u32>,
    /// As written, without the limit.
    pub text: String,
}

/// `--dependency`: conditions joined by `,` (all) or `?` (any).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Any of them is enough.
    pub any: bool,
    /// The conditions.
    pub conditions: Vec<DependencyCondition>,
}

/// One condition of `--dependency`, with one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyCondition {
    /// Which.
    pub kind: DependencyKind,
    /// The job; 0 for `singleton`.
    pub job: u32,
    /// An element of an array; `None` is the whole.
    pub element: Option<u32>,
    /// Minutes after (`after:JOB+MINUTES`).
    pub after_minutes: u32,
}

/// Kinds of `--dependency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DependencyKind {
    /// Has started or was cancelled.
    After,
    /// Has ended.
    AfterAny,
    /// Has ended with exit code 0.
    AfterOk,
    /// Has failed.
    AfterNotOk,
    /// The element of the same number has ended well.
    AfterCorr,
    /// Burst buffer stage-out is done.
    AfterBurstBuffer,
    /// No other job of this name and user.
    Singleton,
}

/// `--signal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalSpec {
    /// `B:`: the script only.
    pub batch_only: bool,
    /// `R:`: when a reservation ends.
    pub reservation: bool,
    /// Its number.
    pub signal: i32,
    /// Seconds before the time limit (Slurm's default: 60).
    pub before_secs: u32,
}

/// `--export`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Export {
    /// Not given.
    #[default]
    Default,
    /// `ALL`, with additions.
    All(Vec<String>),
    /// `NONE` or `NIL`.
    None,
    /// Only these names (`K`) and settings (`K=V`).
    Only(Vec<String>),
}

/// What `srun` asks for beside a [`JobSpec`]: how tasks of one step run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StepSpec {
    /// `--label`.
    pub label: bool,
    /// `--unbuffered`.
    pub unbuffered: bool,
    /// `--kill-on-bad-exit`; `None` where neither option nor variable says.
    pub kill_on_bad_exit: Option<bool>,
    /// `--wait` in seconds; 0: for ever.
    pub wait_secs: Option<u32>,
    /// `--exact`.
    pub exact: bool,
    /// `--overlap`.
    pub overlap: bool,
    /// `--whole`.
    pub whole: bool,
    /// `--relative`.
    pub relative: Option<u32>,
    /// `--multi-prog`.
    pub multi_prog: bool,
    /// `--pty`.
    pub pty: bool,
    /// `--bcast[=DEST]`: `Some("")` without a destination.
    pub bcast: Option<String>,
    /// `--cpu-bind` as written.
    pub cpu_bind: Option<String>,
    /// `--mem-bind` as written.
    pub mem_bind: Option<String>,
    /// `--mpi` as written.
    pub mpi: Option<String>,
    /// `--external-launcher`: what runs starts the ranks itself.
    pub external_launcher: bool,
    /// `--jobid`.
    pub job_id: Option<u32>,
    /// `srun` makes the job for this step alone.
    pub own_job: bool,
    /// `--task-prolog`, `--task-epilog`.
    pub task_prolog: Option<String>,
    /// `--task-epilog`.
    pub task_epilog: Option<String>,
    /// `--prolog`.
    pub prolog: Option<String>,
    /// `--epilog`.
    pub epilog: Option<String>,
    /// `--quit-on-interrupt`.
    pub quit_on_interrupt: bool,
    /// `--disable-status`.
    pub disable_status: bool,
    /// `--no-allocate`.
    pub no_allocate: bool,
    /// `--preserve-env`.
    pub preserve_env: bool,
    /// `--slurmd-debug` as written.
    pub slurmd_debug: Option<String>,
    /// `--het-group` as written.
    pub het_group: Option<String>,
    /// `--threads` (launch fan-out), accepted.
    pub threads: Option<u32>,
    /// `--msg-timeout`, accepted.
    pub msg_timeout: Option<u32>,
    /// `--interactive`.
    pub interactive: bool,
    /// `--order` of prun: how ranks' output is ordered.
    pub order: Option<String>,
}
