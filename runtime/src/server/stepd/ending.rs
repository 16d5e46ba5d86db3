//! A step's end: signals, the grace between TERM and KILL, and what is cleared away after the last task.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::step::Step;
use super::task::{Progress, Task};
use crate::server::{descendants, shared_memory};
use crate::wire::step::Stream;

/// What gathers the output of a step that the script has started.
const LAUNCHER: &str = "srun";

/// How long pipes may stay open after every process of the step is gone: something outside holds them.
const LEAK_WAIT: Duration = Duration::from_secs(2);

/// How far a step's end is.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Its tasks have been told.
    begun: Cell<bool>,
    /// The controller has ended it, not its launcher.
    ordered: Cell<bool>,
    /// The script has ended, its launchers have not.
    lingers: Cell<bool>,
}

impl Step {
    /// Sends every task a signal. A job script gets it alone; a stop and its end reach every process of the step.
    pub(super) fn signal(&self, number: i32) {
        let Some(signal) = Signal::from_named_raw(number) else { return };
        if matches!(signal, Signal::STOP | Signal::CONT) {
            return descendants::signal_all(signal);
        }
        for pid in self.running() {
            // A task that has just ended needs no signal.
            let _ = if self.launch.key.step.is_batch() {
                rustix::process::kill_process(pid, signal)
            } else {
                rustix::process::kill_process_group(pid, signal)
            };
        }
    }

    fn running(&self) -> Vec<Pid> {
        let running = |task: &Task| match task.progress {
            Progress::Running(pid) => Some(pid),
            _ => None,
        };
        self.tasks.borrow().iter().filter_map(running).collect()
    }

    /// Ends the step: TERM, and after the launch's `kill_wait_ms` KILL; or KILL at once.
    pub(super) fn terminate(self: &Rc<Self>, at_once: bool, notice: Option<&str>) {
        if self.is_finished() {
            return;
        }
        if let Some(notice) = notice {
            self.notice(&format!("error: {notice}"));
        }
        let first = !self.ending.begun.replace(true);
        if at_once {
            descendants::signal_all(Signal::KILL);
        } else if first {
            for pid in self.running() {
                for signal in [Signal::CONT, Signal::TERM] {
                    let _ = rustix::process::kill_process_group(pid, signal);
                }
            }
            let step = Rc::clone(self);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(Duration::from_millis(step.launch.kill_wait_ms)).await;
                descendants::signal_all(Signal::KILL);
            });
        }
    }

    /// The controller's order to end the step. Whoever asked for it may be one of the tasks (`scontrol requeue` in a
    /// step): its answer, which is on its way too, comes before the signal.
    pub(super) fn end_by_order(self: &Rc<Self>, at_once: bool, notice: Option<String>) {
        /// Longer than an answer takes, shorter than anybody who wants an end notices.
        const ANSWER_WAIT: Duration = Duration::from_millis(100);
        self.ending.ordered.set(true);
        if at_once {
            return self.terminate(true, notice.as_deref());
        }
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(ANSWER_WAIT).await;
            step.terminate(false, notice.as_deref());
        });
    }

    /// A launcher's wish to end the step. Once the controller has ended it, the tasks have the grace that this gives
    /// them: a launcher that was itself ended with the job does not shorten it. Its wish may overtake the order, which
    /// is why it waits a moment.
    pub(super) fn end_by_launcher(self: &Rc<Self>, at_once: bool, notice: Option<String>) {
        /// Longer than an order is behind by, shorter than anybody who wants an end notices.
        const ORDER_WAIT: Duration = Duration::from_millis(50);
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(ORDER_WAIT).await;
            if !step.ending.ordered.get() {
                let notice = notice.filter(|_| !step.is_ending());
                step.terminate(at_once, notice.as_deref());
            }
        });
    }

    /// Whether the step is being ended: nothing more is started then.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.begun.get() || self.ending.ordered.get()
    }

    /// The last task is gone. A script that is ended is often gone before its steps are, whose last words its launchers
    /// still gather: those have the rest of the grace.
    pub(super) fn all_ended(self: &Rc<Self>) {
        self.tell_of_singletons();
        let ended = self.launch.key.step.is_batch() && self.ending.begun.get();
        self.ending.lingers.set(ended && descendants::any_named(LAUNCHER));
        if !self.ending.lingers.get() {
            self.clear();
        }
    }

    /// So goes all that the tasks have left.
    fn clear(self: &Rc<Self>) {
        descendants::kill_all_but(&[]);
        if self.may_have_left_files() {
            shared_memory::remove_left_files(self.begin);
        }
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(LEAK_WAIT).await;
            let open: Vec<(usize, Stream)> = step.open_streams();
            open.into_iter().for_each(|(task, stream)| step.end_stream(task, stream));
        });
        self.check_finished();
    }

    /// Whether MPI libraries may have left files in shared memory. Of ranks that are not served here, such as those that an
    /// `mpirun` in the script has started, nobody knows how they ended. Those of PMIx have a directory of their own.
    fn may_have_left_files(&self) -> bool {
        match &self.pmi {
            Some(pmi) => pmi.ends_badly(),
            None => self.pmix.borrow().is_none(),
        }
    }

    /// Processes have ended: perhaps the last launcher of a script that has.
    pub(super) fn look_for_launchers(self: &Rc<Self>) {
        if self.ending.lingers.get() && !descendants::any_named(LAUNCHER) {
            self.ending.lingers.set(false);
            self.clear();
        }
    }

    /// Whether launchers of a script that has ended still gather.
    pub(super) fn lingers(&self) -> bool {
        self.ending.lingers.get()
    }
}
