//! When the core has to look at something again without being asked.
//!
//! A deadline carries no decision: it only says *look at this*. Whoever looks decides by what is there then, so
//! a deadline that has become pointless does no harm and need not be found and removed.

use std::collections::BTreeSet;

use prun_runtime::ids::JobId;
use serde::{Deserialize, Serialize};

use super::event::{ClientId, LinkId};

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Look {
    /// A job: begin time, time limit, its signal before it, limits of its steps, end of its stay in the queue.
    Job(JobId),
    /// A link that was lost.
    Link(LinkId),
    /// Clients up to this one, whose connections the controller has lost itself.
    Clients(ClientId),
}

/// Deadlines by time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Deadlines {
    /// Unix microseconds, since `f64` has no total order.
    due: BTreeSet<(u64, Look)>,
}

impl Deadlines {
    /// Asks to look at something at a time in Unix seconds.
    pub(super) fn add(&mut self, at: f64, look: Look) {
        if at.is_finite() {
            self.due.insert(((at * 1e6).ceil() as u64, look));
        }
    }

    /// The next one in Unix seconds.
    pub(super) fn next(&self) -> Option<f64> {
        self.due.first().map(|(at, _)| *at as f64 / 1e6)
    }

    /// One that is due, if there is any.
    pub(super) fn pop(&mut self, now: f64) -> Option<Look> {
        let due = self.due.first().is_some_and(|(at, _)| *at as f64 <= now * 1e6);
        if due { self.due.pop_first().map(|(_, look)| look) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_not_early() {
        let mut deadlines = Deadlines::default();
        let (a, b) = (Look::Job(JobId(1)), Look::Job(JobId(2)));
        deadlines.add(1_700_000_002.25, a);
        deadlines.add(1_700_000_001.5, b);
        deadlines.add(f64::INFINITY, a);
        assert_eq!(deadlines.next(), Some(1_700_000_001.5));
        assert_eq!(deadlines.pop(1_700_000_001.4), None);
        assert_eq!(deadlines.pop(1_700_000_001.5), Some(b));
        assert_eq!(deadlines.pop(1_700_000_001.5), None);
        assert_eq!(deadlines.pop(1_700_000_009.0), Some(a));
        assert_eq!(deadlines.next(), None);
    }
}
