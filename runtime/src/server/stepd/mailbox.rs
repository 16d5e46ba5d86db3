//! Messages between ranks of any language: pure.
//!
//! Between two ranks messages are received in the order in which they were sent, and the first receive that was posted
//! gets the first message that matches (MPI-4.1 3.5).

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;

use super::answer::{Answer, End};
use super::collective::Told;
use super::room::Held;
use crate::ids::Rank;
use crate::wire::rank::FromServer;

/// A message that nobody has received.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) from: Rank,
    pub(super) tag: u32,
    pub(super) data: Bytes,
    /// Its share of the room for messages.
    pub(super) _held: Held,
}

/// Which messages a receive takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) from: Option<Rank>,
    pub(super) tag: Option<u32>,
}

/// Names a receive that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
struct Waiting<W> {
    ticket: Ticket,
    wanted: Wanted,
    waiter: W,
}

/// A step's messages. `W` is who waits for one.
#[derive(Debug)]
pub(super) struct Mailbox<W> {
    size: u32,
    letters: HashMap<Rank, VecDeque<Letter>>,
    waiting: HashMap<Rank, Vec<Waiting<W>>>,
    gone: BTreeMap<Rank, End>,
    tickets: u64,
}

impl Wanted {
    fn takes(self, letter: &Letter) -> bool {
        self.from.is_none_or(|from| from == letter.from) && self.tag.is_none_or(|tag| tag == letter.tag)
    }
}

impl Letter {
    fn answer(self) -> Answer {
        let message = FromServer::Message { from: self.from, tag: self.tag, bytes: self.data.len() as u64 };
        Answer { message, data: self.data }
    }
}

impl<W> Mailbox<W> {
    /// Messages of ranks 0 to `size - 1`.
    #[must_use]
    pub(super) fn new(size: u32) -> Self {
        Self { size, letters: HashMap::new(), waiting: HashMap::new(), gone: BTreeMap::new(), tickets: 0 }
    }

    /// What is told of a rank that has ended.
    #[must_use]
    pub(super) fn end_of(&self, rank: Rank) -> Option<Answer> {
        self.gone.get(&rank).map(|end| end.told_of(rank))
    }

    /// A message for a rank; gives whom to tell what now. For a rank that has ended it is dropped.
    #[must_use]
    pub(super) fn send(&mut self, to: Rank, letter: Letter) -> Told<W> {
        if self.gone.contains_key(&to) {
            return Vec::new();
        }
        let waiting = self.waiting.entry(to).or_default();
        if let Some(at) = waiting.iter().position(|waiting| waiting.wanted.takes(&letter)) {
            return vec![(waiting.remove(at).waiter, letter.answer())];
        }
        self.letters.entry(to).or_default().push_back(letter);
        Vec::new()
    }

