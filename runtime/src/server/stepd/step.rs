//! A step's state, and everything that changes it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustix::process::Pid;
use tokio::sync::{Notify, oneshot};

use super::answer::{Answer, End};
use super::blocked::Blocked;
use super::children::Children;
use super::collective::{Collectives, Told};
use super::ending::Ending;
use super::exchange::Exchange;
use super::fence::{FenceWaiter, settle_fence};
use super::input::Feeder;
use super::link::Link;
use super::log::Budget;
use super::mailbox::Mailbox;
use super::membership::Membership;
use super::news::News;
use super::pmi::Pmi;
use super::pmix::Pmix;
use super::room::{Held, Room};
use super::task::{Progress, Task};
use super::visitors::Owner;
use crate::ids::Rank;
use crate::limits::{CALLS_BYTES_MAX, LOGS_MEMORY_BYTES_MAX, MAIL_BYTES_MAX, MAIL_MESSAGES_MAX};
use crate::server::guard::Workspace;
use crate::server::usage;
use crate::wire::launch::{Output, StepLaunch};
use crate::wire::pieces::Pieces;
use crate::wire::step::{FromStep, Stream, Usage};
use crate::wire::stepd::FromStepd;

/// A rank that is to be told what came of its call, and what the step holds for it until then.
pub(super) type Waiter = (oneshot::Sender<Answer>, Option<Held>);

/// How long the output of a step is kept for a launcher that has not come yet.
const LAUNCHER_WAIT: Duration = Duration::from_secs(30);

/// One step on one rank server.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) launch: StepLaunch,
    pub(super) workspace: Workspace,
    /// No file of its tasks is older.
    pub(super) begin: SystemTime,
    pub(super) tasks: RefCell<Vec<Task>>,
    pub(super) by_rank: HashMap<Rank, usize>,
    /// What happened, in order, for every launcher that comes.
    pub(super) events: RefCell<Vec<FromStep>>,
    pub(super) fences: RefCell<Exchange<FenceWaiter>>,
    pub(super) pmi: Option<Pmi>,
    pub(super) pmix: RefCell<Option<Pmix>>,
    /// An MPI library that a rank has loaded without a word to the server.
    pub(super) silent_library: RefCell<Option<String>>,
    /// Where the step's first node is: calls that ranks make together, and messages between them.
    pub(super) collectives: RefCell<Collectives<Waiter>>,
    pub(super) mailbox: RefCell<Mailbox<Waiter>>,
    pub(super) calls_room: Room,
    pub(super) mail_room: Room,
    pub(super) membership: Membership,
    pub(super) blocked: Blocked,
    /// Tells of each task's end.
    pub(super) ends: Notify,
    pub(super) feeder: RefCell<Option<Feeder>>,
    /// The step process's side of task 0's terminal (`--pty`).
    pub(super) terminal: RefCell<Option<OwnedFd>>,
    /// Where pipes are read into.
    pub(super) pieces: Pieces,
    /// Something was forgotten from a log: who waits for room may try again.
    pub(super) room: Notify,
    /// Bytes that launchers have taken so far, of all streams.
    pub(super) taken: Cell<u64>,
    pub(super) children: Children,
    pub(super) links: RefCell<Vec<Weak<Link>>>,
    pub(super) owner: Cell<Owner>,
    pub(super) unproven: Rc<Cell<usize>>,
    pub(super) news: News,
    pub(super) ending: Ending,
    over: Notify,
    finished: Cell<bool>,
}

