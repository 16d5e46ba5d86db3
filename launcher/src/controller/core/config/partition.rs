//! Partitions as they are configured (`slurm.conf(5)`, partition configuration).

use serde::{Deserialize, Serialize};

use crate::script::spec::Memory;

/// A partition of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `DefMemPerCPU` or `DefMemPerNode`: memory of jobs that ask for none.
    pub default_memory: Option<Memory>,
    /// `MaxMemPerCPU` or `MaxMemPerNode`.
    pub max_memory: Option<Memory>,
    /// `OverSubscribe`.
    pub over_subscribe: OverSubscribe,
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
            default_memory: None,
            max_memory: None,
            over_subscribe: OverSubscribe::No,
            priority_tier: 1,
            state: PartitionState::Up,
        }
    }
}

/// Whether a partition takes jobs and whether it starts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// Whether jobs of a partition share nodes and CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverSubscribe {
    /// They share nodes, and have CPUs of their own.
    No,
    /// A job's nodes are its own.
    Exclusive,
    /// So many jobs may share CPUs if they ask for it. (They have CPUs of their own here.)
    Yes(u32),
    /// So many jobs share CPUs. (As above.)
    Force(u32),
}

impl OverSubscribe {
    /// Slurm's word, as `scontrol` writes it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::No => "NO".to_owned(),
            Self::Exclusive => "EXCLUSIVE".to_owned(),
            Self::Yes(jobs) => format!("YES:{jobs}"),
            Self::Force(jobs) => format!("FORCE:{jobs}"),
        }
    }
}
