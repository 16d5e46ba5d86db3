//! A step's request inside an allocation → its plan, or why not.

use std::collections::{HashMap, HashSet};

use prun_runtime::limits::RANKS_MAX;

use super::bind::{BindError, Binding};
use super::fill::{fill, ranks};
use super::plan::{Allocation, NodePlan, NodeShare, Plan, TaskPlan};
use super::select::{Candidate, Wanted, first};
use super::step_demand::StepDemand;
use super::step_room::{Held, NodeOffer, StepRoom};
use crate::controller::api::ErrorCode;
use crate::script::spec::{JobSpec, StepSpec};

/// A step's place, and what the user should read about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepLayout {
    /// Where its ranks go.
    pub plan: Plan,
    /// Lines without the command's name (`warning: can't run 2 processes on 3 nodes, setting nnodes to 2`).
    pub warnings: Vec<String>,
}

/// Why a step has no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepUnfit {
    /// Never in this allocation: the error, and lines that go before it, without prefix.
    /// ([`ErrorCode::StepOptions`] has only the lines.)
    Never(ErrorCode, Vec<String>),
    /// Once other steps of the job have ended.
    Busy,
}

impl From<BindError> for StepUnfit {
    fn from(error: BindError) -> Self {
        Self::Never(ErrorCode::StepOptions, vec![error.to_string()])
    }
}

/// Lays a step out. `running` holds, for each running step that does not overlap, what it holds on each node.
///
/// As in Slurm since 20.11, a step takes all CPUs of the job on its nodes, unless it says `--exact` or how many CPUs
/// a task has: so that two steps side by side on a node need one of the two, or `--overlap`.
///
/// # Errors
/// [`StepUnfit`].
pub fn lay_out(
    job: &JobSpec,
    allocation: &Allocation,
    running: &[&[NodePlan]],
    asked: &JobSpec,
    step: &StepSpec,
) -> Result<StepLayout, StepUnfit> {
    let binding = Binding::of(step)?;
    let demand = StepDemand::of(job, allocation, asked, step)?;
    let nobody = Held::default();
    let others = if step.overlap { Held::default() } else { Held::by(running) };
    let room = StepRoom { job, asked, demand: &demand };
    let place = |held: &Held<'_>| {
        let offers: Vec<NodeOffer> = allocation.nodes.iter().map(|share| room.offer(share, held)).collect();
        counts(&demand, allocation, asked, step, &offers).map(|counts| (offers, counts))
    };
    let Some((offers, counts)) = place(&others) else {
        return Err(if place(&nobody).is_some() { StepUnfit::Busy } else { room.never(allocation) });
    };
    let plan = plan(&room, allocation, &offers, &counts, &binding)?;
    Ok(StepLayout { plan, warnings: demand.warnings })
}

/// The nodes that take part, by their place in the allocation, and how many tasks each gets.
fn counts(
    demand: &StepDemand,
    allocation: &Allocation,
    asked: &JobSpec,
    step: &StepSpec,
    offers: &[NodeOffer],
) -> Option<Vec<(usize, u32)>> {
    if let Some(list) = &demand.node_of_task {
        return listed(list, allocation, offers, demand.overcommit);
    }
    let skipped = step.relative.unwrap_or(0) as usize;
    let excluded: HashSet<&str> = asked.exclude.iter().map(String::as_str).collect();
    let required: HashSet<&str> = demand.required.iter().map(String::as_str).collect();
    let mut candidates: Vec<Candidate> = allocation
        .nodes
        .iter()
        .zip(offers)
        .enumerate()
        .filter(|(place, (share, offer))| {
            *place >= skipped && offer.tasks > 0 && !excluded.contains(share.name.as_str())
        })
        .map(|(place, (share, offer))| Candidate {
            place,
            room: offer.tasks,
            cpus: offer.cpus.len() as u32,
            devices: offer.devices,
            required: required.contains(share.name.as_str()),
        })
        .collect();
    // As Slurm does it: a node where no other step runs before one where some do.
    candidates.sort_by_key(|candidate| !offers[candidate.place].idle);
    if candidates.iter().filter(|c| c.required).count() < required.len() {
        return None;
    }
    let wanted = Wanted {
        tasks: if demand.overcommit { 0 } else { demand.tasks },
        devices: offers.first().map_or(0, |offer| offer.devices_wanted),
        least: demand.nodes.0,
        most: demand.nodes.1,
        nodes: demand.nodes.1,
        contiguous: false,
    };
    let mut chosen = first(&candidates, &wanted)?;
    chosen.sort_unstable_by_key(|&i| candidates[i].place);
    let limits: Vec<u32> = chosen.iter().map(|&i| candidates[i].room).collect();
    let tasks = if demand.tasks_given {
        demand.tasks
    } else {
        (chosen.len() as u32).saturating_mul(demand.tasks_per_node.unwrap_or(1))
    };
    if tasks > RANKS_MAX {
        return None;
    }
    let counts = fill(&limits, tasks, demand.deal, demand.overcommit)?;
    Some(chosen.iter().map(|&i| candidates[i].place).zip(counts).collect())
}