impl Step {
    /// `lasting`: it outlives its rank server.
    pub(super) fn new(launch: StepLaunch, workspace: Workspace, lasting: bool) -> Rc<Self> {
        let count: usize = launch.nodes.iter().map(|node| node.tasks.len()).sum();
        let budget = Budget::new(LOGS_MEMORY_BYTES_MAX, 2 * count);
        let mut tasks = Vec::new();
        for (node, on_node) in launch.nodes.iter().enumerate() {
            for (local, task) in on_node.tasks.iter().enumerate() {
                tasks.push(Task::new(node, local, task, launch.pty.is_some(), &budget));
            }
        }
        let by_rank = tasks.iter().enumerate().map(|(at, task)| (task.rank, at)).collect();
        Rc::new(Self {
            fences: RefCell::new(Exchange::new(launch.size)),
            pmi: Pmi::of(&launch),
            pmix: RefCell::default(),
            silent_library: RefCell::default(),
            collectives: RefCell::new(Collectives::new(launch.size)),
            mailbox: RefCell::new(Mailbox::new(launch.size)),
            calls_room: Room::new(CALLS_BYTES_MAX, usize::MAX),
            mail_room: Room::new(MAIL_BYTES_MAX, MAIL_MESSAGES_MAX),
            membership: Membership::new(),
            blocked: Blocked::new(&launch),
            ends: Notify::new(),
            launch,
            workspace,
            begin: SystemTime::now(),
            tasks: RefCell::new(tasks),
            by_rank,
            events: RefCell::default(),
            feeder: RefCell::default(),
            terminal: RefCell::default(),
            pieces: budget.pieces().clone(),
            room: Notify::new(),
            taken: Cell::new(0),
            children: Children::default(),
            links: RefCell::default(),
            owner: Cell::new(Owner::NotYet),
            unproven: Rc::default(),
            news: News::new(lasting),
            ending: Ending::default(),
            over: Notify::new(),
            finished: Cell::new(false),
        })
    }

    /// Waits until nobody needs this process any more.
    pub(super) async fn is_over(&self) {
        self.over.notified().await;
    }

    /// Tells every launcher, those that come later too.
    pub(super) fn announce(&self, event: FromStep) {
        self.events.borrow_mut().push(event);
        self.each_link(Link::wake);
    }

    fn each_link(&self, act: impl Fn(&Link)) {
        self.links.borrow_mut().retain(|link| link.upgrade().is_some());
        let links: Vec<Rc<Link>> = self.links.borrow().iter().filter_map(Weak::upgrade).collect();
        links.iter().for_each(|link| act(link));
    }

    /// What tasks use that run.
    pub(super) fn usage(&self) -> Vec<(Rank, Usage)> {
        let tasks = self.tasks.borrow();
        let running = tasks.iter().filter_map(|task| match task.progress {
            Progress::Running(pid) => Some((task.rank, pid)),
            _ => None,
        });
        let (ranks, pids): (Vec<Rank>, Vec<Pid>) = running.unzip();
        ranks.into_iter().zip(usage::of_each(&pids)).collect()
    }

    /// Bytes of a task's stream.
    ///
    /// # Errors
    /// The log has no room (disk full); none of the bytes was taken.
    pub(super) fn append(&self, task: usize, stream: Stream, bytes: &Bytes) -> io::Result<()> {
        let rank = {
            let mut tasks = self.tasks.borrow_mut();
            let task = &mut tasks[task];
            let written = task.aside(stream).with_what_waits(bytes);
            if let Some(log) = task.log(stream) {
                log.append(&written)?;
            }
            task.aside(stream).written(bytes);
            if stream == Stream::Stderr {
                task.remember(bytes);
            }
            task.rank
        };
        self.each_link(|link| link.has_data(rank, stream));
        Ok(())
    }

    /// Something is to stand between two lines of a task's stream.
    pub(super) fn append_aside(&self, task: usize, stream: Stream, bytes: &[u8]) {
        let rank = {
            let mut tasks = self.tasks.borrow_mut();
            let task = &mut tasks[task];
            let now = task.aside(stream).say(bytes);
            if let (Some(log), Some(now)) = (task.log(stream), now) {
                // A full disk leaves nowhere to write it to.
                let _ = log.append(&now);
            }
            if stream == Stream::Stderr {
                task.remember(bytes);
            }
            task.rank
        };
        self.each_link(|link| link.has_data(rank, stream));
    }

