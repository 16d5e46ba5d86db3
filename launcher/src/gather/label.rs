//! `srun --label`: the rank before each line.

use bytes::{BufMut, Bytes, BytesMut};

/// Labels as wide as the highest rank of the step (` 0: `, `10: `).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels {
    width: usize,
}

impl Labels {
    /// Labels for a step of so many ranks.
    #[must_use]
    pub fn new(ranks: u32) -> Self {
        Self { width: ranks.saturating_sub(1).to_string().len() }
    }

    /// Bytes of a stream with the label before each line that begins in them. `mid_line`: they go on with a line
    /// that already has its label.
    #[must_use]
    pub fn put(self, rank: u32, bytes: &[u8], mid_line: bool) -> Bytes {
        let label = format!("{rank:>width$}: ", width = self.width);
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let mut text = BytesMut::with_capacity(bytes.len() + lines * label.len());
        for (at, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if at > 0 || !mid_line {
                text.put_slice(label.as_bytes());
            }
            text.put_slice(line);
        }
        text.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_label_once() {
        let labels = Labels::new(11);
        assert_eq!(labels.put(3, b"a\n\nb", false), " 3: a\n 3: \n 3: b".as_bytes());
        assert_eq!(labels.put(10, b"c\nd\n", true), "c\n10: d\n".as_bytes());
    }

    #[test]
    fn labels_are_as_wide_as_the_highest_rank() {
        assert_eq!(Labels::new(10).put(9, b"x", false), "9: x".as_bytes());
        assert_eq!(Labels::new(1).put(0, b"x", false), "0: x".as_bytes());
        assert_eq!(Labels::new(1001).put(7, b"x", false), "   7: x".as_bytes());
    }
}
