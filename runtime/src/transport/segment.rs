//! The memory that the ranks of one node share: seats, team slots, and a ring for each ordered pair.
//!
//! The step process makes it, as an anonymous file (`memfd_create(2)`) that it hands to each rank over that rank's link
//! (`SCM_RIGHTS`): it has no name, so `/dev/shm` may be as small as it likes, other PID namespaces do no harm, and
//! nothing stays behind. Pages are taken when they are first touched: rings of ranks that never speak cost nothing.
#![expect(unsafe_code, reason = "memory that several processes share")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::fs::MemfdFlags;
use rustix::mm::{MapFlags, ProtFlags};

use super::ring::{CELL_BYTES, Cells, Control};
use super::sync::{AtomicU32, AtomicU64, Ordering};
use super::team::{Lanes, lanes_bytes};
use super::waker::Waker;
use crate::limits::{LOCAL_RANKS_MAX, TEAM_SLOTS_MAX};

/// Where everything is in a segment for so many ranks. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    ranks: usize,
}

/// What stands before the seats.
const PREFACE_BYTES: usize = 4096;

impl Geometry {
    /// For so many ranks of one node; `None` for none, or for more than [`LOCAL_RANKS_MAX`].
    pub(crate) fn new(ranks: u32) -> Option<Self> {
        (1..=LOCAL_RANKS_MAX).contains(&ranks).then_some(Self { ranks: ranks as usize })
    }

    /// Bytes of one ring: fewer where there are many, so that a thousand ranks that all speak to each other need no more
    /// memory than a node has.
    pub(crate) fn ring_bytes(self) -> usize {
        match self.ranks {
            ..=16 => 64 << 10,
            17..=64 => 32 << 10,
            65..=512 => 16 << 10,
            _ => 4 << 10,
        }
    }

    fn seat(self, local: usize) -> usize {
        PREFACE_BYTES + local * self.seat_bytes()
    }

    /// A seat, and behind it a bit for each rank that has ever written to its owner.
    fn seat_bytes(self) -> usize {
        (size_of::<Seat>() + self.ranks.div_ceil(64) * 8).next_multiple_of(128)
    }

    fn slot(self, slot: usize) -> usize {
        self.seat(self.ranks).next_multiple_of(4096) + slot * self.slot_bytes()
    }

    fn slot_bytes(self) -> usize {
        lanes_bytes(self.ranks).next_multiple_of(4096)
    }

    fn ring(self, from: usize, to: usize) -> usize {
        let stride = size_of::<Control>() + self.ring_bytes();
        self.slot(TEAM_SLOTS_MAX) + (from * self.ranks + to) * stride.next_multiple_of(4096)
    }

    /// Bytes of the whole segment.
    pub(crate) fn bytes(self) -> usize {
        self.ring(self.ranks, 0)
    }
}

/// What all ranks look at.
#[derive(Debug)]
#[repr(C)]
struct Preface {
    /// Not zero: the step is over for its ranks, and the link to the step process says why.
    over: AtomicU32,
    /// Team slots given out so far, that of all ranks aside.
    slots: AtomicU32,
}

/// A rank's place in the segment.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Seat {
    /// On which it sleeps.
    pub(crate) waker: Waker,
    /// On which CPU it has last been seen to wait, counted from 1; 0: not yet.
    pub(crate) cpu: AtomicU32,
    /// How far it is ([`Presence`]).
    presence: AtomicU32,
    /// Its process, for others that read its memory.
    pub(crate) pid: AtomicU32,
    /// A place in its memory, and what stands there: whoever can read it can read its messages, too.
    pub(crate) probe_address: AtomicU64,
    pub(crate) probe_value: AtomicU64,
}

/// How far a rank is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has not come yet.
    Away,
    /// It takes part.
    Here,
    /// It has left in good order.
    Left,
}

impl Seat {
    /// How far its rank is.
    pub(crate) fn presence(&self) -> Presence {
        match self.presence.load(Ordering::Acquire) {
            0 => Presence::Away,
            1 => Presence::Here,
            _ => Presence::Left,
        }
    }

    /// Its rank takes part from now on, or has left.
    pub(crate) fn set_presence(&self, presence: Presence) {
        self.presence.store(presence as u32, Ordering::Release);
    }
}

/// A mapped segment.
#[derive(Debug)]
pub(crate) struct Segment {
    base: NonNull<u8>,
    geometry: Geometry,
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    Mapped,
    /// Of this process alone: a rank without neighbours, and tests whose ranks are threads.
    Own(std::alloc::Layout),
}

// SAFETY: everything in it is reached through atomics, or through rings and lanes, whose own protocols say who touches
// which bytes when.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

