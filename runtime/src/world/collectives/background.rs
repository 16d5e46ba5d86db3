//! Collective calls that go on while their rank does something else (MPI 4.1, section 6.12).
//!
//! They move whenever the rank is in a call of this library, and own their data meanwhile. One that is dropped goes on
//! nevertheless: others count on it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytemuck::Pod;

use super::buffers::{Buffers, Input};
use super::execute::Engaged;
use super::{Fold, Plan};
use crate::collective::{Kind, Round, Schedule, Side, Span};
use crate::ids::Rank;
use crate::transport::engine::{Activity, Engine};
use crate::transport::exchange::Outcome;
use crate::transport::failure::Failure;
use crate::transport::lent::{Incoming, Outgoing};
use crate::transport::tickets::Ticket;
use crate::world::{Communicator, Error};

/// A collective call that was begun, and its data.
#[derive(Debug)]
#[must_use = "its data comes back by `wait`"]
pub struct Background<T> {
    communicator: Communicator,
    running: Rc<RefCell<Running<T>>>,
}

/// A barrier that was begun.
#[derive(Debug)]
#[must_use = "it is passed only when `wait` returns"]
pub struct BackgroundBarrier(Background<u8>);

impl Communicator {
    /// Begins to wait for all ranks (`MPI_Ibarrier`). Does not block.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn ibarrier(&self) -> Result<BackgroundBarrier, Error> {
        let call = self.call("ibarrier");
        let schedule = self.caller(0).barrier();
        let begun = self.begin(Plan::new(Kind::Barrier, 0), schedule, Vec::new(), Box::new(|_, _, _| ()));
        begun.map(BackgroundBarrier).map_err(self.failed(call))
    }

    /// Begins to bring the root's elements to all ranks (`MPI_Ibcast`). `data` is as long everywhere. Does not block.
    ///
    /// # Errors
    /// As [`Self::broadcast`].
    #[track_caller]
    pub fn ibroadcast<T: Pod>(&self, data: Vec<T>, root: usize) -> Result<Background<T>, Error> {
        let call = self.call("ibroadcast");
        let begin = || {
            self.check_root(root)?;
            let schedule = self.caller(size_of::<T>()).broadcast(root as u32, data.len());
            let plan = Plan::new(Kind::Broadcast, data.len()).root(root);
            self.begin(plan, schedule, data, Box::new(|_, _, _| ()))
        };
        begin().map_err(self.failed(call))
    }

    /// Begins to fold the elements of all ranks, for all (`MPI_Iallreduce`). Does not block.
    ///
    /// # Errors
    /// As [`Self::all_reduce`].
    #[track_caller]
    pub fn iall_reduce<T: Pod>(
        &self,
        data: Vec<T>,
        operation: impl Fold<T> + 'static,
    ) -> Result<Background<T>, Error> {
        let call = self.call("iall_reduce");
        let begin = || {
            operation.check()?;
            let schedule = self.caller(size_of::<T>()).all_reduce(data.len(), operation.commutes());
            let plan = Plan::new(Kind::AllReduce, data.len()).operation(&operation);
            let fold = move |into: &mut [T], other: &[T], side| operation.fold_all(into, other, side);
            self.begin(plan, schedule, data, Box::new(fold))
        };
        begin().map_err(self.failed(call))
    }

    fn begin<T: Pod>(
        &self,
        plan: Plan,
        schedule: Schedule,
        data: Vec<T>,
        fold: FoldElements<T>,
    ) -> Result<Background<T>, Failure> {
        let engaged = self.engage::<T>(plan, true);
        let mut round = Round::default();
        schedule.round(0, &mut round);
        let running = Rc::new(RefCell::new(Running {
            communicator: self.clone(),
            engaged,
            scratch: vec![T::zeroed(); schedule.scratch()],
            schedule,
            number: 0,
            round,
            is_posted: false,
            sends: Vec::new(),
            receives: Vec::new(),
            data,
            fold,
            failure: None,
            under_way: UnderWay::new(&self.calls().under_way),
        }));
        let mut engine = self.port().engine();
        engine.check()?;
        engine.start(Rc::clone(&running) as Rc<RefCell<dyn Activity>>);
        engine.progress()?;
        drop(engine);
        Ok(Background { communicator: self.clone(), running })
    }
}

impl<T: Pod> Background<T> {
    /// Waits until this rank's part is over; gives the data. Blocks; all other requests of the rank go on meanwhile.
    ///
    /// # Errors
    /// As the blocking call of the same name.
    #[track_caller]
    pub fn wait(self) -> Result<Vec<T>, Error> {
        let call = self.communicator.call("wait");
        let wait = || {
            while !self.running.borrow().is_over() {
                let waits_for = self.running.borrow().waits_for();
                let mut engine = self.communicator.port().engine();
                engine.wait_any(&waits_for)?;
                engine.progress()?;
            }
            let mut running = self.running.borrow_mut();
            running.failure.take().map_or_else(|| Ok(std::mem::take(&mut running.data)), Err)
        };
        wait().map_err(self.communicator.failed(call))
    }

    /// Whether [`Self::wait`] does not block. Moves messages, does not block.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    #[track_caller]
    pub fn test(&self) -> Result<bool, Error> {
        let call = self.communicator.call("test");
        let test = || {
            let mut engine = self.communicator.port().engine();
            engine.check()?;
            engine.progress()?;
            Ok(self.running.borrow().is_over())
        };
        test().map_err(self.communicator.failed(call))
    }
}

