//! The memory in which a team meets: a gate, what each member says, and two lanes for each.
#![expect(unsafe_code, reason = "lanes in memory that several processes share")]

use std::ptr::NonNull;
use std::sync::Arc;

use super::gate::Gate;
use crate::limits::TEAM_LANE_BYTES;
use crate::transport::sync::AtomicU64;

/// To what a lane's bytes are aligned.
pub(crate) const TEAM_ALIGN_MAX: usize = 16;

/// What stands before a lane's bytes: the call that they belong to.
const MARK_BYTES: usize = TEAM_ALIGN_MAX;

/// Bytes that a rank can lay down.
pub(crate) const TEAM_BYTES_MAX: usize = TEAM_LANE_BYTES - MARK_BYTES;

/// Bytes of what a member says beside its lanes: a cache line.
const NOTE_BYTES: usize = 128;

/// Memory in which a team of so many members meets: a gate, a note and two lanes for each, and two lanes for what comes out.
pub(crate) const fn lanes_bytes(members: usize) -> usize {
    size_of::<Gate>() + members * NOTE_BYTES + 2 * (members + 1) * TEAM_LANE_BYTES
}

/// Memory for a team, that stays while the value lives.
#[derive(Debug)]
pub(crate) struct Lanes {
    base: NonNull<u8>,
    /// For how many there are lanes.
    pub(super) members: usize,
    _memory: Arc<dyn std::fmt::Debug + Send + Sync>,
}

impl Lanes {
    /// Lanes for so many members.
    ///
    /// # Safety
    /// From `base` on, which is aligned to 128, `memory` has [`lanes_bytes`], zero at first and touched by nobody but the
    /// one team that has them, for as long as it lives.
    pub(crate) unsafe fn new(
        base: NonNull<u8>,
        members: usize,
        memory: Arc<dyn std::fmt::Debug + Send + Sync>,
    ) -> Self {
        Self { base, members, _memory: memory }
    }

    pub(super) fn gate(&self) -> &Gate {
        // SAFETY: lanes begin with their gate, aligned, zero at first, and only atomics.
        unsafe { self.base.cast::<Gate>().as_ref() }
    }

    /// The latest call of a member, here or by messages.
    pub(super) fn note(&self, member: usize) -> &AtomicU64 {
        assert!(member < self.members, "no such member");
        // SAFETY: behind the gate, one for each member, aligned, and only touched as an atomic.
        unsafe { self.base.add(size_of::<Gate>() + member * NOTE_BYTES).cast::<AtomicU64>().as_ref() }
    }

    /// The lane of a member, or behind them the one for what comes out, as it is used in a call.
    fn lane(&self, call: u32, member: usize) -> NonNull<u8> {
        assert!(member <= self.members, "no such lane");
        let lane = 2 * member + (call & 1) as usize;
        // SAFETY: behind the notes there are two lanes for each member and two more.
        unsafe { self.base.add(size_of::<Gate>() + self.members * NOTE_BYTES + lane * TEAM_LANE_BYTES) }
    }

    /// The call that a member is in, or was in the last time that it used this lane.
    pub(super) fn word(&self, call: u32, member: usize) -> &AtomicU64 {
        // SAFETY: a lane begins with its word, aligned, which is only touched as an atomic.
        unsafe { self.lane(call, member).cast::<AtomicU64>().as_ref() }
    }

    /// Writes a lane's bytes.
    pub(super) fn lay_down(&self, call: u32, member: usize, bytes: &[u8]) {
        assert!(bytes.len() <= TEAM_BYTES_MAX, "more than a lane holds");
        // SAFETY: within the lane. Others read it only between its owner's coming to this call and to the next one, and
        // this is before the owner comes; the lane behind the members' is written by the last to come alone.
        unsafe {
            let place = self.lane(call, member).add(MARK_BYTES);
            place.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// A lane's bytes, to one who has seen that its owner has come and has not come to the next call itself.
    pub(super) fn view(&self, call: u32, member: usize, length: usize) -> &[u8] {
        assert!(length <= TEAM_BYTES_MAX, "more than a lane holds");
        // SAFETY: within the lane. Its owner has laid it down before it came, and writes to it again only in the call
        // after the next one, to which it comes when this rank has come to the next.
        unsafe { std::slice::from_raw_parts(self.lane(call, member).add(MARK_BYTES).as_ptr(), length) }
    }
}
