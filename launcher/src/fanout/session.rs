//! A live step from its launcher's side: all links, outputs, input and signals, until every task has ended and
//! every byte is written. [`Watch`] and the mergers of [`Outputs`] decide; here bytes are moved.

use std::future::pending;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prun_runtime::ids::Rank;
use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::net::link as net;
use prun_runtime::wire::frame::FrameError;
use prun_runtime::wire::step::{Exit, FromStep, ToStep};
use tokio::sync::mpsc;

use super::input::Input;
use super::link::{Arrival, Link, News, Stuck};
use super::reach::{Again, Connection};
use super::signals::{SIGWINCH, Signals};
use super::watch::{Act, Watch};
use crate::gather::order::OrderError;
use crate::gather::outputs::{Outputs, describe_error};

/// Bytes of input that step processes have been sent and have not taken.
const INPUT_BYTES_MAX: u64 = 1 << 20;

/// Arrivals handled in one go before anything is written.
const ARRIVALS_AT_ONCE: usize = 64;

/// Milliseconds without news after which an onlooker leaves a step whose tasks have ended: it does not know which
/// streams go elsewhere, and so never end for it.
const ONLOOKER_IDLE_MS: u64 = 500;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The step's exit, over all tasks.
    pub exit: Exit,
    /// An output could not be written.
    pub output_failed: bool,
    /// The launcher left before the step was over.
    pub left: bool,
}

/// What the tasks read, and who reads it.
#[derive(Debug)]
pub struct Feeding {
    /// Where it comes from.
    pub input: Input,
    /// The only task that gets it, if not all do.
    pub only: Option<u32>,
    /// Its end is the end of the tasks' input.
    pub ends: bool,
}

/// A live step.
pub struct Session {
    links: Vec<One>,
    /// By rank.
    link_of: Vec<usize>,
    arrivals: mpsc::Receiver<Arrival>,
    /// Where links put what arrives.
    to: mpsc::Sender<Arrival>,
    watch: Watch,
    outputs: Outputs,
    feeding: Option<Feeding>,
    fed: u64,
    start: Instant,
    last_news: u64,
    output_failed: bool,
    leaving: bool,
}

/// One link.
struct One {
    /// `None` once it is closed.
    link: Option<Link>,
    ranks: Vec<u32>,
    again: Option<Again>,
    /// Events heard so far.
    events: usize,
    /// Events that are heard again, on a link that was made anew.
    known: usize,
    /// It was made anew, and nothing has been heard on it.
    silent: bool,
    /// Input that was taken on links before this one, or is lost.
    taken_before: u64,
    taken: u64,
    /// All of its tasks have ended: it takes no more input.
    done: bool,
}

impl Session {
    /// A session over these connections, which stand for all ranks of the step.
    #[must_use]
    pub fn new(
        connections: Vec<Connection>,
        watch: Watch,
        outputs: Outputs,
        feeding: Option<Feeding>,
    ) -> Self {
        let (to, arrivals) = mpsc::channel(ARRIVALS_AT_ONCE);
        let size = connections.iter().map(|connection| connection.ranks.len()).sum();
        let mut link_of = vec![0; size];
        let mut links = Vec::with_capacity(connections.len());
        for (at, Connection { stream, ranks, again }) in connections.into_iter().enumerate() {
            ranks.iter().for_each(|rank| link_of[*rank as usize] = at);
            links.push(One {
                link: Some(Link::open(at, stream, waiting_max(&ranks), to.clone())),
                ranks,
                again,
                events: 0,
                known: 0,
                silent: false,
                taken_before: 0,
                taken: 0,
                done: false,
            });
        }
        Self {
            links,
            link_of,
            arrivals,
            to,
            watch,
            outputs,
            feeding,
            fed: 0,
            start: Instant::now(),
            last_news: 0,
            output_failed: false,
            leaving: false,
        }
    }

    /// Runs the step to its end.
    pub async fn run(mut self, signals: &mut Signals) -> Outcome {
        let mut exit = None;
        loop {
            self.settle();
            let over = self.watch.is_over() && self.outputs.is_finished();
            match exit {
                None if over || self.leaving => exit = Some(self.watch.finish()),
                Some(exit) if over || self.leaving => {
                    let Self { output_failed, leaving: left, .. } = self;
                    return Outcome { exit, output_failed, left };
                }
                _ => self.wait(signals).await,
            }
        }
    }

