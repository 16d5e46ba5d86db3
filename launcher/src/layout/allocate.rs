//! A job's request and the nodes as they are → its allocation, or why not.

use std::collections::BTreeSet;

use prun_runtime::wire::node::NodeFacts;

use super::plan::Allocation;
use crate::controller::api::ErrorCode;
use crate::script::spec::JobSpec;

/// One node of a partition as the scheduler sees it, in the cluster's order.
#[derive(Debug, Clone)]
pub struct NodeRoom<'a> {
    /// What it registered with.
    pub facts: &'a NodeFacts,
    /// Its features.
    pub features: &'a [String],
    /// Generic resources: name and count.
    pub gres: &'a [(String, u64)],
    /// CPUs that no job holds.
    pub free_cpus: BTreeSet<u32>,
    /// Memory that no job holds, in MiB.
    pub free_memory_mb: u64,
    /// Device numbers that no job holds.
    pub free_gres: Vec<(String, BTreeSet<u32>)>,
    /// No job is on it.
    pub idle: bool,
    /// Up, and neither drained nor held by an exclusive job.
    pub usable: bool,
}

/// Why a request has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Not even on these nodes when all of them are up and idle.
    Never(ErrorCode),
    /// It would, were all of them usable: some are down or drained.
    NodesUnavailable,
    /// It will, once others have ended.
    Busy,
}

/// Finds nodes, CPUs, memory and devices for a job.
///
/// # Errors
/// [`Unfit`].
pub fn allocate(
    _spec: &JobSpec,
    _default_memory_per_cpu_mb: Option<u64>,
    _rooms: &[NodeRoom<'_>],
) -> Result<Allocation, Unfit> {
    Err(Unfit::Busy)
}
