//! Requests, and their life after they were begun.

use super::{Exchange, Outcome, Received};
use crate::ids::Rank;
use crate::transport::call;
use crate::transport::failure::Failure;
use crate::transport::lent::{Incoming, Outgoing};
use crate::transport::mailbox::Wanted;
use crate::transport::tickets::Ticket;

#[derive(Debug)]
pub(super) enum Request {
    Send { to: Rank, context: u32, tag: i32, bytes: Outgoing, over: Option<Result<(), Failure>> },
    Receive { wanted: Wanted, room: Incoming, state: Receiving },
}

#[derive(Debug)]
pub(super) enum Receiving {
    Posted,
    Filling { received: Received, filled: usize },
    Over(Result<Received, Failure>),
}

impl Exchange {
    /// Whether a request is over.
    pub(crate) fn is_over(&self, request: Ticket) -> bool {
        match self.requests.get(request) {
            Some(Request::Send { over, .. }) => over.is_some(),
            Some(Request::Receive { state, .. }) => matches!(state, Receiving::Over(_)),
            None => true,
        }
    }

    /// Takes a request that is over.
    ///
    /// # Errors
    /// That of the receive, or of a send to a rank that is not there.
    pub(crate) fn finish(&mut self, request: Ticket) -> Result<Outcome, Failure> {
        match self.requests.remove(request) {
            Some(Request::Receive { room, state: Receiving::Over(outcome), .. }) => {
                let own = |length: usize| match room {
                    Incoming::Own(mut bytes) => {
                        bytes.truncate(length);
                        Some(bytes)
                    }
                    Incoming::Lent(_) => None,
                };
                outcome.map(|received| Outcome::Received(received, own(received.length)))
            }
            Some(Request::Send { over: Some(Err(failure)), .. }) => Err(failure),
            _ => Ok(Outcome::Sent),
        }
    }

    /// Drops a receive that no message has come for (`MPI_Cancel`); false, and nothing happens, for any other request.
    pub(crate) fn withdraw(&mut self, request: Ticket) -> bool {
        self.mailbox.withdraw(request) && self.requests.remove(request).is_some()
    }

    /// Drops a request, whatever its state: its buffer is not touched any more.
    pub(crate) fn abandon(&mut self, request: Ticket) {
        self.mailbox.withdraw(request);
        self.fetches.retain(|fetch| fetch.receive != request);
        self.requests.remove(request);
    }

    /// What a request waits for, for people; `None` where it is over.
    pub(crate) fn describe(&self, request: Ticket) -> Option<String> {
        match self.requests.get(request)? {
            Request::Send { to, context, tag, over: None, .. } => Some(call::receiver(*to, *context, *tag)),
            Request::Receive { wanted, state: Receiving::Posted, .. } => Some(call::message(wanted)),
            Request::Receive { state: Receiving::Filling { received, .. }, .. } => {
                Some(format!("the rest of a message of rank {}", received.from))
            }
            _ => None,
        }
    }

    /// The rank that a request needs something from; `None` where that may be any, or the request is over.
    pub(crate) fn depends_on(&self, request: Ticket) -> Option<Option<Rank>> {
        match self.requests.get(request)? {
            Request::Send { to, over: None, .. } => Some(Some(*to)),
            Request::Receive { wanted, state: Receiving::Posted, .. } => Some(wanted.from),
            Request::Receive { state: Receiving::Filling { received, .. }, .. } => Some(Some(received.from)),
            _ => None,
        }
    }
}