impl BackgroundBarrier {
    /// Waits until all ranks have come. Blocks; all other requests of the rank go on meanwhile.
    ///
    /// # Errors
    /// As [`Communicator::barrier`].
    #[track_caller]
    pub fn wait(self) -> Result<(), Error> {
        self.0.wait().map(drop)
    }

    /// Whether [`Self::wait`] does not block. Moves messages, does not block.
    ///
    /// # Errors
    /// What has ended the step for this rank.
    #[track_caller]
    pub fn test(&self) -> Result<bool, Error> {
        self.0.test()
    }
}

type FoldElements<T> = Box<dyn Fn(&mut [T], &[T], Side)>;

/// Counts a call that is under way.
#[derive(Debug)]
struct UnderWay(Rc<Cell<usize>>);

impl UnderWay {
    fn new(count: &Rc<Cell<usize>>) -> Option<Self> {
        count.set(count.get() + 1);
        Some(Self(Rc::clone(count)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A call under way. What it gives stands where it gets the result.
struct Running<T> {
    communicator: Communicator,
    engaged: Engaged,
    schedule: Schedule,
    number: usize,
    round: Round,
    /// The round's transfers have been begun.
    is_posted: bool,
    sends: Vec<Ticket>,
    receives: Vec<(Ticket, Span)>,
    data: Vec<T>,
    scratch: Vec<T>,
    fold: FoldElements<T>,
    failure: Option<Failure>,
    under_way: Option<UnderWay>,
}

impl<T> std::fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("engaged", &self.engaged).field("number", &self.number).finish()
    }
}

impl<T: Pod> Running<T> {
    fn buffers(&mut self) -> Buffers<'_> {
        Buffers {
            element: size_of::<T>(),
            input: Input::InOutput(0),
            output: bytemuck::cast_slice_mut(&mut self.data),
            scratch: bytemuck::cast_slice_mut(&mut self.scratch),
        }
    }

    fn rank(&self, peer: u32) -> Result<Rank, Failure> {
        self.communicator.world_rank(peer as usize)
    }

    fn post(&mut self, engine: &mut Engine) -> Result<(), Failure> {
        self.is_posted = true;
        let round = std::mem::take(&mut self.round);
        for receive in &round.receives {
            let wanted = self.engaged.wanted(self.rank(receive.peer)?);
            let room = vec![0; receive.span.len * size_of::<T>()];
            self.receives.push((engine.receive(wanted, Incoming::Own(room))?, receive.span));
        }
        for send in &round.sends {
            let to = self.rank(send.peer)?;
            let bytes = self.buffers().bytes(send.span).to_vec();
            let tag = self.engaged.call.tag();
            self.sends.push(engine.send(to, self.engaged.context, tag, Outgoing::Own(bytes))?);
        }
        self.round = round;
        Ok(())
    }

    /// Takes what the round has brought, and goes on to the next.
    fn complete_round(&mut self, engine: &mut Engine) -> Result<(), Failure> {
        let me = engine.me();
        for send in std::mem::take(&mut self.sends) {
            engine.finish(send)?;
        }
        for (receive, span) in std::mem::take(&mut self.receives) {
            let bytes = span.len * size_of::<T>();
            match engine.finish(receive) {
                Ok(Outcome::Received(received, data)) => {
                    self.engaged.check(me, Ok(received), bytes)?;
                    self.buffers().room(span).copy_from_slice(&data.unwrap_or_default());
                }
                Ok(Outcome::Sent) => return Err(Failure::GaveUp),
                Err(failure) => return self.engaged.check(me, Err(failure), bytes),
            }
        }
        let round = std::mem::take(&mut self.round);
        let fold = std::mem::replace(&mut self.fold, Box::new(|_, _, _| ()));
        let mut fold_bytes = |into: &mut [u8], other: &[u8], side| {
            fold(bytemuck::cast_slice_mut(into), bytemuck::cast_slice(other), side);
        };
        round.locals.iter().for_each(|local| self.buffers().work(local, &mut fold_bytes));
        self.fold = fold;
        self.round = round;
        self.number += 1;
        self.schedule.round(self.number, &mut self.round);
        self.is_posted = false;
        Ok(())
    }

    /// Goes on as far as it can; whether that was anywhere.
    fn go_on(&mut self, engine: &mut Engine) -> Result<bool, Failure> {
        let mut moved = false;
        while self.number < self.schedule.rounds() {
            if !self.is_posted {
                self.post(engine)?;
            }
            if !self.waits_for().into_iter().all(|ticket| engine.is_over(ticket)) {
                break;
            }
            self.complete_round(engine)?;
            moved = true;
        }
        Ok(moved)
    }
}

impl<T: Pod> Activity for Running<T> {
    fn advance(&mut self, engine: &mut Engine) -> bool {
        let moved = self.go_on(engine).unwrap_or_else(|failure| {
            for ticket in self.waits_for() {
                engine.abandon(ticket);
            }
            self.failure = Some(failure);
            true
        });
        if self.is_over() {
            self.under_way = None;
        }
        moved
    }

    fn is_over(&self) -> bool {
        self.failure.is_some() || self.number >= self.schedule.rounds()
    }

    fn waits_for(&self) -> Vec<Ticket> {
        self.sends.iter().copied().chain(self.receives.iter().map(|receive| receive.0)).collect()
    }
}
