//! What the launcher says between the lines of ranks: whole lines are not torn by it.

use std::collections::VecDeque;

use bytes::Bytes;

/// Milliseconds that a message waits for the end of a line: longer than a program takes between two pieces of one. A rank
/// that asks its user something leaves one half written.
const LINE_WAIT_MS: u64 = 500;

/// Messages that wait for the end of the line that is half written.
#[derive(Debug, Default)]
pub(super) struct Messages {
    waiting: VecDeque<Bytes>,
    /// The stream of that line, and when it was written so far.
    half: Option<(usize, u64)>,
}

impl Messages {
    /// Adds a message.
    pub(super) fn say(&mut self, message: Bytes) {
        self.waiting.push_back(message);
    }

    /// Whether a line is half written.
    pub(super) fn is_within_line(&self) -> bool {
        self.half.is_some()
    }

    /// When messages wait no longer, in milliseconds.
    pub(super) fn deadline(&self) -> Option<u64> {
        let (_, since) = self.half.filter(|_| !self.waiting.is_empty())?;
        Some(since + LINE_WAIT_MS)
    }

    /// Where messages that wait may stand in bytes that are about to be written: after the first line's end.
    pub(super) fn gap_in(&self, text: &[u8]) -> Option<usize> {
        // The bytes are not looked at where nothing waits: there may be gigabytes.
        if self.waiting.is_empty() {
            return None;
        }
        text.iter().position(|&byte| byte == b'\n').map(|at| at + 1)
    }

    /// Bytes were written: their line is half written now, of this stream at this time, or whole.
    pub(super) fn written(&mut self, half: Option<(usize, u64)>) {
        self.half = half;
    }

    /// Whether the half written line has no more to come, by what is known of its stream.
    pub(super) fn line_is_over(&mut self, is_over: impl Fn(usize) -> bool) -> bool {
        self.half.take_if(|(source, _)| is_over(*source)).is_some()
    }

    /// Moves all that wait to what is written.
    pub(super) fn let_out(&mut self, out: &mut VecDeque<Bytes>) {
        out.append(&mut self.waiting);
    }
}
