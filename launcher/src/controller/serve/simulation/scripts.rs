//! Job scripts: they compute, run steps with `srun`, and end with some code.

use std::collections::{BTreeSet, VecDeque};

use prun_runtime::ids::StepKey;
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::step::Exit;

use super::agenda::Happening;
use super::processes::{Life, Process};
use super::random::Random;
use super::users::spec;
use super::wire::{Down, Peer, Up, WireId};
use super::world::World;
use crate::controller::api::{Call, Reply, Request, StepCreated, StepRequest, StepStart};
use crate::controller::core::tests::world::launch;
use crate::script::spec::StepSpec;

/// Seconds that an `srun` waits for its step to start.
const ATTACH_TRIES: u32 = 30;

/// What a script does next.
#[derive(Debug, Clone, Copy)]
enum Line {
    Compute(f64),
    Srun(u32),
}

/// A script that runs.
#[derive(Debug)]
pub(super) struct Script {
    lines: VecDeque<Line>,
    code: i32,
    srun: Option<Srun>,
}

/// The `srun` that a script waits for.
#[derive(Debug)]
struct Srun {
    /// Until its step has started.
    wire: Option<WireId>,
    step: Option<StepKey>,
    /// Parts of the step that are not over.
    parts: BTreeSet<u64>,
    parts_to_come: usize,
}

impl Script {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut lines = VecDeque::new();
        for _ in 0..random.pick(&[0, 0, 1, 1, 2]) {
            lines.push_back(Line::Compute(random.magnitude(0.01, 10.0)));
            lines.push_back(Line::Srun(random.pick(&[1, 1, 2, 3])));
        }
        lines.push_back(Line::Compute(random.magnitude(0.01, 300.0)));
        Self { lines, code: random.pick(&[0, 0, 0, 3]), srun: None }
    }
}

impl World {
    /// A script goes on.
    pub(super) fn script_goes_on(&mut self, number: u64) {
        let process = &mut self.processes[number as usize];
        let Some(script) = process.script.as_mut().filter(|_| process.life != Life::Gone) else { return };
        match script.lines.pop_front() {
            Some(Line::Compute(seconds)) => self.after(seconds, Happening::Script { process: number }),
            Some(Line::Srun(ntasks)) => self.srun_begins(number, ntasks),
            None => {
                let code = script.code;
                self.exits(number, 0, code);
            }
        }
    }

    /// What it runs has failed, and so does it.
    fn script_fails(&mut self, number: u64) {
        let Some(script) = &mut self.processes[number as usize].script else { return };
        script.srun = None;
        script.lines.clear();
        script.code = 1;
        self.script_goes_on(number);
    }

    fn srun_begins(&mut self, number: u64, ntasks: u32) {
        let process = &self.processes[number as usize];
        let (node, job) = (&self.nodes[process.node], process.key.job);
        // It reaches the controller through its node's rank server.
        if self.controller.is_none() || !node.runs || node.apart_until > self.now {
            return self.script_fails(number);
        }
        let wire = self.connect(Peer::Launcher(number), 2.0 * node.latency);
        let srun = Srun { wire: Some(wire), step: None, parts: BTreeSet::new(), parts_to_come: 0 };
        if let Some(script) = &mut self.processes[number as usize].script {
            script.srun = Some(srun);
        }
        let request = StepRequest {
            job,
            spec: spec(ntasks),
            step: StepSpec::default(),
            name: "true".to_owned(),
            command_line: String::new(),
            immediate: false,
            others: Vec::new(),
        };
        let call = Call { id: 1, request: Request::CreateStep(Box::new(request)) };
        self.put_up(wire, Up::Calls(Box::new(call)));
    }

    /// Something comes to the `srun` of a script.
    pub(super) fn launcher_hears(&mut self, number: u64, wire: WireId, what: Down) {
        let process = &mut self.processes[number as usize];
        let Some(srun) = process.script.as_mut().and_then(|script| script.srun.as_mut()) else { return };
        if srun.wire != Some(wire) {
            return;
        }
        match what {
            Down::Answered(answer) => match answer.reply {
                Reply::Pending { .. } => {}
                Reply::StepCreated(created) => self.srun_launches(number, wire, &created),
                // Handed to the nodes.
                Reply::Done => {
                    let step = srun.step;
                    self.srun_leaves(number);
                    step.into_iter().for_each(|step| self.srun_attaches(number, step, ATTACH_TRIES));
                }
                _ => {
                    self.srun_leaves(number);
                    self.script_fails(number);
                }
            },
            Down::Gone => {
                srun.wire = None;
                // Whether its step was launched it cannot know; what was is ended with it.
                self.end_steps_of(number);
                self.script_fails(number);
            }
            Down::Told(_) => {}
        }
    }

