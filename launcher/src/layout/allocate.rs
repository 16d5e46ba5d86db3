//! A job's request and the nodes as they are → its allocation, or why not.
//!
//! As Slurm's `select/cons_tres` does with CPUs and memory as consumable resources.

use std::collections::BTreeSet;

use prun_runtime::limits::RANKS_MAX;
use prun_runtime::wire::node::NodeFacts;

use super::constraint::{self, Features};
use super::demand::Demand;
use super::place::{Request, View};
use super::plan::Allocation;
use super::{devices, never};
use crate::controller::api::{ErrorCode, Refusal};
use crate::script::spec::{JobSpec, Memory};

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
    /// Nodes of less weight are taken first.
    pub weight: u32,
}

/// Why a request has no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Not even on these nodes when all of them are up and idle: what the submitter is told.
    Never(Refusal),
    /// It would, were all of them usable: some are down or drained.
    NodesUnavailable,
    /// It will, once others have ended.
    Busy,
}

impl From<ErrorCode> for Unfit {
    fn from(code: ErrorCode) -> Self {
        Self::Never(Refusal { code, detail: Vec::new() })
    }
}

/// Finds nodes, CPUs, memory and devices for a job. Who knows all nodes of the cluster has looked at the names in
/// `--nodelist` and `--exclude` before: one that is not among `rooms` is taken for a node outside the partition.
///
/// # Errors
/// [`Unfit`].
pub fn allocate(
    spec: &JobSpec,
    default_memory: Option<Memory>,
    rooms: &[NodeRoom<'_>],
) -> Result<Allocation, Unfit> {
    let demand = Demand::of(spec).map_err(Unfit::Never)?;
    if demand.tasks > RANKS_MAX {
        return Err(if spec.overcommit { ErrorCode::InvalidTaskCount } else { ErrorCode::NodeConfig }.into());
    }
    check_names(&demand, spec, rooms)?;
    let alternatives = features(spec, rooms)?;
    check_devices(spec, rooms)?;
    let request = Request::new(spec, &demand, default_memory);
    let place =
        |view| alternatives.iter().find_map(|features| request.place(rooms, features, view, u32::MAX));
    // The light nodes alone, then with the next heavier ones, and so on.
    let now =
        |weight| alternatives.iter().find_map(|features| request.place(rooms, features, View::Now, weight));
    if let Some(allocation) = weights(rooms).into_iter().find_map(now) {
        return Ok(allocation);
    }
    if place(View::Emptied).is_some() {
        return Err(Unfit::Busy);
    }
    if place(View::Repaired).is_some() {
        return Err(Unfit::NodesUnavailable);
    }
    Err(Unfit::Never(Refusal { code: ErrorCode::NodeConfig, detail: never::reasons(spec, &demand, rooms) }))
}

/// Weights of nodes, each once, ascending.
fn weights(rooms: &[NodeRoom<'_>]) -> BTreeSet<u32> {
    rooms.iter().map(|room| room.weight).collect()
}

fn check_names(demand: &Demand, spec: &JobSpec, rooms: &[NodeRoom<'_>]) -> Result<(), Unfit> {
    if demand.required.is_empty() {
        return Ok(());
    }
    let known: std::collections::HashSet<&str> = rooms.iter().map(|room| room.facts.name.as_str()).collect();
    if demand.required.iter().any(|name| spec.exclude.contains(name)) {
        return Err(ErrorCode::InvalidNodeName.into());
    }
    let all_known = demand.required.iter().all(|name| known.contains(name.as_str()));
    if all_known { Ok(()) } else { Err(ErrorCode::NodeConfig.into()) }
}

fn features(spec: &JobSpec, rooms: &[NodeRoom<'_>]) -> Result<Vec<Features>, Unfit> {
    let Some(text) = &spec.constraint else { return Ok(vec![Features::default()]) };
    let alternatives = constraint::read(text).ok_or(ErrorCode::InvalidFeature)?;
    let known = |name: &str| rooms.iter().any(|room| room.features.iter().any(|feature| feature == name));
    let all_known = alternatives.iter().flat_map(Features::names).all(known);
    if all_known { Ok(alternatives) } else { Err(ErrorCode::InvalidFeature.into()) }
}

fn check_devices(spec: &JobSpec, rooms: &[NodeRoom<'_>]) -> Result<(), Unfit> {
    let known =
        |wanted| rooms.iter().any(|room| room.gres.iter().any(|(pool, _)| devices::serves(pool, wanted)));
    let all_known = spec.gres.iter().filter(|wanted| wanted.name != "none" && wanted.count > 0).all(known);
    if all_known { Ok(()) } else { Err(ErrorCode::InvalidGres.into()) }
}

#[cfg(test)]
mod tests;
