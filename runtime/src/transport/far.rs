//! The ranks of other nodes: a stream to each that this rank speaks with, asked for when it is first needed.
//!
//! Two ranks that dial each other at the same time have two streams: each sends on the one that it came by first, and
//! both read both. Messages of one rank to another so stay on one stream, and in order.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use super::exchange::{Exchange, weight};
use super::failure::Failure;
use super::stream::Stream;
use crate::ids::Rank;
use crate::limits::{EAGER_CREDIT_BYTES, STREAM_RECORD_BYTES_MAX};

/// The ranks of other nodes.
#[derive(Debug)]
pub(crate) struct Far {
    streams: Vec<Stream>,
    /// For each rank the way to it; none for those that nobody has asked for.
    routes: HashMap<Rank, Route>,
    accounts: HashMap<Rank, Account>,
    /// Rung by neighbours when this rank sleeps.
    bell: OwnedFd,
}

/// The way to a rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// None yet, and none was asked for.
    Unknown,
    /// The step process has been asked for one.
    Asked,
    /// This stream.
    Stream(usize),
    /// There is none: the rank has left before there was one, or cannot be reached.
    None(Failure),
}

/// What is under way with a rank, by weight.
#[derive(Debug, Default, Clone, Copy)]
struct Account {
    /// Whole messages sent to it.
    sent: u64,
    /// Of these, received by it as far as it has told.
    received: u64,
    /// Whole messages of it that were received here and that it has not been told of.
    untold: u64,
}

/// What has happened while a rank looked or slept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Messages have moved.
    pub(crate) moved: bool,
    /// The step process says something.
    pub(crate) step: bool,
    /// Nothing has happened for as long as it was waited for.
    pub(crate) is_late: bool,
}

/// How long a rank that leaves waits for others to take what it has sent, over a network. On one machine it is theirs
/// as soon as it is sent.
const LINGER_WAIT: Duration = Duration::from_secs(1);

impl Far {
    /// Nobody is connected yet. `bell` is what neighbours ring.
    pub(crate) fn new(bell: OwnedFd) -> Self {
        Self { streams: Vec::new(), routes: HashMap::new(), accounts: HashMap::new(), bell }
    }

    /// A connection to a rank.
    ///
    /// # Errors
    /// [`Failure::Unreachable`].
    pub(crate) fn adopt(&mut self, rank: Rank, dialled: bool, socket: OwnedFd) -> Result<(), Failure> {
        let unreachable = |error: io::Error| Failure::Unreachable { rank, reason: error.to_string() };
        let stream = Stream::new(socket, rank, dialled).map_err(unreachable)?;
        // The first one stays: messages of one rank to another are on one stream.
        if !matches!(self.route(rank), Route::Stream(_)) {
            self.routes.insert(rank, Route::Stream(self.streams.len()));
        }
        self.streams.push(stream);
        Ok(())
    }

    /// The way to a rank.
    pub(crate) fn route(&self, to: Rank) -> Route {
        self.routes.get(&to).cloned().unwrap_or(Route::Unknown)
    }

    /// The step process has been asked for a way to a rank.
    pub(crate) fn asked(&mut self, to: Rank) {
        self.routes.insert(to, Route::Asked);
    }

    /// There is no way to a rank that was asked for, unless it has made one itself meanwhile.
    pub(crate) fn give_up(&mut self, to: Rank, why: Failure) {
        if !matches!(self.route(to), Route::Stream(_)) {
            self.routes.insert(to, Route::None(why));
        }
    }

    /// Moves what is to go to a rank, by its stream.
    ///
    /// # Errors
    /// Those of the stream.
    pub(crate) fn pump(&mut self, to: Rank, stream: usize, exchange: &mut Exchange) -> Result<bool, Failure> {
        exchange.pump(to, &mut self.streams[stream])
    }

    /// Whether a message may go whole; counts it where it may.
    pub(crate) fn may_go_whole(&mut self, to: Rank, length: usize) -> bool {
        let account = self.accounts.entry(to).or_default();
        let sent = account.sent + weight(length) as u64;
        let may = length <= STREAM_RECORD_BYTES_MAX
            && sent.saturating_sub(account.received) <= EAGER_CREDIT_BYTES as u64;
        if may {
            account.sent = sent;
        }
        may
    }

    /// A rank has received so much of what was sent to it.
    pub(crate) fn credited(&mut self, by: Rank, bytes: u64) {
        self.accounts.entry(by).or_default().received += bytes;
    }

