//! Rank servers as the controller sees them: they dial, register, obey, and tell what becomes of their steps.

use std::collections::BTreeMap;

use prun_runtime::ids::{LaunchId, Launched, Rank, StepKey};
use prun_runtime::server::node::records::{End, Records};
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};
use prun_runtime::wire::step::Exit;

use super::agenda::Happening;
use super::processes::{Life, Process};
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
    /// What it knows of launches: the real thing.
    records: Records,
    /// What its records are kept in; a machine that was started anew has another.
    memory: u64,
    /// Step processes that live.
    pub(super) steps: BTreeMap<Launched, u64>,
    /// Launches of steps that still run from an earlier launch.
    held: Vec<StepLaunch>,
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
            records: Records::default(),
            memory: 1,
            steps: BTreeMap::new(),
            held: Vec::new(),
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
            memory_id: self.memory,
        }
    }
}

impl Node {
    /// The last launch of a step that lives.
    fn last_of(&self, key: StepKey) -> Option<u64> {
        let launch = |number| Launched { key, launch: LaunchId(number) };
        self.steps.range(launch(0)..=launch(u64::MAX)).next_back().map(|(_, process)| *process)
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
        self.takes_over(at);
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
        let told = node.records.register(vec![node.facts()]);
        told.into_iter().for_each(|news| self.put_up(wire, Up::Says(news)));
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

    /// What a rank server finds that another one has left: step processes tell it what they told that one.
    fn takes_over(&mut self, at: usize) {
        let records = &mut self.nodes[at].records;
        for process in self.processes.iter().filter(|process| process.node == at && !process.kept) {
            records.begin(process.launched);
            for (&rank, exit) in &process.ranks {
                if let Some(exit) = exit.filter(|_| !process.lost) {
                    records.exited(process.launched, Rank(rank), exit);
                }
            }
            if process.life == Life::Gone {
                records.ended(process.launched, End::Done { lost: process.lost });
            }
        }
    }

    fn obey(&mut self, at: usize, message: ToNode) {
        match message {
            ToNode::Registered | ToNode::Ping { .. } => {}
            ToNode::Launch(launch) => self.server_launches(at, *launch),
            ToNode::Signal { key, signal } => {
                if let Some(process) = self.nodes[at].last_of(key) {
                    self.signal(process, signal);
                }
            }
            ToNode::Terminate { key, launch, at_once, .. } => {
                let node = &self.nodes[at];
                let process = match launch {
                    Some(launch) => node.steps.get(&Launched { key, launch }).copied(),
                    None => node.last_of(key),
                };
                process.into_iter().for_each(|process| self.terminate(process, at_once));
            }
            ToNode::Kept { key, launch } => {
                let launched = Launched { key, launch };
                self.nodes[at].records.kept(launched);
                let ended = |process: &&mut Process| process.launched == launched && process.node == at;
                self.processes.iter_mut().filter(ended).for_each(|process| process.kept = true);
            }
        }
    }

    fn server_launches(&mut self, at: usize, launch: StepLaunch) {
        let (node, launched) = (&mut self.nodes[at], launch.launched());
        let wire = node.wire;
        let is_new = node.records.begin(launched);
        let told = FromNode::Launched { key: launched.key, launch: launched.launch };
        wire.into_iter().for_each(|wire| self.put_up(wire, Up::Says(told.clone())));
        if !is_new {
            return;
        }
        match self.nodes[at].last_of(launched.key) {
            Some(process) => {
                self.terminate(process, true);
                self.nodes[at].held.push(launch);
            }
            None => self.server_starts_step(at, launch),
        }
    }

    fn server_starts_step(&mut self, at: usize, launch: StepLaunch) {
        let launched = launch.launched();
        let process = self.spawn(at, launch);
        self.nodes[at].steps.insert(launched, process);
    }

    /// A rank of a step process is gone.
    pub(super) fn tell_exit(&mut self, at: usize, launched: Launched, rank: u32, exit: Exit) {
        if self.nodes[at].runs {
            let news = self.nodes[at].records.exited(launched, Rank(rank), exit);
            self.tell(at, news);
        }
    }

    /// A step process is over: a launch that has waited for that starts.
    pub(super) fn tell_end(&mut self, at: usize, launched: Launched, lost: bool) {
        let node = &mut self.nodes[at];
        node.steps.remove(&launched);
        if !node.runs {
            return;
        }
        let news = node.records.ended(launched, End::Done { lost });
        self.tell(at, news);
        let node = &mut self.nodes[at];
        if node.last_of(launched.key).is_none()
            && let Some(place) = node.held.iter().position(|held| held.key == launched.key)
        {
            let launch = node.held.remove(place);
            self.server_starts_step(at, launch);
        }
    }

    fn tell(&mut self, at: usize, news: Option<FromNode>) {
        if let (Some(wire), Some(news)) = (self.nodes[at].wire, news) {
            self.put_up(wire, Up::Says(news));
        }
    }

    /// A rank server ends, and its steps do not.
    pub(super) fn server_dies(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.runs = false;
        node.generation += 1;
        node.records = Records::default();
        node.held.clear();
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
        node.records = Records::default();
        node.held.clear();
        node.memory += 1;
        let processes = std::mem::take(&mut node.steps);
        processes.into_values().for_each(|process| self.vanish(process));
        if let Some(wire) = self.nodes[at].wire.take() {
            // A machine that is gone closes nothing: its silence is noticed.
            let silence = self.random.between(8.0, 10.0);
            self.cut_up(wire, silence);
        }
    }
}
