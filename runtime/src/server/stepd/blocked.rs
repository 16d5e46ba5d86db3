//! Ranks that have been blocked for long: once that is so for every rank of a step, each one's call is told, once.
//!
//! Nobody looks for them: a program says so itself when its patience ends ([`ToServer::Blocked`]), and the calls of
//! commands are timed where they are served. A step process whose ranks are all blocked tells the one of the step's first
//! node, over a link that is open for as long as that is so; there the step is judged.
//!
//! [`ToServer::Blocked`]: crate::wire::rank::ToServer::Blocked

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::step::Step;
use crate::env;
use crate::ids::Rank;
use crate::limits::{BLOCKED_TEXT_BYTES_MAX, DEADLOCK_WAIT};
use crate::wire::launch::StepLaunch;
use crate::wire::rank::ToServer;

/// Who is blocked, and in what: pure.
#[derive(Debug, Default)]
struct Table {
    /// By rank, each of its calls by a number of its own. No rank without one, and none that has ended.
    calls: BTreeMap<Rank, BTreeMap<u64, String>>,
    gone: BTreeSet<Rank>,
    next: u64,
}

impl Table {
    /// A rank is blocked in a call; gives the number by which it [goes on](Self::goes_on).
    fn block(&mut self, rank: Rank, what: String) -> u64 {
        self.next += 1;
        if !self.gone.contains(&rank) {
            self.calls.entry(rank).or_default().insert(self.next, what);
        }
        self.next
    }

    fn goes_on(&mut self, rank: Rank, number: u64) {
        if let Some(calls) = self.calls.get_mut(&rank) {
            calls.remove(&number);
            if calls.is_empty() {
                self.calls.remove(&rank);
            }
        }
    }

    fn end(&mut self, rank: Rank) {
        self.calls.remove(&rank);
        self.gone.insert(rank);
    }

    /// Whether each of so many ranks is blocked or has ended, and one at least is blocked.
    fn is_complete(&self, count: usize) -> bool {
        !self.calls.is_empty() && self.calls.len() + self.gone.len() == count
    }

    /// Each rank, and the last of the calls that it is blocked in.
    fn all(&self) -> Vec<(Rank, String)> {
        let last = |calls: &BTreeMap<u64, String>| calls.values().next_back().cloned().unwrap_or_default();
        self.calls.iter().map(|(rank, calls)| (*rank, last(calls))).collect()
    }
}

/// Blocked ranks of this step process, and where the step's first node is, of all.
#[derive(Debug)]
pub(super) struct Blocked {
    table: RefCell<Table>,
    /// A rank goes on, or has ended.
    changed: Notify,
    /// It has been told, here or to the step's first node.
    told: Cell<bool>,
    /// After how long a call is worth telling; `None`: never.
    patience: Option<Duration>,
}

/// A rank is blocked for as long as this value is there.
#[derive(Debug)]
pub(super) struct Block {
    step: Rc<Step>,
    calls: Vec<(Rank, u64)>,
}

impl Drop for Block {
    fn drop(&mut self) {
        let blocked = &self.step.blocked;
        for (rank, number) in &self.calls {
            blocked.table.borrow_mut().goes_on(*rank, *number);
        }
        blocked.changed.notify_waiters();
    }
}

impl Blocked {
    /// Of a step, whose tasks' environment may say how long a call is waited for.
    pub(super) fn new(launch: &StepLaunch) -> Self {
        let named = launch.env.iter().rev().find(|(key, _)| key.as_slice() == env::DEADLOCK_SECS.as_bytes());
        let seconds =
            named.and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse::<f64>().ok());
        let asked = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let patience = asked.unwrap_or(DEADLOCK_WAIT);
        let patience = Some(patience).filter(|patience| !patience.is_zero());
        Self { table: RefCell::default(), changed: Notify::new(), told: Cell::new(false), patience }
    }

    /// Milliseconds after which a program is to say that it is blocked; 0: never.
    pub(super) fn patience_ms(&self) -> u64 {
        self.patience.map_or(0, |patience| u64::try_from(patience.as_millis()).unwrap_or(u64::MAX).max(1))
    }
}