impl Segment {
    /// Makes the file of a segment.
    ///
    /// # Errors
    /// Those of `memfd_create(2)` and `ftruncate(2)`.
    pub(crate) fn create(geometry: Geometry) -> io::Result<OwnedFd> {
        let file = rustix::fs::memfd_create(c"prun-ranks", MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&file, geometry.bytes() as u64)?;
        Ok(file)
    }

    /// Maps the file of a segment.
    ///
    /// # Errors
    /// Those of `mmap(2)`; `InvalidData` for a file of another size.
    pub(crate) fn map(file: impl AsFd, geometry: Geometry) -> io::Result<Arc<Self>> {
        let file = File::from(file.as_fd().try_clone_to_owned()?);
        if file.metadata()?.len() != geometry.bytes() as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: a new mapping at an address of the kernel's choice. The file has the size of the mapping and nobody
        // makes it shorter: only the step's own processes have it.
        let base = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            rustix::mm::mmap(std::ptr::null_mut(), geometry.bytes(), access, MapFlags::SHARED, &file, 0)?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Arc::new(Self { base, geometry, memory: Memory::Mapped }))
    }

    /// One of this process alone.
    pub(crate) fn own(geometry: Geometry) -> Option<Arc<Self>> {
        let layout = std::alloc::Layout::from_size_align(geometry.bytes(), 4096).ok()?;
        // SAFETY: a segment is never empty.
        let base = unsafe { std::alloc::alloc_zeroed(layout) };
        Some(Arc::new(Self { base: NonNull::new(base)?, geometry, memory: Memory::Own(layout) }))
    }

    /// Ranks that it is for.
    pub(crate) fn ranks(&self) -> usize {
        self.geometry.ranks
    }

    /// Its shape.
    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn preface(&self) -> &Preface {
        // SAFETY: at the start of the segment, page aligned, zero at first, and only atomics.
        unsafe { self.base.cast::<Preface>().as_ref() }
    }

    /// A rank's seat.
    ///
    /// # Panics
    /// Where there is no such rank.
    pub(crate) fn seat(&self, local: usize) -> &Seat {
        assert!(local < self.ranks(), "no such seat");
        // SAFETY: within the segment, aligned as the geometry says, zero at first, and only atomics.
        unsafe { self.base.add(self.geometry.seat(local)).cast::<Seat>().as_ref() }
    }

    /// For each rank a bit, set before it first writes to this one; 64 a word.
    ///
    /// # Panics
    /// Where there is no such rank.
    pub(crate) fn senders(&self, local: usize) -> &[AtomicU64] {
        assert!(local < self.ranks(), "no such seat");
        let count = self.ranks().div_ceil(64);
        // SAFETY: behind the seat there are so many words, zero at first, and only touched as atomics.
        unsafe {
            let first = self.base.add(self.geometry.seat(local) + size_of::<Seat>()).cast::<AtomicU64>();
            std::slice::from_raw_parts(first.as_ptr(), count)
        }
    }

    /// The ring from one rank to another.
    ///
    /// # Panics
    /// Where there is no such rank.
    pub(crate) fn ring(self: &Arc<Self>, from: usize, to: usize) -> RingMemory {
        assert!(from < self.ranks() && to < self.ranks(), "no such ring");
        // SAFETY: within the segment.
        let start = unsafe { self.base.add(self.geometry.ring(from, to)) };
        let count = (self.geometry.ring_bytes() / CELL_BYTES) as u64;
        RingMemory { _segment: Arc::clone(self), start, count }
    }

    /// The lanes of a team slot, for the one team that has it.
    ///
    /// # Panics
    /// Where there is no such slot.
    pub(crate) fn lanes(self: &Arc<Self>, slot: usize) -> Lanes {
        assert!(slot < TEAM_SLOTS_MAX, "no such slot");
        // SAFETY: within the segment, page aligned, as large as the geometry says, and zero at first: a slot is given out
        // once ([`Self::take_slot`]; the first one is that of all ranks).
        unsafe {
            let base = self.base.add(self.geometry.slot(slot));
            Lanes::new(base, self.geometry.ranks, Arc::<Self>::clone(self))
        }
    }

    /// A team slot that nobody has had yet, from 1 on; `None` once all are given out.
    pub(crate) fn take_slot(&self) -> Option<usize> {
        let taken = &self.preface().slots;
        let free = |count: u32| ((count as usize) < TEAM_SLOTS_MAX - 1).then_some(count + 1);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok().map(|count| count as usize + 1)
    }

    /// Whether the step is over for its ranks.
    pub(crate) fn is_over(&self) -> bool {
        self.preface().over.load(Ordering::Acquire) != 0
    }

    /// Tells every rank that the step is over for it, those that sleep on their words too.
    pub(crate) fn end(&self) {
        self.preface().over.store(1, Ordering::Release);
        for local in 0..self.ranks() {
            self.seat(local).waker.notify();
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        match self.memory {
            // SAFETY: nothing that borrows from the segment outlives it, and it is unmapped once.
            Memory::Mapped => unsafe {
                let _ = rustix::mm::munmap(self.base.as_ptr().cast(), self.geometry.bytes());
            },
            // SAFETY: as above, and allocated with this layout.
            Memory::Own(layout) => unsafe { std::alloc::dealloc(self.base.as_ptr(), layout) },
        }
    }
}

