//! Steps as they really run: ranks live, end by themselves, are ended, stopped, lost.

use std::collections::BTreeMap;

use prun_runtime::ids::{Launched, StepKey};
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::step::Exit;

use super::agenda::Happening;
use super::scripts::Script;
use super::world::World;

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGCONT: i32 = 18;
const SIGSTOP: i32 = 19;

/// How a step is on its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Lives,
    /// Told to end, in good time or at once.
    Ends {
        at_once: bool,
    },
    Gone,
}

/// The part of a step on one machine.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) node: usize,
    pub(super) key: StepKey,
    pub(super) launched: Launched,
    pub(super) life: Life,
    /// CPUs that are its job's there.
    pub(super) cpus: Vec<u32>,
    /// By rank; `None`: lives.
    pub(super) ranks: BTreeMap<u32, Option<Exit>>,
    stopped: bool,
    kill_wait: f64,
    pub(super) script: Option<Script>,
    /// The script whose `srun` started it.
    pub(super) of: Option<u64>,
    /// Its step process or its machine died.
    pub(super) lost: bool,
    /// The controller knows of its end, or nobody is left who could tell.
    pub(super) kept: bool,
}

impl World {
    /// A step starts on a machine.
    pub(super) fn spawn(&mut self, node: usize, launch: StepLaunch) -> u64 {
        let number = self.processes.len() as u64;
        let tasks = launch.nodes.iter().flat_map(|node| &node.tasks);
        let ranks: BTreeMap<u32, Option<Exit>> = tasks.map(|task| (task.rank.0, None)).collect();
        let launched = launch.launched();
        let (key, batch) = (launch.key, launch.key.step.is_batch());
        self.notes.add(self.now, format_args!("{} starts on {}", key, self.nodes[node].name));
        let cpus = self.share(&launch, node);
        self.truth.starts(key, number, &self.processes, node, &cpus);
        let script = batch.then(|| Script::new(&mut self.random));
        let of = self.truth.launcher_of(key);
        self.processes.push(Process {
            node,
            key,
            launched,
            life: Life::Lives,
            cpus,
            ranks: ranks.clone(),
            stopped: false,
            kill_wait: launch.kill_wait_ms as f64 / 1e3,
            script,
            of,
            lost: false,
            kept: false,
        });
        if batch {
            self.after(0.0, Happening::Script { process: number });
        } else {
            for rank in ranks.into_keys() {
                let seconds = self.random.magnitude(0.01, 100.0);
                let code = i32::from(self.random.chance(0.1));
                self.after(seconds, Happening::Exit { process: number, rank, code });
            }
        }
        number
    }

    fn process(&mut self, number: u64) -> &mut Process {
        &mut self.processes[number as usize]
    }

    /// A rank comes to its own end, if it has not been ended; one that is stopped comes to it later.
    pub(super) fn exits(&mut self, number: u64, rank: u32, code: i32) {
        let process = self.process(number);
        if process.stopped && process.life != Life::Gone {
            return self.after(1.0, Happening::Exit { process: number, rank, code });
        }
        self.rank_ends(number, rank, Exit { code, ..Exit::default() });
    }

    pub(super) fn rank_ends(&mut self, number: u64, rank: u32, exit: Exit) {
        let process = self.process(number);
        let Some(alive @ None) = process.ranks.get_mut(&rank) else { return };
        if process.life == Life::Gone {
            return;
        }
        *alive = Some(exit);
        let (node, launched) = (process.node, process.launched);
        let over = process.ranks.values().all(Option::is_some);
        self.tell_exit(node, launched, rank, exit);
        if over {
            self.step_is_over(number, false);
        }
    }

    fn step_is_over(&mut self, number: u64, lost: bool) {
        let process = self.process(number);
        process.life = Life::Gone;
        process.lost |= lost;
        let Process { node, key, launched, .. } = *process;
        self.notes.add(self.now, format_args!("{key} is over on {}", self.nodes[node].name));
        self.tell_end(node, launched, lost);
        self.launcher_of_is_gone(number);
        self.step_of_launcher_is_over(number);
    }

    pub(super) fn signal(&mut self, number: u64, signal: i32) {
        let process = self.process(number);
        match signal {
            SIGSTOP => process.stopped = true,
            SIGCONT => process.stopped = false,
            SIGKILL => self.kill_all(number, 0.0),
            _ => {}
        }
    }

    pub(super) fn terminate(&mut self, number: u64, at_once: bool) {
        let process = self.process(number);
        match process.life {
            Life::Gone => return,
            Life::Ends { at_once: before } => process.life = Life::Ends { at_once: at_once || before },
            Life::Lives => process.life = Life::Ends { at_once },
        }
        if at_once {
            return self.kill_all(number, 0.0);
        }
        // Who minds TERM ends soon, others not before they are killed.
        let wait = process.kill_wait;
        if !process.stopped && self.random.chance(0.7) {
            let ranks: Vec<u32> = self.process(number).ranks.keys().copied().collect();
            for rank in ranks {
                let seconds = self.random.between(0.001, 0.5);
                self.after(seconds, Happening::Kill { process: number, rank, signal: SIGTERM });
            }
        }
        self.kill_all(number, wait);
    }

    /// After so many seconds.
    fn kill_all(&mut self, number: u64, seconds: f64) {
        let ranks: Vec<u32> = self.process(number).ranks.keys().copied().collect();
        for rank in ranks {
            let dying = self.random.between(0.0, 0.005);
            self.after(seconds + dying, Happening::Kill { process: number, rank, signal: SIGKILL });
        }
    }

    /// Its step process is killed: its ranks die with it, and their exits are not told.
    pub(super) fn step_process_dies(&mut self, number: u64) {
        if self.process(number).life != Life::Gone {
            self.step_is_over(number, true);
        }
    }

    /// Its machine is gone.
    pub(super) fn vanish(&mut self, number: u64) {
        let process = self.process(number);
        process.life = Life::Gone;
        process.lost = true;
        process.kept = true;
        self.launcher_of_is_gone(number);
        self.step_of_launcher_is_over(number);
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(|process| process.life != Life::Gone)
    }
}
