//! What a rank may wait for.

use super::super::call;
use super::super::failure::Failure;
use super::super::mailbox::Wanted;
use super::super::tickets::Ticket;
use super::Engine;
use crate::ids::Rank;

/// Something that a rank waits for.
pub(crate) trait Awaits {
    /// Fails where it can never be.
    ///
    /// # Errors
    /// Why: a rank that has left, for the most part.
    fn hope(&self, engine: &Engine) -> Result<(), Failure>;

    /// Whom messages are waited for from.
    fn sources(&self, _engine: &Engine) -> Vec<Rank> {
        Vec::new()
    }

    /// What it is, for people: `a message of rank 1 with tag 7`.
    fn describe(&self, engine: &Engine) -> String;
}

/// One of some requests is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnyOf<'a>(pub(super) &'a [Ticket]);

impl Awaits for AnyOf<'_> {
    fn hope(&self, engine: &Engine) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for request in self.0 {
            let Some(from) = engine.exchange.depends_on(*request) else { continue };
            outcome = engine.hope_for(from);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn sources(&self, engine: &Engine) -> Vec<Rank> {
        self.0.iter().filter_map(|request| engine.exchange.depends_on(*request).flatten()).collect()
    }

    fn describe(&self, engine: &Engine) -> String {
        /// More are counted only.
        const NAMED_MAX: usize = 4;
        let all: Vec<String> =
            self.0.iter().filter_map(|request| engine.exchange.describe(*request)).collect();
        let mut told = all[..all.len().min(NAMED_MAX)].join(", or for ");
        if let Some(more @ 1..) = all.len().checked_sub(NAMED_MAX) {
            told += &format!(", or for {more} more");
        }
        told
    }
}

/// A message is here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a>(pub(super) &'a Wanted);

impl Awaits for Message<'_> {
    fn hope(&self, engine: &Engine) -> Result<(), Failure> {
        engine.hope_for(self.0.from)
    }

    fn sources(&self, _engine: &Engine) -> Vec<Rank> {
        self.0.from.into_iter().collect()
    }

    fn describe(&self, _engine: &Engine) -> String {
        call::message(self.0)
    }
}

/// All that was begun has gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest;

impl Awaits for Rest {
    fn hope(&self, engine: &Engine) -> Result<(), Failure> {
        engine.exchange.outboxes.keys().try_for_each(|to| engine.hope_for(Some(*to)))?;
        let activities = engine.activities.iter();
        activities.map(|one| one.borrow().waits_for()).try_for_each(|all| AnyOf(&all).hope(engine))
    }

    fn describe(&self, engine: &Engine) -> String {
        let to: Vec<Rank> = engine.exchange.outboxes.keys().copied().collect();
        if to.is_empty() {
            return "the end of calls that it has begun, before it leaves".to_owned();
        }
        format!("room for what it has sent to {}, before it leaves", call::ranks(&to, 0))
    }
}
