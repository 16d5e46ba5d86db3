//! The world: virtual time, everything in it, and the rules that hold after whatever happens.

use std::collections::BTreeMap;

use prun_runtime::wire::node::ToNode;

use super::agenda::{Agenda, Happening};
use super::controller::{Clock, Controller, Wants};
use super::disk::Disk;
use super::notes::Notes;
use super::planted::Planted;
use super::processes::Process;
use super::random::Random;
use super::servers::Node;
use super::truth::Truth;
use super::users::{Act, Command};
use super::wire::{Down, Lane, Peer, Side, Up, Wire, WireId};
use crate::controller::core::config::Config;

/// Unix time at which every world begins.
const BEGIN: f64 = 1_700_000_000.0;

pub(super) struct World {
    pub(super) now: f64,
    /// What everybody's clock is ahead.
    pub(super) skew: f64,
    pub(super) clock: Clock,
    pub(super) clock_was_set: bool,
    pub(super) agenda: Agenda,
    pub(super) random: Random,
    pub(super) config: Config,
    pub(super) disk: Disk,
    pub(super) controller: Option<Controller>,
    /// Of the controller: what was meant for an earlier one does not reach it.
    pub(super) generation: u32,
    timers: u64,
    pub(super) paused_until: f64,
    pub(super) nodes: Vec<Node>,
    pub(super) processes: Vec<Process>,
    pub(super) commands: Vec<Command>,
    pub(super) wires: BTreeMap<WireId, Wire>,
    last_wire: WireId,
    pub(super) truth: Truth,
    pub(super) faults_every: f64,
    /// Tasks of the largest job.
    pub(super) most: u32,
    /// Nothing breaks any more, and nobody wants anything new.
    pub(super) quiet: bool,
    pub(super) planted: Option<Planted>,
    pub(super) notes: Notes,
}