/// An arbitrary distribution: tasks where the list says.
fn listed(
    list: &[String],
    allocation: &Allocation,
    offers: &[NodeOffer],
    overcommit: bool,
) -> Option<Vec<(usize, u32)>> {
    let mut wanted: HashMap<&str, u32> = HashMap::new();
    list.iter().for_each(|name| *wanted.entry(name).or_default() += 1);
    let of_node = |(place, share): (usize, &NodeShare)| Some((place, *wanted.get(share.name.as_str())?));
    let counts: Vec<(usize, u32)> = allocation.nodes.iter().enumerate().filter_map(of_node).collect();
    let fits = |&(place, count): &(usize, u32)| {
        count <= offers[place].tasks || overcommit && offers[place].tasks > 0
    };
    counts.iter().all(fits).then_some(counts)
}

fn plan(
    room: &StepRoom<'_>,
    allocation: &Allocation,
    offers: &[NodeOffer],
    counts: &[(usize, u32)],
    binding: &Binding,
) -> Result<Plan, StepUnfit> {
    let ranks = match &room.demand.node_of_task {
        Some(list) => listed_ranks(list, allocation, counts),
        None => ranks(&counts.iter().map(|(_, count)| *count).collect::<Vec<_>>(), room.demand.deal),
    };
    let mut devices_left = offers.first().map_or(0, |offer| offer.devices_wanted);
    let mut others = counts.len() as u64;
    let mut nodes = Vec::with_capacity(counts.len());
    for (&(place, count), ranks) in counts.iter().zip(ranks) {
        let (share, offer) = (&allocation.nodes[place], &offers[place]);
        others -= 1;
        let devices = offer.devices.min(devices_left.saturating_sub(others));
        devices_left -= devices;
        let cpus = room.cpus(offer, count);
        let bound = binding.cpus(&cpus, ranks.len(), room.demand.cpus_per_task)?;
        let gres = room.gres(offer, count, devices);
        let mut own = room.gres_by_task(&gres, count).into_iter();
        let task = |(rank, cpus)| TaskPlan { rank, cpus, gres: own.next().unwrap_or_default() };
        nodes.push(NodePlan {
            name: share.name.clone(),
            memory_mb: room.memory(share, cpus.len() as u64),
            tasks: ranks.into_iter().zip(bound).map(task).collect(),
            gres,
            cpus,
        });
    }
    Ok(Plan { nodes })
}

fn listed_ranks(list: &[String], allocation: &Allocation, counts: &[(usize, u32)]) -> Vec<Vec<u32>> {
    let name = |place: usize| allocation.nodes[place].name.as_str();
    let index: HashMap<&str, usize> =
        counts.iter().enumerate().map(|(at, (place, _))| (name(*place), at)).collect();
    let mut ranks = vec![Vec::new(); counts.len()];
    for (rank, name) in (0..).zip(list) {
        if let Some(&at) = index.get(name.as_str()) {
            ranks[at].push(rank);
        }
    }
    ranks
}

#[cfg(test)]
mod tests;
