//! Output that is followed: its last lines, fit to be shown.
//!
//! A program may write anything. Its escape sequences are left out, so that it cannot draw over the screen; a return
//! within a line begins the line anew, as progress bars mean it.

use std::collections::VecDeque;

use prun_runtime::limits::{SCROLLBACK_BYTES_MAX, SCROLLBACK_LINE_BYTES_MAX};

/// What a line costs beside its bytes.
const LINE_BYTES: usize = size_of::<String>();

/// Columns from one tab stop to the next.
const TAB: usize = 8;

/// The last lines of an output.
#[derive(Debug)]
pub struct Scrollback {
    /// What it is.
    pub title: String,
    /// Why nothing more comes.
    pub over: Option<String>,
    lines: VecDeque<String>,
    bytes: usize,
    /// The line that has not ended.
    open: Vec<u8>,
    /// Nothing of the open line is to stay once more of it comes.
    returned: bool,
    escape: Escape,
    /// Lines below the last that is shown.
    below: usize,
}

/// How far an escape sequence has come (ECMA-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// There is none.
    No,
    /// ESC.
    Begun,
    /// ESC and an intermediate byte: one more follows.
    Short,
    /// A control sequence, up to its final byte.
    Control,
    /// A string, up to BEL or ESC `\`.
    Text,
}

impl Scrollback {
    /// Nothing yet.
    #[must_use]
    pub fn new(title: String) -> Self {
        Self {
            title,
            over: None,
            lines: VecDeque::new(),
            bytes: 0,
            open: Vec::new(),
            returned: false,
            escape: Escape::No,
            below: 0,
        }
    }

    /// Takes bytes in.
    pub fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.escape == Escape::No {
                self.put(byte);
            } else {
                self.escape = self.escape.after(byte);
            }
        }
    }

    fn put(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => self.returned = true,
            0x1b => self.escape = Escape::Begun,
            b'\t' => self.put_visible(byte),
            0..0x20 | 0x7f => {}
            _ => self.put_visible(byte),
        }
    }

    fn put_visible(&mut self, byte: u8) {
        if std::mem::take(&mut self.returned) {
            self.open.clear();
        }
        self.open.push(byte);
        if self.open.len() >= SCROLLBACK_LINE_BYTES_MAX {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        self.returned = false;
        let line = text(&self.open);
        self.open.clear();
        self.bytes += line.len() + LINE_BYTES;
        self.lines.push_back(line);
        if self.below > 0 {
            // Who looks at something further up goes on looking at it.
            self.below += 1;
        }
        while self.bytes > SCROLLBACK_BYTES_MAX
            && let Some(line) = self.lines.pop_front()
        {
            self.bytes -= line.len() + LINE_BYTES;
        }
        self.below = self.below.min(self.lines.len().saturating_sub(1));
    }

    /// Goes so many lines down; at the end, new lines are shown as they come.
    pub fn scroll(&mut self, by: isize) {
        let most = self.lines.len().saturating_sub(1);
        self.below = self.below.saturating_add_signed(by.saturating_neg()).min(most);
    }

    /// Whether new lines are shown as they come.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.below == 0
    }

    /// Lines from the last that is shown upwards.
    pub fn upwards(&self) -> impl Iterator<Item = String> {
        let open = (self.below == 0 && !self.open.is_empty()).then(|| text(&self.open));
        let whole = self.lines.iter().rev().skip(self.below).cloned();
        open.into_iter().chain(whole)
    }
}

impl Escape {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Begun, b'[') => Self::Control,
            (Self::Begun, b']' | b'P' | b'X' | b'^' | b'_') => Self::Text,
            (Self::Begun, 0x20..0x30) => Self::Short,
            (Self::Control, 0x20..0x40) => Self::Control,
            (Self::Text, 0x1b) => Self::Begun,
            (Self::Text, byte) if byte != 0x07 => Self::Text,
            (Self::Begun, 0x1b) => Self::Begun,
            _ => Self::No,
        }
    }
}

/// A line as text, tabs as blanks.
fn text(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for (at, part) in String::from_utf8_lossy(line).split('\t').enumerate() {
        if at > 0 {
            let columns = text.chars().count();
            text.extend(std::iter::repeat_n(' ', TAB - columns % TAB));
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str]) -> Vec<String> {
        let mut output = Scrollback::new(String::new());
        pieces.iter().for_each(|piece| output.take(piece.as_bytes()));
        let mut lines: Vec<String> = output.upwards().collect();
        lines.reverse();
        lines
    }

    #[test]
    fn lines_come_in_pieces_and_tabs_are_blanks() {
        assert_eq!(lines(&["a", "b\nc\td\n\n", "open"]), ["ab", "c       d", "", "open"]);
        assert_eq!(lines(&["\u{e4}\u{f6}\n"]), ["äö"]);
        let mut output = Scrollback::new(String::new());
        output.take(&"ä".as_bytes()[..1]);
        output.take(&"ä".as_bytes()[1..]);
        assert_eq!(output.upwards().next().as_deref(), Some("ä"), "a character may come in two pieces");
    }

    #[test]
    fn escape_sequences_are_left_out_wherever_they_are_cut() {
        let colourful = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b]8;;uri\x1b\\link\x1b(B\x1bM\x08\x07.\n";
        let whole = lines(&[colourful]);
        assert_eq!(whole, ["red xlink."]);
        for at in 1..colourful.len() {
            assert_eq!(lines(&[&colourful[..at], &colourful[at..]]), whole, "cut at {at}");
        }
    }

    #[test]
    fn a_return_begins_the_line_anew() {
        assert_eq!(lines(&["10 %\r50 %", "\r100 %\r\ndone\r\n"]), ["100 %", "done"]);
    }

    #[test]
    fn what_is_looked_at_stays_while_more_comes() {
        let mut output = Scrollback::new(String::new());
        output.take(b"1\n2\n3\n");
        output.scroll(-1);
        assert!(!output.follows());
        assert_eq!(output.upwards().next().as_deref(), Some("2"));
        output.take(b"4\n5\n");
        assert_eq!(output.upwards().next().as_deref(), Some("2"));
        output.scroll(-100);
        assert_eq!(output.upwards().collect::<Vec<_>>(), ["1"]);
        output.scroll(isize::MAX);
        assert!(output.follows());
        assert_eq!(output.upwards().next().as_deref(), Some("5"));
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut output = Scrollback::new(String::new());
        output.take(&vec![b'x'; 3 * SCROLLBACK_BYTES_MAX]);
        output.take(&vec![b'\n'; SCROLLBACK_BYTES_MAX]);
        output.scroll(isize::MIN + 1);
        output.take(b"last\n");
        let held: usize = output.lines.iter().map(|line| line.len() + LINE_BYTES).sum();
        assert_eq!(held, output.bytes);
        assert!(held <= SCROLLBACK_BYTES_MAX && !output.lines.is_empty());
    }
}
