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

use super::call;
use super::engine::{Awaits, Engine};
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

/// What stands before a lane's bytes: which call its owner makes here; and, in the first of its lanes, which one it makes
/// here or by messages.
const MARK_BYTES: usize = 16;

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

/// A call by its number among its communicator's, counted from 0, and its mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    /// Its number.
    pub(crate) number: u32,
    /// What it has to agree in with the calls of others.
    pub(crate) mark: i32,
}

impl Named {
    /// Set in the mark's half of every word: marks are not negative.
    const SET: u32 = 1 << 31;

    /// As one word that is never zero.
    fn word(self) -> u64 {
        u64::from(self.number) << 32 | u64::from(self.mark.cast_unsigned() | Self::SET)
    }
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

    /// The latest call of a member, here or by messages: its number and its mark.
    fn latest(&self, member: usize) -> &AtomicU64 {
        // SAFETY: the second word of a lane, aligned, which is only touched as an atomic.
        unsafe { self.lane(0, member).add(8).cast::<AtomicU64>().as_ref() }
    }

    /// Says that this rank makes a call by messages, and wakes those who wait at the gate for it.
    ///
    /// # Errors
    /// [`TeamError::Clash`]: another member makes another call in its place.
    pub(crate) fn announce(&self, port: &Port, named: Named) -> Result<(), TeamError> {
        self.latest(self.me).store(named.word(), Ordering::Release);
        let mut engine = port.engine();
        for (member, (_, local)) in self.members.iter().enumerate() {
            if member != self.me {
                engine.neighbours().notify(*local);
            }
        }
        self.check_latest(named)
    }

