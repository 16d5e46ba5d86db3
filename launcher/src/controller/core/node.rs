//! Nodes as the cluster knows them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use prun_runtime::ids::JobId;
use prun_runtime::wire::node::{MachineLoad, NodeFacts};
use serde::{Deserialize, Serialize};

use super::config::{NodeConfig, NodeStart};
use super::event::LinkId;
use super::gres;
use crate::controller::api::NodeView;
use crate::layout::allocate::NodeRoom;
use crate::layout::plan::NodeShare;

/// Why a node is down or drained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct NodeReason {
    pub(super) text: String,
    pub(super) user: String,
    pub(super) uid: u32,
    pub(super) at: f64,
}

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) facts: NodeFacts,
    /// The link its rank server has, or had last.
    pub(super) link: LinkId,
    /// Whether that link stands.
    pub(super) up: bool,
    /// Set down by hand, or since its rank server did not come back in time.
    pub(super) down: bool,
    /// Takes no new jobs.
    pub(super) drain: bool,
    pub(super) reason: Option<NodeReason>,
    pub(super) features: Vec<String>,
    pub(super) gres: Vec<(String, u64)>,
    /// Nodes of less weight are taken first.
    #[serde(default = "one")]
    pub(super) weight: u32,
    /// The configuration names it.
    #[serde(default)]
    pub(super) expected: bool,
    pub(super) jobs: BTreeSet<JobId>,
    pub(super) start_time: f64,
    pub(super) last_busy: f64,
    /// As told last; not kept, since it is told every few seconds.
    #[serde(skip)]
    pub(super) load: Option<MachineLoad>,
    held_cpus: BTreeSet<u32>,
    held_memory_mb: u64,
    held_gres: Vec<(String, BTreeSet<u32>)>,
}

impl Node {
    pub(super) fn new(facts: NodeFacts, link: LinkId, now: f64) -> Self {
        Self {
            facts,
            link,
            up: true,
            down: false,
            drain: false,
            reason: None,
            features: Vec::new(),
            gres: Vec::new(),
            weight: 1,
            expected: false,
            jobs: BTreeSet::new(),
            start_time: now,
            last_busy: now,
            load: None,
            held_cpus: BTreeSet::new(),
            held_memory_mb: 0,
            held_gres: Vec::new(),
        }
    }

    /// One that the configuration names; its rank server is still to come.
    pub(super) fn expected(config: &NodeConfig) -> Self {
        let mut node = Self { up: false, ..Self::new(config.facts(), LinkId(0), 0.0) };
        node.configure(config);
        (node.down, node.drain) = (config.start == NodeStart::Down, config.start == NodeStart::Drain);
        let root =
            |text: &String| NodeReason { text: text.clone(), user: "root".to_owned(), uid: 0, at: 0.0 };
        node.reason = config.reason.as_ref().map(root);
        node
    }

    /// Takes over what the configuration says of it.
    pub(super) fn configure(&mut self, config: &NodeConfig) {
        self.facts = config.settle(self.facts.clone());
        self.features.clone_from(&config.features);
        self.gres.clone_from(&config.gres);
        (self.weight, self.expected) = (config.weight, true);
    }

    /// Whether jobs may start here.
    pub(super) fn usable(&self) -> bool {
        self.up && !self.down && !self.drain
    }

