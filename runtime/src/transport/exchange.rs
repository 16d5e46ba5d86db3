//! The protocol between ranks, without anything that carries it: what is sent fills outboxes, what has come is handed in.
//!
//! A small message goes whole (*eager*). A large one is offered; whoever receives it either reads it out of the sender's
//! memory, or grants that it be sent in pieces (*rendezvous*). A sender whose small messages nobody receives runs out of
//! credit and offers them instead, so that what is kept for late receives stays bounded.

mod record;
mod requests;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use self::record::{Body, Carrier, Fetch, Item, Kept};
use self::requests::{Receiving, Request};
use super::envelope::{Head, Kind, OFFER_BYTES, Offer, numbers, parse};
use super::failure::Failure;
use super::lent::{Incoming, Outgoing};
use super::mailbox::{Envelope, Mailbox, Wanted};
use super::tickets::{Ticket, Tickets};
use crate::ids::Rank;
use crate::limits::WAITING_MESSAGES_MAX;

/// What became of a message that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// Who had sent it.
    pub(crate) from: Rank,
    /// With which tag.
    pub(crate) tag: i32,
    /// Its length in bytes.
    pub(crate) length: usize,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The message is on its way, and its bytes are the caller's again.
    Sent,
    /// The message is here; with it the request's own room, if it has one.
    Received(Received, Option<Vec<u8>>),
}

/// One rank's side of the protocol.
#[derive(Debug)]
pub(crate) struct Exchange {
    mailbox: Mailbox<Ticket, Kept>,
    requests: Tickets<Request>,
    /// What is to go out; only ranks for which there is something.
    pub(crate) outboxes: BTreeMap<Rank, VecDeque<Item>>,
    /// What is to be fetched.
    pub(crate) fetches: VecDeque<Fetch>,
    /// Bytes of whole messages that have been matched, to be told to their senders.
    pub(crate) matched: Vec<(Rank, usize)>,
    /// Bytes of whole messages that other ranks say they have matched.
    pub(crate) credits: Vec<(Rank, u64)>,
}

/// Bytes that a whole message counts as.
pub(crate) fn weight(length: usize) -> usize {
    length + 64
}

impl Exchange {
    /// One with nothing under way.
    pub(crate) fn new() -> Self {
        Self {
            mailbox: Mailbox::new(),
            requests: Tickets::new(),
            outboxes: BTreeMap::new(),
            fetches: VecDeque::new(),
            matched: Vec::new(),
            credits: Vec::new(),
        }
    }

    /// Begins to send a message: whole, or as an offer.
    pub(crate) fn send(&mut self, to: Rank, context: u32, tag: i32, bytes: Outgoing, whole: bool) -> Ticket {
        let send = self.requests.insert(Request::Send { to, context, tag, bytes, over: None });
        self.outboxes.entry(to).or_default().push_back(Item::Message { send, whole });
        send
    }

    /// Begins to receive a message.
    pub(crate) fn receive(&mut self, wanted: Wanted, room: Incoming) -> Ticket {
        let receive = self.requests.insert(Request::Receive { wanted, room, state: Receiving::Posted });
        match self.mailbox.take(&wanted) {
            None => self.mailbox.post(wanted, receive),
            Some((envelope, Kept::Whole(bytes))) => {
                self.matched.push((envelope.from, weight(bytes.len())));
                self.fill(receive, &envelope, bytes.len(), &bytes.as_slice());
            }
            Some((envelope, Kept::Offer(offer))) => self.accept(receive, &envelope, offer),
        }
        receive
    }

    /// Whether a message would be taken straight from its carrier to a receive that begins now: nothing waits for
    /// anything.
    pub(crate) fn is_idle(&self) -> bool {
        !self.mailbox.is_posted() && self.mailbox.waiting() == 0
    }

    /// The first message that has come and is wanted.
    pub(crate) fn probe(&self, wanted: &Wanted) -> Option<Received> {
        let (envelope, kept) = self.mailbox.probe(wanted)?;
        Some(Received { from: envelope.from, tag: envelope.tag, length: kept.length() })
    }

