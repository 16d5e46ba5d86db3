//! Collective calls of ranks that share memory: everybody lays down what it has, and the last one to come opens the gate
//! for all.
//!
//! One word counts who has come and which call it is (a sense-reversing barrier with a generation in place of the sense;
//! Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization on Shared-Memory Multiprocessors", 1991). Whoever
//! comes last finds everything laid down and does what is to be done for all, so that with more ranks than CPUs each of
//! the others sleeps and wakes once. What is laid down in one call is read before anybody comes to the next one, and so
//! may be overwritten in the one after that: two lanes a rank take turns.
#![expect(unsafe_code, reason = "lanes in memory that several processes share")]

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;

use super::engine::Engine;
use super::failure::Failure;
use super::port::Port;
use super::segment::Segment;
use super::sync::{AtomicU64, Ordering};
use crate::ids::Rank;
use crate::limits::TEAM_LANE_BYTES;

/// What a slot begins with. The lanes follow.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Gate {
    /// Calls over so far, in the upper half; in the lower one how many have come to the next.
    word: AtomicU64,
    /// The last call, counted from 1, in which not all made the same one.
    clash: AtomicU64,
}

/// What stands before a lane's bytes: which call its owner makes.
const MARK_BYTES: usize = 8;

/// Bytes that a rank can lay down.
pub(crate) const TEAM_BYTES_MAX: usize = TEAM_LANE_BYTES - MARK_BYTES;

/// Looks at the gate alone before everything else is served, too.
const GATE_SPINS: u32 = 200;

/// Ranks of one node that make collective calls together.
#[derive(Debug)]
pub(crate) struct Team {
    segment: Arc<Segment>,
    slot: usize,
    /// All, as ranks of the world and as places on the node.
    members: Vec<(Rank, usize)>,
    /// Which of them this one is.
    me: usize,
    /// Calls over so far.
    calls: Cell<u32>,
}

/// Why a call is not made together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TeamError {
    /// One of the members makes another call.
    Clash {
        /// Which member.
        member: usize,
        /// The mark of its call.
        mark: i32,
    },
    /// Something else.
    Failure(Failure),
}

impl From<Failure> for TeamError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Team {
    /// A team with a slot that all of its members have agreed on and nobody else has.
    pub(crate) fn new(segment: Arc<Segment>, slot: usize, members: Vec<(Rank, usize)>, me: usize) -> Self {
        Self { segment, slot, members, me, calls: Cell::new(0) }
    }

    /// How many.
    pub(crate) fn size(&self) -> usize {
        self.members.len()
    }

    fn gate(&self) -> &Gate {
        // SAFETY: a slot begins with its gate, page aligned, zero at first, and only atomics.
        unsafe { self.segment.slot(self.slot).cast::<Gate>().as_ref() }
    }

    /// The lane of a member, or behind them the one for what comes out, as it is used in a call.
    fn lane(&self, call: u32, member: usize) -> NonNull<u8> {
        debug_assert!(member <= self.members.len());
        let lane = 2 * member + (call & 1) as usize;
        // SAFETY: a slot has two lanes for each rank of the node and two more, and a team has no more members than that.
        unsafe { self.segment.slot(self.slot).add(size_of::<Gate>() + lane * TEAM_LANE_BYTES) }
    }

    fn mark(&self, call: u32, member: usize) -> &AtomicU64 {
        // SAFETY: a lane begins with its mark, aligned, which is only touched as an atomic.
        unsafe { self.lane(call, member).cast::<AtomicU64>().as_ref() }
    }

