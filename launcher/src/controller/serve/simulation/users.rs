//! Users: each of their commands is a connection of its own.

use prun_runtime::ids::JobId;
use prun_runtime::wire::step::Exit;

use super::agenda::Happening;
use super::random::Random;
use super::wire::{Down, Peer, Up, WireId};
use super::world::World;
use crate::controller::api::{Action, Answer, Call, JobRef, Reply, Request, SignalFilter, SignalRequest};
use crate::controller::core::event;
use crate::controller::core::tests::world::{allocation, submission, tasks};
use crate::script::spec::{ArraySpec, Dependency, DependencyCondition, DependencyKind, JobSpec};

/// What a user does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Whatever comes to mind.
    Something,
    /// Waits for the end of a job.
    Wait(JobId),
    /// Gives back what `salloc` got.
    Leave { command: usize, job: JobId },
}

/// A command and its connection.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) wire: Option<WireId>,
    purpose: Purpose,
    job: Option<JobId>,
}

/// What it was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// How many jobs it submits.
    Submit(u32),
    Allocate,
    Wait(JobId),
    Else,
}

/// Everybody is the same user.
pub(super) fn user() -> event::Peer {
    event::Peer { uid: 1000, user: "ada".to_owned() }
}

/// A job of so many tasks.
pub(super) fn spec(ntasks: u32) -> JobSpec {
    tasks(ntasks)
}

impl World {
    pub(super) fn user_acts(&mut self, act: Act) {
        match act {
            Act::Something => {
                let seconds = self.random.magnitude(0.05, 20.0);
                if !self.quiet {
                    self.after(seconds, Happening::User(Act::Something));
                    self.user_does_something();
                }
            }
            Act::Wait(job) => {
                self.command(Purpose::Wait(job), Request::WaitJob { job });
            }
            Act::Leave { command, job } => {
                if let Some(wire) = self.commands[command].wire {
                    self.truth.ended_by_user(job);
                    let release = Request::Release { job, exit: Exit::default() };
                    self.put_up(wire, Up::Calls(Box::new(Call { id: 2, request: release })));
                }
            }
        }
    }

    fn user_does_something(&mut self) {
        match self.random.below(20) {
            0..=8 => self.submits(),
            9 => {
                let request = allocation(limited(&mut self.random, self.most));
                self.command(Purpose::Allocate, request);
            }
            10 | 11 => self.cancels(),
            12..=14 => self.acts_on_a_job(),
            15 => self.changes_a_node(),
            16 => self.command(Purpose::Else, Request::Jobs { history: true }),
            17 => self.command(Purpose::Else, Request::Nodes),
            _ => {
                if let Some(job) = self.some_job() {
                    self.command(Purpose::Wait(job), Request::WaitJob { job });
                }
            }
        }
    }

    fn submits(&mut self) {
        let (random, most) = (&mut self.random, self.most);
        let mut components = vec![limited(random, most)];
        let mut count = 1;
        match random.below(8) {
            0 => {
                count = random.below(4) as u32 + 1;
                let (elements, limit) = ((0..count).collect(), random.pick(&[None, Some(1)]));
                components[0].array = Some(ArraySpec { elements, limit, text: String::new() });
            }
            1 => components.push(limited(random, most)),
            2 => components[0].dependency = self.some_job().map(|job| self.after_job(job)),
            _ => {}
        }
        let count = count.max(components.len() as u32);
        let request = Request::Submit(Box::new(crate::controller::api::Submission {
            components,
            ..submission(JobSpec::default())
        }));
        self.command(Purpose::Submit(count), request);
    }

    fn after_job(&mut self, job: JobId) -> Dependency {
        let kind = self.random.pick(&[DependencyKind::AfterAny, DependencyKind::AfterOk]);
        let condition = DependencyCondition { kind, job: job.0, element: None, after_minutes: 0 };
        Dependency { any: false, conditions: vec![condition] }
    }

    /// One that users have a number of.
    fn some_job(&mut self) -> Option<JobId> {
        let jobs = self.truth.acknowledged();
        if jobs.is_empty() { None } else { Some(jobs[self.random.below(jobs.len())]) }
    }

    fn cancels(&mut self) {
        let Some(job) = self.some_job() else { return };
        self.truth.ended_by_user(job);
        let jobs = vec![JobRef { job, elements: None, component: None }];
        let filter = SignalFilter::default();
        let signal = SignalRequest { jobs, step: None, signal: None, batch: false, full: false, filter };
        self.command(Purpose::Else, Request::Signal(signal));
    }

