//! A ring of records from one rank to another, in memory that both see: one writes, one reads, neither locks.
//!
//! The ring is made of cells of one cache line. A record begins at a cell with a word that is never zero, which its
//! writer stores last: a short message and the news of it are one cache line that travels once. Before that the writer
//! clears the first word of the cell that comes next, so that whoever reads on from there never takes old bytes for a
//! record. Cells go back to the writer in lots of a quarter ring, since every word that is written by one side and read
//! by the other costs a transfer.
//!
//! The fast boxes of Buntinas, Mercier and Gropp ("Implementation and Evaluation of Shared-Memory Communication and
//! Synchronization Operations in MPICH2 using the Nemesis Communication Subsystem", 2007) are the idea behind the first
//! part, FastForward (Giacomoni, Moseley, Vachharajani 2008) behind the second.
#![expect(unsafe_code, reason = "bytes in memory that two processes share")]

use super::envelope::{HEAD_BYTES, Head};
use super::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// Bytes of a cell.
pub(crate) const CELL_BYTES: usize = 64;

/// What reader and writer tell each other beside the records.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Control {
    /// Cells that the reader has given back so far.
    freed: AtomicU64,
    /// Bytes of whole messages that have been matched so far.
    matched: AtomicU64,
    starved: Starved,
}

/// The writer waits for room. On a line of its own, since the writer writes it.
#[derive(Debug, Default)]
#[repr(C, align(128))]
struct Starved(AtomicU32);

/// The memory of a ring.
///
/// # Safety
/// Cells are `count` (a power of two) times [`CELL_BYTES`] of memory that stays while the value lives; [`Self::write`]
/// and [`Self::read`] wrap around at its end and touch nothing outside.
pub(crate) unsafe trait Cells {
    /// How many.
    fn count(&self) -> u64;
    /// Beside the cells.
    fn control(&self) -> &Control;
    /// The first word of a cell (counted on, modulo the number of cells).
    fn word(&self, cell: u64) -> &AtomicU64;
    /// Copies bytes to a place, counted in bytes from the first cell on.
    ///
    /// # Safety
    /// Nobody else touches these bytes meanwhile.
    unsafe fn write(&self, at: u64, bytes: &[u8]);
    /// Copies bytes from a place.
    ///
    /// # Safety
    /// Nobody writes to these bytes meanwhile.
    unsafe fn read(&self, at: u64, bytes: &mut [u8]);
}

/// Cells that a record with so many bytes after its head takes.
fn cells(length: usize) -> u64 {
    (HEAD_BYTES + length).div_ceil(CELL_BYTES) as u64
}

/// Bytes after its head that a record may have in a ring of so many bytes: an eighth of it, so that a writer always finds
/// room in a ring that its reader has emptied, whatever the reader has not yet given back.
pub(crate) fn record_bytes_max(ring_bytes: usize) -> usize {
    ring_bytes / 8
}

/// The writing side. There is one for each ring.
#[derive(Debug)]
pub(crate) struct Writer<C> {
    cells: C,
    /// Cells written so far.
    at: u64,
    /// Cells given back, as last seen.
    freed: u64,
}

impl<C: Cells> Writer<C> {
    /// The one writer of a ring that is empty and zero.
    pub(crate) fn new(cells: C) -> Self {
        Self { cells, at: 0, freed: 0 }
    }

    /// Writes a record, its bytes in two parts. False, and nothing is written, where there is no room.
    pub(crate) fn push(&mut self, head: Head, parts: [&[u8]; 2]) -> bool {
        let length = parts[0].len() + parts[1].len();
        debug_assert_eq!(length, head.length as usize);
        let needed = cells(length);
        // One more, whose first word is cleared for the record after this one.
        if !self.has_room(needed + 1) {
            return false;
        }
        let (first, second) = head.words();
        let start = (self.at % self.cells.count()) * CELL_BYTES as u64;
        // SAFETY: the reader does not look past the first word of these cells until that is stored below, and has given
        // them back from their last use (`has_room`).
        unsafe {
            self.cells.write(start + 8, &second.to_le_bytes());
            self.cells.write(start + HEAD_BYTES as u64, parts[0]);
            self.cells.write(start + (HEAD_BYTES + parts[0].len()) as u64, parts[1]);
        }
        self.cells.word(self.at + needed).store(0, Ordering::Relaxed);
        self.cells.word(self.at).store(first, Ordering::Release);
        self.at += needed;
        true
    }