    fn srun_launches(&mut self, number: u64, wire: WireId, created: &StepCreated) {
        let nodes: Vec<(String, Vec<u32>)> = created
            .plan
            .nodes
            .iter()
            .map(|node| (node.name.clone(), node.tasks.iter().map(|task| task.rank).collect()))
            .collect();
        let start = launch(created.key, created.secret.clone(), created.kill_wait_ms, &nodes);
        if let Some(srun) = self.processes[number as usize].script.as_mut().and_then(|s| s.srun.as_mut()) {
            srun.step = Some(created.key);
            srun.parts_to_come = nodes.len();
        }
        self.truth.is_launched_by(created.key, number);
        let call = Call { id: 2, request: Request::LaunchStep(Box::new(StepStart { launch: start })) };
        self.put_up(wire, Up::Calls(Box::new(call)));
    }

    fn srun_leaves(&mut self, number: u64) {
        let process = &mut self.processes[number as usize];
        let wire =
            process.script.as_mut().and_then(|script| script.srun.as_mut()).and_then(|s| s.wire.take());
        if let Some(wire) = wire {
            self.close_up(wire);
        }
        self.srun_may_be_over(number);
    }

    /// A launch may be on its way still; one that does not come is a step that has failed.
    pub(super) fn srun_attaches(&mut self, number: u64, step: StepKey, tries: u32) {
        let script = self.processes[number as usize].script.as_ref();
        let Some(srun) = script.and_then(|script| script.srun.as_ref()) else { return };
        let started =
            self.processes.iter().filter(|part| part.key == step && part.of == Some(number)).count();
        if srun.step != Some(step) || started >= srun.parts_to_come {
            return;
        }
        if tries == 0 {
            self.end_steps_of(number);
            return self.script_fails(number);
        }
        self.after(1.0, Happening::Attach { process: number, step, tries: tries - 1 });
    }

    /// Part of a step is over: its launcher hears so.
    pub(super) fn step_of_launcher_is_over(&mut self, part: u64) {
        let Process { of: Some(script), key, .. } = self.processes[part as usize] else { return };
        let process = &mut self.processes[script as usize];
        let Some(srun) = process.script.as_mut().and_then(|script| script.srun.as_mut()) else { return };
        if srun.step == Some(key) {
            srun.parts.insert(part);
            self.srun_may_be_over(script);
        }
    }

    fn srun_may_be_over(&mut self, number: u64) {
        let process = &mut self.processes[number as usize];
        let Some(script) = process.script.as_mut() else { return };
        let over = |srun: &Srun| srun.wire.is_none() && srun.parts.len() >= srun.parts_to_come;
        if script.srun.as_ref().is_some_and(over) {
            script.srun = None;
            self.after(0.001, Happening::Script { process: number });
        }
    }

    /// A script is gone, and its `srun` with it.
    pub(super) fn launcher_of_is_gone(&mut self, number: u64) {
        let srun = self.processes[number as usize].script.as_mut().and_then(|script| script.srun.take());
        if let Some(wire) = srun.and_then(|srun| srun.wire) {
            self.close_up(wire);
        }
        self.end_steps_of(number);
    }

    /// Step processes end without the launcher that owns them.
    fn end_steps_of(&mut self, number: u64) {
        let lives =
            |&at: &usize| self.processes[at].of == Some(number) && self.processes[at].life != Life::Gone;
        let parts: Vec<usize> = (0..self.processes.len()).filter(lives).collect();
        parts.into_iter().for_each(|part| self.terminate(part as u64, false));
    }

    /// The CPUs that a launch may use on a machine: those of its job there.
    pub(super) fn share(&self, launch: &StepLaunch, node: usize) -> Vec<u32> {
        self.truth.share(launch.key.job, &launch.secret, &self.nodes[node].name)
    }

    /// What a script ended with, as far as it ended.
    pub(super) fn script_exit(&self, number: u64) -> Option<Exit> {
        self.processes[number as usize].ranks.get(&0).copied().flatten()
    }
}