    fn check_latest(&self, named: Named) -> Result<(), TeamError> {
        for member in 0..self.size() {
            let theirs = self.latest(member).load(Ordering::Acquire);
            if theirs != 0 && (theirs >> 32) as u32 == named.number && theirs != named.word() {
                return Err(TeamError::Clash { member, mark: (theirs as u32 & !Named::SET).cast_signed() });
            }
        }
        Ok(())
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

    /// Waits until all have come (`MPI_Barrier`). Blocks.
    ///
    /// # Errors
    /// [`TeamError`].
    pub(crate) fn barrier(&self, port: &Port, named: Named) -> Result<(), TeamError> {
        let call = self.come(port, named, &[])?;
        self.pass(port, named, call, |_| {}).map(drop)
    }

    /// Folds what all have, in the order of the members, into the first, and gives every one the outcome
    /// (`MPI_Allreduce`). All have as many bytes, at most [`TEAM_BYTES_MAX`]. Blocks.
    ///
    /// # Errors
    /// [`TeamError`].
    pub(crate) fn all_reduce(
        &self,
        port: &Port,
        named: Named,
        bytes: &mut [u8],
        mut fold: impl FnMut(&mut [u8], &[u8]),
    ) -> Result<(), TeamError> {
        let length = bytes.len();
        let call = self.come(port, named, bytes)?;
        let call = self.pass(port, named, call, |call| {
            self.pick_up(call, 0, bytes);
            for member in 1..self.size() {
                fold(bytes, self.view(call, member, length));
            }
            self.lay_down(call, self.size(), bytes);
        })?;
        self.pick_up(call, self.size(), bytes);
        Ok(())
    }

    /// Lays something down for the next call; gives the call's number.
    fn come(&self, port: &Port, named: Named, bytes: &[u8]) -> Result<u32, Failure> {
        port.engine().check()?;
        let call = self.calls.get();
        self.calls.set(call.wrapping_add(1));
        self.lay_down(call, self.me, bytes);
        self.mark(call, self.me).store(u64::from(named.mark.cast_unsigned()), Ordering::Relaxed);
        self.latest(self.me).store(named.word(), Ordering::Release);
        Ok(call)
    }

    /// Waits for the gate of a call; the last one to come does `all` before it opens.
    fn pass(&self, port: &Port, named: Named, call: u32, all: impl FnOnce(u32)) -> Result<u32, TeamError> {
        let come = self.gate().word.fetch_add(1, Ordering::AcqRel) as u32 + 1;
        if come as usize == self.size() {
            if self.clashing(call, named.mark).is_some() {
                self.gate().clash.store(u64::from(call) + 1, Ordering::Relaxed);
            } else {
                all(call);
            }
            self.open(port, call);
        } else {
            self.wait(port, named, call)?;
        }
        if self.gate().clash.load(Ordering::Relaxed) == u64::from(call) + 1
            && let Some((member, mark)) = self.clashing(call, named.mark)
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

    fn wait(&self, port: &Port, named: Named, call: u32) -> Result<(), TeamError> {
        let mut engine = port.engine();
        for _ in 0..engine.spins().min(GATE_SPINS) {
            if self.is_open(call) {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        let passage = Passage { team: self, named, call };
        let waited = engine.wait_until(|_| Ok(self.is_open(call).then_some(())), &passage);
        match waited {
            Err(Failure::Mismatch(_)) => self.check_latest(named),
            waited => Ok(waited?),
        }
    }
}

/// A gate opens.
#[derive(Debug, Clone, Copy)]
struct Passage<'a> {
    team: &'a Team,
    named: Named,
    call: u32,
}

impl Awaits for Passage<'_> {
    fn hope(&self, engine: &Engine) -> Result<(), Failure> {
        let Self { team, named, call } = *self;
        if team.check_latest(named).is_err() {
            return Err(Failure::Mismatch(String::new()));
        }
        let gone = team.members.iter().find(|(_, local)| engine.is_gone(*local));
        match gone {
            // It may have come, and left after that.
            Some((rank, _)) if !team.is_open(call) => Err(Failure::Left(*rank)),
            _ => Ok(()),
        }
    }

    fn describe(&self, _engine: &Engine) -> String {
        let own = self.named.number;
        let is_behind = |member: &usize| {
            let latest = self.team.latest(*member).load(Ordering::Acquire);
            latest == 0 || own.wrapping_sub((latest >> 32) as u32).wrapping_sub(1) < u32::MAX / 2
        };
        let behind = (0..self.team.size()).filter(is_behind).map(|member| self.team.members[member].0);
        call::ranks(&behind.collect::<Vec<_>>(), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::threads;

    fn named(number: u32, mark: i32) -> Named {
        Named { number, mark }
    }

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
                    team.barrier(world.port(), named(0, 0)).unwrap();
                    assert!(come.load(Ordering::SeqCst) >= round * size as usize);
                    team.barrier(world.port(), named(0, 0)).unwrap();
                }
            });
        }
    }

    #[test]
    fn folds_are_in_order() {
        threads::run(4, |world| {
            let (team, me) = (team(world.port()), world.rank() as u8);
            for round in 0..100_u8 {
                let mut text = [b'a' + me, round];
                team.all_reduce(world.port(), named(u32::from(round), 1), &mut text, |all, one| {
                    // Not commutative: the order shows.
                    all[0] = all[0].wrapping_mul(3).wrapping_add(one[0]);
                    assert_eq!(one[1], round);
                })
                .unwrap();
                let expected = (b'b'..b'e').fold(b'a', |all, one| all.wrapping_mul(3).wrapping_add(one));
                assert_eq!(text, [expected, round]);
            }
        });
    }

    #[test]
    fn different_calls_are_told_to_all() {
        threads::run(3, |world| {
            let team = team(world.port());
            let mark = if world.rank() == 1 { 7 } else { 5 };
            let clash = team.barrier(world.port(), named(0, mark)).unwrap_err();
            let expected = if world.rank() == 1 { [(0, 5), (2, 5)] } else { [(1, 7), (1, 7)] };
            let told = expected.map(|(member, mark)| TeamError::Clash { member, mark });
            assert!(told.contains(&clash), "{clash:?}");
        });
    }

    #[test]
    fn a_call_by_messages_is_told_to_those_who_wait_at_the_gate() {
        threads::run(2, |world| {
            let team = team(world.port());
            let (port, rank) = (world.port(), world.rank());
            let clash = if rank == 0 {
                team.barrier(port, named(3, 5)).unwrap_err()
            } else {
                // Whoever comes first is told when the other one does.
                match team.announce(port, named(3, 6)) {
                    Ok(()) => return,
                    Err(clash) => clash,
                }
            };
            let (member, mark) = if rank == 0 { (1, 6) } else { (0, 5) };
            assert_eq!(clash, TeamError::Clash { member, mark });
        });
    }

    #[test]
    fn one_who_has_left_is_missed() {
        threads::run(3, |world| {
            let team = team(world.port());
            if world.rank() != 2 {
                let missed = team.barrier(world.port(), named(0, 0)).unwrap_err();
                assert!(matches!(missed, TeamError::Failure(Failure::Left(_))), "{missed:?}");
            }
        });
    }
}
