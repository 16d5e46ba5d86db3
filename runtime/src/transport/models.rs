//! The rings' and wakers' protocols in all orders that the memory model allows, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test -p prun-runtime --lib --release models`.
#![expect(unsafe_code, reason = "a ring in memory that loom watches")]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::envelope::{Head, Kind};
use super::ring::{CELL_BYTES, Cells, Control, Reader, Writer};
use super::sync::{AtomicU32, AtomicU64, Ordering, fence};
use super::waker::{Sleep, Waker};

/// Sleeps as a rank does: it says so, looks once more, and sleeps then.
fn wait_until(waker: &Waker, is_so: impl Fn() -> bool) {
    loop {
        if is_so() {
            return;
        }
        waker.prepare(Sleep::Futex);
        if is_so() {
            return waker.cancel();
        }
        waker.sleep(None);
        waker.cancel();
    }
}

#[test]
fn nobody_sleeps_over_what_was_published() {
    loom::model(|| {
        let shared = Arc::new((Waker::new(), AtomicU32::new(0)));
        let publisher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for value in 1..=2 {
                    shared.1.store(value, Ordering::Release);
                    shared.0.notify();
                }
            })
        };
        wait_until(&shared.0, || shared.1.load(Ordering::Acquire) == 2);
        publisher.join().unwrap();
    });
}

/// A flat team's meeting ([`super::team::Team`]): each stores its word, and whoever sees all words there wakes those that
/// sleep. Two may come at the same time while the third one sleeps.
#[test]
fn the_last_of_a_team_wakes_all() {
    const SIZE: usize = 3;
    let mut model = loom::model::Builder::new();
    // All orders of three take hours; those with so few switches against their will take seconds.
    model.preemption_bound = Some(3);
    model.check(|| {
        let members: Arc<[(Waker, AtomicU64); SIZE]> =
            Arc::new(std::array::from_fn(|_| (Waker::new(), AtomicU64::new(0))));
        let meet = |members: &[(Waker, AtomicU64); SIZE], me: usize| {
            members[me].1.store(1, Ordering::Release);
            let is_met = || members.iter().all(|member| member.1.load(Ordering::Acquire) == 1);
            fence(Ordering::SeqCst);
            if members.iter().enumerate().any(|(at, member)| at != me && member.0.is_asleep()) && is_met() {
                members.iter().enumerate().filter(|(at, _)| *at != me).for_each(|(_, member)| {
                    member.0.notify();
                });
            }
            // One that comes second here need not sleep for the model to be whole: the others have the same code.
            wait_until(&members[me].0, is_met);
        };
        let others: Vec<_> = (1..SIZE)
            .map(|me| {
                let members = Arc::clone(&members);
                thread::spawn(move || meet(&members, me))
            })
            .collect();
        meet(&members, 0);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// Few cells, each watched on its own.
struct Watched {
    control: Control,
    words: Vec<AtomicU64>,
    bytes: Vec<UnsafeCell<[u8; CELL_BYTES]>>,
}

const CELLS: u64 = 4;

impl Watched {
    fn each(at: u64, length: usize, mut touch: impl FnMut(usize, usize, usize)) {
        (0..length).for_each(|offset| {
            let at = at as usize + offset;
            touch(at / CELL_BYTES % CELLS as usize, at % CELL_BYTES, offset);
        });
    }
}

// SAFETY: as many cells as it says; places wrap around.
unsafe impl Cells for Arc<Watched> {
    fn count(&self) -> u64 {
        CELLS
    }

    fn control(&self) -> &Control {
        &self.control
    }

    fn word(&self, cell: u64) -> &AtomicU64 {
        &self.words[(cell % CELLS) as usize]
    }

    unsafe fn write(&self, at: u64, bytes: &[u8]) {
        Watched::each(at, bytes.len(), |cell, place, offset| {
            // SAFETY: loom fails where somebody else touches it.
            self.bytes[cell].with_mut(|cell| unsafe { (*cell)[place] = bytes[offset] });
        });
    }

    unsafe fn read(&self, at: u64, bytes: &mut [u8]) {
        Watched::each(at, bytes.len(), |cell, place, offset| {
            // SAFETY: as above.
            bytes[offset] = self.bytes[cell].with(|cell| unsafe { (*cell)[place] });
        });
    }
}

#[test]
fn records_cross_a_ring_whole_and_in_order_and_who_waits_for_room_is_woken() {
    // The fourth one waits for room.
    const RECORDS: i32 = 4;
    let mut model = loom::model::Builder::new();
    // As above. A sleep that was lost needed four.
    model.preemption_bound = Some(4);
    model.check(|| {
        let ring = Arc::new(Watched {
            control: Control::default(),
            words: (0..CELLS).map(|_| AtomicU64::new(0)).collect(),
            bytes: (0..CELLS).map(|_| UnsafeCell::new([0; CELL_BYTES])).collect(),
        });
        let wakers = Arc::new((Waker::new(), Waker::new()));
        let writing = {
            let (ring, wakers) = (Arc::clone(&ring), Arc::clone(&wakers));
            thread::spawn(move || {
                let mut writer = Writer::new(ring);
                for tag in 1..=RECORDS {
                    let head = Head { kind: Kind::Eager, length: 1, context: 0, tag };
                    while !writer.push(head, [&[tag as u8], &[]]) {
                        wakers.0.prepare(Sleep::Futex);
                        writer.starve();
                        if writer.push(head, [&[tag as u8], &[]]) {
                            wakers.0.cancel();
                            break;
                        }
                        wakers.0.sleep(None);
                        wakers.0.cancel();
                    }
                    wakers.1.notify();
                }
            })
        };
        let mut reader = Reader::new(ring);
        for tag in 1..=RECORDS {
            wait_until(&wakers.1, || reader.peek().unwrap().is_some());
            let head = reader.peek().unwrap().unwrap();
            let mut byte = [0];
            reader.copy(head, 0, &mut byte);
            assert_eq!((head.tag, byte[0]), (tag, tag as u8));
            if reader.pop(head) {
                wakers.0.notify();
            }
        }
        writing.join().unwrap();
    });
}
