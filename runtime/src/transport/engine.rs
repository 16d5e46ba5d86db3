//! One rank's end of everything: it moves what the protocol wants moved, and waits where nothing moves.
//!
//! There is no thread behind it: messages move while their ranks are in calls of this library (MPI 4.1, section 3.7,
//! "progress"). A rank that waits in one call serves all of its other requests meanwhile.

mod awaits;
mod moving;
mod spin;
mod waiting;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::call::Call;
use super::exchange::{Exchange, Outcome, Received};
use super::failure::Failure;
use super::far::Far;
use super::lent::{Incoming, Outgoing};
use super::loopback::Loopback;
use super::mailbox::Wanted;
use super::neighbours::Neighbours;
use super::segment::Presence;
use super::step_link::StepLink;
use super::tickets::Ticket;
use crate::ids::Rank;
use crate::wire::rank::ToServer;

pub(crate) use self::awaits::Awaits;
use self::awaits::{Message, Rest};
pub(crate) use self::spin::Spin;

/// Where a rank is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which node of the step.
    pub(crate) node: u32,
    /// Its place there.
    pub(crate) local: u32,
}

/// Something that goes on beside the calls of its rank. It moves whenever messages are moved.
pub(crate) trait Activity: std::fmt::Debug {
    /// Goes on as far as it can without waiting. Gives whether it has moved.
    fn advance(&mut self, engine: &mut Engine) -> bool;
    /// Whether it has nothing more to do.
    fn is_over(&self) -> bool;
    /// Requests that it waits for.
    fn waits_for(&self) -> Vec<Ticket>;
}

/// One rank's end.
#[derive(Debug)]
pub(crate) struct Engine {
    me: Rank,
    places: Vec<Place>,
    exchange: Exchange,
    neighbours: Neighbours,
    /// Ranks of other nodes, where there are any.
    far: Option<Far>,
    /// Calls of [`Self::progress`] since the far ones were looked at.
    unlooked: u32,
    loopback: Loopback,
    step: Option<StepLink>,
    activities: Vec<Rc<RefCell<dyn Activity>>>,
    /// Why nothing can be sent or received any more.
    over: Option<Failure>,
    /// It may keep its CPU for a while when it waits.
    may_spin: bool,
    /// When it has last gone to another CPU.
    stepped_aside: Option<Instant>,
    /// How long it is blocked before it says so; `None`: it never does.
    patience: Option<Duration>,
    /// The call that its program has made last.
    call: Rc<Cell<Option<Call>>>,
}

impl Engine {
    /// The end of one of the ranks of a step, by their places. `crowded`: there are more ranks than CPUs, so none may
    /// keep a CPU while it waits.
    pub(crate) fn new(
        me: Rank,
        places: Vec<Place>,
        neighbours: Neighbours,
        far: Option<Far>,
        step: Option<StepLink>,
        crowded: bool,
    ) -> Self {
        Self {
            me,
            places,
            exchange: Exchange::new(),
            neighbours,
            far,
            unlooked: 0,
            loopback: Loopback::default(),
            step,
            activities: Vec::new(),
            over: None,
            may_spin: !crowded,
            stepped_aside: None,
            patience: None,
            call: Rc::default(),
        }
    }

    /// Its step process wants to hear when it has been blocked for so long.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }

    /// Where its user says which call it is in.
    pub(super) fn call(&self) -> &Rc<Cell<Option<Call>>> {
        &self.call
    }

    /// This rank.
    pub(crate) fn me(&self) -> Rank {
        self.me
    }

    /// Where all ranks are.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The ranks of this node.
    pub(crate) fn neighbours(&mut self) -> &mut Neighbours {
        &mut self.neighbours
    }

    /// The place of a rank on this node, if it is there and is not this one.
    fn neighbour(&self, rank: Rank) -> Option<usize> {
        let (own, place) = (self.places[self.me.0 as usize], self.places.get(rank.0 as usize)?);
        (place.node == own.node && rank != self.me).then_some(place.local as usize)
    }

