//! Rank servers as the controller sees them: they dial, register, obey, and tell what becomes of their steps.

use std::collections::BTreeMap;

use prun_runtime::ids::StepKey;
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};

use super::agenda::Happening;
use super::wire::{Down, Peer, Up, WireId};
use super::world::World;

/// Pauses of a rank server between attempts to reach the controller, about.
const DIAL_SECS: (f64, f64) = (0.02, 2.0);

/// A machine with its rank server.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) cpus: u32,
    /// Of its rank server: what was meant for an earlier one does not reach it.
    pub(super) generation: u32,
    pub(super) runs: bool,
    pub(super) wire: Option<WireId>,
    /// Its rank server is stopped until then.
    pub(super) paused_until: f64,
    /// Nothing reaches it until then.
    pub(super) apart_until: f64,
    pub(super) latency: f64,
    /// What it could not tell yet.
    news: Vec<FromNode>,
    /// The process of each of its steps.
    pub(super) steps: BTreeMap<StepKey, u64>,
}

impl Node {
    pub(super) fn new(number: usize, cpus: u32) -> Self {
        Self {
            name: format!("n{number}"),
            cpus,
            generation: 0,
            runs: false,
            wire: None,
            paused_until: 0.0,
            apart_until: 0.0,
            latency: 0.001,
            news: Vec::new(),
            steps: BTreeMap::new(),
        }
    }

    fn facts(&self) -> NodeFacts {
        NodeFacts {
            name: self.name.clone(),
            hostname: self.name.clone(),
            address: format!("unix:/{}", self.name),
            cpus: self.cpus,
            topology: (1, self.cpus, 1),
            memory_mb: 1000,
            tmp_mb: 0,
            os: String::new(),
            arch: String::new(),
            boot_time: 0,
        }
    }
}

impl World {
    pub(super) fn server_starts(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.runs {
            return;
        }
        node.runs = true;
        node.generation += 1;
        let generation = node.generation;
        self.after(0.01, Happening::Dial { node: at, generation });
    }

    pub(super) fn server_dials(&mut self, at: usize, generation: u32) {
        let node = &self.nodes[at];
        if !node.runs || node.generation != generation || node.wire.is_some() {
            return;
        }
        let wakes = node.paused_until.max(node.apart_until);
        if wakes > self.now || self.controller.is_none() {
            let pause = self.random.between(DIAL_SECS.0, DIAL_SECS.1);
            return self.agenda.add(wakes.max(self.now + pause), Happening::Dial { node: at, generation });
        }
        let latency = node.latency;
        let wire = self.connect(Peer::Node(at), latency);
        let node = &mut self.nodes[at];
        node.wire = Some(wire);
        let register =
            FromNode::Register { nodes: vec![node.facts()], steps: node.steps.keys().copied().collect() };
        let news = std::mem::take(&mut node.news);
        self.put_up(wire, Up::Says(register));
        news.into_iter().for_each(|news| self.put_up(wire, Up::Says(news)));
    }

    /// Something comes to a rank server from the controller.
    pub(super) fn server_hears(&mut self, at: usize, wire: WireId, what: Down) {
        if self.nodes[at].wire != Some(wire) {
            return;
        }
        match what {
            Down::Told(message) => self.obey(at, message),
            Down::Gone => self.loses_controller(at),
            Down::Answered(_) => {}
        }
    }

    pub(super) fn loses_controller(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let (wire, generation) = (node.wire.take(), node.generation);
        if let Some(wire) = wire {
            self.close_up(wire);
        }
        let pause = self.random.between(DIAL_SECS.0, DIAL_SECS.1);
        self.after(pause, Happening::Dial { node: at, generation });
    }

    fn obey(&mut self, at: usize, message: ToNode) {
        match message {
            ToNode::Registered | ToNode::Ping { .. } => {}
            ToNode::Launch(launch) => self.server_launches(at, *launch),
            ToNode::Signal { key, signal } => {
                if let Some(&process) = self.nodes[at].steps.get(&key) {
                    self.signal(process, signal);
                }
            }
            ToNode::Terminate { key, at_once, .. } => {
                if let Some(&process) = self.nodes[at].steps.get(&key) {
                    self.terminate(process, at_once);
                }
            }
        }
    }

    fn server_launches(&mut self, at: usize, launch: StepLaunch) {
        let key = launch.key;
        let process = self.spawn(at, launch);
        self.nodes[at].steps.insert(key, process);
    }

    /// A rank server has something to tell.
    pub(super) fn tell(&mut self, at: usize, news: FromNode) {
        let node = &mut self.nodes[at];
        if !node.runs {
            return;
        }
        match node.wire {
            Some(wire) => self.put_up(wire, Up::Says(news)),
            None => node.news.push(news),
        }
    }

    /// A rank server ends, and its steps do not.
    pub(super) fn server_dies(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.runs = false;
        node.generation += 1;
        if let Some(wire) = node.wire.take() {
            let soon = self.random.between(0.0005, 0.01);
            self.cut_up(wire, soon);
        }
    }

    /// A rank server ends, and the machine with it: every process there is gone, and nobody says so.
    pub(super) fn machine_dies(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.runs = false;
        node.generation += 1;
        node.news.clear();
        let processes = std::mem::take(&mut node.steps);
        processes.into_values().for_each(|process| self.vanish(process));
        if let Some(wire) = self.nodes[at].wire.take() {
            // A machine that is gone closes nothing: its silence is noticed.
            let silence = self.random.between(8.0, 10.0);
            self.cut_up(wire, silence);
        }
    }
}