    fn has_room(&mut self, needed: u64) -> bool {
        let free = |writer: &Self| writer.cells.count() - (writer.at - writer.freed);
        if free(self) < needed {
            self.freed = self.cells.control().freed.load(Ordering::Acquire);
        }
        free(self) >= needed
    }

    /// Asks the reader to wake this side when it gives cells back. To be called before the last look for room.
    pub(crate) fn starve(&self) {
        self.cells.control().starved.0.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Bytes of whole messages that the reader has matched.
    pub(crate) fn matched(&self) -> u64 {
        self.cells.control().matched.load(Ordering::Relaxed)
    }
}

/// A word where a record should begin that is none: the other side's memory is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// The reading side. There is one for each ring.
#[derive(Debug)]
pub(crate) struct Reader<C> {
    cells: C,
    /// Cells read so far.
    at: u64,
    /// Cells given back so far.
    freed: u64,
    /// Bytes of whole messages matched so far.
    matched: u64,
}

impl<C: Cells> Reader<C> {
    /// The one reader of a ring.
    pub(crate) fn new(cells: C) -> Self {
        Self { cells, at: 0, freed: 0, matched: 0 }
    }

    /// The head of the next record, if there is one.
    ///
    /// # Errors
    /// [`Broken`]: what is there cannot have been written by a [`Writer`].
    pub(crate) fn peek(&self) -> Result<Option<Head>, Broken> {
        let first = self.cells.word(self.at).load(Ordering::Acquire);
        if first == 0 {
            return Ok(None);
        }
        let mut second = [0; 8];
        // SAFETY: the record's first word has been stored, after which its writer leaves it alone.
        unsafe { self.cells.read(self.start() + 8, &mut second) };
        let head = Head::from_words(first, u64::from_le_bytes(second)).ok_or(Broken)?;
        if cells(head.length as usize) >= self.cells.count() { Err(Broken) } else { Ok(Some(head)) }
    }

    fn start(&self) -> u64 {
        (self.at % self.cells.count()) * CELL_BYTES as u64
    }

    /// Copies bytes of the record that [`Self::peek`] has shown, from `offset` behind its head on.
    ///
    /// # Panics
    /// When they are not all within the record.
    pub(crate) fn copy(&self, head: Head, offset: usize, to: &mut [u8]) {
        assert!(offset + to.len() <= head.length as usize, "bytes past the end of a record");
        // SAFETY: as in `peek`; a record that is larger than the ring has been refused there.
        unsafe { self.cells.read(self.start() + (HEAD_BYTES + offset) as u64, to) };
    }

    /// Goes on to the next record. True where the writer waits for room, which there is now: it is to be woken.
    pub(crate) fn pop(&mut self, head: Head) -> bool {
        self.at += cells(head.length as usize);
        let control = self.cells.control();
        if self.at - self.freed < self.cells.count() / 4 {
            return false;
        }
        self.freed = self.at;
        control.freed.store(self.at, Ordering::Release);
        fence(Ordering::SeqCst);
        control.starved.0.load(Ordering::Relaxed) != 0 && control.starved.0.swap(0, Ordering::Relaxed) != 0
    }

    /// So many bytes of whole messages have been matched.
    pub(crate) fn add_matched(&mut self, bytes: usize) {
        self.matched += bytes as u64;
        self.cells.control().matched.store(self.matched, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
