//! The processes that a step has started: how they begin, and what follows from their ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::SystemTime;

use rustix::process::Pid;
use tokio::sync::oneshot;

use super::stdio::OpenError;
use super::step::Step;
use super::task::{Progress, errno_of};
use super::turns::Lost;
use crate::server::sys::wait;
use crate::wire::step::{Exit, FromStep};
use crate::wire::stepd::FromStepd;

/// The signal that a script whose files cannot be opened counts as ended by (`ExitCode=0:53`).
const NO_STDIO: i32 = 53;

/// Those that run.
pub(super) type Children = RefCell<HashMap<Pid, Child>>;

/// A process of the step that this process has started itself.
#[derive(Debug)]
pub(super) enum Child {
    Task(usize),
    /// A prolog or epilog.
    Program(oneshot::Sender<Exit>),
}

impl Step {
    /// A task runs.
    pub(super) fn started(&self, task: usize, pid: Pid) {
        self.children.borrow_mut().insert(pid, Child::Task(task));
        let at_us = now_us();
        let mut tasks = self.tasks.borrow_mut();
        tasks[task].progress = Progress::Running(pid);
        tasks[task].started_us = at_us;
        let rank = tasks[task].rank;
        drop(tasks);
        self.announce(FromStep::Started { rank, pid: pid.as_raw_nonzero().get().unsigned_abs(), at_us });
    }

    /// A prolog or epilog runs: its exit comes out of the receiver.
    pub(super) fn program_started(&self, pid: Pid) -> oneshot::Receiver<Exit> {
        let (sender, receiver) = oneshot::channel();
        self.children.borrow_mut().insert(pid, Child::Program(sender));
        receiver
    }

    /// A task could not be started: it counts as exited with this code.
    pub(super) fn not_started(self: &Rc<Self>, task: usize, code: i32, what: String) {
        let rank = self.tasks.borrow()[task].rank;
        self.announce(FromStep::NotStarted { rank, errno: code, what });
        self.task_over(task, Exit { code, ..Exit::default() }, false);
    }

    /// What a task reads or writes could not be opened. A script that has no output has no way to tell either: its end
    /// has Slurm's number for this.
    pub(super) fn not_connected(self: &Rc<Self>, task: usize, error: &OpenError) {
        for stream in self.open_streams_of(task) {
            self.end_stream(task, stream);
        }
        if self.launch.key.step.is_batch() {
            return self.exited(task, Exit { signal: NO_STDIO, ..Exit::default() }, false);
        }
        self.not_started(task, errno_of(&error.source), error.to_string());
    }

    /// Reaps every process that has ended: tasks, prologs, and orphans of tasks.
    pub(super) fn reap(self: &Rc<Self>) {
        while let Ok(Some((pid, exit))) = wait::reap() {
            let child = self.children.borrow_mut().remove(&pid);
            match child {
                Some(Child::Task(task)) => {
                    let started_us = self.tasks.borrow()[task].started_us;
                    self.task_over(task, Exit { started_us, ended_us: now_us(), ..exit }, true);
                }
                // Nobody waits for it where the step has been ended meanwhile.
                Some(Child::Program(sender)) => drop(sender.send(exit)),
                None => {}
            }
        }
        self.look_for_launchers();
    }

    /// A task is gone, or will never be there. `announce`: launchers do not know yet.
    fn task_over(self: &Rc<Self>, task: usize, exit: Exit, announce: bool) {
        let Some(epilog) = self.launch.task_epilog.clone() else { return self.exited(task, exit, announce) };
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            super::scripts::epilog(&step, task, &epilog).await;
            step.exited(task, exit, announce);
        });
    }

    fn exited(self: &Rc<Self>, task: usize, exit: Exit, announce: bool) {
        let (rank, node) = {
            let mut tasks = self.tasks.borrow_mut();
            tasks[task].progress = Progress::Ended;
            tasks[task].release();
            (tasks[task].rank, self.launch.nodes[tasks[task].node].name.clone())
        };
        if announce {
            self.announce(FromStep::Exited { rank, exit });
        }
        self.tell(FromStepd::Exited { rank, exit });
        let how = how(exit);
        self.leave_pmix(rank);
        self.tasks.borrow_mut()[task].exit = Some(exit);
        self.ends.notify_waiters();
        if self.is_root() {
            self.left(rank, node.clone(), how.clone());
            self.missed(self.membership.turns_of(rank), Lost { rank, node, how });
        } else {
            self.no_longer_blocked(rank);
            self.report_end(rank, node, how);
        }
        if self.tasks.borrow().iter().all(|task| task.progress == Progress::Ended) {
            self.all_ended();
        }
    }
}

/// Microseconds since 1970.
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// How a task ended, for people.
pub(super) fn how(exit: Exit) -> String {
    match exit.signal {
        0 => format!("exited with code {}", exit.code),
        signal => format!("was killed by signal {signal}"),
    }
}
