//! What a step tells its rank server, and when it has told enough.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

use super::step::Step;
use crate::wire::stepd::FromStepd;

/// News on their way to the rank server.
#[derive(Debug)]
pub(super) struct News {
    waiting: RefCell<VecDeque<FromStepd>>,
    changed: Notify,
    /// The step outlives its rank server: it is over only when the controller knows how it went.
    lasting: bool,
    kept: Cell<bool>,
    abandoned: Cell<bool>,
    /// Nothing more will be told.
    left: Cell<bool>,
}

impl News {
    pub(super) fn new(lasting: bool) -> Self {
        Self {
            waiting: RefCell::default(),
            changed: Notify::new(),
            lasting,
            kept: Cell::new(false),
            abandoned: Cell::new(false),
            left: Cell::new(false),
        }
    }

    /// Whether somebody still has to hear how the step went.
    pub(super) fn are_awaited(&self) -> bool {
        self.lasting && !self.kept.get() && !self.abandoned.get()
    }
}

impl Step {
    /// The next message for the rank server.
    pub(super) fn next_news(&self) -> Option<FromStepd> {
        self.news.waiting.borrow_mut().pop_front()
    }

    /// Waits until there may be one, or the last one was.
    pub(super) async fn has_news(&self) {
        self.news.changed.notified().await;
    }

    pub(super) fn tell(&self, news: FromStepd) {
        self.news.waiting.borrow_mut().push_back(news);
        self.news.changed.notify_one();
    }

    /// There is another rank server, which knows nothing yet.
    pub(super) fn retell(&self) {
        let tasks = self.tasks.borrow();
        let exits = tasks.iter().filter_map(|task| Some((task.rank, task.exit?)));
        let exits = exits.map(|(rank, exit)| FromStepd::Exited { rank, exit });
        let done = self.is_finished().then_some(FromStepd::Done);
        *self.news.waiting.borrow_mut() = exits.chain(done).collect();
        self.news.changed.notify_one();
    }

    /// The controller knows of the step's end.
    pub(super) fn kept(&self) {
        self.news.kept.set(true);
        self.check_over();
    }

    /// No rank server comes any more: the step ends, and nobody is to be told.
    pub(super) fn abandon(self: &Rc<Self>, notice: &str) {
        tracing::warn!(key = %self.launch.key, "no rank server: the step ends");
        self.news.abandoned.set(true);
        self.end_by_order(false, Some(notice.to_owned()));
        self.check_over();
    }

    /// The step is over: what waits to be told is the last.
    pub(super) fn leave(&self) {
        self.news.left.set(true);
        self.news.changed.notify_one();
    }

    pub(super) fn is_left(&self) -> bool {
        self.news.left.get()
    }
}
