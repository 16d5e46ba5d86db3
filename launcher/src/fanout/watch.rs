//! A live step as its launcher sees it: which tasks run, how they ended, what to say about it and what to do. Pure.
//!
//! What it says are Slurm's lines (`srun: error: slurmnode1: task 0: Exited with exit code 7`). Ends of tasks are
//! said a moment late, so that those that end alike share a line, and a step that is over says them last.

use std::io;

use prun_runtime::ids::StepKey;
use prun_runtime::wire::step::Exit;

use super::exits::{Groups, tasks};
use crate::gather::outputs::describe_error;
use crate::layout::plan::Plan;

/// Milliseconds that the end of a task waits for others to share its line.
const GROUP_MS: u64 = 250;

/// Milliseconds within which a second interrupt ends the step (`srun(1)`).
const INTERRUPT_MS: u64 = 1_000;

/// Milliseconds that tasks have for an interrupt before they are killed.
const INTERRUPT_GRACE_MS: u64 = 1_000;

/// Milliseconds after the first end at which Slurm says so, where `--wait` sets no limit.
const FIRST_EXIT_NOTICE_MS: u64 = 60_000;

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// How a step is watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The command that watches, before its messages.
    pub command: &'static str,
    /// `--kill-on-bad-exit`.
    pub kill_on_bad_exit: bool,
    /// `--wait` in milliseconds; 0: no limit.
    pub wait_ms: u64,
    /// `--quit-on-interrupt`: the first interrupt ends the step.
    pub quit_on_interrupt: bool,
    /// `--disable-status`: the first interrupt is handed on.
    pub disable_status: bool,
    /// Milliseconds between TERM and KILL.
    pub kill_wait_ms: u64,
    /// `--quiet`.
    pub quiet: bool,
    /// `--verbose`: tasks that start and end well are told of too.
    pub verbose: bool,
    /// The step is only looked at: signals end the launcher, not the step.
    pub onlooker: bool,
    /// How many ranks each component of a heterogeneous job has, where the step is over several: ends of tasks are said
    /// with their numbers within them, as Slurm says them.
    pub parts: Vec<u32>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A line for the user.
    Say(String),
    /// A signal for every task.
    Signal(i32),
    /// The end of the step.
    Terminate {
        /// Without TERM first.
        at_once: bool,
    },
    /// The launcher goes, the step stays.
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Launched,
    Running,
    Ended(Exit),
}

/// A live step.
#[derive(Debug)]
pub struct Watch {
    key: StepKey,
    settings: Settings,
    nodes: Vec<String>,
    /// By rank: the node.
    node_of: Vec<usize>,
    tasks: Vec<Task>,
    running: usize,
    /// Ends that have not been said.
    unsaid: Groups,
    say_at: Option<u64>,
    first_end: Option<u64>,
    /// When the first end is to be said, or the step to be ended for it.
    wait_until: Option<u64>,
    last_interrupt: Option<u64>,
    kill_at: Option<u64>,
    /// When the step's end is no longer waited for.
    give_up_at: Option<u64>,
    terminating: bool,
    /// The rank that has ended the whole step, and the code that it wants.
    aborted: Option<(u32, Option<i32>)>,
    acts: Vec<Act>,
}

impl Watch {
    /// A step that has been launched with this plan.
    #[must_use]
    pub fn new(key: StepKey, plan: &Plan, settings: Settings) -> Self {
        let size = plan.size() as usize;
        let mut node_of = vec![0; size];
        for (node, of_node) in plan.nodes.iter().enumerate() {
            for task in &of_node.tasks {
                node_of[task.rank as usize] = node;
            }
        }
        Self {
            key,
            settings,
            nodes: plan.nodes.iter().map(|node| node.name.clone()).collect(),
            node_of,
            tasks: vec![Task::Launched; size],
            running: size,
            unsaid: Groups::default(),
            say_at: None,
            first_end: None,
            wait_until: None,
            last_interrupt: None,
            kill_at: None,
            give_up_at: None,
            terminating: false,
            aborted: None,
            acts: Vec::new(),
        }
    }

    /// A task runs.
    pub fn started(&mut self, rank: u32) {
        if let Some(task @ Task::Launched) = self.tasks.get_mut(rank as usize) {
            *task = Task::Running;
        }
        if self.settings.verbose {
            self.say_started_node(rank);
        }
    }

    /// Says that all tasks of a rank's node run.
    fn say_started_node(&mut self, rank: u32) {
        let Some(&node) = self.node_of.get(rank as usize) else { return };
        let of_node = || (0..self.tasks.len()).filter(|&rank| self.node_of[rank] == node);
        if of_node().all(|rank| self.tasks[rank] != Task::Launched) {
            let line = format!("Node {}, {} tasks started", self.nodes[node], of_node().count());
            self.inform(line);
        }
    }