    fn acts_on_a_job(&mut self) {
        let Some(job) = self.some_job() else { return };
        let action = self.random.pick(&[
            Action::Hold,
            Action::Release,
            Action::Requeue,
            Action::RequeueHold,
            Action::Suspend,
            Action::Resume,
            Action::Top,
        ]);
        if matches!(action, Action::Requeue | Action::RequeueHold) {
            self.truth.ended_by_user(job);
        }
        self.act(job, action);
    }

    pub(super) fn act(&mut self, job: JobId, action: Action) {
        let job = JobRef { job, elements: None, component: None };
        self.command(Purpose::Else, Request::Act { job, action });
    }

    fn changes_a_node(&mut self) {
        let state = self.random.pick(&["drain", "down", "resume", "resume", "resume"]);
        let at = self.random.below(self.nodes.len());
        self.set_node(at, state);
    }

    pub(super) fn set_node(&mut self, at: usize, state: &str) {
        if state == "down" {
            self.truth.trouble(at);
        }
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let changes = vec![pair("state", state), pair("reason", "why not")];
        let nodes = vec![self.nodes[at].name.clone()];
        self.command(Purpose::Else, Request::UpdateNode { nodes, changes });
    }

    pub(super) fn cancel(&mut self, job: JobId) {
        self.truth.ended_by_user(job);
        let jobs = vec![JobRef { job, elements: None, component: None }];
        let filter = SignalFilter::default();
        let signal = SignalRequest { jobs, step: None, signal: None, batch: false, full: false, filter };
        self.command(Purpose::Else, Request::Signal(signal));
    }

    fn command(&mut self, purpose: Purpose, request: Request) {
        if self.controller.is_none() {
            // It says that it cannot reach the controller, and ends. Who waits tries again.
            if let Purpose::Wait(job) = purpose {
                self.after(5.0, Happening::User(Act::Wait(job)));
            }
            return;
        }
        let number = self.commands.len();
        let latency = self.random.magnitude(0.0005, 0.1);
        let wire = self.connect(Peer::User(number), latency);
        self.commands.push(Command { wire: Some(wire), purpose, job: None });
        self.put_up(wire, Up::Calls(Box::new(Call { id: 1, request })));
    }

    /// Something comes to a command.
    pub(super) fn command_hears(&mut self, number: usize, what: Down) {
        match what {
            Down::Answered(answer) => self.command_is_answered(number, *answer),
            Down::Gone => {
                let Command { wire, purpose, job } = &mut self.commands[number];
                if wire.take().is_none() {
                    return;
                }
                let (purpose, job) = (*purpose, *job);
                match purpose {
                    Purpose::Wait(job) => self.after(1.0, Happening::User(Act::Wait(job))),
                    Purpose::Allocate => job.into_iter().for_each(|job| self.truth.ended_by_user(job)),
                    Purpose::Submit(_) | Purpose::Else => {}
                }
            }
            Down::Told(_) => {}
        }
    }

    fn command_is_answered(&mut self, number: usize, Answer { reply, .. }: Answer) {
        let purpose = self.commands[number].purpose;
        match (purpose, reply) {
            (Purpose::Submit(count), Reply::Submitted { job, .. }) => {
                self.truth.acknowledge(job, count);
                if self.random.chance(0.3) {
                    self.after(0.0, Happening::User(Act::Wait(job)));
                }
            }
            (Purpose::Allocate, Reply::Pending { .. }) => return,
            (Purpose::Allocate, Reply::Allocated { job, .. }) => {
                self.commands[number].job = Some(job.id);
                let seconds = self.random.magnitude(0.1, 100.0);
                return self.after(seconds, Happening::User(Act::Leave { command: number, job: job.id }));
            }
            (Purpose::Wait(job), Reply::Ended { job: view }) => self.truth.told_end(job, view.state),
            _ => {}
        }
        self.command_ends(number);
    }

    fn command_ends(&mut self, number: usize) {
        if let Some(wire) = self.commands[number].wire.take() {
            self.close_up(wire);
        }
    }

    /// Waiting commands that were not told what they wait for.
    pub(super) fn still_wait(&self) -> Vec<JobId> {
        let waits = self.commands.iter().filter(|command| command.wire.is_some());
        waits
            .filter_map(|command| match command.purpose {
                Purpose::Wait(job) => Some(job),
                _ => None,
            })
            .collect()
    }
}

/// A job of at most so many tasks, perhaps with a limit, perhaps to be requeued.
fn limited(random: &mut Random, most: u32) -> JobSpec {
    let time_limit = random.pick(&[None, None, Some(Some(1)), Some(Some(10))]);
    let requeue = random.pick(&[None, Some(true), Some(false)]);
    JobSpec { time_limit, requeue, ..spec(random.pick(&[1, 1, 2, 3, 5]).min(most)) }
}
