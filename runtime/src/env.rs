//! The table of variables that prun itself reads or sets. (Slurm's own are set where job and step are known.)

/// Path of the Unix socket through which a job's processes reach the controller and their step.
pub const SOCKET: &str = "PRUN_SOCKET";
/// Socket of the step process itself, where it has one: it is there also while the rank server is not.
pub const STEP_SOCKET: &str = "PRUN_STEP_SOCKET";
/// Order of output: `rank`, `auto`, `line` or `none`.
pub const ORDER: &str = "PRUN_ORDER";
/// Seconds that `auto` holds back output of a later rank.
pub const ORDER_HOLD: &str = "PRUN_ORDER_HOLD";
/// Seconds that every rank of a step has to be blocked before each one's call is told, once; 0: never.
pub const DEADLOCK_SECS: &str = "PRUN_DEADLOCK_SECS";
/// The step's secret, in hexadecimal.
pub const STEP_SECRET: &str = "PRUN_STEP_SECRET";
/// The job's number.
pub const JOB: &str = "PRUN_JOB_ID";
/// The step's number.
pub const STEP: &str = "PRUN_STEP_ID";
/// The task's rank.
pub const RANK: &str = "PRUN_RANK";
/// Ranks of the step.
pub const SIZE: &str = "PRUN_SIZE";
/// The task's number on its node.
pub const LOCAL_RANK: &str = "PRUN_LOCAL_RANK";
/// Tasks of the step on this node.
pub const LOCAL_SIZE: &str = "PRUN_LOCAL_SIZE";
/// The node's name.
pub const NODE: &str = "PRUN_NODE";
/// Address of the controller for commands outside of a job: `unix:PATH` or `tcp://HOST:PORT`.
pub const CONTROLLER: &str = "PRUN_CONTROLLER";
/// File with the cluster's key, which every link over TCP needs.
pub const KEY: &str = "PRUN_KEY";
/// What reaches other hosts (`--hosts`) in the place of `ssh`; blanks separate its words: `ssh -p 2222 -F FILE`.
pub const SSH: &str = "PRUN_SSH";
/// Seconds without an answer after which a command asks whether the controller is still there; after as many more it
/// gives up.
pub const MESSAGE_TIMEOUT: &str = "PRUN_MSG_TIMEOUT";
/// Where programs are searched; Slurm's command names are put first.
pub const PATH: &str = "PATH";
/// The task's own process id, as Slurm names it.
pub const SLURM_TASK_PID: &str = "SLURM_TASK_PID";
/// The node's name, as Slurm names it.
pub const SLURMD_NODENAME: &str = "SLURMD_NODENAME";
/// Where temporary files go.
pub const TMPDIR: &str = "TMPDIR";
/// Which of Slurm's scripts a program is run as: `prolog_task`, `epilog_srun`, ….
pub const SLURM_SCRIPT_CONTEXT: &str = "SLURM_SCRIPT_CONTEXT";
/// A PMIx library to load for `--mpi=pmix`, before all others.
pub const LIBPMIX: &str = "PRUN_LIBPMIX";
/// Number of the socket over which an MPI library speaks PMI.
pub const PMI_FD: &str = "PMI_FD";
/// The task's rank, for PMI.
pub const PMI_RANK: &str = "PMI_RANK";
/// Ranks of the step, for PMI.
pub const PMI_SIZE: &str = "PMI_SIZE";
/// The step's name, for PMI-2.
pub const PMI_JOBID: &str = "PMI_JOBID";
/// The task's number on its node, as Hydra names it.
pub const MPI_LOCALRANKID: &str = "MPI_LOCALRANKID";
/// Tasks of the step on this node, as Hydra names it.
pub const MPI_LOCALNRANKS: &str = "MPI_LOCALNRANKS";
/// What an MPI launcher around prun has set for its own ranks. A library that found it would look for the wrong
/// launcher, and some end where they find variables of both PMI and PMIx.
pub const MPI_LAUNCHERS: &[&str] = &[
    PMI_FD,
    PMI_RANK,
    PMI_SIZE,
    PMI_JOBID,
    "PMI_PORT",
    "PMI_ID",
    "PMI_SPAWNED",
    MPI_LOCALRANKID,
    MPI_LOCALNRANKS,
    "PMIX_NAMESPACE",
    "PMIX_RANK",
    "PMIX_SERVER_URI",
    "PMIX_SERVER_URI2",
    "PMIX_SERVER_URI21",
    "PMIX_SERVER_URI3",
    "PMIX_SERVER_URI4",
    "PMIX_SERVER_URI41",
    "PMIX_SERVER_URI51",
    "PMIX_SECURITY_MODE",
    "PMIX_BFROP_BUFFER_TYPE",
    "PMIX_GDS_MODULE",
    "PMIX_HOSTNAME",
    "PMIX_VERSION",
];
