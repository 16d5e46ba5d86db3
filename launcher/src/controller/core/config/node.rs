//! Nodes as they are configured (`slurm.conf(5)`, node configuration).

use prun_runtime::wire::node::NodeFacts;
use serde::{Deserialize, Serialize};

/// A node that is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConfig {
    /// `NodeName`.
    pub name: String,
    /// `CPUs`, or what the topology gives.
    pub cpus: u32,
    /// `Sockets`, `CoresPerSocket`, `ThreadsPerCore`.
    pub topology: (u32, u32, u32),
    /// `RealMemory` in MiB; `None`: what the node has.
    pub memory_mb: Option<u64>,
    /// `TmpDisk` in MiB.
    pub tmp_mb: u64,
    /// `Features`.
    pub features: Vec<String>,
    /// `Gres`: name (`gpu`, `gpu:a100`) and count.
    pub gres: Vec<(String, u64)>,
    /// `Weight`: nodes of less weight are taken first.
    pub weight: u32,
    /// `State`.
    pub start: NodeStart,
    /// `Reason`: why it begins as it does.
    pub reason: Option<String>,
}

/// How a node begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeStart {
    /// It takes jobs as soon as its rank server is there.
    Up,
    /// Not to be used.
    Down,
    /// Takes no jobs.
    Drain,
}

impl NodeConfig {
    /// What is known of the node before its rank server is there.
    #[must_use]
    pub fn facts(&self) -> NodeFacts {
        NodeFacts {
            name: self.name.clone(),
            hostname: self.name.clone(),
            address: String::new(),
            cpus: self.cpus,
            topology: self.topology,
            memory_mb: self.memory_mb.unwrap_or(1),
            tmp_mb: self.tmp_mb,
            os: String::new(),
            arch: String::new(),
            boot_time: 0,
            memory_id: 0,
        }
    }

    /// What a rank server says of itself, with what is configured in the place of what it found.
    #[must_use]
    pub fn settle(&self, facts: NodeFacts) -> NodeFacts {
        NodeFacts {
            cpus: self.cpus,
            topology: self.topology,
            memory_mb: self.memory_mb.unwrap_or(facts.memory_mb),
            tmp_mb: self.tmp_mb,
            ..facts
        }
    }

    /// Why a node is less than what is configured, in Slurm's words.
    #[must_use]
    pub fn shortcoming(&self, facts: &NodeFacts) -> Option<String> {
        if facts.cpus < self.cpus {
            return Some(format!("Low CPUs (reported:{} < configured:{})", facts.cpus, self.cpus));
        }
        let memory = self.memory_mb.filter(|&memory| facts.memory_mb < memory)?;
        Some(format!("Low RealMemory (reported:{} < 100.00% of configured:{memory})", facts.memory_mb))
    }
}
