//! One stream of a task's output: an append-only log with offsets, of which the oldest bytes may be forgotten.
//!
//! Bytes stay in memory while the step's budget lasts and go to an unlinked file from then on, until a reader has
//! caught up. A task is never held up by a slow reader (but by a full disk), and no byte is lost.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits::{DATA_BYTES_MAX, LOG_MEMORY_BYTES_MAX};
use crate::wire::pieces::Pieces;

/// Memory for all logs of a step. One half is divided evenly, so that the first to write do not leave the stream that is
/// being read without any; the other half goes to whoever wants more.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    share: usize,
    left: Rc<Cell<usize>>,
    pieces: Pieces,
}

impl Budget {
    /// A budget of this many bytes for so many logs.
    #[must_use]
    pub(super) fn new(bytes: usize, logs: usize) -> Self {
        let logs = logs.max(1);
        let share = bytes / 2 / logs;
        Self { share, left: Rc::new(Cell::new(bytes - share * logs)), pieces: Pieces::default() }
    }

    /// Where the memory comes from that files and pipes are read into.
    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// How much more a log may hold that holds so many bytes.
    fn room(&self, held: usize) -> usize {
        self.share.saturating_sub(held) + self.left.get()
    }

    /// A log that held `before` bytes, now holds `after`, with room for them.
    fn change(&self, before: usize, after: usize) {
        let borrowed = |held: usize| held.saturating_sub(self.share);
        self.left.set(self.left.get() + borrowed(before) - borrowed(after));
    }
}

/// The log of one stream.
#[derive(Debug)]
pub(super) struct Log {
    budget: Budget,
    /// Offset of the first byte kept.
    start: u64,
    /// Whole pieces, oldest first, and behind them what still grows.
    pieces: VecDeque<Bytes>,
    tail: BytesMut,
    /// Bytes in `pieces` and `tail`.
    in_memory: usize,
    /// What came after the memory was full.
    spill: Option<Spill>,
    ended: bool,
}

#[derive(Debug)]
struct Spill {
    file: File,
    /// Offset of the file's first byte in the log.
    start: u64,
    length: u64,
}

/// A piece this long is closed, so that it can be read without a copy.
const PIECE_BYTES: usize = 64 << 10;

/// So many bytes are kept as they have come: the memory that they stand in is hardly larger. Fewer are copied.
const WHOLE_BYTES_MIN: usize = DATA_BYTES_MAX / 4 * 3;

