//! Connections to the controller: what is put in at one end comes out at the other in order, later, or never.

use std::collections::VecDeque;

use prun_runtime::wire::node::{FromNode, ToNode};

use super::random::Random;
use crate::controller::api::{Answer, Call};

/// One connection. A number is never given twice.
pub(super) type WireId = u64;

/// Who is at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Controller,
    Peer,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// A rank server.
    Node(usize),
    /// A user's command.
    User(usize),
    /// The `srun` of a script: the process of the script.
    Launcher(u64),
}

/// What comes out at the controller's end.
#[derive(Debug, Clone)]
pub(super) enum Up {
    Here,
    Says(FromNode),
    Calls(Box<Call>),
    Gone,
}

/// What comes out at the peer's end.
#[derive(Debug, Clone)]
pub(super) enum Down {
    Told(ToNode),
    Answered(Box<Answer>),
    Gone,
}

/// Times closer than this are the same one: what a number that was rounded may differ by.
const A_MOMENT: f64 = 1e-6;

/// One direction.
#[derive(Debug)]
pub(super) struct Lane<T> {
    queue: VecDeque<(f64, T)>,
    /// When the last of it comes out.
    last: f64,
    closed: bool,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), last: 0.0, closed: false }
    }
}

impl<T> Lane<T> {
    /// Puts something in that takes so long; gives when it comes out. Nothing overtakes what was put in before.
    pub(super) fn put(&mut self, now: f64, latency: f64, what: T) -> Option<f64> {
        if self.closed {
            return None;
        }
        self.last = self.last.max(now + latency);
        self.queue.push_back((self.last, what));
        Some(self.last)
    }

    /// The other end finds it closed, after what is on its way.
    pub(super) fn close(&mut self, now: f64, latency: f64, end: T) -> Option<f64> {
        let at = self.put(now, latency, end);
        self.closed = true;
        at
    }

    /// The other end finds it cut: from some point on, nothing of what was on its way arrives.
    pub(super) fn cut(&mut self, now: f64, latency: f64, end: T, random: &mut Random) -> Option<f64> {
        if self.closed {
            return None;
        }
        self.queue.truncate(random.below(self.queue.len() + 1));
        self.close(now, latency, end)
    }

    /// Nothing comes out before this time.
    pub(super) fn hold(&mut self, until: f64) {
        self.queue.iter_mut().for_each(|(at, _)| *at = at.max(until));
        self.last = self.last.max(until);
    }

    /// What comes out now, or when something will.
    pub(super) fn take(&mut self, now: f64) -> Result<T, Option<f64>> {
        match self.queue.front() {
            Some((at, _)) if *at > now + A_MOMENT => Err(Some(*at)),
            Some(_) => self.queue.pop_front().map(|(_, what)| what).ok_or(None),
            None => Err(None),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) peer: Peer,
    pub(super) up: Lane<Up>,
    pub(super) down: Lane<Down>,
    /// Seconds that a message takes.
    pub(super) latency: f64,
}
