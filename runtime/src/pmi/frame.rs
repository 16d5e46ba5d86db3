//! Messages out of a stream of bytes.

use crate::limits::{PMI_COUNTED_BYTES_MAX, PMI_LINE_BYTES_MAX, PMI_SPAWN_BYTES_MAX};

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Dialect {
    /// Lines.
    #[default]
    V1,
    /// Six characters with the length, then so many bytes.
    V2,
}

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a message of more than {0} bytes")]
    TooLong(usize),
    #[error("a message without its length")]
    NoLength,
}

/// Characters of a length.
const LENGTH_CHARS: usize = 6;

/// How a message of several lines begins, and its last line.
const SEVERAL: (&[u8], &[u8]) = (b"mcmd=", b"endcmd\n");

/// Bytes of one rank that are not a whole message yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) dialect: Dialect,
    bytes: Vec<u8>,
}

impl Inbox {
    /// Takes in what was read. Never more than a message's bound and one read is kept, as long as
    /// [`Inbox::next`] is called until it has nothing.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, without its length.
    ///
    /// # Errors
    /// [`FrameError`]: nothing that follows can be understood.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        match self.dialect {
            Dialect::V1 => self.next_line(),
            Dialect::V2 => self.next_counted(),
        }
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let (begin, end) = SEVERAL;
        let (whole, most) = if self.bytes.starts_with(begin) {
            let at = self.bytes.windows(end.len()).position(|window| window == end);
            (at.map(|at| at + end.len()), PMI_SPAWN_BYTES_MAX)
        } else {
            (self.bytes.iter().position(|&b| b == b'\n').map(|at| at + 1), PMI_LINE_BYTES_MAX)
        };
        match whole {
            Some(length) if length <= most => Ok(Some(self.bytes.drain(..length).collect())),
            None if self.bytes.len() <= most => Ok(None),
            _ => Err(FrameError::TooLong(most)),
        }
    }

    fn next_counted(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some(head) = self.bytes.first_chunk::<LENGTH_CHARS>() else { return Ok(None) };
        let length = std::str::from_utf8(head).ok().and_then(|text| text.trim().parse().ok());
        let length: usize = length.ok_or(FrameError::NoLength)?;
        if length > PMI_COUNTED_BYTES_MAX {
            return Err(FrameError::TooLong(PMI_COUNTED_BYTES_MAX));
        }
        if self.bytes.len() < LENGTH_CHARS + length {
            return Ok(None);
        }
        self.bytes.drain(..LENGTH_CHARS);
        Ok(Some(self.bytes.drain(..length).collect()))
    }
}

/// A message as it is sent.
pub(super) fn framed(dialect: Dialect, text: Vec<u8>) -> Vec<u8> {
    match dialect {
        Dialect::V1 => [text.as_slice(), b"\n"].concat(),
        Dialect::V2 => [format!("{:6}", text.len()).as_bytes(), &text].concat(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(inbox: &mut Inbox) -> Vec<String> {
        std::iter::from_fn(|| inbox.next().unwrap())
            .map(|message| String::from_utf8(message).unwrap())
            .collect()
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let text = b"cmd=init x=1\nmcmd=spawn\nargcnt=0\nendcmd\ncmd=finalize\n";
        for cut in 0..text.len() {
            let mut inbox = Inbox::default();
            inbox.push(&text[..cut]);
            let mut messages = all(&mut inbox);
            inbox.push(&text[cut..]);
            messages.extend(all(&mut inbox));
            assert_eq!(
                messages,
                ["cmd=init x=1\n", "mcmd=spawn\nargcnt=0\nendcmd\n", "cmd=finalize\n"],
                "{cut}"
            );
        }
    }

    #[test]
    fn counted_messages_have_no_end_mark() {
        let mut inbox = Inbox { dialect: Dialect::V2, ..Inbox::default() };
        inbox.push(b"     4cmd=     2x;    ");
        assert_eq!(all(&mut inbox), ["cmd=", "x;"]);
        inbox.push(b" 1\n");
        assert_eq!(all(&mut inbox), ["\n"]);
        inbox.push(b"abcdef");
        assert_eq!(inbox.next(), Err(FrameError::NoLength));
    }

    #[test]
    fn what_has_no_end_is_refused_and_not_kept() {
        let mut inbox = Inbox::default();
        inbox.push(&[b'x'; PMI_LINE_BYTES_MAX]);
        assert_eq!(inbox.next(), Ok(None));
        inbox.push(b"x");
        assert_eq!(inbox.next(), Err(FrameError::TooLong(PMI_LINE_BYTES_MAX)));
        let mut inbox = Inbox { dialect: Dialect::V2, ..Inbox::default() };
        inbox.push(b"999999");
        assert_eq!(inbox.next(), Err(FrameError::TooLong(PMI_COUNTED_BYTES_MAX)));
    }

    proptest! {
        #[test]
        fn a_framed_message_comes_back(texts in proptest::collection::vec("[a-z;= ]{0,80}", 0..8), v2: bool) {
            let dialect = if v2 { Dialect::V2 } else { Dialect::V1 };
            let mut inbox = Inbox { dialect, ..Inbox::default() };
            for text in &texts {
                inbox.push(&framed(dialect, text.clone().into_bytes()));
            }
            let end = if v2 { "" } else { "\n" };
            let expected: Vec<String> = texts.iter().map(|text| format!("{text}{end}")).collect();
            prop_assert_eq!(all(&mut inbox), expected);
        }
    }
}
