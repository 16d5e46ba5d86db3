//! A launcher's link: events are told, output is pulled, input and signals come.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::Notify;

use super::input::Piece;
use super::stdio;
use super::step::Step;
use crate::ids::Rank;
use crate::net::{
    self,
    link::{ReadHalf, WriteHalf},
};
use crate::wire::frame::{FrameError, FrameReader, FrameWriter};
use crate::wire::step::{FromStep, Stream, ToStep};

type Key = (Rank, Stream);

/// What a launcher has asked for.
#[derive(Debug)]
pub(super) struct Link {
    owner: bool,
    pulls: RefCell<HashMap<Key, Pull>>,
    /// Streams that may have something for the launcher, each once, in the order in which it came.
    ready: RefCell<VecDeque<Key>>,
    /// Events told so far.
    told: Cell<usize>,
    /// Input taken, and how much of that the launcher knows.
    taken: Cell<u64>,
    taken_told: Cell<u64>,
    /// The launcher wants to know what tasks use. Several such wishes are one.
    sample: Cell<bool>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Pull {
    /// What is sent next.
    offset: u64,
    /// Nothing is sent from here on.
    limit: u64,
    is_ready: bool,
    /// Its end has been told: a pull that crossed it asks for nothing new.
    is_over: bool,
}

/// What is to be written next.
enum Next {
    Event(FromStep),
    Data(FromStep, Bytes),
    Nothing,
}

impl Link {
    pub(super) fn new(owner: bool) -> Rc<Self> {
        Rc::new(Self {
            owner,
            pulls: RefCell::default(),
            ready: RefCell::default(),
            told: Cell::new(0),
            taken: Cell::new(0),
            taken_told: Cell::new(0),
            sample: Cell::new(false),
            changed: Notify::new(),
        })
    }

    pub(super) fn is_owner(&self) -> bool {
        self.owner
    }

    /// Whether the launcher has been sent all that there was.
    pub(super) fn has_told_all(&self, step: &Step) -> bool {
        let pulls = self.pulls.borrow();
        let mut tasks = step.tasks.borrow_mut();
        let sent = |task: &mut super::task::Task, stream| {
            task.log(stream).is_none() || pulls.get(&(task.rank, stream)).is_some_and(|pull| pull.is_over)
        };
        self.told.get() == step.events.borrow().len()
            && tasks.iter_mut().all(|task| sent(task, Stream::Stdout) && sent(task, Stream::Stderr))
    }

    /// There may be an event to be told.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// A stream has grown or ended.
    pub(super) fn has_data(&self, rank: Rank, stream: Stream) {
        let key = (rank, stream);
        if let Some(pull) = self.pulls.borrow_mut().get_mut(&key)
            && !pull.is_ready
            && !pull.is_over
        {
            pull.is_ready = true;
            self.ready.borrow_mut().push_back(key);
            self.changed.notify_one();
        }
    }

    /// So much input has been taken.
    pub(super) fn taken(&self, bytes: usize) {
        self.taken.set(self.taken.get() + bytes as u64);
        self.changed.notify_one();
    }

    fn pull(&self, key: Key, offset: u64, credit: u64) {
        let mut pulls = self.pulls.borrow_mut();
        let pull = pulls.entry(key).or_insert(Pull { offset, limit: 0, is_ready: false, is_over: false });
        pull.offset = pull.offset.max(offset);
        pull.limit = offset.saturating_add(credit);
        drop(pulls);
        self.has_data(key.0, key.1);
    }

    /// What the launcher is to get next.
    fn next(&self, step: &Step) -> Next {
        if let Some(event) = step.events.borrow().get(self.told.get()) {
            self.told.set(self.told.get() + 1);
            return Next::Event(event.clone());
        }
        if self.taken.get() > self.taken_told.get() {
            self.taken_told.set(self.taken.get());
            return Next::Event(FromStep::StdinTaken { bytes: self.taken.get() });
        }
        if self.sample.take() {
            return Next::Event(FromStep::Usage { tasks: step.usage() });
        }
        while let Some(key) = { self.ready.borrow_mut().pop_front() } {
            if let Some(next) = self.next_of(step, key) {
                return next;
            }
        }
        Next::Nothing
    }

