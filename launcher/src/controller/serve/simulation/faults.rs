//! What breaks.

use super::agenda::Happening;
use super::processes::Life;
use super::wire::{Down, Peer, Up, WireId};
use super::world::World;

/// Silence after which the controller lets go of a rank server.
const SILENCE_SECS: f64 = 8.0;

impl World {
    /// Something breaks, and will again.
    pub(super) fn fault(&mut self) {
        if self.quiet {
            return;
        }
        let mean = self.faults_every;
        let seconds = self.random.magnitude(mean / 10.0, mean * 3.0);
        self.after(seconds, Happening::Fault);
        let at = self.random.below(self.nodes.len());
        let lasts = self.random.magnitude(0.05, 60.0);
        match self.random.below(12) {
            0 => self.controller_crashes(lasts),
            1 => self.controller_pauses(lasts),
            2 => self.machine_crashes(at, lasts),
            3 => self.node_pauses(at, lasts),
            4 => self.partition(lasts),
            5 | 6 => self.cut_a_link(at),
            7 => self.slow_down(at),
            8 => self.set_clock(),
            9 => self.fill_disk(lasts),
            10 => self.kill_a_step_process(),
            _ => self.server_restarts(at, lasts),
        }
    }

    pub(super) fn controller_crashes(&mut self, lasts: f64) {
        let Some(controller) = self.controller.take() else { return };
        self.notes.add(self.now, format_args!("the controller crashes"));
        controller.crash(&mut self.random);
        self.disk.cut();
        self.generation += 1;
        (0..self.nodes.len()).for_each(|at| self.truth.trouble(at));
        let wires: Vec<WireId> = self.wires.keys().copied().collect();
        for wire in wires {
            let seconds = self.random.between(0.0005, 0.01);
            self.cut_down(wire, seconds);
        }
        self.after(lasts, Happening::Controller);
    }

    fn controller_pauses(&mut self, lasts: f64) {
        self.notes.add(self.now, format_args!("the controller is stopped for {lasts:.1} s"));
        self.paused_until = self.paused_until.max(self.now + lasts);
    }

    fn machine_crashes(&mut self, at: usize, lasts: f64) {
        if !self.nodes[at].runs {
            return;
        }
        self.notes.add(self.now, format_args!("{} crashes", self.nodes[at].name));
        self.truth.trouble(at);
        self.machine_dies(at);
        self.after(lasts, Happening::Server { node: at });
    }

    /// The rank server ends, its steps do not, and another one takes its place.
    fn server_restarts(&mut self, at: usize, lasts: f64) {
        if !self.nodes[at].runs {
            return;
        }
        self.notes.add(self.now, format_args!("the rank server of {} ends", self.nodes[at].name));
        self.truth.trouble(at);
        self.server_dies(at);
        self.after(lasts.min(5.0), Happening::Server { node: at });
    }

    fn node_pauses(&mut self, at: usize, lasts: f64) {
        self.notes.add(self.now, format_args!("{} is stopped for {lasts:.1} s", self.nodes[at].name));
        let until = self.now + lasts;
        self.nodes[at].paused_until = self.nodes[at].paused_until.max(until);
        self.goes_silent(at, lasts);
    }

    /// Some machines and the controller cannot reach each other.
    fn partition(&mut self, lasts: f64) {
        let share = self.random.between(0.0, 1.0);
        self.notes.add(self.now, format_args!("partition for {lasts:.1} s"));
        for at in 0..self.nodes.len() {
            if self.random.chance(share) {
                let until = self.now + lasts;
                self.nodes[at].apart_until = self.nodes[at].apart_until.max(until);
                self.goes_silent(at, lasts);
            }
        }
    }

