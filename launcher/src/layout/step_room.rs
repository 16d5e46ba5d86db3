//! What one node of a job has for a step: CPUs, memory and devices that no other step holds.

use std::collections::{BTreeSet, HashMap};

use super::devices;
use super::plan::{Allocation, NodePlan, NodeShare};
use super::step::StepUnfit;
use super::step_demand::StepDemand;
use crate::controller::api::ErrorCode;
use crate::script::spec::{Gres, GresPer, JobSpec, Memory};

/// What running steps hold, by node.
#[derive(Debug, Default)]
pub(super) struct Held<'a> {
    by_node: HashMap<&'a str, Vec<&'a NodePlan>>,
}

impl<'a> Held<'a> {
    pub(super) fn by(running: &[&'a [NodePlan]]) -> Self {
        let mut held = Self::default();
        for plan in running.iter().copied().flatten() {
            held.by_node.entry(plan.name.as_str()).or_default().push(plan);
        }
        held
    }

    fn on(&self, node: &str) -> &[&'a NodePlan] {
        self.by_node.get(node).map_or(&[], Vec::as_slice)
    }
}

/// What a node can give to a step.
#[derive(Debug, Clone)]
pub(super) struct NodeOffer {
    /// Tasks; 0: it cannot take part.
    pub tasks: u32,
    /// CPUs that the step may take.
    pub cpus: Vec<u32>,
    /// No other step is there.
    pub idle: bool,
    /// Devices for a request for the whole step.
    pub devices: u64,
    /// How many the whole step wants (the same on every node).
    pub devices_wanted: u64,
    /// Device numbers that are free.
    free_gres: Vec<(String, BTreeSet<u32>)>,
}

/// A step's request as nodes are measured by it.
pub(super) struct StepRoom<'a> {
    pub(super) job: &'a JobSpec,
    pub(super) asked: &'a JobSpec,
    pub(super) demand: &'a StepDemand,
}

