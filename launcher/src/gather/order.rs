//! Which stream to pull next and how much of it, and what to write out when. Pure.
//!
//! A [`Merger`] stands between the streams that go to one output and that output. By *rank*, the first stream that
//! is not over is live: what comes of it is written at once. Of the streams after it only the beginning is
//! pulled, so that the turn passes on without waiting for anybody; the rest stays in the logs of their step
//! processes, and the launcher's memory is bounded whatever the ranks write. By *line*, all streams are pulled and
//! whole lines written as they come; a line too long to be held takes the *floor*: it is written as it comes, and
//! the others wait until it ends. *Auto* is by rank, until something had to be held for too long.

mod by_line;
mod messages;

use std::collections::VecDeque;

use bytes::Bytes;
use prun_runtime::limits::DATA_BYTES_MAX;

use self::messages::Messages;
use super::label::Labels;
use super::source::Source;

/// Bytes asked for at once of a stream that is written as it comes: some frames, so that the next are on their way while
/// one is written.
const WINDOW_BYTES: usize = 4 * DATA_BYTES_MAX;

/// Bytes of such a stream after which the window moves on. What has come is forgotten by the step process then, so that
/// its logs stay in memory.
const ADVANCE_BYTES: usize = DATA_BYTES_MAX / 4;

/// Bytes on their way out at which nothing more is asked for.
const OUT_BYTES_MAX: usize = 1 << 20;

/// Bytes of a stream pulled before its turn: enough for most ranks' whole output. Also the longest line that is held.
const AHEAD_BYTES_MAX: usize = 1 << 20;

/// The least worth pulling before a stream's turn.
const AHEAD_BYTES_MIN: usize = 4 << 10;

/// How ranks' output is ordered (`--order`, `PRUN_ORDER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Rank 0 to its end, then rank 1, ….
    Rank,
    /// As `Rank`, until output has been held for so long; then as `Line`.
    Auto {
        /// Milliseconds.
        hold_ms: u64,
    },
    /// Whole lines as they come.
    Line,
    /// Bytes as they come.
    None,
}

/// What a step process may not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Bytes between two offsets are missing, or a stream ended before what it had sent.
    #[error("output of rank {rank} has a hole between bytes {from} and {to}")]
    Hole {
        /// Whose.
        rank: u32,
        /// Where it begins.
        from: u64,
        /// Where it ends.
        to: u64,
    },
    /// More than was asked for.
    #[error("more output of rank {rank} came than was asked for")]
    Overrun {
        /// Whose.
        rank: u32,
    },
}

/// A request for bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pull {
    /// Which stream of this merger.
    pub source: usize,
    /// First byte wanted.
    pub offset: u64,
    /// How many bytes may come.
    pub credit: u64,
}

/// Merges streams into one output.
#[derive(Debug)]
pub struct Merger {
    order: Order,
    labels: Option<Labels>,
    sources: Vec<Source>,
    /// By rank: the stream that is live; those before it are over and written.
    turn: usize,
    /// By rank: streams before this one have been pulled.
    pulled: usize,
    /// By line: the stream in the middle of a line that is partly written.
    floor: Option<usize>,
    /// Bytes that one stream may have here, asked for or held.
    share: usize,
    /// The same once all streams are pulled at a time.
    by_line_share: usize,
    /// Streams that nothing is asked of and that may have more, in the order in which they came to be so.
    wanting: VecDeque<usize>,
    /// When something of a stream was first held (milliseconds), in that order.
    held_since: VecDeque<(u64, usize)>,
    out: VecDeque<Bytes>,
    messages: Messages,
    /// The time when something last came.
    now: u64,
    /// Bytes on their way out, those of messages among them.
    out_bytes: usize,
    pulls: Vec<Pull>,
    /// Streams that are not over, or not all written.
    unfinished: usize,
}

impl Merger {
    /// A merger of one stream of each of these ranks. At most about `memory` bytes are held for streams whose
    /// turn has not come, and 1 MiB on its way out.
    #[must_use]
    pub fn new(order: Order, labels: Option<Labels>, ranks: &[u32], memory: usize) -> Self {
        // There is nothing to order in one stream, but labels stand only at the begin of lines.
        let order = match (ranks.len(), order, labels) {
            (0 | 1, ..) => Order::Rank,
            (_, Order::None, Some(_)) => Order::Line,
            _ => order,
        };
        let fair = memory / ranks.len().max(1);
        let by_line_share = fair.clamp(1, AHEAD_BYTES_MAX);
        let share = match order {
            Order::Rank | Order::Auto { .. } => fair.clamp(AHEAD_BYTES_MIN, AHEAD_BYTES_MAX),
            Order::Line | Order::None => by_line_share,
        };
        let mut merger = Self {
            order,
            labels,
            sources: ranks.iter().map(|&rank| Source::new(rank)).collect(),
            turn: 0,
            pulled: 0,
            floor: None,
            share,
            by_line_share,
            wanting: VecDeque::new(),
            held_since: VecDeque::new(),
            out: VecDeque::new(),
            messages: Messages::default(),
            now: 0,
            out_bytes: 0,
            pulls: Vec::new(),
            unfinished: ranks.len(),
        };
        match merger.order {
            Order::Rank | Order::Auto { .. } => merger.pull_ahead(memory),
            Order::Line | Order::None => {
                for source in 0..ranks.len() {
                    merger.want(source);
                }
                merger.grant();
            }
        }
        merger
    }

