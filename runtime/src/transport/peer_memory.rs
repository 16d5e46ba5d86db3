//! Large messages in one copy: the receiver reads them out of the sender's memory (`process_vm_readv(2)`).
//!
//! Whether the kernel allows that depends on users, namespaces, seccomp filters and Yama; it is tried once for each
//! sender, on a word whose value the sender has published.
#![expect(unsafe_code, reason = "reads of another process's memory")]

use std::sync::atomic::Ordering;

use super::segment::Seat;

/// A word that every process has somewhere, with a value of its own.
static PROBE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// Whether a sender's memory can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Not tried yet.
    Unknown,
    /// It can, under this process id.
    Yes(i32),
    /// It cannot.
    No,
}

/// Publishes where others may try to read this process's memory, and lets the step's processes do so where Yama is in
/// charge (`PR_SET_PTRACER`): they are all descendants of this process's parent, the step process.
pub(crate) fn publish(seat: &Seat) {
    if cfg!(miri) {
        // There is one process only, whose memory nobody reads like that.
        return;
    }
    let pid = std::process::id();
    let address = (&raw const PROBE).expose_provenance() as u64;
    let value = address.rotate_left(17) ^ u64::from(pid) << 32 ^ 0x7072_756e;
    PROBE.store(value, Ordering::SeqCst);
    let parent = rustix::process::getppid();
    // Without Yama this is an error, and not needed.
    let _ = rustix::process::set_ptracer(
        parent.map_or(rustix::process::PTracer::None, rustix::process::PTracer::ProcessID),
    );
    seat.probe_address.store(address, Ordering::Relaxed);
    seat.probe_value.store(value, Ordering::Relaxed);
    seat.pid.store(pid, Ordering::Release);
}

/// Tries it.
pub(crate) fn probe(seat: &Seat) -> Reach {
    let pid = seat.pid.load(Ordering::Acquire).cast_signed();
    let mut word = [0; 8];
    let can = pid > 0 && read(pid, seat.probe_address.load(Ordering::Relaxed), &mut word);
    if can && u64::from_ne_bytes(word) == seat.probe_value.load(Ordering::Relaxed) {
        Reach::Yes(pid)
    } else {
        Reach::No
    }
}

/// Whether memory can be read with `process_vm_readv(2)` at all: tried on this process's own, which only a filter of
/// system calls can forbid. Who may read whose memory beyond that, Yama and users decide.
#[must_use]
pub fn memory_can_be_read() -> bool {
    let word = std::process::id().to_ne_bytes();
    let mut copy = [0; 4];
    let own = std::process::id().cast_signed();
    read(own, word.as_ptr().expose_provenance() as u64, &mut copy) && copy == word
}

/// Fills a buffer from another process's memory. False where that cannot be done; the buffer may hold anything then.
pub(crate) fn read(pid: i32, address: u64, to: &mut [u8]) -> bool {
    let mut filled = 0;
    while filled < to.len() {
        let rest = &mut to[filled..];
        let own = libc::iovec { iov_base: rest.as_mut_ptr().cast(), iov_len: rest.len() };
        let Some(at) = usize::try_from(address).ok().and_then(|address| address.checked_add(filled)) else {
            return false;
        };
        let other = libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(at), iov_len: rest.len() };
        // SAFETY: the kernel writes to `rest` only, which nobody else has; a wrong address of the other process is an
        // error of the call.
        let count = unsafe { libc::process_vm_readv(pid, &own, 1, &other, 1, 0) };
        match usize::try_from(count) {
            Ok(count @ 1..) => filled += count,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::segment::{Geometry, Segment};

    #[test]
    #[cfg_attr(miri, ignore = "there is no other process")]
    fn own_memory_can_be_read_and_a_wrong_address_is_no_harm() {
        let segment = Segment::own(Geometry::new(2).unwrap()).unwrap();
        publish(segment.seat(0));
        let Reach::Yes(pid) = probe(segment.seat(0)) else { panic!("a process may read itself") };
        assert_eq!(probe(segment.seat(1)), Reach::No, "nobody has published anything there");
        let text = *b"some bytes";
        let mut copy = [0; 10];
        assert!(read(pid, text.as_ptr().expose_provenance() as u64, &mut copy));
        assert_eq!(copy, text);
        assert!(!read(pid, 8, &mut copy));
        segment.seat(0).probe_value.store(1, Ordering::Relaxed);
        assert_eq!(probe(segment.seat(0)), Reach::No, "another process has that number now");
    }
}
