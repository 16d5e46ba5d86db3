//! One stream of one rank, as its merger sees it: what was asked for, what has come, what is held.

use std::collections::VecDeque;

use bytes::Bytes;

use super::order::OrderError;

/// A stream that is merged with others.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The rank that labels name.
    pub(super) rank: u32,
    /// Bytes before this offset have been asked for.
    granted: u64,
    /// Bytes before this offset have come.
    received: u64,
    /// What had come when it was last asked for more.
    received_at_grant: u64,
    /// The stream's length, once it has ended.
    length: Option<u64>,
    /// What has come and may not be written yet.
    held: VecDeque<Bytes>,
    held_bytes: usize,
    /// Bytes of `held` up to the end of its last whole line.
    line_bytes: usize,
    /// What was written last is not the end of a line.
    pub(super) mid_line: bool,
    /// It stands in the list of those that want credit.
    pub(super) wants_credit: bool,
    /// It has been counted as finished.
    pub(super) counted: bool,
}

impl Source {
    pub(super) fn new(rank: u32) -> Self {
        Self { rank, ..Self::default() }
    }

    /// Bytes that are held.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Bytes that have come.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that were asked for and have not come.
    pub(super) fn outstanding(&self) -> u64 {
        if self.is_over() { 0 } else { self.granted - self.received }
    }

    /// Bytes that have come since it was last asked for more.
    pub(super) fn since_grant(&self) -> u64 {
        self.received - self.received_at_grant
    }

    /// All of the stream has come.
    pub(super) fn is_over(&self) -> bool {
        self.length.is_some_and(|length| self.received >= length)
    }

    /// Asks for more; gives the offset to ask from.
    pub(super) fn grant(&mut self, credit: u64) -> u64 {
        self.granted = self.received + credit;
        self.received_at_grant = self.received;
        self.received
    }

    /// Takes bytes in; gives those that are new.
    pub(super) fn receive(&mut self, offset: u64, mut bytes: Bytes) -> Result<Bytes, OrderError> {
        if offset > self.received {
            // A launcher that comes late to a step may find the beginning gone; a hole is another matter.
            if self.received > 0 {
                return Err(OrderError::Hole { rank: self.rank, from: self.received, to: offset });
            }
            self.granted += offset;
            self.received = offset;
        }
        let known = (self.received - offset).min(bytes.len() as u64) as usize;
        let new = bytes.split_off(known);
        self.received += new.len() as u64;
        if self.received > self.granted {
            return Err(OrderError::Overrun { rank: self.rank });
        }
        Ok(new)
    }

    /// What comes goes on at this offset: what lies between is gone.
    pub(super) fn skip_to(&mut self, offset: u64) {
        let gone = offset.saturating_sub(self.received);
        self.granted += gone;
        self.received += gone;
    }

    /// The stream has ended at this offset. Said twice, it is over wherever it stands: a log whose beginning and
    /// end are both gone has nothing more to send.
    pub(super) fn end(&mut self, offset: u64) -> Result<(), OrderError> {
        if offset < self.received {
            return Err(OrderError::Hole { rank: self.rank, from: offset, to: self.received });
        }
        self.length = Some(if self.length.is_some() { self.received } else { offset });
        Ok(())
    }

    /// It ends where it stands.
    pub(super) fn cut(&mut self) {
        self.length = Some(self.received);
    }

    /// Keeps bytes for later.
    pub(super) fn hold(&mut self, bytes: Bytes) {
        if let Some(at) = bytes.iter().rposition(|&byte| byte == b'\n') {
            self.line_bytes = self.held_bytes + at + 1;
        }
        self.held_bytes += bytes.len();
        self.held.push_back(bytes);
    }

    /// Gives out the whole lines that are held.
    pub(super) fn take_lines(&mut self) -> Vec<Bytes> {
        self.take(self.line_bytes)
    }

    /// Gives out all that is held.
    pub(super) fn take_all(&mut self) -> Vec<Bytes> {
        self.take(self.held_bytes)
    }

    fn take(&mut self, mut bytes: usize) -> Vec<Bytes> {
        self.held_bytes -= bytes;
        self.line_bytes = self.line_bytes.saturating_sub(bytes);
        let mut taken = Vec::new();
        while bytes > 0 {
            let Some(mut first) = self.held.pop_front() else { break };
            if first.len() > bytes {
                self.held.push_front(first.split_off(bytes));
            }
            bytes -= first.len();
            taken.push(first);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_come_out_and_the_rest_stays() {
        let mut source = Source::new(0);
        source.hold("a\nb".into());
        source.hold("c".into());
        source.hold("d\ne\nf".into());
        assert_eq!(source.take_lines().concat(), b"a\nbcd\ne\n");
        assert!(source.take_lines().is_empty());
        assert_eq!((source.held_bytes(), source.take_all().concat()), (1, b"f".to_vec()));
    }

    #[test]
    fn bytes_that_come_twice_are_taken_once_and_a_hole_is_an_error() {
        let mut source = Source::new(4);
        source.grant(100);
        assert_eq!(source.receive(0, "abc".into()), Ok("abc".into()));
        assert_eq!(source.receive(1, "bcde".into()), Ok("de".into()));
        assert_eq!(source.receive(7, "x".into()), Err(OrderError::Hole { rank: 4, from: 5, to: 7 }));
    }

    #[test]
    fn an_onlooker_goes_on_behind_a_hole() {
        let mut source = Source::new(0);
        source.grant(10);
        assert_eq!(source.receive(0, "abc".into()), Ok("abc".into()));
        source.skip_to(5);
        assert_eq!(source.receive(5, "f".into()), Ok("f".into()));
        source.skip_to(5);
        assert_eq!(source.receive(6, "g".into()), Ok("g".into()));
        assert_eq!(source.outstanding(), 5, "what is gone is not waited for");
    }

    #[test]
    fn more_than_was_asked_for_is_an_error() {
        let mut source = Source::new(2);
        source.grant(2);
        assert_eq!(source.receive(0, "abc".into()), Err(OrderError::Overrun { rank: 2 }));
    }

    #[test]
    fn a_late_launcher_begins_where_the_log_does() {
        let mut source = Source::new(0);
        source.grant(10);
        assert_eq!(source.receive(1000, "abc".into()), Ok("abc".into()));
        source.end(1003).unwrap();
        assert!(source.is_over());
    }
}