    /// Bytes of a stream have come, at this time in milliseconds.
    ///
    /// # Errors
    /// [`OrderError`]: the step process did not keep to what was asked.
    pub fn data(&mut self, source: usize, offset: u64, bytes: Bytes, now: u64) -> Result<(), OrderError> {
        self.now = self.now.max(now);
        let new = self.sources[source].receive(offset, bytes)?;
        if !new.is_empty() {
            match self.order {
                Order::Rank | Order::Auto { .. } if source == self.turn => self.write(source, new),
                Order::Rank | Order::Auto { .. } => self.hold_back(source, new, now),
                Order::None => self.write(source, new),
                Order::Line => {
                    self.sources[source].hold(new);
                    self.release(source);
                }
            }
        }
        self.after(source);
        Ok(())
    }

    /// A stream goes on at this offset: what lies between was forgotten before it could be sent. Only an onlooker,
    /// whom nobody waits for, finds it so.
    pub fn skip_to(&mut self, source: usize, offset: u64) {
        self.sources[source].skip_to(offset);
    }

    /// A stream has ended at this offset.
    ///
    /// # Errors
    /// [`OrderError::Hole`]: more of it has come.
    pub fn end(&mut self, source: usize, offset: u64) -> Result<(), OrderError> {
        if !self.sources[source].is_over() {
            self.sources[source].end(offset)?;
            self.over(source);
        }
        Ok(())
    }

    /// Nothing more will come of a stream: its step process is lost.
    pub fn cut(&mut self, source: usize) {
        if !self.sources[source].is_over() {
            self.sources[source].cut();
            self.over(source);
        }
    }

    /// Whether all of a stream has come.
    #[must_use]
    pub fn has_ended(&self, source: usize) -> bool {
        self.sources[source].is_over()
    }

    /// A stream's link was made anew: what was asked for and has not come is asked for again.
    pub fn resume(&mut self, source: usize) {
        let state = &self.sources[source];
        let (offset, credit) = (state.received(), state.outstanding());
        if !state.is_over() && credit > 0 {
            self.pulls.push(Pull { source, offset, credit });
        }
    }

    /// Time has passed: by `Auto`, what was held too long is let go; a message does not wait for ever either.
    pub fn tick(&mut self, now: u64) {
        if self.held_until().is_some_and(|deadline| deadline <= now) {
            self.go_by_line();
        }
        if self.messages.deadline().is_some_and(|deadline| deadline <= now) {
            self.messages.let_out(&mut self.out);
        }
    }

