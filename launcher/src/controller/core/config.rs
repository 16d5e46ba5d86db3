//! What a cluster is, beside its nodes, which join by themselves.

use jiff::tz::TimeZone;

/// A cluster's configuration. The names are those of `slurm.conf(5)`.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ClusterName`.
    pub cluster: String,
    /// `SlurmctldHost`: where the controller runs.
    pub host: String,
    /// Number of the first job.
    pub first_job: u32,
    /// `KillWait` in seconds: between TERM and KILL.
    pub kill_wait_secs: u32,
    /// `MinJobAge` in seconds: how long `squeue` shows a job that has ended.
    pub min_job_age_secs: u32,
    /// `MaxArraySize`: array elements are numbered below it.
    pub max_array_size: u32,
    /// `SlurmdTimeout` in seconds: how long the jobs of a node live on without its rank server.
    pub node_timeout_secs: u32,
    /// `JobRequeue`: whether batch jobs that do not say may be requeued.
    pub job_requeue: bool,
    /// Partitions; none: one of all nodes, `slurmpar`, without limits.
    pub partitions: Vec<PartitionConfig>,
    /// The zone of times that users write and read.
    pub time_zone: TimeZone,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster: "prun".to_owned(),
            host: "localhost".to_owned(),
            first_job: 1,
            kill_wait_secs: 30,
            min_job_age_secs: 300,
            max_array_size: 1001,
            node_timeout_secs: 300,
            job_requeue: true,
            partitions: Vec::new(),
            time_zone: TimeZone::UTC,
        }
    }
}

impl Config {
    /// The default one, with this machine's name and time zone, and with job numbers that do not begin at 1 on every
    /// machine: programs derive port numbers from them.
    #[must_use]
    pub fn of_this_machine() -> Self {
        /// Below this, so that numbers stay short.
        const FIRST_JOB_MAX: u32 = 60_000;
        // Neighbouring process numbers are to give job numbers that are far apart (Knuth's multiplicative hash).
        let spread = std::process::id().wrapping_mul(2_654_435_761);
        let host = hostname::get()
            .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned());
        Self {
            host,
            first_job: spread % FIRST_JOB_MAX + 1,
            time_zone: crate::local_time::zone(),
            ..Self::default()
        }
    }
}

/// A partition of the configuration.
#[derive(Debug, Clone)]
pub struct PartitionConfig {
    /// `PartitionName`.
    pub name: String,
    /// `Nodes`, expanded; `None` is `ALL`.
    pub nodes: Option<Vec<String>>,
    /// `Default`.
    pub is_default: bool,
    /// `MaxTime` in minutes; `None` is no limit.
    pub max_time: Option<u32>,
    /// `DefaultTime` in minutes; `None` is `MaxTime`.
    pub default_time: Option<u32>,
    /// `MinNodes`.
    pub min_nodes: u32,
    /// `MaxNodes`; `None` is no limit.
    pub max_nodes: Option<u32>,
    /// `DefMemPerCPU` in MiB.
    pub def_mem_per_cpu: Option<u64>,
    /// `PriorityTier`.
    pub priority_tier: u32,
    /// `State`.
    pub state: PartitionState,
}

impl PartitionConfig {
    /// A partition of all nodes, without limits, that takes jobs that name none.
    #[must_use]
    pub fn of_all_nodes(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            nodes: None,
            is_default: true,
            max_time: None,
            default_time: None,
            min_nodes: 0,
            max_nodes: None,
            def_mem_per_cpu: None,
            priority_tier: 1,
            state: PartitionState::Up,
        }
    }
}

/// Whether a partition takes jobs and whether it starts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionState {
    /// Takes and starts them.
    Up,
    /// Takes them.
    Down,
    /// Starts those it has.
    Drain,
    /// Neither.
    Inactive,
}

impl PartitionState {
    /// Slurm's word.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Drain => "DRAIN",
            Self::Inactive => "INACTIVE",
        }
    }

    /// The state of this word, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Up, Self::Down, Self::Drain, Self::Inactive]
            .into_iter()
            .find(|state| state.text().eq_ignore_ascii_case(text))
    }

    /// Whether jobs may be submitted to it.
    #[must_use]
    pub fn takes(self) -> bool {
        matches!(self, Self::Up | Self::Down)
    }
}