    /// A task could not be started: it counts as ended with the error's number. Where its own error output tells why,
    /// `what` is empty.
    pub fn not_started(&mut self, rank: u32, errno: i32, what: &str, now: u64) {
        if !what.is_empty() {
            let why = describe_error(&io::Error::from_raw_os_error(errno));
            self.acts.push(Act::Say(format!("slurmstepd: error: {what}: {why}")));
        }
        self.ended(rank, Exit { code: errno, ..Exit::default() }, now);
    }

    /// A task has ended, at this time in milliseconds.
    pub fn ended(&mut self, rank: u32, exit: Exit, now: u64) {
        let Some(task) = self.tasks.get_mut(rank as usize).filter(|task| !matches!(task, Task::Ended(_)))
        else {
            return;
        };
        *task = Task::Ended(exit);
        self.running -= 1;
        if self.first_end.is_none() {
            self.first_end = Some(now);
            let notice = if self.settings.wait_ms > 0 { self.settings.wait_ms } else { FIRST_EXIT_NOTICE_MS };
            self.wait_until = Some(now + notice);
        }
        if self.settings.onlooker {
            if exit.code != 0 {
                self.complain(&format!("task {rank} exited with exit code {}", exit.code));
            }
        } else if exit.status() != 0 || self.settings.verbose {
            self.unsaid.add(self.node_of[rank as usize], self.within_part(rank), &exit);
            self.say_at.get_or_insert(now + GROUP_MS);
            if self.settings.kill_on_bad_exit && exit.status() != 0 && self.running > 0 && !self.terminating {
                self.say_ends();
                self.inform(format!("Terminating StepId={}", self.key));
                self.terminate(false);
            }
        }
    }

    /// A rank's number within its component.
    fn within_part(&self, rank: u32) -> u32 {
        let mut own = rank;
        for ranks in &self.settings.parts {
            match own.checked_sub(*ranks) {
                Some(behind) => own = behind,
                None => break,
            }
        }
        own
    }

    /// What is said of a step that its launcher ends, at this time.
    #[must_use]
    pub fn end_notice(&self, time: &str) -> String {
        let node = self.nodes.first().map_or("", String::as_str);
        format!("*** STEP {} ON {node} CANCELLED AT {time} ***", self.key)
    }

    /// What a step process wants the user to read.
    pub fn warned(&mut self, text: &str) {
        self.acts.push(Act::Say(format!("slurmstepd: {text}")));
    }

    /// A rank ends the whole step.
    pub fn aborted(&mut self, rank: u32, code: Option<i32>, why: &str, now: u64) {
        let Some(&node) = self.node_of.get(rank as usize) else { return };
        if self.settings.onlooker || self.terminating || self.kill_at.is_some() {
            return;
        }
        self.aborted = Some((rank, code));
        let line = format!("{}: task {rank}: {why}", self.nodes[node]);
        self.complain(&line);
        self.abort(now);
    }

    /// A step process is lost, and with it those of its tasks that still ran.
    pub fn lost(&mut self, ranks: &[u32], now: u64) {
        let gone: Vec<u32> = ranks
            .iter()
            .copied()
            .filter(|&rank| self.tasks.get(rank as usize).is_some_and(|task| !matches!(task, Task::Ended(_))))
            .collect();
        if let Some(&first) = gone.first() {
            let node = &self.nodes[self.node_of[first as usize]];
            let line = format!("{node}: {}: lost with their step process", tasks(gone.clone()));
            self.complain(&line);
        }
        for rank in gone {
            self.ended(rank, Exit { signal: SIGKILL, ..Exit::default() }, now);
        }
    }

    /// The launcher got a signal.
    pub fn signal(&mut self, signal: i32, now: u64) {
        match signal {
            _ if self.settings.onlooker => self.acts.push(Act::Leave),
            SIGINT => self.interrupt(now),
            SIGHUP | SIGTERM => self.force_termination(now),
            SIGQUIT => {
                self.inform("Quit".to_owned());
                self.force_termination(now);
            }
            other => self.acts.push(Act::Signal(other)),
        }
    }

    fn interrupt(&mut self, now: u64) {
        let second = self.last_interrupt.is_some_and(|last| now - last <= INTERRUPT_MS);
        if second || self.settings.quit_on_interrupt {
            self.forward_interrupt();
            self.inform("forcing job termination".to_owned());
            self.kill_at.get_or_insert(now + INTERRUPT_GRACE_MS);
        } else if self.settings.disable_status {
            self.forward_interrupt();
        } else {
            self.inform("interrupt (one more within 1 sec to abort)".to_owned());
            self.say_status();
        }
        self.last_interrupt = Some(now);
    }

