//! A live step from its launcher's side: all links, outputs, input and signals, until every task has ended and
//! every byte is written. [`Watch`] and the mergers of [`Outputs`] decide; here bytes are moved.

mod line;

use std::future::pending;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prun_runtime::ids::Rank;
use prun_runtime::net::link as net;
use prun_runtime::wire::frame::FrameError;
use prun_runtime::wire::step::{Exit, FromStep, ToStep};
use tokio::sync::mpsc;

use super::input::Input;
use super::link::{Arrival, News, Stuck};
use super::reach::Connection;
use super::signals::{SIGALRM, SIGUSR1, SIGUSR2, SIGWINCH, Signals};
use super::watch::{Act, Watch};
use crate::gather::order::OrderError;
use crate::gather::outputs::{Outputs, describe_error};
use line::Line;

/// Bytes of input that step processes have been sent and have not taken.
const INPUT_BYTES_MAX: u64 = 1 << 20;

/// Arrivals handled in one go before anything is written.
const ARRIVALS_AT_ONCE: usize = 64;

/// Milliseconds without news after which no more output of a step whose tasks have ended is waited for: by an onlooker,
/// which does not know which streams go elsewhere and so never end for it, and by a launcher that was asked to end, whose
/// reader does not read.
const IDLE_MS: u64 = 500;

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
    lines: Vec<Line>,
    /// By rank.
    line_of: Vec<usize>,
    arrivals: mpsc::Receiver<Arrival>,
    watch: Watch,
    outputs: Outputs,
    feeding: Option<Feeding>,
    fed: u64,
    start: Instant,
    last_news: u64,
    output_failed: bool,
    /// It was asked to end after the tasks had: what comes and can be written still is.
    parting: bool,
    leaving: bool,
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
        let mut line_of = vec![0; size];
        let mut lines = Vec::with_capacity(connections.len());
        for (at, connection) in connections.into_iter().enumerate() {
            connection.ranks.iter().for_each(|rank| line_of[*rank as usize] = at);
            lines.push(Line::new(at, connection, to.clone()));
        }
        Self {
            lines,
            line_of,
            arrivals,
            watch,
            outputs,
            feeding,
            fed: 0,
            start: Instant::now(),
            last_news: 0,
            output_failed: false,
            parting: false,
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
            self.send(self.line_of[pull.rank.0 as usize], message);
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
        let first = self.line_of.first().copied();
        for at in 0..self.lines.len() {
            let notice = (Some(at) == first).then(|| self.watch.end_notice(&now));
            self.send(at, ToStep::Terminate { at_once, notice });
        }
    }

    fn broadcast(&mut self, message: &ToStep) {
        for at in 0..self.lines.len() {
            self.send(at, message.clone());
        }
    }

    fn send(&mut self, at: usize, message: ToStep) {
        let sent = self.lines[at].send(message);
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
                self.last_news = self.now();
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
                    self.leaving |= self.parting;
                    self.lines.iter().flat_map(Line::ranks).for_each(|rank| self.outputs.cut(Rank(*rank)));
                }
            }
        }
    }

    fn idle_deadline(&self) -> Option<u64> {
        let looks_on = self.watch.is_onlooker() && !self.outputs.is_busy();
        let waits = self.watch.is_over() && (looks_on || self.parting);
        waits.then_some(self.last_news + IDLE_MS)
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

    /// A link is gone: it is made again, unless that would be in vain.
    fn closed(&mut self, at: usize, error: Option<FrameError>) {
        let line = &mut self.lines[at];
        let has_all = line.is_done() && line.ranks().iter().all(|rank| self.outputs.has_ended(Rank(*rank)));
        if line.breaks(has_all) {
            return;
        }
        if let Some(error) = error.filter(|_| !line.is_done()) {
            self.watch.complain(&error.to_string());
        }
        self.lose(at);
    }

    /// A link was made again: the step process tells from the beginning what happened, and is asked for what is missing.
    fn regain(&mut self, at: usize, stream: net::Link) {
        let line = &mut self.lines[at];
        let unsure = line.regain(stream, self.fed);
        for rank in line.ranks() {
            self.outputs.resume(Rank(*rank));
        }
        if unsure > 0 {
            self.watch.complain(&format!("a link broke: {unsure} bytes of input may be lost"));
        }
    }

    fn hear(&mut self, at: usize, message: FromStep, bytes: Bytes) -> Result<(), OrderError> {
        let now = self.now();
        if !self.lines[at].is_news(&message) {
            return Ok(());
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
            FromStep::StdinTaken { bytes } => self.lines[at].takes(bytes),
            FromStep::Aborted { rank, code, why } => self.watch.aborted(rank.0, code, &why, now),
            FromStep::Warning { text, .. } => self.watch.warned(&text),
            FromStep::Done => self.lines[at].is_over(),
            // Nobody here has asked.
            FromStep::Usage { .. } => {}
        }
        Ok(())
    }

    /// A link is gone, and with it what still ran there.
    fn lose(&mut self, at: usize) {
        let ranks = self.lines[at].lose();
        for rank in &ranks {
            self.outputs.cut(Rank(*rank));
        }
        self.watch.lost(&ranks, self.now());
    }

    fn signalled(&mut self, signal: i32) {
        if signal == SIGWINCH {
            if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdin()) {
                let message = ToStep::Resize { rows: size.ws_row, columns: size.ws_col };
                self.send(self.line_of[0], message);
            }
        } else if self.watch.is_over() {
            self.part(signal);
        } else {
            self.watch.signal(signal, self.now());
        }
    }

    /// A signal, when all tasks have ended. Output that is on its way is not given up for the first one, which may be that
    /// of the job's end; but nobody waits long for a reader.
    fn part(&mut self, signal: i32) {
        if !matches!(signal, SIGUSR1 | SIGUSR2 | SIGALRM) {
            self.leaving |= self.parting;
            self.parting = true;
            self.last_news = self.now();
        }
    }

    /// Whether input may be read: nobody who takes it is too far behind.
    fn wants_input(&self) -> bool {
        let Some(feeding) = &self.feeding else { return false };
        let mut takers = match feeding.only {
            Some(rank) => &self.lines[self.line_of[rank as usize]..=self.line_of[rank as usize]],
            None => &self.lines[..],
        }
        .iter()
        .filter(|line| !line.is_done())
        .peekable();
        takers.peek().is_some() && takers.all(|line| line.untaken(self.fed) < INPUT_BYTES_MAX)
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
        let lines = match only {
            Some(rank) => self.line_of[rank.0 as usize]..self.line_of[rank.0 as usize] + 1,
            None => 0..self.lines.len(),
        };
        for at in lines {
            let sent = match &bytes {
                Some(bytes) => self.lines[at].input(only, bytes.clone()),
                None if ends => self.lines[at].send(ToStep::StdinEnd { rank: only }),
                None => Ok(()),
            };
            self.lose_if_stuck(at, sent);
        }
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
