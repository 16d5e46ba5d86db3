//! What the planner gives out: an allocation for a job, a layout for a step. Plain values.

use serde::{Deserialize, Serialize};

/// CPUs and memory on nodes, held by a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Allocation {
    /// Nodes in the cluster's order.
    pub nodes: Vec<NodeShare>,
}

/// A job's share of one node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeShare {
    /// The node's name.
    pub name: String,
    /// CPU numbers on that node, ascending.
    pub cpus: Vec<u32>,
    /// Memory in MiB; 0 where neither the job nor the cluster says how much a job has.
    pub memory_mb: u64,
    /// Tasks that the job's own request puts here (`SLURM_TASKS_PER_NODE`).
    pub tasks: u32,
    /// Generic resources: name, device numbers.
    pub gres: Vec<(String, Vec<u32>)>,
}

/// Which rank runs on which node and CPUs: the layout of one step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Nodes that take part, in step order; all ranks from 0 on stand exactly once in them.
    pub nodes: Vec<NodePlan>,
}

/// The tasks of a step on one node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodePlan {
    /// The node's name.
    pub name: String,
    /// CPU numbers that the step holds here.
    pub cpus: Vec<u32>,
    /// Memory in MiB that the step holds here.
    pub memory_mb: u64,
    /// Generic resources that the step holds here: name, device numbers.
    #[serde(default)]
    pub gres: Vec<(String, Vec<u32>)>,
    /// Tasks by local rank.
    pub tasks: Vec<TaskPlan>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskPlan {
    /// Its rank.
    pub rank: u32,
    /// CPUs it is bound to; empty: not bound.
    pub cpus: Vec<u32>,
    /// Generic resources that are its own; empty: those of the step on its node.
    #[serde(default)]
    pub gres: Vec<(String, Vec<u32>)>,
}

impl Plan {
    /// Ranks of the step.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.nodes.iter().map(|n| n.tasks.len() as u32).sum()
    }
}
