//! One look at the nodes: who could take part, who does, and what each of them gives.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::allocate::NodeRoom;
use super::constraint::Features;
use super::demand::Demand;
use super::devices;
use super::fill::{Deal, fill};
use super::plan::{Allocation, NodeShare};
use super::select::{Candidate, Wanted, choose};
use crate::script::spec::{Gres, GresPer, JobSpec, Memory, NodeDistribution};

/// How nodes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// As they are.
    Now,
    /// The usable ones, as if no job held anything.
    Emptied,
    /// All of them, as if none were down or drained either.
    Repaired,
}

/// A request, ready to be placed.
pub(super) struct Request<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) demand: &'a Demand,
    /// What it asks for, or what those get that ask for none.
    pub(super) memory: Option<Memory>,
    pub(super) gres: Cow<'a, [Gres]>,
    exclude: HashSet<&'a str>,
    /// Required nodes, and how many tasks an arbitrary distribution puts on each.
    pub(super) required: HashMap<&'a str, u32>,
    pub(super) node_cpus_min: u32,
}

impl<'a> Request<'a> {
    pub(super) fn new(spec: &'a JobSpec, demand: &'a Demand, default_memory: Option<Memory>) -> Self {
        let mut required: HashMap<&str, u32> =
            demand.required.iter().map(|name| (name.as_str(), 0)).collect();
        if is_arbitrary(spec) && spec.nodelist.len() as u32 == demand.tasks {
            spec.nodelist.iter().filter_map(|name| required.get_mut(name.as_str()).map(|n| *n += 1)).count();
        }
        Self {
            spec,
            demand,
            memory: spec.memory.or(default_memory),
            gres: wanted_devices(spec, demand),
            exclude: spec.exclude.iter().map(String::as_str).collect(),
            required,
            node_cpus_min: demand.node_cpus_min(spec),
        }
    }

