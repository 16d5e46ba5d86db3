//! The ranks of this node: rings to them, rings from them, and their wakers.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::envelope::{HEAD_BYTES, Head, Kind};
use super::exchange::{Body, Carrier, Exchange, weight};
use super::failure::Failure;
use super::peer_memory::{self, Reach};
use super::ring::{Reader, Writer, record_bytes_max};
use super::segment::{Presence, RingMemory, Segment};
use super::sync::Ordering;
use super::waker::Sleep;
use crate::ids::Rank;
use crate::limits::EAGER_CREDIT_BYTES;

/// Records that are taken from one ring before it is another one's turn.
const TURN_RECORDS: usize = 64;

/// The ranks of one node, as one of them sees them.
#[derive(Debug)]
pub(crate) struct Neighbours {
    segment: Arc<Segment>,
    me: usize,
    /// By place on the node.
    ranks: Vec<Rank>,
    outlets: Vec<Option<Outlet>>,
    inlets: Vec<Option<Inlet>>,
    /// Places from which there is an inlet, in the order in which they came.
    known: Vec<usize>,
    /// Bits of `Segment::senders` that have been seen.
    seen: Vec<u64>,
    bells: Rc<Bells>,
}

/// What wakes neighbours that sleep over sockets, by place; none where nobody does.
#[derive(Debug, Default)]
pub(crate) struct Bells(pub(crate) Vec<OwnedFd>);

impl Bells {
    /// Wakes a neighbour after something was published for it.
    fn notify(&self, segment: &Segment, local: usize) {
        if segment.seat(local).waker.notify() == Some(Sleep::Poll)
            && let Some(bell) = self.0.get(local)
        {
            // A counter that is full has not been looked at: its owner wakes in any case.
            let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
        }
    }
}

/// To a neighbour.
#[derive(Debug)]
pub(crate) struct Outlet {
    writer: Writer<RingMemory>,
    record_bytes_max: usize,
    /// Weight of the whole messages sent so far.
    whole: u64,
    segment: Arc<Segment>,
    bells: Rc<Bells>,
    to: usize,
}

/// From a neighbour.
#[derive(Debug)]
struct Inlet {
    reader: Reader<RingMemory>,
    reach: Reach,
}

struct Record<'a>(&'a Reader<RingMemory>, Head);

impl Body for Record<'_> {
    fn copy(&self, offset: usize, to: &mut [u8]) {
        self.0.copy(self.1, offset, to);
    }
}

impl Carrier for Outlet {
    fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    fn push(&mut self, head: Head, parts: [&[u8]; 2]) -> Result<bool, Failure> {
        let mut pushed = self.writer.push(head, parts);
        if !pushed {
            // The reader may have made room between the look and the request to be told.
            self.writer.starve();
            pushed = self.writer.push(head, parts);
        }
        if pushed {
            self.bells.notify(&self.segment, self.to);
        }
        Ok(pushed)
    }
}

impl Outlet {
    /// Whether a message may go whole: it fits, and its receiver has not left too many unreceived.
    pub(crate) fn takes_whole(&self, length: usize) -> bool {
        let weight = weight(length) as u64;
        length <= self.record_bytes_max
            && (self.whole + weight <= EAGER_CREDIT_BYTES as u64
                || (self.whole + weight).saturating_sub(self.writer.matched()) <= EAGER_CREDIT_BYTES as u64)
    }
}

impl Neighbours {
    /// The ranks in order of their places, seen from one place. Its rank takes part from now on.
    pub(crate) fn new(segment: Arc<Segment>, me: usize, ranks: Vec<Rank>, bells: Bells) -> Self {
        peer_memory::publish(segment.seat(me));
        segment.seat(me).set_presence(Presence::Here);
        let count = segment.ranks();
        Self {
            me,
            ranks,
            outlets: (0..count).map(|_| None).collect(),
            inlets: (0..count).map(|_| None).collect(),
            known: Vec::new(),
            seen: vec![0; count.div_ceil(64)],
            bells: Rc::new(bells),
            segment,
        }
    }

    /// The memory.
    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// This rank's place.
    pub(crate) fn me(&self) -> usize {
        self.me
    }

    /// The ranks, by place.
    pub(crate) fn ranks(&self) -> &[Rank] {
        &self.ranks
    }

    /// What goes to a neighbour.
    pub(crate) fn outlet(&mut self, to: usize) -> &mut Outlet {
        let (segment, bells, me) = (&self.segment, &self.bells, self.me);
        self.outlets[to].get_or_insert_with(|| {
            segment.senders(to)[me / 64].fetch_or(1 << (me % 64), Ordering::AcqRel);
            Outlet {
                writer: Writer::new(segment.ring(me, to)),
                record_bytes_max: record_bytes_max(segment.geometry().ring_bytes()) - HEAD_BYTES,
                whole: 0,
                segment: Arc::clone(segment),
                bells: Rc::clone(bells),
                to,
            }
        })
    }

    /// Whether a message to a neighbour may go whole; counts it where it may.
    pub(crate) fn may_go_whole(&mut self, to: usize, length: usize) -> bool {
        let outlet = self.outlet(to);
        let may = outlet.takes_whole(length);
        if may {
            outlet.whole += weight(length) as u64;
        }
        may
    }