/// The memory of one ring.
#[derive(Debug)]
pub(crate) struct RingMemory {
    _segment: Arc<Segment>,
    start: NonNull<u8>,
    count: u64,
}

// SAFETY: a part of its segment, which it keeps mapped.
unsafe impl Send for RingMemory {}

impl RingMemory {
    fn byte(&self, at: u64) -> (*mut u8, usize) {
        let bytes = self.count as usize * CELL_BYTES;
        let at = at as usize % bytes;
        // SAFETY: within the ring, which lies behind its control.
        let place = unsafe { self.start.add(size_of::<Control>() + at) };
        (place.as_ptr(), bytes - at)
    }
}

// SAFETY: `count` is a power of two by the geometry, the segment is kept, and copies are cut at the ring's end.
unsafe impl Cells for RingMemory {
    fn count(&self) -> u64 {
        self.count
    }

    fn control(&self) -> &Control {
        // SAFETY: at the ring's start, page aligned, zero at first, and only atomics.
        unsafe { self.start.cast().as_ref() }
    }

    fn word(&self, cell: u64) -> &AtomicU64 {
        let (place, _) = self.byte((cell % self.count) * CELL_BYTES as u64);
        // SAFETY: the first word of a cell, aligned to it.
        unsafe { &*place.cast() }
    }

    unsafe fn write(&self, at: u64, bytes: &[u8]) {
        let (place, room) = self.byte(at);
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        // SAFETY: both parts lie within the ring, and the caller has them to itself.
        unsafe {
            place.copy_from_nonoverlapping(first.as_ptr(), first.len());
            if !rest.is_empty() {
                self.byte(0).0.copy_from_nonoverlapping(rest.as_ptr(), rest.len());
            }
        }
    }

    unsafe fn read(&self, at: u64, bytes: &mut [u8]) {
        let (place, room) = self.byte(at);
        let length = bytes.len().min(room);
        let (first, rest) = bytes.split_at_mut(length);
        // SAFETY: both parts lie within the ring, and nobody writes to them.
        unsafe {
            place.copy_to_nonoverlapping(first.as_mut_ptr(), first.len());
            if !rest.is_empty() {
                self.byte(0).0.copy_to_nonoverlapping(rest.as_mut_ptr(), rest.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_do_not_overlap_and_are_aligned() {
        for ranks in [1, 2, 6, 64, 65, 513] {
            let geometry = Geometry::new(ranks).unwrap();
            let n = ranks as usize;
            assert_eq!(geometry.seat(0) % 128 + geometry.slot(0) % 4096 + geometry.ring(0, 0) % 4096, 0);
            assert!(geometry.seat(n - 1) + geometry.seat_bytes() <= geometry.slot(0));
            assert!(geometry.slot(TEAM_SLOTS_MAX) <= geometry.ring(0, 0));
            let step = geometry.ring(0, 1) - geometry.ring(0, 0);
            assert!(n == 1 || step >= size_of::<Control>() + geometry.ring_bytes());
            assert_eq!(
                geometry.ring(n - 1, n - 1) + (geometry.ring(1, 0) - geometry.ring(0, 0)) / n,
                geometry.bytes()
            );
        }
        assert_eq!(Geometry::new(0), None);
        assert_eq!(Geometry::new(LOCAL_RANKS_MAX + 1), None);
    }

    #[test]
    fn a_file_of_another_size_is_refused() {
        let two = Geometry::new(2).unwrap();
        let file = Segment::create(two).unwrap();
        assert!(Segment::map(&file, Geometry::new(3).unwrap()).is_err());
        let (one, other) = (Segment::map(&file, two).unwrap(), Segment::map(&file, two).unwrap());
        one.seat(1).set_presence(Presence::Here);
        assert_eq!(other.seat(1).presence(), Presence::Here);
        assert_eq!((one.take_slot(), other.take_slot()), (Some(1), Some(2)));
    }
}
