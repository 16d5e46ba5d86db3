//! What the step process says in the middle of a task's output: between two lines, not inside of one.

use bytes::Bytes;

/// Where one stream of a task is within a line, and what waits for that line's end. Pure.
#[derive(Debug, Default)]
pub(super) struct Aside {
    mid_line: bool,
    waiting: Vec<u8>,
}

impl Aside {
    /// Something is to be said: what of it can be written now.
    #[must_use]
    pub(super) fn say(&mut self, bytes: &[u8]) -> Option<Bytes> {
        if self.mid_line {
            self.waiting.extend_from_slice(bytes);
            return None;
        }
        Some(Bytes::copy_from_slice(bytes))
    }

    /// The task has written this: what is to be written for it.
    #[must_use]
    pub(super) fn with_what_waits(&self, bytes: &Bytes) -> Bytes {
        match self.line_end(bytes) {
            Some(at) => [&bytes[..=at], &self.waiting, &bytes[at + 1..]].concat().into(),
            None => bytes.clone(),
        }
    }

    /// Where in these bytes what waits may be said. They are not looked at where nothing waits: there may be gigabytes.
    fn line_end(&self, bytes: &Bytes) -> Option<usize> {
        if self.waiting.is_empty() { None } else { bytes.iter().position(|&byte| byte == b'\n') }
    }

    /// Now it is written.
    pub(super) fn written(&mut self, bytes: &Bytes) {
        if self.line_end(bytes).is_some() {
            self.waiting.clear();
        }
        self.mid_line = bytes.last().map_or(self.mid_line, |&byte| byte != b'\n');
    }

    /// The stream is over, and with it its last line: what still waits.
    #[must_use]
    pub(super) fn rest(&mut self) -> Option<Bytes> {
        self.mid_line = false;
        (!self.waiting.is_empty()).then(|| std::mem::take(&mut self.waiting).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(aside: &mut Aside, out: &mut Vec<u8>, bytes: &'static [u8]) {
        let bytes = Bytes::from_static(bytes);
        out.extend_from_slice(&aside.with_what_waits(&bytes));
        aside.written(&bytes);
    }

    #[test]
    fn a_line_is_ended_first() {
        let (mut aside, mut out) = (Aside::default(), Vec::new());
        out.extend(aside.say(b"begins\n").unwrap());
        write(&mut aside, &mut out, b"one\nhal");
        assert!(aside.say(b"said\n").is_none());
        assert!(aside.say(b"and more\n").is_none());
        write(&mut aside, &mut out, b"f a");
        write(&mut aside, &mut out, b" line\nnext\nand");
        assert!(aside.say(b"last\n").is_none());
        out.extend(aside.rest().unwrap());
        assert_eq!(out, b"begins\none\nhalf a line\nsaid\nand more\nnext\nandlast\n");
        assert_eq!((aside.rest(), aside.say(b"x")), (None, Some(Bytes::from_static(b"x"))));
    }
}