    /// Bytes that can be appended to a task's stream and stay in memory.
    pub(super) fn room_of(&self, task: usize, stream: Stream) -> usize {
        self.tasks.borrow_mut()[task].log(stream).map_or(usize::MAX, |log| log.room())
    }

    /// Whether a running task's stream has less room in memory than this, and has not gone to its file yet. What a task
    /// has left behind is little, and must be in the log before its pipes are given up.
    pub(super) fn lacks_room(&self, task: usize, stream: Stream, bytes: usize) -> bool {
        let mut tasks = self.tasks.borrow_mut();
        let running = matches!(tasks[task].progress, Progress::Running(_));
        running && tasks[task].log(stream).is_some_and(|log| !log.is_spilling() && log.room() < bytes)
    }

    /// A task's stream is over.
    pub(super) fn end_stream(self: &Rc<Self>, task: usize, stream: Stream) {
        let rank = {
            let mut tasks = self.tasks.borrow_mut();
            let task = &mut tasks[task];
            let rest = task.aside(stream).rest();
            if let Some(log) = task.log(stream) {
                // A full disk leaves nowhere to write it to.
                let _ = rest.map(|rest| log.append(&rest));
                log.finish();
            }
            task.rank
        };
        self.each_link(|link| link.has_data(rank, stream));
        self.check_finished();
    }

    /// A rank, here or elsewhere, will make no further call.
    pub(super) fn left(self: &Rc<Self>, rank: Rank, node: String, how: String) {
        self.no_longer_blocked(rank);
        let told = self.fences.borrow_mut().leave(rank, node.clone(), how.clone());
        settle_fence(told);
        let end = End { node, how };
        let told = self.collectives.borrow_mut().leave(rank, end.clone());
        settle(told);
        let told = self.mailbox.borrow_mut().leave(rank, end);
        settle(told);
        self.mail_room.wake();
    }

    pub(super) fn open_streams(&self) -> Vec<(usize, Stream)> {
        let tasks = self.tasks.borrow();
        tasks.iter().enumerate().flat_map(|(at, task)| task.open().map(move |stream| (at, stream))).collect()
    }

    /// Streams of a task that may still grow.
    pub(super) fn open_streams_of(&self, task: usize) -> Vec<Stream> {
        self.tasks.borrow()[task].open().collect()
    }

    /// Whether every task and every stream is over.
    pub(super) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    pub(super) fn check_finished(self: &Rc<Self>) {
        let ended = self.tasks.borrow().iter().all(|task| task.progress == Progress::Ended);
        if self.finished.get() || !ended || self.lingers() || !self.open_streams().is_empty() {
            return;
        }
        self.finished.set(true);
        self.announce(FromStep::Done);
        self.tell(FromStepd::Done);
        if self.owner.get() == Owner::NotYet && self.awaits_owner() {
            let step = Rc::clone(self);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(LAUNCHER_WAIT).await;
                if step.owner.get() == Owner::NotYet {
                    step.owner.set(Owner::Left);
                    step.check_over();
                }
            });
        }
        self.check_over();
    }

    /// Whether a launcher is to come for output or exit codes.
    fn awaits_owner(&self) -> bool {
        let logged =
            |task: &crate::wire::launch::TaskLaunch| task.stdout == Output::Log || task.stderr == Output::Log;
        self.launch.owner_grace_ms.is_some()
            || self.launch.nodes.iter().flat_map(|node| &node.tasks).any(logged)
    }

    pub(super) fn check_over(&self) {
        self.links.borrow_mut().retain(|link| link.upgrade().is_some());
        let awaited = match self.owner.get() {
            Owner::NotYet => self.awaits_owner(),
            Owner::Away => true,
            Owner::Here | Owner::Left => false,
        };
        if self.finished.get() && !awaited && !self.news.are_awaited() && self.links.borrow().is_empty() {
            self.over.notify_one();
        }
    }
}

/// Tells ranks what came of their calls. One whose connection is gone needs no answer.
pub(super) fn settle(told: Told<Waiter>) {
    for ((waiter, _held), answer) in told {
        let _ = waiter.send(answer);
    }
}