impl StepRoom<'_> {
    pub(super) fn offer(&self, share: &NodeShare, held: &Held<'_>) -> NodeOffer {
        let held = held.on(&share.name);
        let busy: BTreeSet<u32> = held.iter().flat_map(|plan| plan.cpus.iter().copied()).collect();
        let cpus: Vec<u32> = share.cpus.iter().copied().filter(|cpu| !busy.contains(cpu)).collect();
        let free_gres = free_gres(share, held);
        let mut tasks = cpus.len() as u32 / self.demand.cpus_per_task;
        if !self.demand.exact && cpus.len() < share.cpus.len() {
            // A step that takes whole nodes waits until nobody else is there.
            tasks = 0;
        } else if self.demand.overcommit && !cpus.is_empty() {
            tasks = tasks.max(1);
        }
        tasks = tasks.min(self.tasks_by_memory(share, held));
        let idle = held.is_empty();
        let mut offer = NodeOffer { tasks, cpus, idle, devices: 0, devices_wanted: 0, free_gres };
        self.limit_by_devices(&mut offer, share);
        if let Some(per_node) = self.demand.tasks_per_node {
            offer.tasks = offer.tasks.min(per_node);
        }
        offer
    }

    /// Tasks that memory leaves room for, where the step itself asks for memory.
    fn tasks_by_memory(&self, share: &NodeShare, held: &[&NodePlan]) -> u32 {
        let used: u64 = held.iter().map(|plan| plan.memory_mb).sum();
        let free = share.memory_mb.saturating_sub(used);
        match self.asked.memory {
            _ if share.memory_mb == 0 || self.repeats_memory() => u32::MAX,
            Some(Memory::PerNode(wanted)) if wanted > free => 0,
            Some(Memory::PerCpu(wanted)) if wanted > 0 => {
                let per_task = wanted.saturating_mul(u64::from(self.demand.cpus_per_task));
                u32::try_from(free / per_task).unwrap_or(u32::MAX)
            }
            _ => u32::MAX,
        }
    }

    /// A step that says the same as its job (mostly since `SLURM_MEM_PER_NODE` does) asks for nothing of its own: were it
    /// all of the job's memory, no two steps could run side by side.
    fn repeats_memory(&self) -> bool {
        self.asked.memory.is_some() && self.asked.memory == self.job.memory
    }

    fn limit_by_devices(&self, offer: &mut NodeOffer, share: &NodeShare) {
        for wanted in self.wanted_gres() {
            let pools = offer.free_gres.iter().map(|(pool, free)| (pool.as_str(), free.len() as u64));
            let available = devices::available(pools, wanted);
            match wanted.per {
                GresPer::Task => {
                    let by_devices = u32::try_from(available / wanted.count.max(1)).unwrap_or(u32::MAX);
                    offer.tasks = offer.tasks.min(by_devices);
                }
                GresPer::Job => {
                    (offer.devices, offer.devices_wanted) = (available, wanted.count);
                    offer.tasks = if available == 0 { 0 } else { offer.tasks };
                }
                GresPer::Node | GresPer::Socket => {
                    let needed = devices::on_node(wanted, 1, share.cpus.len() as u32, 0);
                    offer.tasks = if available < needed { 0 } else { offer.tasks };
                }
            }
        }
    }

    /// Devices that the step asks for; a number for each task is taken from the job.
    fn wanted_gres(&self) -> impl Iterator<Item = &Gres> {
        let of_job =
            self.job.gres.iter().filter(|gres| gres.per == GresPer::Task && self.asked.gres.is_empty());
        self.asked.gres.iter().filter(|gres| gres.name != "none").chain(of_job)
    }

    /// CPUs that the step takes on a node for so many tasks.
    pub(super) fn cpus(&self, offer: &NodeOffer, tasks: u32) -> Vec<u32> {
        let count = if self.demand.exact {
            tasks.saturating_mul(self.demand.cpus_per_task) as usize
        } else {
            offer.cpus.len()
        };
        offer.cpus.iter().copied().take(count).collect()
    }

    /// Memory that the step takes: what it asks for, else its part of the job's.
    pub(super) fn memory(&self, share: &NodeShare, cpus: u64) -> u64 {
        match self.asked.memory {
            Some(Memory::PerNode(wanted)) if wanted > 0 && !self.repeats_memory() => wanted,
            Some(Memory::PerCpu(wanted)) if wanted > 0 => wanted.saturating_mul(cpus),
            Some(_) if !self.repeats_memory() => share.memory_mb,
            _ => share.memory_mb.saturating_mul(cpus) / (share.cpus.len() as u64).max(1),
        }
    }

    /// Devices that the step takes: what it asks for, else all that are free.
    pub(super) fn gres(
        &self,
        offer: &NodeOffer,
        tasks: u32,
        devices_of_step: u64,
    ) -> Vec<(String, Vec<u32>)> {
        if self.asked.gres.is_empty() && self.wanted_gres().next().is_none() {
            let all =
                offer.free_gres.iter().map(|(pool, free)| (pool.clone(), free.iter().copied().collect()));
            return all.filter(|(_, numbers): &(String, Vec<u32>)| !numbers.is_empty()).collect();
        }
        let mut free = offer.free_gres.clone();
        let mut held = Vec::new();
        for wanted in self.wanted_gres() {
            let count = devices::on_node(wanted, tasks, offer.cpus.len() as u32, devices_of_step);
            devices::take(&mut free, wanted, count, &mut held);
        }
        held
    }

    /// The devices of each task, where the step asks for some for each; else nothing.
    pub(super) fn gres_by_task(
        &self,
        held: &[(String, Vec<u32>)],
        tasks: u32,
    ) -> Vec<Vec<(String, Vec<u32>)>> {
        let mut left: Vec<(String, BTreeSet<u32>)> =
            held.iter().map(|(pool, numbers)| (pool.clone(), numbers.iter().copied().collect())).collect();
        let per_task: Vec<&Gres> = self.wanted_gres().filter(|wanted| wanted.per == GresPer::Task).collect();
        let mut own = || {
            let mut own = Vec::new();
            per_task.iter().for_each(|wanted| devices::take(&mut left, wanted, wanted.count, &mut own));
            own
        };
        if per_task.is_empty() { Vec::new() } else { (0..tasks).map(|_| own()).collect() }
    }

    /// Why it has no place even when the job has no other step.
    pub(super) fn never(&self, allocation: &Allocation) -> StepUnfit {
        let nobody = Held::default();
        let too_much = |share: &NodeShare| self.tasks_by_memory(share, nobody.on(&share.name)) == 0;
        let lacks_devices = self.wanted_gres().any(|wanted| {
            let total: u64 = allocation
                .nodes
                .iter()
                .flat_map(|share| &share.gres)
                .filter(|(pool, _)| devices::serves(pool, wanted))
                .map(|(_, numbers)| numbers.len() as u64)
                .sum();
            total < wanted.count
        });
        let code = if allocation.nodes.iter().all(too_much) {
            ErrorCode::InvalidTaskMemory
        } else if lacks_devices {
            ErrorCode::InvalidGres
        } else {
            ErrorCode::TooManyCpus
        };
        StepUnfit::Never(code, Vec::new())
    }
}

fn free_gres(share: &NodeShare, held: &[&NodePlan]) -> Vec<(String, BTreeSet<u32>)> {
    let taken = |pool: &str, number: &u32| {
        held.iter()
            .flat_map(|plan| &plan.gres)
            .any(|(name, numbers)| name == pool && numbers.contains(number))
    };
    let free = |(pool, numbers): &(String, Vec<u32>)| {
        (pool.clone(), numbers.iter().copied().filter(|number| !taken(pool, number)).collect())
    };
    share.gres.iter().map(free).collect()
}