    /// When [`Merger::tick`] is to be called, in milliseconds.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.held_until().into_iter().chain(self.messages.deadline()).min()
    }

    fn held_until(&self) -> Option<u64> {
        let Order::Auto { hold_ms } = self.order else { return None };
        self.held_since.front().map(|(since, _)| since + hold_ms)
    }

    /// What is to be asked for now.
    pub fn pulls(&mut self) -> std::vec::Drain<'_, Pull> {
        self.pulls.drain(..)
    }

    /// Takes what is to be written now, about `bytes_max` at most. [`Merger::written`] must be told when it is.
    pub fn take(&mut self, bytes_max: usize) -> Vec<Bytes> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < bytes_max
            && let Some(first) = self.out.pop_front()
        {
            bytes += first.len();
            taken.push(first);
        }
        taken
    }

    /// So many bytes of what was taken have been written.
    pub fn written(&mut self, bytes: usize) {
        self.out_bytes -= bytes;
        self.grant();
    }

    /// Writes a message between what has come and what will: whole lines, unless a rank leaves one half written.
    pub fn say(&mut self, message: Bytes) {
        self.out_bytes += message.len();
        self.messages.say(message);
        if self.order == Order::None || !self.messages.is_within_line() {
            self.messages.let_out(&mut self.out);
        }
    }

    /// Everything has come, and everything has been written.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.unfinished == 0 && self.out_bytes == 0
    }

    /// Bytes here or asked for.
    #[must_use]
    pub fn memory(&self) -> usize {
        let waiting: usize = self.sources.iter().map(|s| s.held_bytes() + s.outstanding() as usize).sum();
        waiting + self.out_bytes
    }

    /// By rank: keeps bytes of a stream whose turn has not come.
    fn hold_back(&mut self, source: usize, bytes: Bytes, now: u64) {
        if self.sources[source].held_bytes() == 0 {
            self.held_since.push_back((now, source));
        }
        self.sources[source].hold(bytes);
    }

    /// The end of a stream is known, and perhaps reached.
    fn over(&mut self, source: usize) {
        if self.order == Order::Line && self.sources[source].is_over() {
            self.release(source);
        }
        self.after(source);
        let over = |source: usize| self.sources[source].is_over();
        if self.messages.line_is_over(over) {
            self.messages.let_out(&mut self.out);
        }
    }

    /// What follows after news of a stream.
    fn after(&mut self, source: usize) {
        match self.order {
            Order::Rank | Order::Auto { .. } => {
                if source == self.turn {
                    self.pass_turn();
                }
            }
            Order::Line | Order::None => {
                self.finish(source);
                self.want(source);
            }
        }
        self.grant();
    }

    /// By rank: as long as the live stream is over, the next one becomes live.
    fn pass_turn(&mut self) {
        while self.turn < self.sources.len() {
            if !self.sources[self.turn].is_over() {
                self.want(self.turn);
                return;
            }
            self.end_line(self.turn);
            self.unfinished -= 1;
            self.turn += 1;
            while self.held_since.front().is_some_and(|&(_, source)| source <= self.turn) {
                self.held_since.pop_front();
            }
            if self.turn < self.sources.len() {
                self.write_held(self.turn, true);
                if self.pulled < self.sources.len() {
                    self.want(self.pulled);
                    self.pulled += 1;
                }
            }
        }
    }

    /// By rank: asks for the beginnings of as many streams as the memory is enough for, and the live one's window.
    fn pull_ahead(&mut self, memory: usize) {
        self.pulled = (memory / self.share + 1).min(self.sources.len());
        for source in 0..self.pulled {
            self.ask(source, if source == 0 { WINDOW_BYTES } else { self.share });
        }
    }

    /// Writes what is held of a stream: all, or its whole lines.
    fn write_held(&mut self, source: usize, all: bool) {
        let state = &mut self.sources[source];
        for bytes in if all { state.take_all() } else { state.take_lines() } {
            self.write(source, bytes);
        }
    }

    fn write(&mut self, source: usize, bytes: Bytes) {
        let state = &mut self.sources[source];
        let text = match self.labels {
            Some(labels) => labels.put(state.rank, &bytes, state.mid_line),
            None => bytes,
        };
        state.mid_line = text.last() != Some(&b'\n');
        self.out_bytes += text.len();
        let line_end = self.messages.gap_in(&text);
        self.messages.written(state.mid_line.then_some((source, self.now)));
        let Some(at) = line_end else { return self.out.push_back(text) };
        self.out.push_back(text.slice(..at));
        self.messages.let_out(&mut self.out);
        if at < text.len() {
            self.out.push_back(text.slice(at..));
        }
    }

    /// A labelled line ends with its stream, so that the next label begins a line.
    fn end_line(&mut self, source: usize) {
        if self.labels.is_some() && self.sources[source].mid_line {
            self.write(source, Bytes::from_static(b"\n"));
        }
        self.sources[source].mid_line = false;
    }

    /// Notes that a stream may have more credit.
    fn want(&mut self, source: usize) {
        let state = &mut self.sources[source];
        let has_room = match self.order {
            Order::Rank | Order::Auto { .. } if source == self.turn => {
                state.outstanding() == 0 || state.since_grant() >= ADVANCE_BYTES as u64
            }
            Order::Line => state.outstanding() == 0 && state.held_bytes() < self.share,
            _ => state.outstanding() == 0,
        };
        if !state.is_over() && has_room && !state.wants_credit {
            state.wants_credit = true;
            self.wanting.push_back(source);
        }
    }

    /// Gives credit, unless too much waits to be written.
    fn grant(&mut self) {
        while self.out_bytes < OUT_BYTES_MAX
            && let Some(source) = self.wanting.pop_front()
        {
            self.sources[source].wants_credit = false;
            let credit = match self.order {
                Order::Rank | Order::Auto { .. } if source == self.turn => WINDOW_BYTES,
                Order::Rank | Order::Auto { .. } => self.share,
                Order::Line => self.share - self.sources[source].held_bytes(),
                Order::None => self.share,
            };
            self.ask(source, credit);
        }
    }

    fn ask(&mut self, source: usize, credit: usize) {
        let offset = self.sources[source].grant(credit as u64);
        self.pulls.push(Pull { source, offset, credit: credit as u64 });
    }
}

#[cfg(test)]
mod tests;
