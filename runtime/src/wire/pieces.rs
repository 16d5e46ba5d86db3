//! Memory for bulk data, used again: a process that moves much output would otherwise spend its time on getting fresh
//! pages from the system, which clears them, and on giving them back.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::limits::DATA_BYTES_MAX;

/// Pieces kept for the next time: what one stream has on its way.
const KEPT_MAX: usize = 8;

/// Pieces that wait to be used again. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pieces {
    /// An empty piece with room for the payload of a data frame, [`DATA_BYTES_MAX`].
    #[must_use]
    pub fn take(&self) -> Piece {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Piece { bytes: kept.unwrap_or_else(|| Vec::with_capacity(DATA_BYTES_MAX)), home: self.clone() }
    }
}

/// A piece of memory to be filled. Goes back to where it came from when it is dropped, or the last of the bytes that
/// it was made into.
#[derive(Debug)]
pub struct Piece {
    bytes: Vec<u8>,
    home: Pieces,
}

impl Piece {
    /// What it was filled with, without a copy.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Deref for Piece {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Piece {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut kept = self.home.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX && bytes.capacity() == DATA_BYTES_MAX {
            kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_once_nobody_reads_it_any_more() {
        let pieces = Pieces::default();
        let mut piece = pieces.take();
        piece.extend_from_slice(b"abc");
        let memory = piece.as_ptr();
        let bytes = piece.freeze();
        let part = bytes.slice(1..);
        drop(bytes);
        assert_ne!(pieces.take().as_ptr(), memory, "a part of it is still read");
        assert_eq!(part, b"bc"[..]);
        drop(part);
        let again = pieces.take();
        assert_eq!((again.as_ptr(), again.len()), (memory, 0));
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let pieces = Pieces::default();
        drop((0..2 * KEPT_MAX).map(|_| pieces.take()).collect::<Vec<_>>());
        assert_eq!(pieces.kept.lock().unwrap().len(), KEPT_MAX);
    }
}