impl Log {
    /// An empty log.
    #[must_use]
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            start: 0,
            pieces: VecDeque::new(),
            tail: BytesMut::new(),
            in_memory: 0,
            spill: None,
            ended: false,
        }
    }

    /// Offset after the last byte.
    #[must_use]
    pub(super) fn end(&self) -> u64 {
        match &self.spill {
            Some(spill) => spill.start + spill.length,
            None => self.start + self.in_memory as u64,
        }
    }

    /// Offset of the first byte that can still be read.
    #[must_use]
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Whether nothing will be appended any more.
    #[must_use]
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Nothing will be appended any more.
    pub(super) fn finish(&mut self) {
        self.ended = true;
    }

    /// How many bytes could be appended now and would stay in memory; none from the first that does not until a reader
    /// has caught up.
    #[must_use]
    pub(super) fn room(&self) -> usize {
        match self.spill {
            Some(_) => 0,
            None => LOG_MEMORY_BYTES_MAX.saturating_sub(self.in_memory).min(self.budget.room(self.in_memory)),
        }
    }

    /// Whether bytes go to a file.
    #[must_use]
    pub(super) fn is_spilling(&self) -> bool {
        self.spill.is_some()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// Those of the spill file (disk full); then none of the bytes is in the log.
    pub(super) fn append(&mut self, bytes: &Bytes) -> io::Result<()> {
        if bytes.len() > self.room() {
            return self.append_to_file(bytes);
        }
        self.hold(self.in_memory + bytes.len());
        if bytes.len() >= WHOLE_BYTES_MIN {
            self.close_tail();
            self.pieces.push_back(bytes.clone());
            return Ok(());
        }
        self.tail.put_slice(bytes);
        if self.tail.len() >= PIECE_BYTES {
            self.close_tail();
        }
        Ok(())
    }

    /// Notes how many bytes are in memory.
    fn hold(&mut self, bytes: usize) {
        self.budget.change(self.in_memory, bytes);
        self.in_memory = bytes;
    }

    fn append_to_file(&mut self, bytes: &[u8]) -> io::Result<()> {
        let start = self.end();
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill { file: tempfile::tempfile()?, start, length: 0 }),
        };
        spill.file.write_all_at(bytes, spill.length)?;
        spill.length += bytes.len() as u64;
        Ok(())
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    /// Bytes from `offset` on, at most `most` of them and at most one frame's worth; empty where there are none yet.
    /// An offset that has been forgotten reads from the first byte kept: the second value is where the bytes begin.
    ///
    /// # Errors
    /// Those of the spill file.
    pub(super) fn read(&mut self, offset: u64, most: u64) -> io::Result<(u64, Bytes)> {
        let offset = offset.max(self.start);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(DATA_BYTES_MAX);
        let memory_end = self.start + self.in_memory as u64;
        if offset < memory_end {
            return Ok((offset, self.read_memory(offset, most)));
        }
        let Some(spill) = &self.spill else { return Ok((offset, Bytes::new())) };
        let left = (spill.start + spill.length).saturating_sub(offset);
        let wanted = most.min(usize::try_from(left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok((offset, Bytes::new()));
        }
        let mut piece = self.budget.pieces.take();
        rustix::io::pread(&spill.file, rustix::buffer::spare_capacity(&mut piece), offset - spill.start)?;
        piece.truncate(wanted);
        Ok((offset, piece.freeze()))
    }

    fn read_memory(&mut self, offset: u64, most: usize) -> Bytes {
        self.close_tail();
        let mut skip = (offset - self.start) as usize;
        for piece in &self.pieces {
            if skip < piece.len() {
                return piece.slice(skip..piece.len().min(skip + most));
            }
            skip -= piece.len();
        }
        Bytes::new()
    }

    /// Forgets bytes before `offset`.
    ///
    /// # Errors
    /// Those of the spill file.
    pub(super) fn forget(&mut self, offset: u64) -> io::Result<()> {
        let offset = offset.min(self.end());
        while self.start < offset && self.in_memory > 0 {
            self.close_tail();
            let Some(first) = self.pieces.front_mut() else { break };
            let count = first.len().min((offset - self.start) as usize);
            if count == first.len() {
                self.pieces.pop_front();
            } else {
                *first = first.slice(count..);
            }
            self.start += count as u64;
            self.hold(self.in_memory - count);
        }
        if let Some(spill) = &mut self.spill {
            self.start = self.start.max(offset);
            if self.start == spill.start + spill.length {
                // All of it has been read: the disk gets its blocks back, and memory takes over again.
                self.spill = None;
            }
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all_from(log: &mut Log, mut offset: u64) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (at, bytes) = log.read(offset, u64::MAX).unwrap();
            if bytes.is_empty() {
                return all;
            }
            offset = at + bytes.len() as u64;
            all.extend_from_slice(&bytes);
        }
    }

    #[test]
    fn bytes_past_the_budget_go_to_a_file_and_come_back_in_order() {
        let mut log = Log::new(Budget::new(10, 1));
        log.append(&"0123456".into()).unwrap();
        log.append(&"789abcdef".into()).unwrap();
        assert!(log.spill.is_some());
        assert_eq!(all_from(&mut log, 0), b"0123456789abcdef");
        assert_eq!(all_from(&mut log, 12), b"cdef");
        log.forget(9).unwrap();
        assert_eq!((log.start, all_from(&mut log, 0)), (9, b"9abcdef".to_vec()));
        log.forget(16).unwrap();
        assert!(log.spill.is_none());
        log.append(&"g".into()).unwrap();
        assert_eq!((all_from(&mut log, 0), log.end()), (b"g".to_vec(), 17));
    }

    #[test]
    fn half_of_the_memory_is_divided_evenly() {
        let budget = Budget::new(100, 5);
        let (mut first, mut second) = (Log::new(budget.clone()), Log::new(budget));
        first.append(&vec![b'a'; 60].into()).unwrap();
        assert_eq!((first.room(), first.is_spilling()), (0, false));
        first.append(&"b".into()).unwrap();
        assert!(first.is_spilling());
        assert_eq!(second.room(), 10);
        second.append(&vec![b'c'; 10].into()).unwrap();
        assert!(!second.is_spilling());
        drop(first);
        assert_eq!(second.room(), 50);
    }

    #[test]
    fn large_pieces_are_kept_as_they_have_come_between_small_ones() {
        let mut log = Log::new(Budget::new(4 * WHOLE_BYTES_MIN, 1));
        let large = Bytes::from(vec![b'x'; WHOLE_BYTES_MIN]);
        log.append(&"begin ".into()).unwrap();
        log.append(&large).unwrap();
        log.append(&" end".into()).unwrap();
        assert_eq!(log.read(0, u64::MAX).unwrap(), (0, "begin ".into()));
        let (_, kept) = log.read(6, u64::MAX).unwrap();
        assert_eq!((kept.as_ptr(), kept.len()), (large.as_ptr(), large.len()));
        assert_eq!(log.read(6 + WHOLE_BYTES_MIN as u64, u64::MAX).unwrap().1, " end");
    }

    proptest! {
        #[test]
        fn a_reader_gets_every_byte_once(
            steps in prop::collection::vec((0usize..300, 0u64..400, any::<bool>()), 1..60),
            budget in 0usize..1000,
        ) {
            let budget = Budget::new(budget, 1);
            let mut log = Log::new(budget.clone());
            let before = budget.left.get();
            let (mut written, mut read) = (Vec::new(), Vec::new());
            for (append, most, forget) in steps {
                let bytes: Vec<u8> = (0..append).map(|i| (written.len() + i) as u8).collect();
                written.extend_from_slice(&bytes);
                log.append(&bytes.into()).unwrap();
                let (at, bytes) = log.read(read.len() as u64, most).unwrap();
                prop_assert_eq!(at, read.len() as u64);
                read.extend_from_slice(&bytes);
                if forget {
                    log.forget(read.len() as u64).unwrap();
                }
                prop_assert_eq!(log.end(), written.len() as u64);
            }
            let rest = all_from(&mut log, read.len() as u64);
            read.extend_from_slice(&rest);
            prop_assert_eq!(read, written);
            drop(log);
            prop_assert_eq!(budget.left.get(), before);
        }
    }
}