    /// Something of a rank was received here; gives what it is to be told, if that is worth a record.
    pub(crate) fn credit(&mut self, from: Rank, bytes: usize) -> Option<u64> {
        let account = self.accounts.entry(from).or_default();
        account.untold += bytes as u64;
        (account.untold >= EAGER_CREDIT_BYTES as u64 / 4).then(|| std::mem::take(&mut account.untold))
    }

    /// Whether a rank will send nothing more.
    pub(crate) fn has_left(&self, rank: Rank) -> bool {
        if matches!(self.routes.get(&rank), Some(Route::None(_))) {
            return true;
        }
        let mut streams = self.streams.iter().filter(|stream| stream.peer == rank).peekable();
        streams.peek().is_some() && streams.all(|stream| stream.has_ended)
    }

    /// Whether everything that was begun has gone into the sockets.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.streams.iter().any(Stream::has_rest)
    }

    /// Looks at everything that comes from outside of the node, and waits for something: `None`, for ever.
    ///
    /// # Errors
    /// Those of streams and messages.
    pub(crate) fn look(
        &mut self,
        exchange: &mut Exchange,
        step: Option<BorrowedFd<'_>>,
        wait: Option<Duration>,
    ) -> Result<Seen, Failure> {
        let ready = self.poll(exchange, step, wait);
        let mut seen = Seen { step: ready.step, moved: false, is_late: ready.is_late };
        if ready.bell {
            // Somebody may have been first; then there is nothing to take.
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        }
        for (at, can_write) in ready.streams {
            let stream = &mut self.streams[at];
            if can_write {
                seen.moved |= match stream.flush() {
                    // What it has sent before that may still be there.
                    Err(left @ Failure::Left(_)) => exchange.fail_sends(stream.peer, &left),
                    flushed => flushed?,
                };
            }
            let before = stream.has_ended;
            seen.moved |= stream.pull(exchange)? | (before != stream.has_ended);
        }
        Ok(seen)
    }

    fn poll(&self, exchange: &Exchange, step: Option<BorrowedFd<'_>>, wait: Option<Duration>) -> Ready {
        let open: Vec<usize> = (0..self.streams.len()).filter(|at| !self.streams[*at].has_ended).collect();
        let mut watched = vec![PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN)];
        for &at in &open {
            let stream = &self.streams[at];
            let has_more = stream.is_open()
                && self.routes.get(&stream.peer) == Some(&Route::Stream(at))
                && exchange.outboxes.contains_key(&stream.peer);
            let flags =
                if stream.has_rest() || has_more { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            watched.push(PollFd::from_borrowed_fd(stream.socket(), flags));
        }
        watched.extend(step.map(|step| PollFd::from_borrowed_fd(step, PollFlags::IN)));
        let wait = wait.and_then(|wait| wait.try_into().ok());
        // Interrupted: nothing is ready, and the caller comes again.
        let is_late = poll(&mut watched, wait.as_ref()) == Ok(0);
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let streams = open.iter().zip(&watched[1..]).filter(|(_, fd)| is_ready(fd));
        Ready {
            is_late,
            bell: is_ready(&watched[0]),
            step: step.is_some() && watched.last().is_some_and(is_ready),
            streams: streams.map(|(at, fd)| (*at, fd.revents().contains(PollFlags::OUT))).collect(),
        }
    }

    /// Sends nothing more, and waits a while for what was sent over a network to arrive: a socket that is closed while
    /// something comes in throws away what it has not yet delivered.
    pub(crate) fn leave(&mut self) {
        self.streams.iter().for_each(Stream::finish);
        let end = Instant::now() + LINGER_WAIT;
        let mut open: Vec<&mut Stream> = self.streams.iter_mut().filter(|stream| !stream.has_ended).collect();
        open.retain_mut(|stream| stream.is_network() && !stream.discard());
        while let Some(wait) = end.checked_duration_since(Instant::now()).filter(|_| !open.is_empty()) {
            let mut watched: Vec<PollFd<'_>> =
                open.iter().map(|stream| PollFd::from_borrowed_fd(stream.socket(), PollFlags::IN)).collect();
            if poll(&mut watched, wait.try_into().ok().as_ref()) == Ok(0) {
                return;
            }
            open.retain_mut(|stream| !stream.discard());
        }
    }
}

/// What [`Far::poll`] has found.
#[derive(Debug)]
struct Ready {
    /// Nothing is.
    is_late: bool,
    bell: bool,
    step: bool,
    /// Streams, and whether each can be written to.
    streams: Vec<(usize, bool)>,
}