    /// Writes a lane's bytes.
    fn lay_down(&self, call: u32, member: usize, bytes: &[u8]) {
        assert!(bytes.len() <= TEAM_BYTES_MAX, "more than a lane holds");
        // SAFETY: within the lane. Others read it only between this call's gate and this rank's coming to the next one,
        // and this is before the gate; the lane behind the members' is written by the last to come alone.
        unsafe {
            let place = self.lane(call, member).add(MARK_BYTES);
            place.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// Reads a lane's bytes, as many as there is room for.
    fn pick_up(&self, call: u32, member: usize, room: &mut [u8]) {
        assert!(room.len() <= TEAM_BYTES_MAX, "more than a lane holds");
        // SAFETY: within the lane. Its owner has laid it down before it came, which this rank has seen.
        unsafe {
            let place = self.lane(call, member).add(MARK_BYTES);
            place.as_ptr().copy_to_nonoverlapping(room.as_mut_ptr(), room.len());
        }
    }

    /// A lane's bytes, for the last one to come, before it opens the gate.
    fn view(&self, call: u32, member: usize, length: usize) -> &[u8] {
        assert!(length <= TEAM_BYTES_MAX, "more than a lane holds");
        // SAFETY: as in `pick_up`, and nobody writes to it before the gate opens.
        unsafe { std::slice::from_raw_parts(self.lane(call, member).add(MARK_BYTES).as_ptr(), length) }
    }

    /// Waits until all have come (`MPI_Barrier`). `mark` names the call. Blocks.
    ///
    /// # Errors
    /// [`TeamError`].
    pub(crate) fn barrier(&self, port: &Port, mark: i32) -> Result<(), TeamError> {
        let call = self.come(port, mark, &[])?;
        self.pass(port, mark, call, |_| {}).map(drop)
    }

    /// Folds what all have, in the order of the members, into the first, and gives every one the outcome
    /// (`MPI_Allreduce`). All have as many bytes, at most [`TEAM_BYTES_MAX`]. Blocks.
    ///
    /// # Errors
    /// [`TeamError`].
    pub(crate) fn all_reduce(
        &self,
        port: &Port,
        mark: i32,
        bytes: &mut [u8],
        mut fold: impl FnMut(&mut [u8], &[u8]),
    ) -> Result<(), TeamError> {
        let length = bytes.len();
        let call = self.come(port, mark, bytes)?;
        let call = self.pass(port, mark, call, |call| {
            self.pick_up(call, 0, bytes);
            for member in 1..self.size() {
                fold(bytes, self.view(call, member, length));
            }
            self.lay_down(call, self.size(), bytes);
        })?;
        self.pick_up(call, self.size(), bytes);
        Ok(())
    }

    /// Lays down `own` and then gives every member's bytes to `each`, in order, into room of the length that it names:
    /// gather, scatter and broadcast of little (`MPI_Allgather` and its kin). Blocks.
    ///
    /// # Errors
    /// [`TeamError`].
    pub(crate) fn share(
        &self,
        port: &Port,
        mark: i32,
        own: &[u8],
        mut read: impl FnMut(&dyn Fn(usize, &mut [u8])),
    ) -> Result<(), TeamError> {
        let call = self.come(port, mark, own)?;
        self.pass(port, mark, call, |_| {})?;
        read(&|member, room| self.pick_up(call, member, room));
        Ok(())
    }

    /// Lays something down for the next call; gives the call's number.
    fn come(&self, port: &Port, mark: i32, bytes: &[u8]) -> Result<u32, Failure> {
        port.engine().check()?;
        let call = self.calls.get();
        self.calls.set(call.wrapping_add(1));
        self.lay_down(call, self.me, bytes);
        self.mark(call, self.me).store(u64::from(mark.cast_unsigned()), Ordering::Relaxed);
        Ok(call)
    }

    /// Waits for the gate of a call; the last one to come does `all` before it opens.
    fn pass(&self, port: &Port, mark: i32, call: u32, all: impl FnOnce(u32)) -> Result<u32, TeamError> {
        let come = self.gate().word.fetch_add(1, Ordering::AcqRel) as u32 + 1;
        if come as usize == self.size() {
            if self.clashing(call, mark).is_some() {
                self.gate().clash.store(u64::from(call) + 1, Ordering::Relaxed);
            } else {
                all(call);
            }
            self.open(port, call);
        } else {
            self.wait(port, call)?;
        }
        if self.gate().clash.load(Ordering::Relaxed) == u64::from(call) + 1
            && let Some((member, mark)) = self.clashing(call, mark)
        {
            return Err(TeamError::Clash { member, mark });
        }
        Ok(call)
    }

    /// The first member whose call has another mark.
    fn clashing(&self, call: u32, mark: i32) -> Option<(usize, i32)> {
        let mark_of = |member| (self.mark(call, member).load(Ordering::Relaxed) as u32).cast_signed();
        (0..self.size()).map(|member| (member, mark_of(member))).find(|(_, other)| *other != mark)
    }

    fn open(&self, port: &Port, call: u32) {
        self.gate().word.store(u64::from(call.wrapping_add(1)) << 32, Ordering::Release);
        let mut engine = port.engine();
        for (member, (_, local)) in self.members.iter().enumerate() {
            if member != self.me {
                engine.neighbours().notify(*local);
            }
        }
    }

    fn is_open(&self, call: u32) -> bool {
        (self.gate().word.load(Ordering::Acquire) >> 32) as u32 != call
    }

    fn wait(&self, port: &Port, call: u32) -> Result<(), Failure> {
        let mut engine = port.engine();
        for _ in 0..engine.spins().min(GATE_SPINS) {
            if self.is_open(call) {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        let hope = |engine: &Engine| {
            let gone = self.members.iter().find(|(_, local)| engine.is_gone(*local));
            match gone {
                // It may have come, and left after that.
                Some((rank, _)) if !self.is_open(call) => Err(Failure::Left(*rank)),
                _ => Ok(()),
            }
        };
        engine.wait_until(|_| Ok(self.is_open(call).then_some(())), hope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::threads;

    /// The team of all ranks of a test.
    fn team(port: &Port) -> Team {
        let mut engine = port.engine();
        let neighbours = engine.neighbours();
        let members: Vec<_> = neighbours.ranks().iter().copied().zip(0..).collect();
        Team::new(Arc::clone(neighbours.segment()), 0, members, neighbours.me())
    }

    #[test]
    fn everybody_has_come_when_anybody_goes_on() {
        use std::sync::atomic::AtomicUsize;
        for size in [1, 2, 5, 9] {
            let come = AtomicUsize::new(0);
            threads::run(size, |world| {
                let team = team(world.port());
                for round in 1..200 {
                    come.fetch_add(1, Ordering::SeqCst);
                    team.barrier(world.port(), 0).unwrap();
                    assert!(come.load(Ordering::SeqCst) >= round * size as usize);
                    team.barrier(world.port(), 0).unwrap();
                }
            });
        }
    }

    #[test]
    fn folds_are_in_order_and_what_is_shared_stays_until_it_is_read() {
        threads::run(4, |world| {
            let (team, me) = (team(world.port()), world.rank() as u8);
            for round in 0..100_u8 {
                let mut text = [b'a' + me, round];
                team.all_reduce(world.port(), 1, &mut text, |all, one| {
                    // Not commutative: the order shows.
                    all[0] = all[0].wrapping_mul(3).wrapping_add(one[0]);
                    assert_eq!(one[1], round);
                })
                .unwrap();
                let expected = (b'b'..b'e').fold(b'a', |all, one| all.wrapping_mul(3).wrapping_add(one));
                assert_eq!(text, [expected, round]);
                let mut all = [0; 4];
                let mut read = |pick: &dyn Fn(usize, &mut [u8])| {
                    for (member, one) in all.iter_mut().enumerate() {
                        pick(member, std::slice::from_mut(one));
                    }
                };
                team.share(world.port(), 2, &[me ^ round], &mut read).unwrap();
                assert_eq!(all, [0, 1, 2, 3].map(|member| member ^ round));
            }
        });
    }

    #[test]
    fn different_calls_are_told_to_all_and_one_who_has_left_is_missed() {
        threads::run(3, |world| {
            let team = team(world.port());
            let mark = if world.rank() == 1 { 7 } else { 5 };
            let clash = team.barrier(world.port(), mark).unwrap_err();
            let expected = if world.rank() == 1 { (0, 5) } else { (1, 7) };
            assert_eq!(clash, TeamError::Clash { member: expected.0, mark: expected.1 });
            if world.rank() != 2 {
                let missed = team.barrier(world.port(), 0).unwrap_err();
                assert!(matches!(missed, TeamError::Failure(Failure::Left(_))), "{missed:?}");
            }
        });
    }
}
