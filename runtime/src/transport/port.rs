//! A rank's end as the rest of the crate calls it: safe, in bytes.
//!
//! Blocking calls borrow their buffers for as long as they take. Requests that go on while their caller does something
//! else either own their bytes, or belong to a [`Scope`], which ends when they do.
#![expect(unsafe_code, reason = "scopes keep the promise with which buffers are lent")]

use std::cell::{Cell, RefCell, RefMut};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use super::call::Call;
use super::engine::Engine;
use super::exchange::{Outcome, Received};
use super::failure::Failure;
use super::lent::{Incoming, Outgoing};
use super::mailbox::Wanted;
use super::tickets::Ticket;
use crate::ids::Rank;

/// A rank's end.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: RefCell<Engine>,
    /// The call that the program has made last: the engine tells of it where it waits for long.
    call: Rc<Cell<Option<Call>>>,
}

impl Port {
    /// Of an engine.
    pub(crate) fn new(engine: Engine) -> Self {
        let call = Rc::clone(engine.call());
        Self { shared: Rc::new(Shared { engine: RefCell::new(engine), call }) }
    }

    /// The program has made a call.
    pub(crate) fn called(&self, call: Call) {
        self.shared.call.set(Some(call));
    }

    /// The engine itself.
    ///
    /// # Panics
    /// While a call of the library is under way on it: from inside a user's reduction.
    pub(crate) fn engine(&self) -> RefMut<'_, Engine> {
        self.shared.engine.borrow_mut()
    }

    /// Sends bytes; returns when they are the caller's again. Small ones are buffered, large ones wait for their
    /// receive (MPI 4.1, section 3.4, standard mode).
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn send(&self, to: Rank, context: u32, tag: i32, bytes: &[u8]) -> Result<(), Failure> {
        let mut engine = self.engine();
        if engine.send_at_once(to, context, tag, bytes)? {
            return Ok(());
        }
        // SAFETY: `wait` takes the request back before this call returns.
        let bytes = unsafe { Outgoing::lend(bytes) };
        let request = engine.send(to, context, tag, bytes)?;
        engine.wait(request).map(drop)
    }

    /// Receives a message of at most so many bytes. Blocks.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn receive(&self, wanted: Wanted, room: &mut [u8]) -> Result<Received, Failure> {
        let mut engine = self.engine();
        if let Some(received) = engine.receive_at_once(&wanted, room)? {
            return Ok(received);
        }
        // SAFETY: `wait` takes the request back before this call returns.
        let room = unsafe { Incoming::lend(NonNull::from(room)) };
        let request = engine.receive(wanted, room)?;
        match engine.wait(request)? {
            Outcome::Received(received, _) => Ok(received),
            Outcome::Sent => Err(Failure::GaveUp),
        }
    }

    /// Waits for a message, and leaves it where it is (`MPI_Probe`); gives also what receives exactly that one. Blocks.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn probe(&self, wanted: &Wanted) -> Result<(Received, Wanted), Failure> {
        let found = self.engine().wait_for_message(wanted)?;
        // Nobody else can take it: a rank's end has one user at a time.
        Ok((found, Wanted { from: Some(found.from), context: wanted.context, tag: Some(found.tag) }))
    }

    /// Begins to send bytes that the request owns. It has to be [finished](Self::finish).
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn start_send(
        &self,
        to: Rank,
        context: u32,
        tag: i32,
        bytes: Vec<u8>,
    ) -> Result<Ticket, Failure> {
        self.engine().send(to, context, tag, Outgoing::Own(bytes))
    }

    /// Begins to receive at most so many bytes, which the request owns. It has to be [finished](Self::finish).
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn start_receive(&self, wanted: Wanted, length: usize) -> Result<Ticket, Failure> {
        self.engine().receive(wanted, Incoming::Own(vec![0; length]))
    }

    /// Whether a request is over. Does not block.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn test(&self, request: Ticket) -> Result<bool, Failure> {
        self.engine().test(request)
    }

    /// Waits for a request and takes it. Blocks.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn finish(&self, request: Ticket) -> Result<Outcome, Failure> {
        self.engine().wait(request)
    }

    /// Drops a request that owns its bytes, whatever its state.
    pub(crate) fn abandon(&self, request: Ticket) {
        self.engine().abandon(request);
    }

    /// Runs something that begins requests with borrowed buffers. All of them are over when this returns: those that the
    /// closure has not waited for are waited for here, except that posted receives are taken back where it fails. Blocks
    /// for as long as that takes.
    ///
    /// # Errors
    /// [`ScopeError`].
    pub(crate) fn scope<'env, R, E>(
        &self,
        run: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> Result<R, E>,
    ) -> Result<R, ScopeError<E>> {
        let scope =
            Scope { port: self.clone(), open: RefCell::default(), scope: PhantomData, env: PhantomData };
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&scope)));
        let open = scope.open.take();
        match outcome {
            Ok(outcome) => {
                let mut left = Ok(());
                for request in open {
                    if outcome.is_err() && self.engine().withdraw(request) {
                        continue;
                    }
                    left = left.and(self.finish(request).map(drop));
                }
                let value = outcome.map_err(ScopeError::Closure)?;
                left.map_err(ScopeError::Left)?;
                Ok(value)
            }
            Err(panic) => {
                // Others may count on what was under way: this rank takes no further part.
                let mut engine = self.engine();
                engine.give_up(Failure::GaveUp);
                open.into_iter().for_each(|request| engine.abandon(request));
                drop(engine);
                resume_unwind(panic)
            }
        }
    }
}