    /// A rank wants a message; gives whom to tell what now, or a name under which it waits.
    #[must_use]
    pub(super) fn receive(&mut self, rank: Rank, wanted: Wanted, waiter: W) -> (Ticket, Told<W>) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let letters = self.letters.entry(rank).or_default();
        if let Some(letter) =
            letters.iter().position(|letter| wanted.takes(letter)).and_then(|at| letters.remove(at))
        {
            return (ticket, vec![(waiter, letter.answer())]);
        }
        if let Some(answer) = self.in_vain(rank, wanted) {
            return (ticket, vec![(waiter, answer)]);
        }
        self.waiting.entry(rank).or_default().push(Waiting { ticket, wanted, waiter });
        (ticket, Vec::new())
    }

    /// A receive is given up.
    pub(super) fn forget(&mut self, rank: Rank, ticket: Ticket) {
        if let Some(waiting) = self.waiting.get_mut(&rank) {
            waiting.retain(|waiting| waiting.ticket != ticket);
        }
    }

    /// A rank has ended: it sends and receives no more.
    #[must_use]
    pub(super) fn leave(&mut self, rank: Rank, end: End) -> Told<W> {
        self.gone.insert(rank, end);
        self.letters.remove(&rank);
        let mut told = Vec::new();
        for (who, waiting) in std::mem::take(&mut self.waiting) {
            for waiting in waiting {
                match self.in_vain(who, waiting.wanted) {
                    Some(answer) => told.push((waiting.waiter, answer)),
                    None => self.waiting.entry(who).or_default().push(waiting),
                }
            }
        }
        told
    }

    /// What is told of a receive for which nobody is left: whom it wants has ended, or all others have.
    fn in_vain(&self, rank: Rank, wanted: Wanted) -> Option<Answer> {
        match wanted.from {
            Some(from) => self.end_of(from),
            None => {
                let others = self.gone.keys().filter(|&&gone| gone != rank).count();
                let all = self.size > 1 && others + 1 >= self.size as usize;
                all.then(|| self.gone.iter().find(|(gone, _)| **gone != rank))
                    .flatten()
                    .map(|(&gone, end)| end.told_of(gone))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::stepd::room::Room;

    const ANY: Wanted = Wanted { from: None, tag: None };

    fn letter(room: &Room, from: u32, tag: u32, text: &'static str) -> Letter {
        let data = Bytes::from_static(text.as_bytes());
        Letter { from: Rank(from), tag, _held: room.take(data.len()).unwrap(), data }
    }

    fn message(from: u32, tag: u32, text: &'static str) -> Answer {
        let message = FromServer::Message { from: Rank(from), tag, bytes: text.len() as u64 };
        Answer { message, data: Bytes::from_static(text.as_bytes()) }
    }

    fn end() -> End {
        End { node: "n1".into(), how: "exited with code 1".into() }
    }

    #[test]
    fn messages_keep_their_order_and_tags_choose_among_them() {
        let (mut mailbox, room) = (Mailbox::new(3), Room::new(6, 6));
        for (from, tag, text) in [(1, 7, "a"), (2, 7, "b"), (1, 8, "c"), (1, 7, "d")] {
            assert_eq!(mailbox.send(Rank(0), letter(&room, from, tag, text)), []);
        }
        let mut take = |from: Option<u32>, tag| {
            let wanted = Wanted { from: from.map(Rank), tag };
            mailbox.receive(Rank(0), wanted, ()).1.pop().unwrap().1
        };
        assert_eq!(take(Some(1), Some(8)), message(1, 8, "c"));
        assert_eq!(take(Some(2), None), message(2, 7, "b"));
        assert_eq!(take(None, None), message(1, 7, "a"));
        assert_eq!(take(None, Some(7)), message(1, 7, "d"));
        assert!(room.take(6).is_some(), "what was received holds no room");
    }

    #[test]
    fn the_first_receive_that_matches_gets_it_and_one_that_was_given_up_does_not() {
        let (mut mailbox, room) = (Mailbox::new(2), Room::new(6, 6));
        let (first, _) = mailbox.receive(Rank(0), ANY, "first");
        let _ = mailbox.receive(Rank(0), Wanted { tag: Some(9), ..ANY }, "tagged");
        let _ = mailbox.receive(Rank(0), ANY, "second");
        mailbox.forget(Rank(0), first);
        assert_eq!(mailbox.send(Rank(0), letter(&room, 1, 0, "x")), [("second", message(1, 0, "x"))]);
        assert_eq!(mailbox.send(Rank(0), letter(&room, 1, 9, "y")), [("tagged", message(1, 9, "y"))]);
    }

    #[test]
    fn nobody_waits_for_a_rank_that_has_ended_but_gets_what_it_had_sent() {
        let (mut mailbox, room) = (Mailbox::new(3), Room::new(6, 6));
        let from_two = Wanted { from: Some(Rank(2)), ..ANY };
        assert_eq!(mailbox.receive(Rank(0), from_two, "from two").1, []);
        assert_eq!(mailbox.receive(Rank(0), ANY, "from any").1, []);
        assert_eq!(mailbox.send(Rank(1), letter(&room, 2, 0, "late")), []);
        assert_eq!(mailbox.leave(Rank(2), end()), [("from two", end().told_of(Rank(2)))]);
        assert_eq!(mailbox.receive(Rank(1), from_two, "x").1, [("x", message(2, 0, "late"))]);
        assert_eq!(mailbox.receive(Rank(1), from_two, "x").1, [("x", end().told_of(Rank(2)))]);
        assert_eq!(mailbox.leave(Rank(1), end()), [("from any", end().told_of(Rank(1)))]);
        assert_eq!(mailbox.send(Rank(1), letter(&room, 0, 0, "lost")), []);
        assert!(room.take(6).is_some(), "what nobody can receive holds no room");
    }
}
