//! A launcher's line to one step process. The link under it may break and be made again: the step process then tells
//! anew what happened, of which only what was not heard before is news.

use bytes::Bytes;
use prun_runtime::ids::Rank;
use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::net::link as net;
use prun_runtime::wire::step::{FromStep, ToStep};
use tokio::sync::mpsc;

use crate::fanout::link::{Arrival, Link, News, Stuck};
use crate::fanout::reach::{Again, Connection};

/// A line; see the module.
pub(super) struct Line {
    /// Its number, under which arrivals come.
    at: usize,
    /// Where arrivals go.
    to: mpsc::Sender<Arrival>,
    /// `None` while it is broken, and once it is closed.
    link: Option<Link>,
    ranks: Vec<u32>,
    pub(super) again: Option<Again>,
    /// Events heard so far.
    events: usize,
    /// Events that are heard again, on a link that was made anew.
    known: usize,
    /// Its link was made anew, and nothing has been heard on it.
    silent: bool,
    /// Input that was taken on links before this one, or is lost.
    taken_before: u64,
    taken: u64,
    done: bool,
}

impl Line {
    /// A line over this connection.
    pub(super) fn new(at: usize, connection: Connection, to: mpsc::Sender<Arrival>) -> Self {
        let Connection { stream, ranks, again } = connection;
        let link = Some(Link::open(at, stream, waiting_max(&ranks), to.clone()));
        Self {
            at,
            to,
            link,
            ranks,
            again,
            events: 0,
            known: 0,
            silent: false,
            taken_before: 0,
            taken: 0,
            done: false,
        }
    }

    /// Its ranks, ascending; none once it is lost.
    pub(super) fn ranks(&self) -> &[u32] {
        &self.ranks
    }

    /// Whether all of its tasks have ended: it takes no more input.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// All of its tasks have ended.
    pub(super) fn is_over(&mut self) {
        self.done = true;
    }

    /// Sends a message, if there is a link now.
    pub(super) fn send(&self, message: ToStep) -> Result<(), Stuck> {
        self.link.as_ref().map_or(Ok(()), |link| link.send(message))
    }

    /// Sends input, if there is a link now, for one rank or all.
    pub(super) fn input(&self, only: Option<Rank>, bytes: Bytes) -> Result<(), Stuck> {
        self.link.as_ref().map_or(Ok(()), |link| link.input(only, bytes))
    }

    /// Bytes of input that were sent, of `fed` in all, and not taken.
    pub(super) fn untaken(&self, fed: u64) -> u64 {
        fed.saturating_sub(self.taken)
    }

    /// The step process has taken so many bytes of input on this link.
    pub(super) fn takes(&mut self, bytes: u64) {
        self.taken = self.taken_before + bytes;
    }

    /// Its link is gone. Whether another is being made, which arrives as [`News::Again`]: not where nothing is wanted of
    /// it any more, nor when the one before it was made anew and stayed silent. A step process that is dead takes no
    /// link, so that this is soon known. Needs a tokio runtime.
    pub(super) fn breaks(&mut self, has_all: bool) -> bool {
        self.link = None;
        let Some(again) = self.again.clone().filter(|_| !self.silent && !has_all) else { return false };
        let (to, link) = (self.to.clone(), self.at);
        tokio::spawn(async move {
            let stream = again.connect().await.map(Box::new);
            // A session that is over needs it no more.
            let _ = to.send(Arrival { link, news: News::Again(stream) }).await;
        });
        true
    }

    /// Another link is there. Gives how many bytes of input, of `fed` in all, may be lost.
    pub(super) fn regain(&mut self, stream: net::Link, fed: u64) -> u64 {
        self.link = Some(Link::open(self.at, stream, waiting_max(&self.ranks), self.to.clone()));
        self.silent = true;
        self.known = self.events;
        let unsure = self.untaken(fed);
        (self.taken_before, self.taken) = (fed, fed);
        unsure
    }

    /// A message was heard: whether it says something new.
    pub(super) fn is_news(&mut self, message: &FromStep) -> bool {
        self.silent = false;
        if !is_event(message) {
            return true;
        }
        let is_new = self.known == 0;
        if is_new {
            self.events += 1;
        } else {
            self.known -= 1;
        }
        is_new
    }

    /// It is gone for good: gives the ranks behind it.
    pub(super) fn lose(&mut self) -> Vec<u32> {
        (self.link, self.done) = (None, true);
        std::mem::take(&mut self.ranks)
    }
}

/// Messages that wait on a link: a stream has at most one request and its replacement on the way; the rest is input and
/// signals.
fn waiting_max(ranks: &[u32]) -> usize {
    QUEUE_MESSAGES_MAX + 4 * ranks.len()
}

/// Whether a launcher that comes later is told this again.
fn is_event(message: &FromStep) -> bool {
    match message {
        FromStep::Started { .. }
        | FromStep::NotStarted { .. }
        | FromStep::Exited { .. }
        | FromStep::Aborted { .. }
        | FromStep::Warning { .. }
        | FromStep::Done => true,
        FromStep::Data { .. }
        | FromStep::End { .. }
        | FromStep::StdinTaken { .. }
        | FromStep::Usage { .. } => false,
    }
}