    fn forward_interrupt(&mut self) {
        self.inform(format!("sending Ctrl-C to StepId={}", self.key));
        self.acts.push(Act::Signal(SIGINT));
    }

    fn force_termination(&mut self, now: u64) {
        self.inform("forcing job termination".to_owned());
        self.abort(now);
    }

    /// Ends the step without asking its tasks.
    fn abort(&mut self, now: u64) {
        let secs = self.settings.kill_wait_ms / 1000 + 2;
        self.give_up_at.get_or_insert(now + secs * 1000);
        self.inform(format!("Job step aborted: Waiting up to {secs} seconds for job step to finish."));
        self.terminate(true);
    }

    fn terminate(&mut self, at_once: bool) {
        self.terminating = true;
        self.wait_until = None;
        self.kill_at = None;
        self.acts.push(Act::Terminate { at_once });
    }

    /// `StepId=9.0 tasks 0-2,4-5: running`, one line a state.
    fn say_status(&mut self) {
        let mut by_state: [(&str, Vec<u32>); 3] =
            [("launched", Vec::new()), ("running", Vec::new()), ("exited", Vec::new())];
        for (rank, task) in (0..).zip(&self.tasks) {
            let state = match task {
                Task::Launched => 0,
                Task::Running => 1,
                Task::Ended(_) => 2,
            };
            by_state[state].1.push(rank);
        }
        for (word, ranks) in by_state.into_iter().filter(|(_, ranks)| !ranks.is_empty()) {
            self.inform(format!("StepId={} {}: {word}", self.key, tasks(ranks)));
        }
    }

    /// When [`Watch::tick`] is to be called, in milliseconds.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let wait_until = self.wait_until.filter(|_| self.running > 0);
        let kill_at = self.kill_at.filter(|_| self.running > 0);
        let give_up_at = self.give_up_at.filter(|_| self.running > 0);
        [self.say_at, wait_until, kill_at, give_up_at].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u64) {
        let due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        if due(self.say_at) {
            self.say_ends();
        }
        if self.running == 0 {
            return;
        }
        if due(self.wait_until) {
            self.first_end_long_ago(now);
        }
        if due(self.kill_at) {
            self.abort(now);
        }
        if due(self.give_up_at) {
            self.give_up_at = None;
            self.complain("Timed out waiting for job step to complete");
            self.acts.push(Act::Leave);
        }
    }

    fn first_end_long_ago(&mut self, now: u64) {
        self.wait_until = None;
        let secs = self.first_end.map_or(0, |first| (now - first) / 1000);
        self.inform(format!("First task exited {secs}s ago"));
        self.say_status();
        if self.settings.wait_ms > 0 {
            self.inform(format!("Terminating StepId={}", self.key));
            self.abort(now);
        }
    }

    fn say_ends(&mut self) {
        self.say_at = None;
        for (line, error) in self.unsaid.take_lines(&self.nodes) {
            if error { self.complain(&line) } else { self.inform(line) }
        }
    }

    /// Says an error.
    pub fn complain(&mut self, line: &str) {
        self.acts.push(Act::Say(format!("{}: error: {line}", self.settings.command)));
    }

    fn inform(&mut self, line: String) {
        if !self.settings.quiet {
            self.acts.push(Act::Say(format!("{}: {line}", self.settings.command)));
        }
    }

    /// What is to be done now.
    pub fn acts(&mut self) -> std::vec::Drain<'_, Act> {
        self.acts.drain(..)
    }

    /// The step is only looked at.
    #[must_use]
    pub fn is_onlooker(&self) -> bool {
        self.settings.onlooker
    }

    /// Every task has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running == 0
    }

    /// Says what has not been said, and gives the step's exit: that of the rank that has ended the step, else the highest
    /// signal that ended a task, else the highest code.
    pub fn finish(&mut self) -> Exit {
        self.say_ends();
        if let Some(exit) = self.exit_of_aborted() {
            return exit;
        }
        let ends = self.tasks.iter().filter_map(|task| match task {
            Task::Ended(exit) => Some(*exit),
            _ => None,
        });
        ends.max_by_key(|exit| (exit.signal, exit.code)).unwrap_or_default()
    }

    /// The exit of a step that one of its ranks has ended: as that rank asked for it, else as it ended itself; never
    /// success.
    fn exit_of_aborted(&self) -> Option<Exit> {
        let (rank, code) = self.aborted?;
        let own = match (code, self.tasks[rank as usize]) {
            (Some(code), _) => Exit { code: code & 0xff, ..Exit::default() },
            (None, Task::Ended(exit)) => exit,
            (None, _) => Exit::default(),
        };
        Some(if own.status() == 0 { Exit { code: 1, ..own } } else { own })
    }
}

#[cfg(test)]
mod tests;