    /// A record has come.
    ///
    /// # Errors
    /// [`Failure::Broken`] for one that makes no sense, [`Failure::TooManyWaiting`].
    pub(crate) fn deliver(&mut self, from: Rank, head: Head, body: &impl Body) -> Result<(), Failure> {
        let length = head.length as usize;
        let envelope = Envelope { from, context: head.context, tag: head.tag };
        let values = |count: usize| {
            let mut bytes = [0; OFFER_BYTES];
            let bytes = bytes.get_mut(..count).filter(|_| length >= count).ok_or(Failure::Broken(from))?;
            body.copy(0, bytes);
            Ok::<_, Failure>(<[u8; OFFER_BYTES]>::try_from(&*bytes).unwrap_or_else(|_| {
                let mut whole = [0; OFFER_BYTES];
                whole[..count].copy_from_slice(bytes);
                whole
            }))
        };
        match head.kind {
            Kind::Eager => match self.mailbox.claim(&envelope) {
                Some(receive) => {
                    self.matched.push((from, weight(length)));
                    self.fill(receive, &envelope, length, body);
                    Ok(())
                }
                None => {
                    let mut bytes = vec![0; length];
                    body.copy(0, &mut bytes);
                    self.keep(envelope, Kept::Whole(bytes))
                }
            },
            Kind::Offer => {
                let offer = Offer::from_bytes(&values(OFFER_BYTES)?).ok_or(Failure::Broken(from))?;
                match self.mailbox.claim(&envelope) {
                    Some(receive) => self.accept(receive, &envelope, offer),
                    None => self.keep(envelope, Kept::Offer(offer))?,
                }
                Ok(())
            }
            Kind::Grant => {
                let [send, receive] = parse(&values(16)?).ok_or(Failure::Broken(from))?;
                let send = Ticket::from_number(send);
                self.check_send(send, from)?;
                self.outboxes.entry(from).or_default().push_back(Item::Pieces { send, receive, sent: 0 });
                Ok(())
            }
            Kind::Taken => {
                let [send] = parse(&values(8)?).ok_or(Failure::Broken(from))?;
                let send = Ticket::from_number(send);
                self.check_send(send, from)?;
                self.sent(send);
                Ok(())
            }
            Kind::Piece => {
                let [receive, offset] = parse(&values(16)?).ok_or(Failure::Broken(from))?;
                self.put(from, Ticket::from_number(receive), offset, length - 16, body)
            }
            Kind::Credit => {
                let [bytes] = parse(&values(8)?).ok_or(Failure::Broken(from))?;
                self.credits.push((from, bytes));
                Ok(())
            }
            Kind::Hello => Ok(()),
        }
    }

    fn keep(&mut self, envelope: Envelope, kept: Kept) -> Result<(), Failure> {
        if self.mailbox.waiting() >= WAITING_MESSAGES_MAX {
            return Err(Failure::TooManyWaiting(WAITING_MESSAGES_MAX));
        }
        self.mailbox.keep(envelope, kept);
        Ok(())
    }

    fn check_send(&self, send: Ticket, from: Rank) -> Result<(), Failure> {
        match self.requests.get(send) {
            Some(Request::Send { to, over: None, .. }) if *to == from => Ok(()),
            _ => Err(Failure::Broken(from)),
        }
    }

    fn sent(&mut self, send: Ticket) {
        if let Some(Request::Send { over, .. }) = self.requests.get_mut(send) {
            *over = Some(Ok(()));
        }
    }

    /// Nothing can go to a rank any more: sends to it that have not gone fail. Gives whether there were any.
    pub(crate) fn fail_sends(&mut self, to: Rank, why: &Failure) -> bool {
        let Some(items) = self.outboxes.remove(&to) else { return false };
        for item in items {
            let (Item::Message { send, .. } | Item::Pieces { send, .. }) = item else { continue };
            if let Some(Request::Send { over: over @ None, .. }) = self.requests.get_mut(send) {
                *over = Some(Err(why.clone()));
            }
        }
        true
    }

    /// A whole message is here for a receive.
    fn fill(&mut self, receive: Ticket, envelope: &Envelope, length: usize, body: &impl Body) {
        let Some(Request::Receive { room, state, .. }) = self.requests.get_mut(receive) else { return };
        let outcome = received(envelope, length, room.length());
        if outcome.is_ok() {
            body.copy(0, &mut room.bytes()[..length]);
        }
        *state = Receiving::Over(outcome);
    }

    /// An offered message is wanted.
    fn accept(&mut self, receive: Ticket, envelope: &Envelope, offer: Offer) {
        let Some(Request::Receive { room, state, .. }) = self.requests.get_mut(receive) else { return };
        let length = usize::try_from(offer.length).unwrap_or(usize::MAX);
        match received(envelope, length, room.length()) {
            Ok(received) => {
                *state = Receiving::Filling { received, filled: 0 };
                self.fetches.push_back(Fetch { receive, from: envelope.from, offer });
            }
            Err(failure) => {
                *state = Receiving::Over(Err(failure));
                self.answer(envelope.from, Kind::Taken, [offer.send, 0]);
            }
        }
    }

    /// Tells a rank that so many bytes of its whole messages have been matched.
    pub(crate) fn tell_matched(&mut self, to: Rank, bytes: u64) {
        self.answer(to, Kind::Credit, [bytes, 0]);
    }

    fn answer(&mut self, to: Rank, kind: Kind, values: [u64; 2]) {
        self.outboxes.entry(to).or_default().push_back(Item::Answer { kind, values });
    }