    /// Finds a place for it, if there is one, on nodes of no more than this weight and those that it requires.
    pub(super) fn place(
        &self,
        rooms: &[NodeRoom<'_>],
        features: &Features,
        view: View,
        weight_max: u32,
    ) -> Option<Allocation> {
        let mut candidates = self.candidates(rooms, features, view);
        candidates.retain(|candidate| candidate.required || rooms[candidate.place].weight <= weight_max);
        if candidates.iter().filter(|c| c.required).count() < self.required.len() {
            return None;
        }
        let counted = require_counted(&mut candidates, rooms, features)?;
        let wanted = Wanted {
            tasks: if self.overfull() { 0 } else { self.demand.tasks },
            devices: self.job_wide().map_or(0, |gres| gres.count),
            least: self.demand.nodes_min,
            most: self.demand.nodes_max,
            nodes: self.demand.nodes_wanted.max(counted),
            contiguous: self.spec.contiguous,
        };
        let chosen = choose(&candidates, &wanted)?;
        let tasks = self.tasks(&candidates, rooms, &chosen)?;
        let mut shares = self.shares(&candidates, rooms, &chosen, &tasks, view);
        shares.sort_by_key(|(place, _)| *place);
        Some(Allocation { nodes: shares.into_iter().map(|(_, share)| share).collect() })
    }

    fn candidates(&self, rooms: &[NodeRoom<'_>], features: &Features, view: View) -> Vec<Candidate> {
        let candidate = |(place, room): (usize, &NodeRoom<'_>)| {
            let name = room.facts.name.as_str();
            let allowed = (room.usable || view == View::Repaired)
                && !self.exclude.contains(name)
                && features.allow(room.features);
            let offer = allowed.then(|| self.offer(room, view)).flatten()?;
            Some(Candidate {
                place,
                room: offer.tasks,
                cpus: offer.cpus,
                devices: offer.devices,
                required: self.required.contains_key(name),
            })
        };
        rooms.iter().enumerate().filter_map(candidate).collect()
    }

    /// Tasks of each chosen node.
    fn tasks(&self, candidates: &[Candidate], rooms: &[NodeRoom<'_>], chosen: &[usize]) -> Option<Vec<u32>> {
        if let Some(per_node) = self.demand.tasks_per_node {
            return Some(vec![per_node; chosen.len()]);
        }
        if !self.demand.tasks_given {
            let tasks = |&i: &usize| self.cpus(&rooms[candidates[i].place], 1) / self.demand.cpus_per_task;
            return Some(chosen.iter().map(|i| tasks(i).max(1)).collect());
        }
        let limits: Vec<u32> = chosen.iter().map(|&i| candidates[i].room).collect();
        fill(&limits, self.demand.tasks, self.deal(), self.spec.overcommit)
    }

    fn deal(&self) -> Deal {
        match self.spec.distribution.map(|d| d.nodes) {
            Some(NodeDistribution::Cyclic) => Deal::Cyclic,
            Some(NodeDistribution::Plane(size)) => Deal::Plane(size),
            _ if self.spec.spread => Deal::Cyclic,
            _ => Deal::Block,
        }
    }

    /// CPUs that a node gives for so many tasks.
    fn cpus(&self, room: &NodeRoom<'_>, tasks: u32) -> u32 {
        if self.exclusive() {
            return room.facts.cpus;
        }
        let tasks = if self.spec.overcommit { 0 } else { tasks.min(self.demand.tasks) };
        tasks.saturating_mul(self.demand.cpus_per_task).max(self.node_cpus_min)
    }

    fn shares(
        &self,
        candidates: &[Candidate],
        rooms: &[NodeRoom<'_>],
        chosen: &[usize],
        tasks: &[u32],
        view: View,
    ) -> Vec<(usize, NodeShare)> {
        let mut devices_left = self.job_wide().map_or(0, |gres| gres.count);
        let mut others = chosen.len() as u64;
        let share = |(&i, &tasks): (&usize, &u32)| {
            let candidate = &candidates[i];
            let room = &rooms[candidate.place];
            others -= 1;
            // Each of the others is to have one device at least.
            let here = candidate.devices.min(devices_left.saturating_sub(others));
            devices_left -= here;
            (
                candidate.place,
                if view == View::Now { self.share(room, tasks, here) } else { NodeShare::default() },
            )
        };
        chosen.iter().zip(tasks).map(share).collect()
    }

    fn share(&self, room: &NodeRoom<'_>, tasks: u32, devices_of_job: u64) -> NodeShare {
        let count = self.cpus(room, tasks);
        let mut free = room.free_gres.clone();
        let mut gres = Vec::new();
        for wanted in self.gres.iter() {
            let count = devices::on_node(wanted, tasks, self.sockets(room, count), devices_of_job);
            devices::take(&mut free, wanted, count, &mut gres);
        }
        let gpus = gres
            .iter()
            .filter(|(pool, _)| pool.starts_with("gpu"))
            .map(|(_, taken)| taken.len() as u64)
            .sum();
        NodeShare {
            name: room.facts.name.clone(),
            cpus: room.free_cpus.iter().copied().take(count as usize).collect(),
            memory_mb: self.memory(room, u64::from(count), gpus),
            tasks,
            gres,
        }
    }

    fn memory(&self, room: &NodeRoom<'_>, cpus: u64, gpus: u64) -> u64 {
        let wanted = match self.memory {
            Some(Memory::PerNode(0) | Memory::PerCpu(0)) => room.facts.memory_mb,
            Some(Memory::PerNode(memory)) => memory,
            Some(Memory::PerCpu(memory)) => memory.saturating_mul(cpus),
            Some(Memory::PerGpu(memory)) => memory.saturating_mul(gpus),
            None => 0,
        };
        wanted.min(room.free_memory_mb)
    }
}

/// Whether each name of the node list is the place of one task.
pub(crate) fn is_arbitrary(spec: &JobSpec) -> bool {
    spec.distribution.is_some_and(|d| d.nodes == NodeDistribution::Arbitrary)
}

/// Devices asked for; `--ntasks-per-gpu` asks for them too.
fn wanted_devices<'a>(spec: &'a JobSpec, demand: &Demand) -> Cow<'a, [Gres]> {
    let has_gpus = spec.gres.iter().any(|gres| gres.name == "gpu");
    match spec.ntasks_per_gpu {
        Some(per_gpu) if !has_gpus => {
            let count = u64::from(demand.tasks.div_ceil(per_gpu.max(1)));
            let gpus = Gres { name: "gpu".to_owned(), kind: None, count, per: GresPer::Job };
            spec.gres.iter().cloned().chain([gpus]).collect()
        }
        _ => Cow::Borrowed(&spec.gres),
    }
}

/// Nodes for `feature*N` become required; gives how many nodes that makes.
fn require_counted(candidates: &mut [Candidate], rooms: &[NodeRoom<'_>], features: &Features) -> Option<u32> {
    if !features.has_counts() {
        return Some(0);
    }
    let mut left: Vec<u32> = features.counted(&[]).map(|(count, _)| count).collect();
    for candidate in candidates.iter_mut() {
        let of_node = features.counted(rooms[candidate.place].features);
        let mut useful = false;
        for (left, (_, holds)) in left.iter_mut().zip(of_node) {
            useful |= holds && *left > 0;
            *left -= u32::from(holds && *left > 0);
        }
        candidate.required |= useful;
    }
    left.iter().all(|&left| left == 0).then(|| candidates.iter().filter(|c| c.required).count() as u32)
}