    /// Does what has been decided, asks for what is wanted, writes what can be written.
    fn settle(&mut self) {
        let acts: Vec<Act> = self.watch.acts().collect();
        for act in acts {
            match act {
                Act::Say(line) => self.outputs.say(&line),
                Act::Signal(signal) => self.broadcast(&ToStep::Signal { signal }),
                Act::Terminate { at_once } => self.terminate(at_once),
                Act::Leave => self.leaving = true,
            }
        }
        for complaint in self.outputs.write() {
            self.output_fails(&complaint);
        }
        for pull in self.outputs.pulls() {
            let message = ToStep::Pull {
                rank: pull.rank,
                stream: pull.stream,
                offset: pull.offset,
                credit: pull.credit,
            };
            self.send(self.link_of[pull.rank.0 as usize], message);
        }
        // What was said of outputs that fail is still to be written.
        self.outputs.write();
    }

    fn output_fails(&mut self, complaint: &str) {
        self.output_failed = true;
        self.watch.complain(complaint);
        let acts: Vec<Act> = self.watch.acts().collect();
        for act in acts {
            if let Act::Say(line) = act {
                self.outputs.say(&line);
            }
        }
    }

    /// Ends the step. Its first node says so to whoever reads the step's error output.
    fn terminate(&mut self, at_once: bool) {
        let now = crate::local_time::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let first = self.link_of.first().copied();
        for at in 0..self.links.len() {
            let notice = (Some(at) == first).then(|| self.watch.end_notice(&now));
            self.send(at, ToStep::Terminate { at_once, notice });
        }
    }

    fn broadcast(&mut self, message: &ToStep) {
        for at in 0..self.links.len() {
            self.send(at, message.clone());
        }
    }

    fn send(&mut self, at: usize, message: ToStep) {
        let sent = self.links[at].link.as_ref().map_or(Ok(()), |link| link.send(message));
        self.lose_if_stuck(at, sent);
    }

    fn lose_if_stuck(&mut self, at: usize, sent: Result<(), Stuck>) {
        if let Err(error) = sent {
            self.watch.complain(&error.to_string());
            self.lose(at);
        }
    }

    /// Waits for something to happen, and takes it in.
    async fn wait(&mut self, signals: &mut Signals) {
        let idle = self.idle_deadline();
        let deadline = [self.watch.deadline(), self.outputs.deadline(), idle].into_iter().flatten().min();
        let until = deadline.map(|ms| self.start + Duration::from_millis(ms));
        let busy = self.outputs.is_busy();
        let hungry = self.wants_input();
        tokio::select! {
            Some(arrival) = self.arrivals.recv() => {
                self.arrive(arrival);
                for _ in 1..ARRIVALS_AT_ONCE {
                    let Ok(arrival) = self.arrivals.try_recv() else { break };
                    self.arrive(arrival);
                }
            }
            complaint = self.outputs.wait(), if busy => {
                if let Some(complaint) = complaint {
                    self.output_fails(&complaint);
                }
            }
            chunk = next_chunk(self.feeding.as_mut()), if hungry => self.feed(chunk),
            signal = signals.next() => self.signalled(signal),
            () = sleep_until(until) => {
                let now = self.now();
                self.watch.tick(now);
                self.outputs.tick(now);
                if idle.is_some_and(|idle| idle <= now) {
                    self.links.iter().flat_map(|one| &one.ranks).for_each(|rank| self.outputs.cut(Rank(*rank)));
                }
            }
        }
    }

