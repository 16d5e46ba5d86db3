//! How a rank waits: it looks, spins for a moment where it has a CPU of its own, and then sleeps until somebody wakes it.

use std::time::Duration;

use super::super::exchange::Outcome;
use super::super::failure::Failure;
use super::super::far::{Route, Seen};
use super::super::segment::Seat;
use super::super::step_link::{News, StepLink};
use super::super::tickets::Ticket;
use super::super::waker::Sleep;
use super::awaits::{AnyOf, Awaits};
use super::{Engine, ToServer};
use crate::ids::Rank;

impl Engine {
    /// Waits until a request is over, and takes it. Blocks.
    ///
    /// # Errors
    /// The request's; what has ended the step for this rank; [`Failure::Left`]. The request is gone in any case.
    pub(crate) fn wait(&mut self, request: Ticket) -> Result<Outcome, Failure> {
        let waited = self.wait_any(&[request]);
        if waited.is_err() {
            self.exchange.abandon(request);
        }
        waited?;
        self.exchange.finish(request)
    }

    /// Waits until one of some requests is over; gives its index. Blocks.
    ///
    /// # Errors
    /// What has ended the step for this rank; [`Failure::Left`] where none of them can end any more.
    pub(crate) fn wait_any(&mut self, requests: &[Ticket]) -> Result<usize, Failure> {
        self.wait_until(
            |engine| Ok(requests.iter().position(|request| engine.exchange.is_over(*request))),
            &AnyOf(requests),
        )
    }

    /// Waits until something is so, and serves everybody meanwhile. Blocks.
    ///
    /// # Errors
    /// That of `ready`, or of what is awaited where it can never be; what has ended the step for this rank.
    pub(crate) fn wait_until<T>(
        &mut self,
        mut ready: impl FnMut(&mut Self) -> Result<Option<T>, Failure>,
        awaited: &impl Awaits,
    ) -> Result<T, Failure> {
        let mut spins = self.spins;
        let mut prepared = false;
        let outcome = loop {
            let looked = ready(self).and_then(|found| Ok((found.is_none() && self.progress()?, found)));
            match looked {
                Ok((_, Some(found))) => break Ok(found),
                Ok((true, None)) => continue,
                Ok((false, None)) => {}
                Err(failure) => break Err(failure),
            }
            if spins > 0 {
                spins -= 1;
                std::hint::spin_loop();
                continue;
            }
            if let Err(failure) = self.check().and_then(|()| awaited.hope(self)) {
                break Err(failure);
            }
            // Everything is looked at once more between the two steps.
            if prepared {
                if let Err(failure) = self.sleep(awaited) {
                    break Err(failure);
                }
                spins = self.spins;
            } else if self.far.is_some() {
                if let Err(failure) = self.reach(awaited.sources(self)) {
                    break Err(failure);
                }
                self.seat().waker.prepare(Sleep::Poll);
            } else {
                self.seat().waker.prepare(Sleep::Futex);
            }
            prepared = !prepared;
        };
        if prepared {
            self.seat().waker.cancel();
        }
        outcome
    }

    /// Sleeps until something may have happened. A rank whose patience ends says so once, and that it goes on when it
    /// does: so a step process knows of ranks that all wait for one another, and nobody has to look for them.
    fn sleep(&mut self, awaited: &impl Awaits) -> Result<(), Failure> {
        if !self.sleep_for(self.patience)? {
            let call =
                self.call.get().map_or_else(|| "the end of its `World`".to_owned(), |call| call.to_string());
            let what = format!("{call} waits for {}", awaited.describe(self));
            self.tell(&ToServer::Blocked { what });
            self.sleep_for(None)?;
            self.tell(&ToServer::GoesOn);
        }
        self.seat().waker.cancel();
        Ok(())
    }

    /// Sleeps until something may have happened; false where the time is over first.
    fn sleep_for(&mut self, time: Option<Duration>) -> Result<bool, Failure> {
        if self.far.is_some() {
            return Ok(!self.look_beyond(time)?.is_late);
        }
        Ok(self.seat().waker.sleep(time))
    }

    fn tell(&mut self, message: &ToServer) {
        if let Some(step) = &mut self.step {
            // A step process that is gone is noticed where its link is read.
            let _ = step.tell(message);
        }
    }

    /// Looks at what comes from other nodes, and waits for anything: `None`, for ever.
    pub(super) fn look_far(&mut self, wait: Option<Duration>) -> Result<bool, Failure> {
        Ok(self.look_beyond(wait)?.moved)
    }

    fn look_beyond(&mut self, wait: Option<Duration>) -> Result<Seen, Failure> {
        let Some(far) = &mut self.far else { return Ok(Seen::default()) };
        self.unlooked = 0;
        let step = self.step.as_ref().map(StepLink::socket);
        let mut seen = far.look(&mut self.exchange, step, wait)?;
        if let (true, Some(step)) = (seen.step, &mut self.step) {
            match step.news() {
                News::Peer { rank, dialled, socket } => {
                    far.adopt(rank, dialled, socket)?;
                    seen.moved = true;
                }
                News::NoPeer { rank, failure } => {
                    far.give_up(rank, failure);
                    seen.moved = true;
                }
                News::Over(failure) => drop(self.over.get_or_insert(failure)),
                News::Nothing => {}
            }
        }
        Ok(seen)
    }

    /// Moves whatever can be moved, that of other nodes too.
    pub(super) fn look(&mut self) -> Result<bool, Failure> {
        Ok(self.look_far(Some(Duration::ZERO))? | self.progress()?)
    }

    pub(super) fn seat(&self) -> &Seat {
        self.neighbours.segment().seat(self.neighbours.me())
    }

    /// Whether something may still come from a rank, or from any.
    pub(super) fn hope_for(&self, from: Option<Rank>) -> Result<(), Failure> {
        match from {
            Some(from) => match self.far.as_ref().map(|far| far.route(from)) {
                Some(Route::None(failure)) => Err(failure),
                _ if self.has_left(from) => Err(Failure::Left(from)),
                _ => Ok(()),
            },
            None => {
                let others = || (0..self.places.len() as u32).map(Rank).filter(|rank| *rank != self.me);
                let nobody = self.places.len() > 1 && others().all(|rank| self.has_left(rank));
                if nobody { Err(Failure::AllLeft) } else { Ok(()) }
            }
        }
    }

    /// Whether a rank has left, and nothing of it is still to come.
    pub(super) fn has_left(&self, rank: Rank) -> bool {
        match self.neighbour(rank) {
            Some(local) => self.neighbours.has_left(local),
            None => self.far.as_ref().is_some_and(|far| far.has_left(rank)),
        }
    }
}
