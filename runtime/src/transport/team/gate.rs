//! A gate for many: they count themselves, and the last one to come opens it.
//!
//! One word counts who has come and which call it is (a sense-reversing barrier with a generation in place of the sense;
//! Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization on Shared-Memory Multiprocessors", 1991). Whoever
//! comes last finds everything laid down and does what is to be done for all, so that with more ranks than CPUs each of
//! the others sleeps and wakes once.

use super::super::port::Port;
use super::super::sync::{AtomicU64, Ordering};
use super::{Named, Team, TeamError};

/// What lanes begin with.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Gate {
    /// Calls over so far, in the upper half; in the lower one how many have come to the next.
    word: AtomicU64,
    /// The last call, counted from 1, in which not all made the same one.
    clash: AtomicU64,
}

impl Gate {
    fn is_open(&self, call: u32) -> bool {
        (self.word.load(Ordering::Acquire) >> 32) as u32 != call
    }
}

impl Team {
    /// Waits for the gate of a call; the last one to come does `all` before it opens.
    pub(super) fn pass(
        &self,
        port: &Port,
        named: Named,
        call: u32,
        all: impl FnOnce(),
    ) -> Result<(), TeamError> {
        let gate = self.lanes.gate();
        let come = gate.word.fetch_add(1, Ordering::AcqRel) as u32 + 1;
        if come as usize == self.size() {
            if self.check_words(call, named).is_err() {
                gate.clash.store(u64::from(call) + 1, Ordering::Relaxed);
            } else {
                all();
            }
            gate.word.store(u64::from(call.wrapping_add(1)) << 32, Ordering::Release);
            self.wake(&mut port.engine(), |_| true);
        } else {
            self.wait(&mut port.engine(), named, &|| gate.is_open(call))?;
        }
        if gate.clash.load(Ordering::Relaxed) == u64::from(call) + 1 {
            self.check_words(call, named)?;
        }
        Ok(())
    }
}