/// Why a scope fails.
#[derive(Debug)]
pub(crate) enum ScopeError<E> {
    /// Its closure has failed.
    Closure(E),
    /// A request that the closure has left to it.
    Left(Failure),
}

impl From<ScopeError<Failure>> for Failure {
    fn from(error: ScopeError<Failure>) -> Self {
        match error {
            ScopeError::Closure(failure) | ScopeError::Left(failure) => failure,
        }
    }
}

/// Requests whose buffers are borrowed: they end with the scope, so that no buffer goes before its request. (As
/// `std::thread::scope` does it for threads.)
#[derive(Debug)]
pub(crate) struct Scope<'scope, 'env: 'scope> {
    port: Port,
    open: RefCell<Vec<Ticket>>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// A request of a scope.
#[derive(Debug)]
pub(crate) struct Pending<'scope> {
    port: &'scope Port,
    open: &'scope RefCell<Vec<Ticket>>,
    ticket: Ticket,
    room: Option<NonNull<[u8]>>,
}

impl<'scope> Scope<'scope, '_> {
    /// Begins to send.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn send(
        &'scope self,
        to: Rank,
        context: u32,
        tag: i32,
        bytes: &'scope [u8],
    ) -> Result<Pending<'scope>, Failure> {
        // SAFETY: the bytes are borrowed for as long as the scope, at whose end the request is over.
        let bytes = unsafe { Outgoing::lend(bytes) };
        let ticket = self.port.engine().send(to, context, tag, bytes)?;
        Ok(self.pending(ticket, None))
    }

    /// Begins to receive.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn receive(
        &'scope self,
        wanted: Wanted,
        room: &'scope mut [u8],
    ) -> Result<Pending<'scope>, Failure> {
        let place = NonNull::from(room);
        // SAFETY: the room is borrowed for as long as the scope, at whose end the request is over; it is given back by
        // `Pending::wait` only after that.
        let room = unsafe { Incoming::lend(place) };
        let ticket = self.port.engine().receive(wanted, room)?;
        Ok(self.pending(ticket, Some(place)))
    }

    fn pending(&'scope self, ticket: Ticket, room: Option<NonNull<[u8]>>) -> Pending<'scope> {
        self.open.borrow_mut().push(ticket);
        Pending { port: &self.port, open: &self.open, ticket, room }
    }
}

impl<'scope> Pending<'scope> {
    /// Names it to [`super::engine::Engine::wait_any`].
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Whether it is over. Does not block.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn test(&self) -> Result<bool, Failure> {
        self.port.test(self.ticket)
    }

    /// Waits until it is over. Blocks.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn wait(self) -> Result<Outcome, Failure> {
        self.open.borrow_mut().retain(|open| *open != self.ticket);
        self.port.finish(self.ticket)
    }

    /// Waits until a receive is over; gives its room back, and what has come. Blocks.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn wait_for_room(self) -> Result<(&'scope mut [u8], Received), Failure> {
        let room = self.room;
        match (self.wait()?, room) {
            (Outcome::Received(received, _), Some(mut room)) => {
                // SAFETY: the request is over and was the only one to have the room, which is borrowed for the scope.
                Ok((unsafe { room.as_mut() }, received))
            }
            _ => Err(Failure::GaveUp),
        }
    }
}