    /// A rank server that cannot be heard: what is on its way comes when it can, or never, if that takes too long.
    fn goes_silent(&mut self, at: usize, lasts: f64) {
        let Some(wire) = self.nodes[at].wire else { return };
        if lasts < SILENCE_SECS {
            self.hold(wire, self.now + lasts);
            return;
        }
        self.truth.trouble(at);
        let seconds = SILENCE_SECS + self.random.between(0.0, 2.0);
        self.cut_up(wire, seconds);
        // When it itself finds out may be before or after it could dial again.
        let finds_out = self.random.between(0.0, lasts * 1.5);
        self.cut_down(wire, finds_out);
    }

    /// A connection breaks, and either side finds out when it does: a new one may be up before the old one is down.
    fn cut_a_link(&mut self, at: usize) {
        let Some(wire) = self.nodes[at].wire else { return };
        self.notes.add(self.now, format_args!("the link of {} breaks", self.nodes[at].name));
        self.truth.trouble(at);
        let (up, down) = (self.random.magnitude(0.001, 20.0), self.random.magnitude(0.001, 5.0));
        self.cut_up(wire, up);
        self.cut_down(wire, down);
    }

    fn slow_down(&mut self, at: usize) {
        let latency = self.random.magnitude(0.0002, 5.0);
        self.nodes[at].latency = latency;
        if let Some(wire) = self.nodes[at].wire.and_then(|wire| self.wires.get_mut(&wire)) {
            wire.latency = latency;
        }
    }

    fn set_clock(&mut self) {
        let by = self.random.magnitude(0.1, 10_000.0) * self.random.pick(&[1.0, -1.0]);
        self.notes.add(self.now, format_args!("the clock is set by {by:.1} s"));
        self.skew += by;
        self.clock_was_set = true;
    }

    fn fill_disk(&mut self, lasts: f64) {
        self.notes.add(self.now, format_args!("the disk is full for {lasts:.1} s"));
        self.disk.set_full(true);
        self.after(lasts, Happening::Room);
    }

    fn kill_a_step_process(&mut self) {
        let alive: Vec<u64> = (0..self.processes.len() as u64)
            .filter(|&number| self.processes[number as usize].life != Life::Gone)
            .collect();
        if !alive.is_empty() {
            let number = alive[self.random.below(alive.len())];
            self.notes.add(
                self.now,
                format_args!("a step process of {} is killed", self.processes[number as usize].key),
            );
            self.step_process_dies(number);
        }
    }

    /// Everything is well again: what comes from now on is only what was begun.
    pub(super) fn heal(&mut self) {
        self.quiet = true;
        self.disk.set_full(false);
        self.paused_until = 0.0;
        if self.controller.is_none() {
            self.after(0.1, Happening::Controller);
        }
        for at in 0..self.nodes.len() {
            self.nodes[at].paused_until = 0.0;
            self.nodes[at].apart_until = 0.0;
            self.nodes[at].latency = 0.001;
            self.after(0.1, Happening::Server { node: at });
        }
    }

    /// The controller finds a connection broken after so many seconds.
    pub(super) fn cut_up(&mut self, wire: WireId, seconds: f64) {
        let Some(line) = self.wires.get_mut(&wire) else { return };
        if let Some(at) = line.up.cut(self.now, seconds, Up::Gone, &mut self.random) {
            self.agenda.add(at, Happening::Arrive(wire, super::wire::Side::Controller));
        }
    }

    /// The peer finds a connection broken after so many seconds.
    pub(super) fn cut_down(&mut self, wire: WireId, seconds: f64) {
        let Some(line) = self.wires.get_mut(&wire) else { return };
        if let Some(at) = line.down.cut(self.now, seconds, Down::Gone, &mut self.random) {
            self.agenda.add(at, Happening::Arrive(wire, super::wire::Side::Peer));
        }
        // What a rank server's steps say meanwhile goes nowhere.
        if let Some(Peer::Launcher(_) | Peer::User(_)) = self.wires.get(&wire).map(|line| line.peer) {
            self.cut_up(wire, seconds);
        }
    }
}