impl Step {
    /// Ranks are blocked for as long as the value that this gives is there.
    pub(super) fn block(self: &Rc<Self>, ranks: Vec<(Rank, String)>) -> Block {
        let calls = {
            let mut table = self.blocked.table.borrow_mut();
            let block = |(rank, mut what): (Rank, String)| {
                let cut = (0..=what.len().min(BLOCKED_TEXT_BYTES_MAX)).rev();
                what.truncate(cut.into_iter().find(|at| what.is_char_boundary(*at)).unwrap_or(0));
                (rank, table.block(rank, what))
            };
            ranks.into_iter().filter(|(rank, _)| rank.0 < self.launch.size).map(block).collect()
        };
        self.look_for_deadlock();
        Block { step: Rc::clone(self), calls }
    }

    /// A call that a process of one of this step process's ranks makes, and waits for.
    pub(super) async fn observe<T>(
        self: &Rc<Self>,
        rank: Rank,
        what: String,
        call: impl Future<Output = T>,
    ) -> T {
        let mut call = pin!(call);
        let Some(patience) = self.blocked.patience.filter(|_| self.by_rank.contains_key(&rank)) else {
            return call.await;
        };
        if let Ok(done) = tokio::time::timeout(patience, &mut call).await {
            return done;
        }
        let _block = self.block(vec![(rank, what)]);
        call.await
    }

    /// A rank has ended: nobody hears from it any more.
    pub(super) fn no_longer_blocked(self: &Rc<Self>, rank: Rank) {
        self.blocked.table.borrow_mut().end(rank);
        self.blocked.changed.notify_waiters();
        self.look_for_deadlock();
    }

    fn look_for_deadlock(self: &Rc<Self>) {
        let count = if self.is_root() { self.launch.size as usize } else { self.by_rank.len() };
        let (complete, ranks) = {
            let table = self.blocked.table.borrow();
            (table.is_complete(count), if table.is_complete(count) { table.all() } else { Vec::new() })
        };
        // One that has been woken is about to say that it goes on.
        if !complete || self.blocked.told.get() || ranks.iter().any(|(rank, _)| self.is_woken(*rank)) {
            return;
        }
        self.blocked.told.set(true);
        if self.is_root() {
            return self.tell_of_deadlock(&ranks);
        }
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let changed = step.blocked.changed.notified();
            if step.blocked.table.borrow().is_complete(count) {
                let told = async {
                    // A root that is gone judges nobody.
                    let _link = step.tell_root(ranks[0].0, &ToServer::AllBlocked { ranks }, &[]).await;
                    std::future::pending::<()>().await;
                };
                // The link is open until one goes on.
                tokio::select! { () = changed => {}, () = told => {} }
            }
            step.blocked.told.set(false);
            step.look_for_deadlock();
        });
    }

    fn tell_of_deadlock(&self, ranks: &[(Rank, String)]) {
        /// More lines than anybody reads are counted only.
        const LINES_MAX: usize = 64;
        let patience = self.blocked.patience.unwrap_or_default().as_secs_f64();
        let (key, size) = (self.launch.key, self.launch.size);
        let who = if ranks.len() == size as usize {
            format!("all {size} ranks of step {key} have")
        } else {
            format!("the {} ranks of step {key} that have not ended have", ranks.len())
        };
        self.notice(&format!("error: deadlock: {who} been blocked for {patience} s"));
        for (rank, what) in ranks.iter().take(LINES_MAX) {
            let node = self.node_ranks().into_iter().find(|node| node.ranks().any(|one| one == *rank));
            let node = node.map_or_else(String::new, |node| format!(" on {}", node.name));
            self.notice(&format!("rank {rank}{node}: {what}"));
        }
        if let Some(more @ 1..) = ranks.len().checked_sub(LINES_MAX) {
            self.notice(&format!("{more} more ranks are not shown"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_blocked_when_every_rank_is_or_has_ended_and_one_is() {
        let mut table = Table::default();
        let first = table.block(Rank(0), "a".into());
        let second = table.block(Rank(0), "b".into());
        assert!(table.is_complete(1) && !table.is_complete(2));
        table.end(Rank(1));
        assert!(table.is_complete(2));
        assert_eq!(table.all(), [(Rank(0), "b".to_owned())]);
        table.goes_on(Rank(0), second);
        assert_eq!(table.all(), [(Rank(0), "a".to_owned())]);
        table.goes_on(Rank(0), first);
        assert!(!table.is_complete(2), "it goes on");
        table.block(Rank(1), "late".into());
        table.end(Rank(0));
        assert!(!table.is_complete(2), "all have ended");
    }
}