    /// Sends a message that [may go whole](Outlet::takes_whole) at once; false where the ring is full.
    pub(crate) fn push(&mut self, to: usize, context: u32, tag: i32, bytes: &[u8]) -> bool {
        let head = Head { kind: Kind::Eager, length: bytes.len() as u32, context, tag };
        let outlet = self.outlet(to);
        let pushed = outlet.writer.push(head, [bytes, &[]]);
        if pushed {
            outlet.whole += weight(bytes.len()) as u64;
            self.bells.notify(&self.segment, to);
        }
        pushed
    }

    /// Looks for neighbours that have written for the first time.
    fn meet(&mut self) {
        for (word, seen) in self.segment.senders(self.me).iter().zip(&mut self.seen).enumerate() {
            let (bits, seen) = (seen.0.load(Ordering::Acquire), seen.1);
            let mut new = bits & !*seen;
            *seen = bits;
            while new != 0 {
                let from = word * 64 + new.trailing_zeros() as usize;
                new &= new - 1;
                if from < self.ranks.len() {
                    let reader = Reader::new(self.segment.ring(from, self.me));
                    self.inlets[from] = Some(Inlet { reader, reach: Reach::Unknown });
                    self.known.push(from);
                }
            }
        }
    }

    /// Hands in all that has come. Gives whether there was anything.
    ///
    /// # Errors
    /// Those of [`Exchange::deliver`].
    pub(crate) fn pull(&mut self, exchange: &mut Exchange) -> Result<bool, Failure> {
        self.meet();
        let mut any = false;
        for &from in &self.known {
            let Some(Inlet { reader, .. }) = &mut self.inlets[from] else { continue };
            let rank = self.ranks[from];
            for _ in 0..TURN_RECORDS {
                let Some(head) = reader.peek().map_err(|_| Failure::Broken(rank))? else { break };
                exchange.deliver(rank, head, &Record(reader, head))?;
                if reader.pop(head) {
                    self.bells.notify(&self.segment, from);
                }
                any = true;
            }
        }
        Ok(any)
    }

    /// Takes a whole message straight out of its ring, where it is the next one there, it is wanted and it fits. Only
    /// for an exchange in which nothing waits.
    pub(crate) fn take(
        &mut self,
        from: usize,
        context: u32,
        tag: Option<i32>,
        to: &mut [u8],
    ) -> Option<(i32, usize)> {
        if self.inlets[from].is_none() {
            self.meet();
        }
        let Inlet { reader, .. } = self.inlets[from].as_mut()?;
        let head = reader.peek().ok()??;
        let length = head.length as usize;
        let wanted = head.kind == Kind::Eager
            && head.context == context
            && tag.is_none_or(|tag| tag == head.tag)
            && length <= to.len();
        if !wanted {
            return None;
        }
        reader.copy(head, 0, &mut to[..length]);
        reader.add_matched(weight(length));
        if reader.pop(head) {
            self.bells.notify(&self.segment, from);
        }
        Some((head.tag, length))
    }

    /// Whether the next record of a neighbour is there.
    pub(crate) fn has_something(&self, from: usize) -> bool {
        self.inlets[from].as_ref().is_some_and(|inlet| !matches!(inlet.reader.peek(), Ok(None)))
    }

    /// Tells a neighbour that its whole messages have been received.
    pub(crate) fn credit(&mut self, from: usize, bytes: usize) {
        if let Some(inlet) = &mut self.inlets[from] {
            inlet.reader.add_matched(bytes);
        }
    }

    /// Reads a message out of a neighbour's memory; false where that is not allowed.
    pub(crate) fn fetch(&mut self, from: usize, address: u64, to: &mut [u8]) -> bool {
        let seat = self.segment.seat(from);
        let Some(inlet) = &mut self.inlets[from] else { return false };
        if inlet.reach == Reach::Unknown {
            inlet.reach = peer_memory::probe(seat);
        }
        match inlet.reach {
            Reach::Yes(pid) => peer_memory::read(pid, address, to),
            _ => false,
        }
    }

    /// Wakes a neighbour after something was published for it.
    pub(crate) fn notify(&self, local: usize) {
        self.bells.notify(&self.segment, local);
    }

    /// How far a neighbour is.
    pub(crate) fn presence(&self, of: usize) -> Presence {
        self.segment.seat(of).presence()
    }

    /// Whether a neighbour has left and all that it sent has been taken. Its ring is looked at after its seat: what it
    /// wrote before it left is there.
    pub(crate) fn has_left(&self, of: usize) -> bool {
        let has_written = |of: usize| {
            let bit = self.segment.senders(self.me)[of / 64].load(Ordering::Acquire) >> (of % 64) & 1 != 0;
            match &self.inlets[of] {
                Some(inlet) => !matches!(inlet.reader.peek(), Ok(None)),
                None => bit,
            }
        };
        self.presence(of) == Presence::Left && !has_written(of)
    }

    /// This rank leaves in good order: whoever waits for it is told.
    pub(crate) fn leave(&self) {
        self.segment.seat(self.me).set_presence(Presence::Left);
        for local in (0..self.segment.ranks()).filter(|local| *local != self.me) {
            self.bells.notify(&self.segment, local);
        }
    }
}