    /// The node as the layout sees it.
    pub(super) fn room(&self) -> NodeRoom<'_> {
        let free = |(name, numbers): (&str, std::ops::Range<u32>)| {
            let held = self.held_gres.iter().find(|(held, _)| held == name).map(|(_, devices)| devices);
            let devices = numbers.filter(|device| held.is_none_or(|held| !held.contains(device)));
            (name.to_owned(), devices.collect())
        };
        NodeRoom {
            facts: &self.facts,
            features: &self.features,
            gres: &self.gres,
            free_cpus: (0..self.facts.cpus).filter(|cpu| !self.held_cpus.contains(cpu)).collect(),
            free_memory_mb: self.facts.memory_mb.saturating_sub(self.held_memory_mb),
            free_gres: gres::numbers(&self.gres).map(free).collect(),
            idle: self.jobs.is_empty(),
            usable: self.usable(),
            weight: self.weight,
        }
    }

    /// Gives a job its share.
    pub(super) fn hold(&mut self, job: JobId, share: &NodeShare, now: f64) {
        self.jobs.insert(job);
        self.last_busy = now;
        self.held_cpus.extend(&share.cpus);
        self.held_memory_mb += share.memory_mb;
        for (name, devices) in &share.gres {
            match self.held_gres.iter_mut().find(|(held, _)| held == name) {
                Some((_, held)) => held.extend(devices),
                None => self.held_gres.push((name.clone(), devices.iter().copied().collect())),
            }
        }
    }

    /// Takes a job's share back.
    pub(super) fn release(&mut self, job: JobId, share: &NodeShare, now: f64) {
        self.jobs.remove(&job);
        self.last_busy = now;
        self.held_cpus.retain(|cpu| !share.cpus.contains(cpu));
        self.held_memory_mb = self.held_memory_mb.saturating_sub(share.memory_mb);
        for (name, devices) in &share.gres {
            if let Some((_, held)) = self.held_gres.iter_mut().find(|(held, _)| held == name) {
                held.retain(|device| !devices.contains(device));
            }
        }
    }

    pub(super) fn view(&self, partitions: Vec<String>) -> NodeView {
        NodeView {
            facts: self.facts.clone(),
            up: self.up,
            down: self.down,
            drain: self.drain,
            reason: self.reason.as_ref().map(|r| (r.text.clone(), r.user.clone(), r.uid, r.at)),
            cpus_allocated: self.held_cpus.len() as u32,
            memory_allocated: self.held_memory_mb,
            partitions,
            features: self.features.clone(),
            gres: self.gres.clone(),
            weight: self.weight,
            gres_allocated: self.held_gres.iter().map(|(n, held)| (n.clone(), held.len() as u64)).collect(),
            load: self.load.map(|load| load.hundredths),
            free_mb: self.load.map(|load| load.free_mb),
            start_time: self.start_time,
            last_busy: self.last_busy,
        }
    }
}

/// What Slurm gives a node that says nothing of its weight.
fn one() -> u32 {
    1
}

/// The cluster's order of nodes: as people count, `n2` before `n10`.
pub(super) fn by_name(a: &str, b: &str) -> Ordering {
    let split = |name: &str| -> (usize, u64) {
        let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        (prefix, name[prefix..].parse().unwrap_or(0))
    };
    let ((a_prefix, a_number), (b_prefix, b_number)) = (split(a), split(b));
    a[..a_prefix].cmp(&b[..b_prefix]).then(a_number.cmp(&b_number)).then(a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_stand_as_people_count() {
        let mut names = ["n10", "n2", "m", "n02", "n1", "m3"];
        names.sort_by(|a, b| by_name(a, b));
        assert_eq!(names, ["m", "m3", "n1", "n02", "n2", "n10"]);
    }

    #[test]
    fn what_a_job_held_is_free_again() {
        let facts = NodeFacts {
            name: "n1".to_owned(),
            hostname: "n1".to_owned(),
            address: "unix:/n1".to_owned(),
            cpus: 4,
            topology: (1, 4, 1),
            memory_mb: 100,
            tmp_mb: 0,
            os: String::new(),
            arch: String::new(),
            boot_time: 0,
            memory_id: 0,
        };
        let mut node = Node::new(facts, LinkId(1), 0.0);
        node.gres = vec![("gpu".to_owned(), 2)];
        let share = NodeShare {
            name: "n1".to_owned(),
            cpus: vec![1, 3],
            memory_mb: 60,
            tasks: 2,
            gres: vec![("gpu".to_owned(), vec![0])],
        };
        node.hold(JobId(1), &share, 1.0);
        let room = node.room();
        assert_eq!((room.free_cpus, room.free_memory_mb, room.idle), (BTreeSet::from([0, 2]), 40, false));
        assert_eq!(room.free_gres, [("gpu".to_owned(), BTreeSet::from([1]))]);
        node.release(JobId(1), &share, 2.0);
        let room = node.room();
        assert_eq!((room.free_cpus.len(), room.free_memory_mb, room.idle), (4, 100, true));
        assert_eq!(room.free_gres[0].1.len(), 2);
    }
}