    /// Where a message that is to be fetched goes.
    pub(crate) fn room(&mut self, fetch: &Fetch) -> Option<&mut [u8]> {
        match self.requests.get_mut(fetch.receive) {
            Some(Request::Receive { room, .. }) => {
                room.bytes().get_mut(..usize::try_from(fetch.offer.length).ok()?)
            }
            _ => None,
        }
    }

    /// The message has been read from its sender's memory.
    pub(crate) fn fetched(&mut self, fetch: &Fetch) {
        if let Some(Request::Receive { state, .. }) = self.requests.get_mut(fetch.receive)
            && let Receiving::Filling { received, .. } = *state
        {
            *state = Receiving::Over(Ok(received));
        }
        self.answer(fetch.from, Kind::Taken, [fetch.offer.send, 0]);
    }

    /// The message has to be sent in pieces.
    pub(crate) fn grant(&mut self, fetch: &Fetch) {
        self.answer(fetch.from, Kind::Grant, [fetch.offer.send, fetch.receive.number()]);
    }

    /// A piece of a granted message.
    fn put(
        &mut self,
        from: Rank,
        receive: Ticket,
        offset: u64,
        length: usize,
        body: &impl Body,
    ) -> Result<(), Failure> {
        let broken = Failure::Broken(from);
        let Some(Request::Receive { room, state, .. }) = self.requests.get_mut(receive) else {
            return Err(broken);
        };
        let Receiving::Filling { received, filled } = state else { return Err(broken) };
        let place = usize::try_from(offset).ok().filter(|at| at == filled && received.from == from);
        let room =
            place.and_then(|at| room.bytes().get_mut(at..at.checked_add(length)?)).ok_or(broken.clone())?;
        body.copy(16, room);
        *filled += length;
        match (*filled).cmp(&received.length) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => *state = Receiving::Over(Ok(*received)),
            std::cmp::Ordering::Greater => return Err(broken),
        }
        Ok(())
    }

    /// Moves what is to go to a rank onto what carries it, as far as there is room. Gives whether anything went.
    ///
    /// # Errors
    /// Those of the carrier.
    pub(crate) fn pump(&mut self, to: Rank, carrier: &mut impl Carrier) -> Result<bool, Failure> {
        let mut moved = false;
        while let Some(mut item) = self.outboxes.get_mut(&to).and_then(VecDeque::pop_front) {
            match self.push(&mut item, carrier) {
                Ok(true) => moved = true,
                rest => {
                    self.outboxes.entry(to).or_default().push_front(item);
                    return rest.map(|_| moved);
                }
            }
        }
        self.outboxes.remove(&to);
        Ok(moved)
    }

    /// Pushes an item; false where some of it is left.
    fn push(&mut self, item: &mut Item, carrier: &mut impl Carrier) -> Result<bool, Failure> {
        let plain = |kind, length: usize| Head { kind, length: length as u32, context: 0, tag: 0 };
        match item {
            Item::Answer { kind, values } => {
                let bytes: [u8; 16] = numbers(*values);
                carrier.push(plain(*kind, bytes.len()), [&bytes, &[]])
            }
            Item::Message { send, whole } => {
                let Some(Request::Send { context, tag, bytes, .. }) = self.requests.get(*send) else {
                    return Ok(true);
                };
                let bytes = bytes.bytes();
                let offer = Offer {
                    length: bytes.len() as u64,
                    send: send.number(),
                    address: bytes.as_ptr().expose_provenance() as u64,
                }
                .to_bytes();
                let (kind, body) = if *whole { (Kind::Eager, bytes) } else { (Kind::Offer, &offer[..]) };
                let head = Head { kind, length: body.len() as u32, context: *context, tag: *tag };
                let pushed = carrier.push(head, [body, &[]])?;
                if pushed && *whole {
                    self.sent(*send);
                }
                Ok(pushed)
            }
            Item::Pieces { send, receive, sent } => {
                let Some(Request::Send { bytes, .. }) = self.requests.get(*send) else { return Ok(true) };
                let bytes = bytes.bytes();
                while *sent < bytes.len() {
                    let piece = &bytes[*sent..];
                    let piece = &piece[..piece.len().min(carrier.record_bytes_max() - 16)];
                    let place: [u8; 16] = numbers([*receive, *sent as u64]);
                    if !carrier.push(plain(Kind::Piece, 16 + piece.len()), [&place, piece])? {
                        return Ok(false);
                    }
                    *sent += piece.len();
                }
                self.sent(*send);
                Ok(true)
            }
        }
    }
}

fn received(envelope: &Envelope, length: usize, room: usize) -> Result<Received, Failure> {
    let &Envelope { from, tag, .. } = envelope;
    if length > room {
        Err(Failure::Truncated { from, tag, sent: length, room })
    } else {
        Ok(Received { from, tag, length })
    }
}