    /// Begins to send.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    pub(crate) fn send(
        &mut self,
        to: Rank,
        context: u32,
        tag: i32,
        bytes: Outgoing,
    ) -> Result<Ticket, Failure> {
        self.check()?;
        let length = bytes.bytes().len();
        let whole = match (self.neighbour(to), &mut self.far) {
            (Some(local), _) => self.neighbours.may_go_whole(local, length),
            (None, Some(far)) if to != self.me => far.may_go_whole(to, length),
            _ => Loopback::takes_whole(length),
        };
        let ticket = self.exchange.send(to, context, tag, bytes, whole);
        self.pump(to)?;
        Ok(ticket)
    }

    /// Sends a small message to a neighbour without any request; false where it has to be one.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    pub(crate) fn send_at_once(
        &mut self,
        to: Rank,
        context: u32,
        tag: i32,
        bytes: &[u8],
    ) -> Result<bool, Failure> {
        self.check()?;
        match self.neighbour(to) {
            Some(local) if !self.exchange.outboxes.contains_key(&to) => {
                let neighbours = &mut self.neighbours;
                Ok(neighbours.outlet(local).takes_whole(bytes.len())
                    && neighbours.push(local, context, tag, bytes))
            }
            _ => Ok(false),
        }
    }

    /// Begins to receive.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    pub(crate) fn receive(&mut self, wanted: Wanted, room: Incoming) -> Result<Ticket, Failure> {
        self.check()?;
        let ticket = self.exchange.receive(wanted, room);
        self.settle()?;
        Ok(ticket)
    }

    /// Receives a small message of a neighbour without any request, waiting for it as long as nothing else goes on.
    /// `None`: it has to be a request.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    pub(crate) fn receive_at_once(
        &mut self,
        wanted: &Wanted,
        room: &mut [u8],
    ) -> Result<Option<Received>, Failure> {
        self.check()?;
        let Some((from, local)) = wanted.from.and_then(|from| Some((from, self.neighbour(from)?))) else {
            return Ok(None);
        };
        if !self.exchange.is_idle() {
            return Ok(None);
        }
        let mut spin = Spin::of(self);
        loop {
            if let Some((tag, length)) = self.neighbours.take(local, wanted.context, wanted.tag, room) {
                return Ok(Some(Received { from, tag, length }));
            }
            // Others are served, too, after a moment.
            if self.neighbours.has_something(local) || !spin.briefly() {
                return Ok(None);
            }
        }
    }

    /// The first message that is here and is wanted.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    pub(crate) fn probe(&mut self, wanted: &Wanted) -> Result<Option<Received>, Failure> {
        self.check()?;
        self.look()?;
        Ok(self.exchange.probe(wanted))
    }

    /// Waits until a message is here that is wanted. Blocks.
    ///
    /// # Errors
    /// What has ended the step for this rank; [`Failure::Left`].
    pub(crate) fn wait_for_message(&mut self, wanted: &Wanted) -> Result<Received, Failure> {
        self.check()?;
        self.wait_until(|engine| Ok(engine.exchange.probe(wanted)), &Message(wanted))
    }

    /// Whether a request is over.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    pub(crate) fn test(&mut self, request: Ticket) -> Result<bool, Failure> {
        if self.exchange.is_over(request) {
            return Ok(true);
        }
        self.check()?;
        self.look()?;
        Ok(self.exchange.is_over(request))
    }

    /// Takes a request that [is over](Self::is_over).
    ///
    /// # Errors
    /// That of the receive.
    pub(crate) fn finish(&mut self, request: Ticket) -> Result<Outcome, Failure> {
        self.exchange.finish(request)
    }

    /// Whether a request is over. Moves nothing.
    pub(crate) fn is_over(&self, request: Ticket) -> bool {
        self.exchange.is_over(request)
    }

    /// Something goes on from now on beside the calls of this rank, until it is over.
    pub(crate) fn start(&mut self, activity: Rc<RefCell<dyn Activity>>) {
        self.activities.push(activity);
    }

    /// Takes a receive back that no message has come for; false, and nothing happens, for any other request.
    pub(crate) fn withdraw(&mut self, request: Ticket) -> bool {
        self.exchange.withdraw(request)
    }

    /// Drops a request, whatever its state.
    pub(crate) fn abandon(&mut self, request: Ticket) {
        self.exchange.abandon(request);
    }

    /// Whether a neighbour has left.
    pub(crate) fn is_gone(&self, local: usize) -> bool {
        self.neighbours.presence(local) == Presence::Left
    }

    /// Fails where the step is over for this rank.
    ///
    /// # Errors
    /// What has ended it.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        if self.over.is_none() && self.neighbours.segment().is_over() {
            let verdict = self.step.as_mut().map(StepLink::verdict);
            self.over = Some(verdict.unwrap_or(Failure::GaveUp));
        }
        self.over.clone().map_or(Ok(()), Err)
    }

    /// Nothing can be sent or received any more.
    pub(crate) fn give_up(&mut self, failure: Failure) {
        self.over.get_or_insert(failure);
    }

    /// Ends the step for all ranks.
    pub(crate) fn abort(&mut self, code: i32) {
        self.give_up(Failure::GaveUp);
        if let Some(step) = &mut self.step {
            step.abort(code);
        }
    }

    /// Leaves in good order, after what was begun has gone. Blocks as long as receivers are slow.
    pub(crate) fn leave(&mut self) {
        if self.neighbours.presence(self.neighbours.me()) == Presence::Left {
            return;
        }
        self.call.set(None);
        if self.check().is_ok() {
            // Who does not take it any more has lost nothing that it wanted.
            let _ = self.wait_until(
                |engine| {
                    let flushed = engine.far.as_ref().is_none_or(Far::is_flushed);
                    let idle = engine.exchange.outboxes.is_empty() && engine.activities.is_empty();
                    Ok((idle && flushed).then_some(()))
                },
                &Rest,
            );
        }
        // Where the step is over, that is what the others are to hear, and not that this rank has left for it.
        if !self.neighbours.segment().is_over() {
            if let Some(far) = &mut self.far {
                far.leave();
            }
            self.neighbours.leave();
        }
        if let Some(step) = &mut self.step {
            step.leave();
        }
    }
}