    /// The next piece of a stream. The stream goes to the end of the line, so that one that never stops does not
    /// keep the others waiting.
    fn next_of(&self, step: &Step, key: Key) -> Option<Next> {
        let (rank, stream) = key;
        let mut pulls = self.pulls.borrow_mut();
        let pull = pulls.get_mut(&key)?;
        pull.is_ready = false;
        let mut tasks = step.tasks.borrow_mut();
        let log = step.by_rank.get(&rank).and_then(|&at| tasks[at].log(stream));
        let Some(log) = log else {
            // Not logged, or no such rank here: it has ended before it began.
            pull.is_over = true;
            return Some(Next::Event(FromStep::End { rank, stream, offset: 0 }));
        };
        if pull.offset < pull.limit {
            let (offset, bytes) = match log.read(pull.offset, pull.limit - pull.offset) {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(%error, %rank, "cannot read back a task's output");
                    return None;
                }
            };
            if !bytes.is_empty() {
                pull.offset = offset + bytes.len() as u64;
                pull.is_ready = true;
                self.ready.borrow_mut().push_back(key);
                return Some(Next::Data(FromStep::Data { rank, stream, offset }, bytes));
            }
        }
        // What has been forgotten cannot be waited for.
        pull.offset = pull.offset.max(log.start());
        if log.has_ended() && pull.offset >= log.end() {
            let offset = log.end();
            pull.is_over = true;
            return Some(Next::Event(FromStep::End { rank, stream, offset }));
        }
        None
    }
}

/// Serves a launcher until it closes or the link breaks.
pub(super) async fn serve(step: &Rc<Step>, link: &Rc<Link>, bytes: net::link::Link) {
    tokio::select! {
        // However it ends, the launcher is gone: nobody is left to be told why.
        _ = hear(step, link, FrameReader::new(bytes.read)) => {}
        _ = tell(step, link, FrameWriter::new(bytes.write)) => {}
    }
}

async fn tell(
    step: &Rc<Step>,
    link: &Rc<Link>,
    mut writer: FrameWriter<WriteHalf>,
) -> Result<(), FrameError> {
    loop {
        match link.next(step) {
            Next::Event(event) => writer.message(&event).await?,
            Next::Data(event, bytes) => writer.message_with_data(&event, &bytes).await?,
            Next::Nothing => link.changed.notified().await,
        }
    }
}

async fn hear(step: &Rc<Step>, link: &Rc<Link>, mut reader: FrameReader<ReadHalf>) -> Result<(), FrameError> {
    while let Some(message) = reader.message().await? {
        match message {
            ToStep::Pull { rank, stream, offset, credit } => {
                if link.owner {
                    forget(step, rank, stream, offset);
                }
                link.pull((rank, stream), offset, credit);
            }
            ToStep::Stdin { rank } => feed(step, link, rank, Some(reader.data().await?)).await,
            ToStep::StdinEnd { rank } => feed(step, link, rank, None).await,
            ToStep::Signal { signal } => step.signal(signal),
            ToStep::Terminate { at_once, notice } => step.end_by_launcher(at_once, notice),
            ToStep::Sample => {
                link.sample.set(true);
                link.wake();
            }
            ToStep::Resize { rows, columns } => {
                if let Some(terminal) = &*step.terminal.borrow() {
                    stdio::resize(terminal, rows, columns);
                }
            }
        }
    }
    Ok(())
}

/// What the owner has got need not be kept.
fn forget(step: &Rc<Step>, rank: Rank, stream: Stream, offset: u64) {
    let Some(&at) = step.by_rank.get(&rank) else { return };
    if let Some(log) = step.tasks.borrow_mut()[at].log(stream) {
        let before = log.start();
        if log.forget(offset).is_ok() {
            step.taken.set(step.taken.get() + log.start() - before);
            step.room.notify_waiters();
        }
    }
}

async fn feed(step: &Rc<Step>, link: &Rc<Link>, rank: Option<Rank>, bytes: Option<Bytes>) {
    let queue = step.feeder.borrow().as_ref().and_then(super::input::Feeder::queue);
    if let Some(queue) = queue {
        // Closed only when the step is over: then nobody wants the input.
        let _ = queue.send(Piece { rank, bytes, from: Rc::clone(link) }).await;
    }
}
