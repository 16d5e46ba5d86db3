//! Bounds what a step process holds for its ranks.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

/// Room for so many bytes in so many pieces. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Room {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bytes: Cell<usize>,
    pieces: Cell<usize>,
    changed: Notify,
}

/// A piece's share of a room, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    room: Room,
    bytes: usize,
}

impl Room {
    pub(super) fn new(bytes: usize, pieces: usize) -> Self {
        let inner = Inner { bytes: Cell::new(bytes), pieces: Cell::new(pieces), changed: Notify::new() };
        Self { inner: Rc::new(inner) }
    }

    /// Takes room for a piece, if there is any.
    pub(super) fn take(&self, bytes: usize) -> Option<Held> {
        let (bytes_left, pieces_left) = (self.inner.bytes.get(), self.inner.pieces.get());
        self.inner.bytes.set(bytes_left.checked_sub(bytes)?);
        let Some(pieces_left) = pieces_left.checked_sub(1) else {
            self.inner.bytes.set(bytes_left);
            return None;
        };
        self.inner.pieces.set(pieces_left);
        Some(Held { room: self.clone(), bytes })
    }

    /// Takes room for a piece as soon as there is any, unless `in_vain` becomes so, which is looked at whenever the room
    /// changes and when it is [woken](Self::wake).
    pub(super) async fn wait_for(&self, bytes: usize, in_vain: impl Fn() -> bool) -> Option<Held> {
        loop {
            let changed = self.inner.changed.notified();
            if in_vain() {
                return None;
            }
            if let Some(held) = self.take(bytes) {
                return Some(held);
            }
            changed.await;
        }
    }

    /// Those who wait look again.
    pub(super) fn wake(&self) {
        self.inner.changed.notify_waiters();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let inner = &self.room.inner;
        inner.bytes.set(inner.bytes.get() + self.bytes);
        inner.pieces.set(inner.pieces.get() + 1);
        self.room.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_by_bytes_and_by_pieces_and_given_back() {
        let room = Room::new(10, 2);
        let first = room.take(4).unwrap();
        assert!(room.take(7).is_none());
        let second = room.take(6).unwrap();
        drop(first);
        let third = room.take(0).unwrap();
        assert!(room.take(1).is_none(), "two pieces are held");
        drop((second, third));
        assert!(room.take(10).is_some());
    }
}