    fn idle_deadline(&self) -> Option<u64> {
        let waits = self.watch.is_onlooker() && self.watch.is_over() && !self.outputs.is_busy();
        waits.then_some(self.last_news + ONLOOKER_IDLE_MS)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn arrive(&mut self, Arrival { link, news }: Arrival) {
        self.last_news = self.now();
        match news {
            News::Message(message, bytes) => {
                if let Err(error) = self.hear(link, message, bytes) {
                    self.watch.complain(&error.to_string());
                    self.lose(link);
                }
            }
            News::Closed(error) => self.closed(link, error),
            News::Again(Some(stream)) => self.regain(link, *stream),
            News::Again(None) => self.lose(link),
        }
    }

    /// A link is gone before its time: it is made again, unless the one before it was already. A step process that is
    /// dead takes no link, so that this is soon known.
    fn closed(&mut self, at: usize, error: Option<FrameError>) {
        self.links[at].link = None;
        let one = &self.links[at];
        let has_all = one.done && one.ranks.iter().all(|rank| self.outputs.has_ended(Rank(*rank)));
        let again = one.again.clone().filter(|_| !one.silent && !has_all);
        match again {
            Some(again) => {
                let to = self.to.clone();
                tokio::spawn(async move {
                    let stream = again.connect().await.map(Box::new);
                    // A session that is over needs it no more.
                    let _ = to.send(Arrival { link: at, news: News::Again(stream) }).await;
                });
            }
            None => {
                if let Some(error) = error.filter(|_| !self.links[at].done) {
                    self.watch.complain(&error.to_string());
                }
                self.lose(at);
            }
        }
    }

    /// A link was made again: the step process tells from the beginning what happened, and is asked for what is missing.
    fn regain(&mut self, at: usize, stream: net::Link) {
        let one = &mut self.links[at];
        one.link = Some(Link::open(at, stream, waiting_max(&one.ranks), self.to.clone()));
        one.silent = true;
        one.known = one.events;
        let unsure = self.fed - one.taken.min(self.fed);
        (one.taken_before, one.taken) = (self.fed, self.fed);
        for rank in &one.ranks {
            self.outputs.resume(Rank(*rank));
        }
        if unsure > 0 {
            self.watch.complain(&format!("a link broke: {unsure} bytes of input may be lost"));
        }
    }

    fn hear(&mut self, link: usize, message: FromStep, bytes: Bytes) -> Result<(), OrderError> {
        let now = self.now();
        self.links[link].silent = false;
        if is_event(&message) {
            let one = &mut self.links[link];
            if one.known > 0 {
                one.known -= 1;
                return Ok(());
            }
            one.events += 1;
        }
        if let FromStep::Data { rank, stream, offset } | FromStep::End { rank, stream, offset } = message
            && self.watch.is_onlooker()
        {
            // The launcher that the step belongs to may have had it forget what this one had not got yet.
            self.outputs.skip_to(rank, stream, offset);
        }
        match message {
            FromStep::Started { rank, .. } => self.watch.started(rank.0),
            FromStep::NotStarted { rank, errno, what } => self.watch.not_started(rank.0, errno, &what, now),
            FromStep::Exited { rank, exit } => self.watch.ended(rank.0, exit, now),
            FromStep::Data { rank, stream, offset } => {
                return self.outputs.data(rank, stream, offset, bytes, now);
            }
            FromStep::End { rank, stream, offset } => return self.outputs.end(rank, stream, offset),
            FromStep::StdinTaken { bytes } => {
                let one = &mut self.links[link];
                one.taken = one.taken_before + bytes;
            }
            FromStep::Aborted { rank, code, why } => self.watch.aborted(rank.0, code, &why, now),
            FromStep::Warning { text, .. } => self.watch.warned(&text),
            FromStep::Done => self.links[link].done = true,
            // Nobody here has asked.
            FromStep::Usage { .. } => {}
        }
        Ok(())
    }

    /// A link is gone, and with it what still ran there.
    fn lose(&mut self, at: usize) {
        let one = &mut self.links[at];
        one.link = None;
        one.done = true;
        let ranks = std::mem::take(&mut one.ranks);
        for rank in &ranks {
            self.outputs.cut(Rank(*rank));
        }
        self.watch.lost(&ranks, self.now());
    }

    fn signalled(&mut self, signal: i32) {
        if signal == SIGWINCH {
            if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdin()) {
                let message = ToStep::Resize { rows: size.ws_row, columns: size.ws_col };
                self.send(self.link_of[0], message);
            }
        } else if self.watch.is_over() {
            // Only a reader of the output keeps us here, and the user does not want to wait for it.
            self.leaving = true;
        } else {
            self.watch.signal(signal, self.now());
        }
    }

    /// Whether input may be read: nobody who takes it is too far behind.
    fn wants_input(&self) -> bool {
        let Some(feeding) = &self.feeding else { return false };
        let mut takers = match feeding.only {
            Some(rank) => &self.links[self.link_of[rank as usize]..=self.link_of[rank as usize]],
            None => &self.links[..],
        }
        .iter()
        .filter(|one| !one.done)
        .peekable();
        takers.peek().is_some() && takers.all(|one| self.fed - one.taken.min(self.fed) < INPUT_BYTES_MAX)
    }

    fn feed(&mut self, chunk: io::Result<Option<Bytes>>) {
        let Some(Feeding { only, ends, .. }) = self.feeding else { return };
        let only = only.map(Rank);
        let bytes = match chunk {
            Ok(Some(bytes)) => Some(bytes),
            Ok(None) => None,
            Err(error) => {
                self.watch.complain(&format!("cannot read the input: {}", describe_error(&error)));
                None
            }
        };
        if bytes.is_none() {
            self.feeding = None;
        }
        self.fed += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let links = match only {
            Some(rank) => self.link_of[rank.0 as usize]..self.link_of[rank.0 as usize] + 1,
            None => 0..self.links.len(),
        };
        for at in links {
            let Some(link) = &self.links[at].link else { continue };
            let sent = match &bytes {
                Some(bytes) => link.input(only, bytes.clone()),
                None if ends => link.send(ToStep::StdinEnd { rank: only }),
                None => Ok(()),
            };
            self.lose_if_stuck(at, sent);
        }
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

async fn next_chunk(feeding: Option<&mut Feeding>) -> io::Result<Option<Bytes>> {
    match feeding {
        Some(feeding) => feeding.input.next().await,
        None => pending().await,
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