impl World {
    /// A cluster as a seed has it, whose nodes have joined.
    pub(super) fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut random = Random::new(seed);
        let config = Config {
            kill_wait_secs: random.pick(&[1, 5, 30]),
            node_timeout_secs: random.pick(&[5, 30, 300]),
            min_job_age_secs: random.pick(&[10, 300]),
            first_job: Some(1),
            job_requeue: random.chance(0.5),
            ..Config::default()
        };
        let count = random.magnitude(1.0, 400.0) as usize + 1;
        let nodes: Vec<Node> = (1..=count).map(|number| Node::new(number, random.pick(&[1, 2, 4]))).collect();
        // Two of the largest find room at once, the components of a heterogeneous job.
        let most = nodes.iter().map(|node| node.cpus).sum::<u32>() / 2;
        let faults_every = random.magnitude(1.0, 100.0);
        let disk = Disk::default();
        if let Some(planted) = planted {
            planted.prepare(&disk);
        }
        let mut world = Self {
            now: 0.0,
            skew: 0.0,
            clock: Clock::new(BEGIN),
            clock_was_set: false,
            agenda: Agenda::default(),
            random,
            config,
            disk,
            controller: None,
            generation: 0,
            timers: 0,
            paused_until: 0.0,
            nodes,
            processes: Vec::new(),
            commands: Vec::new(),
            wires: BTreeMap::new(),
            last_wire: 0,
            truth: Truth::default(),
            faults_every,
            most,
            quiet: false,
            planted,
            notes: Notes::default(),
        };
        world.after(0.0, Happening::Controller);
        for node in 0..count {
            world.after(0.001, Happening::Server { node });
        }
        world
    }

    /// Whether every node has joined.
    pub(super) fn is_up(&self) -> bool {
        let cluster = self.controller.as_ref().map(|controller| &controller.owner.cluster);
        cluster.is_some_and(|cluster| cluster.count_up() == self.nodes.len())
    }

    /// Lets users and faults in.
    pub(super) fn open(&mut self) {
        self.after(0.0, Happening::User(Act::Something));
        self.after(0.0, Happening::User(Act::Something));
        self.after(self.faults_every / 10.0, Happening::Fault);
    }

    /// One thing happens; `false`: nothing will any more.
    pub(super) fn step(&mut self) -> Result<bool, String> {
        let Some((at, happening)) = self.agenda.next() else { return Ok(false) };
        self.now = self.now.max(at);
        self.clock.set(BEGIN + self.now + self.skew);
        self.happens(happening);
        self.check()?;
        Ok(true)
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive(wire, side) => self.arrives(wire, side),
            Happening::Controller => self.controller_starts(),
            Happening::Timer { generation, number } => {
                if self.is_now(generation) && number == self.timers && !self.controller_sleeps(&happening) {
                    self.with_controller(Controller::timer);
                }
            }
            Happening::Written { generation } => {
                if self.is_now(generation) && !self.controller_sleeps(&happening) {
                    self.with_controller(Controller::written);
                }
            }
            Happening::Dial { node, generation } => self.server_dials(node, generation),
            Happening::Server { node } => self.server_starts(node),
            Happening::Exit { process, rank, code } => self.exits(process, rank, code),
            Happening::Kill { process, rank, signal } => {
                let exit = prun_runtime::wire::step::Exit { signal, ..Default::default() };
                self.rank_ends(process, rank, exit);
            }
            Happening::Script { process } => self.script_goes_on(process),
            Happening::Attach { process, step, tries } => self.srun_attaches(process, step, tries),
            Happening::User(act) => self.user_acts(act),
            Happening::Fault => self.fault(),
            Happening::Room => self.disk.set_full(false),
        }
    }

    fn is_now(&self, generation: u32) -> bool {
        self.controller.is_some() && self.generation == generation
    }

    /// A controller that is stopped does it later.
    fn controller_sleeps(&mut self, happening: &Happening) -> bool {
        let sleeps = self.paused_until > self.now;
        if sleeps {
            self.agenda.add(self.paused_until, happening.clone());
        }
        sleeps
    }

    fn controller_starts(&mut self) {
        if self.controller.is_some() {
            return;
        }
        self.generation += 1;
        self.notes.add(self.now, format_args!("the controller starts"));
        let random = Random::new(self.random.number());
        let config = self.config.clone();
        match Controller::start(config, self.disk.clone(), self.clock.clone(), random) {
            Some(controller) => {
                self.controller = Some(controller);
                self.with_controller(|_| {});
            }
            // Nothing can be written: it is started again.
            None => self.after(1.0, Happening::Controller),
        }
    }

    /// The controller does something, and then all that follows from it.
    fn with_controller(&mut self, act: impl FnOnce(&mut Controller)) {
        let Some(mut controller) = self.controller.take() else { return };
        act(&mut controller);
        let wires = &self.wires;
        let wants = controller.run(|wire| wires.get(&wire).map(|line| line.peer));
        let out = controller.sends();
        for (_, down) in &out {
            self.note_launch(&controller, down);
        }
        if let Some(planted) = self.planted {
            planted.meddle(&mut controller);
        }
        let stopped = controller.owner.stopped;
        self.controller = Some(controller);
        out.into_iter().for_each(|(wire, down)| self.put_down(wire, down));
        let generation = self.generation;
        match wants {
            Wants::Disk => {
                let seconds = self.random.magnitude(0.0001, 0.05);
                self.after(seconds, Happening::Written { generation });
            }
            Wants::Pause(seconds) => {
                self.timers += 1;
                self.after(seconds, Happening::Timer { generation, number: self.timers });
            }
            Wants::Nothing => {}
        }
        if stopped {
            self.controller_crashes(1.0);
        }
    }

    /// Which CPUs a launch may use is known to the controller alone.
    fn note_launch(&mut self, controller: &Controller, down: &Down) {
        let Down::Told(ToNode::Launch(launch)) = down else { return };
        for tasks in &launch.nodes {
            let cpus = controller.owner.cluster.cpus_of(launch.key, &launch.secret, &tasks.name);
            if let Some(cpus) = cpus {
                self.truth.give(launch.key.job, &launch.secret, &tasks.name, cpus);
            }
        }
    }

    fn arrives(&mut self, wire: WireId, side: Side) {
        let Some(line) = self.wires.get_mut(&wire) else { return };
        let sleeps_until = match (side, line.peer) {
            (Side::Controller, _) => self.paused_until,
            (Side::Peer, Peer::Node(at)) => self.nodes[at].paused_until,
            (Side::Peer, _) => 0.0,
        };
        if sleeps_until > self.now {
            return self.agenda.add(sleeps_until, Happening::Arrive(wire, side));
        }
        match side {
            Side::Controller => match line.up.take(self.now) {
                Ok(what) => self.with_controller(|controller| controller.hears(wire, what)),
                Err(later) => self.comes_later(later, wire, side),
            },
            Side::Peer => match line.down.take(self.now) {
                Ok(what) => self.peer_hears(wire, what),
                Err(later) => self.comes_later(later, wire, side),
            },
        }
    }

    fn comes_later(&mut self, later: Option<f64>, wire: WireId, side: Side) {
        if let Some(at) = later {
            self.agenda.add(at, Happening::Arrive(wire, side));
        }
    }

    fn peer_hears(&mut self, wire: WireId, what: Down) {
        let Some(line) = self.wires.get(&wire) else { return };
        match line.peer {
            Peer::Node(at) => self.server_hears(at, wire, what),
            Peer::User(command) => self.command_hears(command, what),
            Peer::Launcher(script) => self.launcher_hears(script, wire, what),
        }
    }

    pub(super) fn connect(&mut self, peer: Peer, latency: f64) -> WireId {
        self.last_wire += 1;
        let wire = self.last_wire;
        self.wires.insert(wire, Wire { peer, up: Lane::default(), down: Lane::default(), latency });
        self.put_up(wire, Up::Here);
        wire
    }

    pub(super) fn put_up(&mut self, wire: WireId, what: Up) {
        let lost = self.planted.is_some_and(|planted| planted.loses(&what));
        let Some(line) = self.wires.get_mut(&wire).filter(|_| !lost) else { return };
        if let Some(at) = line.up.put(self.now, line.latency, what) {
            self.agenda.add(at, Happening::Arrive(wire, Side::Controller));
        }
    }

    fn put_down(&mut self, wire: WireId, what: Down) {
        let echo = self.planted.and_then(|planted| planted.echo(&what));
        for what in std::iter::once(what).chain(echo) {
            let Some(line) = self.wires.get_mut(&wire) else { return };
            let end = matches!(what, Down::Gone);
            let at = if end {
                line.down.close(self.now, line.latency, what)
            } else {
                line.down.put(self.now, line.latency, what)
            };
            if let Some(at) = at {
                self.agenda.add(at, Happening::Arrive(wire, Side::Peer));
            }
        }
    }

    /// The peer closes its end.
    pub(super) fn close_up(&mut self, wire: WireId) {
        let Some(line) = self.wires.get_mut(&wire) else { return };
        if let Some(at) = line.up.close(self.now, line.latency, Up::Gone) {
            self.agenda.add(at, Happening::Arrive(wire, Side::Controller));
        }
    }

    /// Nothing comes out of a wire before this time.
    pub(super) fn hold(&mut self, wire: WireId, until: f64) {
        if let Some(line) = self.wires.get_mut(&wire) {
            line.up.hold(until);
            line.down.hold(until);
        }
    }

    pub(super) fn after(&mut self, seconds: f64, happening: Happening) {
        self.agenda.add(self.now + seconds, happening);
    }
}
