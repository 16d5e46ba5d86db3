//! What one node could give a job: tasks, CPUs, devices; memory, disk and topology say whether at all.

use std::collections::BTreeSet;

use super::allocate::NodeRoom;
use super::devices;
use super::never::has_geometry;
use super::place::{Request, View};
use crate::script::spec::{Gres, GresPer, Memory, Sharing};

/// What one node could give.
pub(super) struct Offer {
    /// Tasks.
    pub tasks: u32,
    /// CPUs that are free.
    pub cpus: u32,
    /// Devices for a request for the whole job.
    pub devices: u64,
}

impl Request<'_> {
    /// What a node could give this job, if enough to take part.
    pub(super) fn offer(&self, room: &NodeRoom<'_>, view: View) -> Option<Offer> {
        let now = view == View::Now;
        if self.exclusive() && now && !room.idle
            || room.facts.tmp_mb < self.spec.tmp_mb.unwrap_or(0)
            || !has_geometry(self.spec, room)
        {
            return None;
        }
        let free = if now { room.free_cpus.len() as u32 } else { room.facts.cpus };
        let memory = if now { room.free_memory_mb } else { room.facts.memory_mb };
        let cpus = free.min(self.cpus_by_memory(room, memory)?);
        if cpus < self.node_cpus_min {
            return None;
        }
        let mut tasks = (cpus / self.demand.cpus_per_task).min(self.tasks_by_topology(room));
        let mut job_wide = 0;
        for wanted in self.gres.iter() {
            let available = available(room, wanted, view);
            match wanted.per {
                GresPer::Task => {
                    tasks = tasks.min(u32::try_from(available / wanted.count.max(1)).unwrap_or(u32::MAX))
                }
                GresPer::Job => job_wide = available,
                GresPer::Node | GresPer::Socket => {
                    let needed = devices::on_node(wanted, 1, self.sockets(room, self.node_cpus_min), 0);
                    tasks = if available < needed { 0 } else { tasks };
                }
            }
        }
        if let Some(per_node) = self.demand.tasks_per_node {
            // Even with more tasks than CPUs, no node is asked for more tasks than it has CPUs in all.
            let most = if self.spec.overcommit { room.facts.cpus / self.demand.cpus_per_task } else { tasks };
            tasks = if most < per_node.min(self.demand.tasks.max(1)) { 0 } else { per_node };
        }
        if let Some(&exact) = self.required.get(room.facts.name.as_str()).filter(|&&exact| exact > 0) {
            tasks = if tasks < exact && !self.spec.overcommit { 0 } else { exact };
        }
        let enough = tasks > 0 && (job_wide > 0 || self.job_wide().is_none());
        let tasks = if self.overfull() { 1 } else { tasks };
        enough.then_some(Offer { tasks, cpus: free, devices: job_wide })
    }

    /// CPUs that the memory of a node is enough for; `None` if it is not enough at all.
    fn cpus_by_memory(&self, room: &NodeRoom<'_>, memory: u64) -> Option<u32> {
        let per_node = match self.memory {
            Some(Memory::PerNode(0) | Memory::PerCpu(0)) => room.facts.memory_mb,
            Some(Memory::PerNode(wanted)) => wanted,
            _ => 0,
        };
        let per_cpu = match self.memory {
            Some(Memory::PerCpu(wanted)) => wanted,
            _ => 0,
        };
        (per_node <= memory).then(|| {
            memory.checked_div(per_cpu).map_or(u32::MAX, |cpus| u32::try_from(cpus).unwrap_or(u32::MAX))
        })
    }

    /// Tasks that `--ntasks-per-socket` and `--ntasks-per-core` leave a node.
    fn tasks_by_topology(&self, room: &NodeRoom<'_>) -> u32 {
        let (sockets, cores, threads) = room.facts.topology;
        let per_socket = match self.spec.ntasks_per_socket {
            // A socket that has not the CPUs for so many tasks is no place for them.
            Some(per) if per.saturating_mul(self.demand.cpus_per_task) > cores.saturating_mul(threads) => 0,
            Some(per) => per.saturating_mul(sockets),
            None => u32::MAX,
        };
        let per_core = self
            .spec
            .ntasks_per_core
            .map_or(u32::MAX, |per| per.saturating_mul(sockets).saturating_mul(cores));
        per_socket.min(per_core)
    }

    /// Whether a job's nodes are its own. All jobs are one user's, so that `--exclusive=user` keeps nobody away.
    pub(super) fn exclusive(&self) -> bool {
        matches!(self.spec.sharing, Some(Sharing::Exclusive | Sharing::Topo))
    }

    /// Whether nodes take any number of tasks.
    pub(super) fn overfull(&self) -> bool {
        self.spec.overcommit && self.demand.tasks_per_node.is_none()
    }

    /// The request for devices of the whole job.
    pub(super) fn job_wide(&self) -> Option<&Gres> {
        self.gres.iter().find(|gres| gres.per == GresPer::Job)
    }

    /// Sockets that so many CPUs of a node lie on.
    pub(super) fn sockets(&self, room: &NodeRoom<'_>, cpus: u32) -> u32 {
        let (_, cores, threads) = room.facts.topology;
        cpus.div_ceil(cores.saturating_mul(threads).max(1))
    }
}

fn available(room: &NodeRoom<'_>, wanted: &Gres, view: View) -> u64 {
    match view {
        View::Now => {
            let pools = room
                .free_gres
                .iter()
                .map(|(pool, free): &(String, BTreeSet<u32>)| (pool.as_str(), free.len() as u64));
            devices::available(pools, wanted)
        }
        View::Emptied | View::Repaired => {
            devices::available(room.gres.iter().map(|(pool, count)| (pool.as_str(), *count)), wanted)
        }
    }
}
