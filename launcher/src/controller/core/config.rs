//! What a cluster is to be: what its configuration file says, or what holds without one.

mod node;
mod partition;

use jiff::tz::TimeZone;
use prun_runtime::limits::JOBS_MAX;
use serde::{Deserialize, Serialize};

pub use self::node::{NodeConfig, NodeStart};
pub use self::partition::{OverSubscribe, PartitionConfig, PartitionState};
use crate::script::spec::Memory;

/// A cluster's configuration. The names are those of `slurm.conf(5)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `ClusterName`.
    pub cluster: String,
    /// `SlurmctldHost`: where the controller runs.
    pub host: String,
    /// `FirstJobId`: number of a new cluster's first job; `None`: not said.
    pub first_job: Option<u32>,
    /// `KillWait` in seconds: between TERM and KILL.
    pub kill_wait_secs: u32,
    /// `MinJobAge` in seconds: how long `squeue` shows a job that has ended; 0 is for ever.
    pub min_job_age_secs: u32,
    /// `MaxArraySize`: array elements are numbered below it.
    pub max_array_size: u32,
    /// `MaxJobCount`: jobs in sight of `squeue`.
    pub max_jobs: usize,
    /// `SlurmdTimeout` in seconds: how long the jobs of a node live on without its rank server; 0 is for ever.
    pub node_timeout_secs: u32,
    /// `JobRequeue`: whether batch jobs that do not say may be requeued.
    pub job_requeue: bool,
    /// `EnforcePartLimits`: which of its partitions must be able to run a job for it to be taken.
    pub enforce_limits: EnforceLimits,
    /// `DefMemPerCPU` or `DefMemPerNode`, for partitions that do not say.
    pub default_memory: Option<Memory>,
    /// `MaxMemPerCPU` or `MaxMemPerNode`, for partitions that do not say.
    pub max_memory: Option<Memory>,
    /// `GresTypes`: what kinds of generic resources nodes may have.
    pub gres_types: Vec<String>,
    /// Nodes that are expected. Others may join too.
    pub nodes: Vec<NodeConfig>,
    /// Partitions; none: one of all nodes, `slurmpar`, without limits.
    pub partitions: Vec<PartitionConfig>,
    /// Where the file is, if it is one.
    pub file: Option<String>,
    /// The zone of times that users write and read. It is this machine's, and not kept with the rest.
    #[serde(skip, default = "TimeZone::system")]
    pub time_zone: TimeZone,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster: "prun".to_owned(),
            host: "localhost".to_owned(),
            first_job: None,
            kill_wait_secs: 30,
            min_job_age_secs: 300,
            max_array_size: 1001,
            max_jobs: JOBS_MAX,
            node_timeout_secs: 300,
            job_requeue: true,
            enforce_limits: EnforceLimits::No,
            default_memory: None,
            max_memory: None,
            gres_types: Vec::new(),
            nodes: Vec::new(),
            partitions: Vec::new(),
            file: None,
            time_zone: TimeZone::UTC,
        }
    }
}

impl Config {
    /// What it says of a node.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&NodeConfig> {
        self.nodes.iter().find(|node| node.name == name)
    }
}

/// Whether a job that its partitions can never run is refused when it is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum EnforceLimits {
    /// It waits.
    #[default]
    No,
    /// One of the partitions must be able to.
    Any,
    /// All of them must.
    All,
}

impl EnforceLimits {
    /// Slurm's word.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::No => "NO",
            Self::Any => "ANY",
            Self::All => "ALL",
        }
    }
}
