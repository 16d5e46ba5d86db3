//! Moving messages: what goes on without waiting.

use std::ops::Bound;
use std::time::Duration;

use super::Engine;
use crate::ids::Rank;
use crate::transport::failure::Failure;
use crate::transport::far::Route;
use crate::wire::rank::ToServer;

impl Engine {
    fn advance_activities(&mut self) -> bool {
        let mut moved = false;
        let mut activities = std::mem::take(&mut self.activities);
        activities.retain(|activity| {
            let mut activity = activity.borrow_mut();
            moved |= activity.advance(self);
            !activity.is_over()
        });
        activities.append(&mut self.activities);
        self.activities = activities;
        moved
    }

    /// Moves whatever can be moved. Gives whether anything was.
    ///
    /// # Errors
    /// What cannot be understood or reached.
    pub(crate) fn progress(&mut self) -> Result<bool, Failure> {
        /// Neighbours that never stop to send do not keep other nodes waiting.
        const UNLOOKED_MAX: u32 = 64;
        let mut moved = self.neighbours.pull(&mut self.exchange)?;
        self.unlooked += 1;
        if self.unlooked >= UNLOOKED_MAX {
            moved |= self.look_far(Some(Duration::ZERO))?;
        }
        moved |= self.settle()?;
        let mut next = self.exchange.outboxes.keys().next().copied();
        while let Some(to) = next {
            moved |= self.pump(to)?;
            let later = (Bound::Excluded(to), Bound::Unbounded);
            next = self.exchange.outboxes.range(later).next().map(|(to, _)| *to);
        }
        if !self.activities.is_empty() {
            moved |= self.advance_activities();
        }
        Ok(moved)
    }

    /// Moves what is to go to a rank.
    pub(super) fn pump(&mut self, to: Rank) -> Result<bool, Failure> {
        if let Some(local) = self.neighbour(to) {
            return self.exchange.pump(to, self.neighbours.outlet(local));
        }
        if to != self.me {
            return self.pump_far(to);
        }
        let moved = self.exchange.pump(to, &mut self.loopback)?;
        while let Some((head, bytes)) = self.loopback.next() {
            self.exchange.deliver(self.me, head, &bytes.as_slice())?;
        }
        self.settle()?;
        Ok(moved)
    }

    fn pump_far(&mut self, to: Rank) -> Result<bool, Failure> {
        let unreachable = |reason: &str| Failure::Unreachable { rank: to, reason: reason.to_owned() };
        let far = self.far.as_mut().ok_or_else(|| unreachable("there are no other nodes"))?;
        match far.route(to) {
            Route::Stream(at) => {
                return match far.pump(to, at, &mut self.exchange) {
                    Err(left @ Failure::Left(_)) => Ok(self.exchange.fail_sends(to, &left)),
                    moved => moved,
                };
            }
            Route::Asked => return Ok(false),
            Route::None(failure) => return Ok(self.exchange.fail_sends(to, &failure)),
            Route::Unknown => {}
        }
        let step = self.step.as_mut().ok_or_else(|| unreachable("there is no step process"))?;
        step.tell(&ToServer::Dial { to }).map_err(|error| Failure::StepGone(error.to_string()))?;
        far.asked(to);
        Ok(false)
    }

    /// Asks for ways to ranks of other nodes that messages are awaited from: whoever has one hears of their end.
    pub(super) fn reach(&mut self, sources: Vec<Rank>) -> Result<(), Failure> {
        let here = self.places[self.me.0 as usize].node;
        for from in sources {
            let is_far = self.places.get(from.0 as usize).is_some_and(|place| place.node != here);
            if is_far && self.far.as_ref().is_some_and(|far| far.route(from) == Route::Unknown) {
                self.pump_far(from)?;
            }
        }
        Ok(())
    }

    /// Does what the protocol asks for beside sending.
    pub(super) fn settle(&mut self) -> Result<bool, Failure> {
        while let Some((from, bytes)) = self.exchange.matched.pop() {
            if let Some(local) = self.neighbour(from) {
                self.neighbours.credit(local, bytes);
            } else if let Some(bytes) = self.far.as_mut().and_then(|far| far.credit(from, bytes)) {
                self.exchange.tell_matched(from, bytes);
            }
        }
        if let Some(far) = &mut self.far {
            self.exchange.credits.drain(..).for_each(|(by, bytes)| far.credited(by, bytes));
        }
        let mut moved = false;
        while let Some(fetch) = self.exchange.fetches.pop_front() {
            let local = self.neighbour(fetch.from);
            let room = self.exchange.room(&fetch);
            let fetched = match (local, room) {
                (Some(local), Some(room)) => self.neighbours.fetch(local, fetch.offer.address, room),
                _ => false,
            };
            if fetched {
                self.exchange.fetched(&fetch)
            } else {
                self.exchange.grant(&fetch)
            }
            self.pump(fetch.from)?;
            moved = true;
        }
        Ok(moved)
    }
}
