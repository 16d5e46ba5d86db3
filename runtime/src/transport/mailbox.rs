//! Which message goes to which receive: pure.
//!
//! The rules are MPI's (MPI 4.1, section 3.5): messages of one sender in one context are matched in the order in which
//! they were sent, receives in the order in which they were posted. Two queues and a search from their front are all
//! that takes, as long as every message is handed in when it comes.

use std::collections::VecDeque;

use crate::ids::Rank;

/// What a message says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Who has sent it.
    pub(crate) from: Rank,
    /// In which message space.
    pub(crate) context: u32,
    /// With which tag.
    pub(crate) tag: i32,
}

/// What a receive wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// From whom; `None`: from anybody (`MPI_ANY_SOURCE`).
    pub(crate) from: Option<Rank>,
    /// In which message space.
    pub(crate) context: u32,
    /// With which tag; `None`: with any (`MPI_ANY_TAG`).
    pub(crate) tag: Option<i32>,
}

impl Wanted {
    /// Whether a message is one that is wanted.
    pub(crate) fn takes(&self, envelope: &Envelope) -> bool {
        self.context == envelope.context
            && self.from.is_none_or(|from| from == envelope.from)
            && self.tag.is_none_or(|tag| tag == envelope.tag)
    }
}

/// Receives that wait for messages, and messages that wait for receives. `R` names a receive, `M` is what is kept of a
/// message.
#[derive(Debug)]
pub(crate) struct Mailbox<R, M> {
    posted: VecDeque<(Wanted, R)>,
    waiting: VecDeque<(Envelope, M)>,
}

impl<R: Copy + PartialEq, M> Mailbox<R, M> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { posted: VecDeque::new(), waiting: VecDeque::new() }
    }

    /// A message has come: gives the receive that it is for, which is posted no more.
    pub(crate) fn claim(&mut self, envelope: &Envelope) -> Option<R> {
        let place = self.posted.iter().position(|(wanted, _)| wanted.takes(envelope))?;
        self.posted.remove(place).map(|(_, receive)| receive)
    }

    /// Keeps a message that nobody has [claimed](Self::claim).
    pub(crate) fn keep(&mut self, envelope: Envelope, message: M) {
        self.waiting.push_back((envelope, message));
    }

    /// A receive looks for a message that is there; gives the first one.
    pub(crate) fn take(&mut self, wanted: &Wanted) -> Option<(Envelope, M)> {
        let place = self.waiting.iter().position(|(envelope, _)| wanted.takes(envelope))?;
        self.waiting.remove(place)
    }

    /// A receive that has [found nothing](Self::take) waits.
    pub(crate) fn post(&mut self, wanted: Wanted, receive: R) {
        self.posted.push_back((wanted, receive));
    }

    /// The first message that is wanted, left where it is (`MPI_Iprobe`).
    pub(crate) fn probe(&self, wanted: &Wanted) -> Option<(&Envelope, &M)> {
        self.waiting
            .iter()
            .find(|(envelope, _)| wanted.takes(envelope))
            .map(|(envelope, message)| (envelope, message))
    }

    /// Takes a receive out that waits. False where it does not.
    pub(crate) fn withdraw(&mut self, receive: R) -> bool {
        let place = self.posted.iter().position(|(_, posted)| *posted == receive);
        place.is_some_and(|place| self.posted.remove(place).is_some())
    }

    /// Whether a receive waits.
    pub(crate) fn is_posted(&self) -> bool {
        !self.posted.is_empty()
    }

    /// Messages that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(from: u32, context: u32, tag: i32) -> Envelope {
        Envelope { from: Rank(from), context, tag }
    }

    fn wanted(from: Option<u32>, context: u32, tag: Option<i32>) -> Wanted {
        Wanted { from: from.map(Rank), context, tag }
    }

    #[test]
    fn messages_go_to_the_first_receive_that_wants_them() {
        let mut mailbox: Mailbox<_, ()> = Mailbox::new();
        mailbox.post(wanted(Some(1), 0, Some(5)), "first");
        mailbox.post(wanted(None, 0, None), "any");
        mailbox.post(wanted(Some(1), 0, Some(5)), "second");
        assert_eq!(mailbox.claim(&envelope(1, 1, 5)), None, "another context");
        assert_eq!(mailbox.claim(&envelope(1, 0, 5)), Some("first"));
        assert_eq!(mailbox.claim(&envelope(1, 0, 5)), Some("any"));
        assert!(mailbox.withdraw("second"));
        assert!(!mailbox.is_posted() && !mailbox.withdraw("second"));
    }

    #[test]
    fn receives_take_messages_in_the_order_in_which_they_came() {
        let mut mailbox: Mailbox<(), _> = Mailbox::new();
        for (from, tag, name) in [(2, 1, "a"), (1, 2, "b"), (1, 1, "c"), (1, 1, "d")] {
            mailbox.keep(envelope(from, 0, tag), name);
        }
        assert_eq!(mailbox.probe(&wanted(Some(1), 0, None)).map(|(_, name)| *name), Some("b"));
        let take = |mailbox: &mut Mailbox<(), _>, from, tag| {
            mailbox.take(&wanted(from, 0, tag)).map(|(_, name)| name)
        };
        assert_eq!(take(&mut mailbox, Some(1), Some(1)), Some("c"));
        assert_eq!(take(&mut mailbox, None, None), Some("a"));
        assert_eq!(take(&mut mailbox, Some(1), Some(7)), None);
        assert_eq!(take(&mut mailbox, None, Some(1)), Some("d"));
        assert_eq!(mailbox.waiting(), 1);
    }
}
