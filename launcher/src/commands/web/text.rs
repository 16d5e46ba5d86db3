//! Bytes of a stream as text, whatever pieces they come in.

/// Turns bytes into text; what is none becomes `U+FFFD`.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The beginning of a character whose end has not come: at most three bytes.
    rest: Vec<u8>,
}

impl Text {
    /// The text of the bytes that have come, but for a character that is not complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let whole = whole(&self.rest);
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        self.rest.drain(..whole);
        text
    }
}

/// How many bytes are sure to be whole characters, or none at all.
fn whole(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        // Three bytes that could yet become a character wait; more cannot.
        Some(last) if !last.invalid().is_empty() && may_go_on(last.invalid()) => {
            bytes.len() - last.invalid().len()
        }
        _ => bytes.len(),
    }
}

/// Whether more bytes could make a character of these: the error is that they end.
fn may_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_may_come_in_pieces() {
        let all = "a€𝄞z".as_bytes();
        for cut in 0..=all.len() {
            let mut text = Text::default();
            let (left, right) = all.split_at(cut);
            assert_eq!(text.push(left) + &text.push(right), "a€𝄞z", "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_text_holds_up_nothing() {
        let mut text = Text::default();
        assert_eq!(text.push(b"a\xffb\xe2\x28"), "a\u{fffd}b\u{fffd}(");
        assert_eq!(text.push(b"\xf0\x9f"), "");
        assert_eq!(text.push(b"x"), "\u{fffd}x");
    }
}
