//! Collective calls of ranks that share memory: everybody lays down what it has, and goes on when all have.
//!
//! What a rank lays down begins with a word that says which call it is in, which it stores last: a few bytes and the news of
//! them are one cache line that travels once, and whoever reads it sees whether it is the same call. What is laid down in
//! one call is read before anybody comes to the next one, and so may be overwritten in the one after that: two lanes a rank
//! take turns.
//!
//! Few ranks look at one another's words. Many [count themselves](gate), and the last one to come does what is to be done
//! for all, so that nobody reads as many lines as there are ranks. Either way the last one to come wakes those that sleep,
//! each once.

mod gate;
mod lanes;

use std::cell::Cell;

pub(crate) use self::lanes::{Lanes, TEAM_ALIGN_MAX, TEAM_BYTES_MAX, lanes_bytes};
use super::call;
use super::engine::{Awaits, Engine, Spin};
use super::failure::Failure;
use super::port::Port;
use super::sync::{Ordering, fence};
use crate::ids::Rank;

/// Up to so many members look at one another's words: from there on it costs more than to count.
const FLAT_MEMBERS_MAX: usize = 16;

/// Ranks of one node that make collective calls together.
#[derive(Debug)]
pub(crate) struct Team {
    lanes: Lanes,
    /// All, as ranks of the world and as places on the node.
    members: Vec<(Rank, usize)>,
    /// Which of them this one is.
    me: usize,
    /// Message space of their communicator, by which it is told of.
    context: u32,
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

    /// Whether a word is that of a call with this number.
    fn has_number_of(self, word: u64) -> bool {
        word != 0 && (word >> 32) as u32 == self.number
    }
}

impl From<Failure> for TeamError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl TeamError {
    fn clash(member: usize, word: u64) -> Self {
        Self::Clash { member, mark: (word as u32 & !Named::SET).cast_signed() }
    }
}

impl Team {
    /// A team with lanes that all of its members have agreed on. `context`: message space of their communicator.
    ///
    /// # Panics
    /// Where there are lanes for fewer.
    pub(crate) fn new(lanes: Lanes, members: Vec<(Rank, usize)>, me: usize, context: u32) -> Self {
        assert!(members.len() <= lanes.members, "more members than lanes");
        Self { lanes, members, me, context, calls: Cell::new(0) }
    }

    /// How many.
    pub(crate) fn size(&self) -> usize {
        self.members.len()
    }

    fn is_flat(&self) -> bool {
        self.size() <= FLAT_MEMBERS_MAX
    }

    /// Says that this rank makes a call by messages, and wakes those who wait for it here.
    ///
    /// # Errors
    /// [`TeamError::Clash`]: another member makes another call in its place.
    pub(crate) fn announce(&self, port: &Port, named: Named) -> Result<(), TeamError> {
        self.lanes.note(self.me).store(named.word(), Ordering::Release);
        self.wake(&mut port.engine(), |_| true);
        self.check_notes(named)
    }

    fn check_notes(&self, named: Named) -> Result<(), TeamError> {
        for member in 0..self.size() {
            let theirs = self.lanes.note(member).load(Ordering::Acquire);
            if named.has_number_of(theirs) && theirs != named.word() {
                return Err(TeamError::clash(member, theirs));
            }
        }
        Ok(())
    }

    /// Wakes all members that sleep, if there are any and then `is_due`. What they wait for has been published.
    fn wake(&self, engine: &mut Engine, is_due: impl Fn(&Self) -> bool) {
        fence(Ordering::SeqCst);
        let neighbours = engine.neighbours();
        let others = || self.members.iter().enumerate().filter(|(member, _)| *member != self.me);
        let sleeps = |local: usize| neighbours.segment().seat(local).waker.is_asleep();
        if others().any(|(_, (_, local))| sleeps(*local)) && is_due(self) {
            others().for_each(|(_, (_, local))| neighbours.notify(*local));
        }
    }

    /// Waits until all have come (`MPI_Barrier`). Blocks.
    ///
    /// # Errors
    /// [`TeamError`].
    pub(crate) fn barrier(&self, port: &Port, named: Named) -> Result<(), TeamError> {
        let call = self.come(port, named, &[])?;
        if self.is_flat() { self.meet(port, named, call) } else { self.pass(port, named, call, || {}) }
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
        let mut fold_all = |bytes: &mut [u8]| {
            bytes.copy_from_slice(self.lanes.view(call, 0, length));
            (1..self.size()).for_each(|member| fold(bytes, self.lanes.view(call, member, length)));
        };
        if self.is_flat() {
            self.meet(port, named, call)?;
            fold_all(bytes);
        } else {
            self.pass(port, named, call, || {
                fold_all(bytes);
                self.lanes.lay_down(call, self.size(), bytes);
            })?;
            bytes.copy_from_slice(self.lanes.view(call, self.size(), length));
        }
        Ok(())
    }

    /// Gives every one what all have (`MPI_Allgather`): `take` gets each member's bytes, in their order, when all are here.
    /// All have as many, at most [`TEAM_BYTES_MAX`]. Blocks.
    ///
    /// # Errors
    /// [`TeamError`].
    pub(crate) fn exchange(
        &self,
        port: &Port,
        named: Named,
        bytes: &[u8],
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<(), TeamError> {
        let call = self.come(port, named, bytes)?;
        if self.is_flat() {
            self.meet(port, named, call)?;
        } else {
            self.pass(port, named, call, || {})?;
        }
        (0..self.size()).for_each(|member| take(member, self.lanes.view(call, member, bytes.len())));
        Ok(())
    }

    /// Lays something down for the next call, and says that it is there; gives the call's number.
    fn come(&self, port: &Port, named: Named, bytes: &[u8]) -> Result<u32, Failure> {
        port.engine().check()?;
        let call = self.calls.get();
        self.calls.set(call.wrapping_add(1));
        self.lanes.lay_down(call, self.me, bytes);
        self.lanes.note(self.me).store(named.word(), Ordering::Relaxed);
        self.lanes.word(call, self.me).store(named.word(), Ordering::Release);
        Ok(call)
    }

    /// Waits until all have come to a call, by their words.
    fn meet(&self, port: &Port, named: Named, call: u32) -> Result<(), TeamError> {
        let mut engine = port.engine();
        let come = Cell::new(0);
        // Members do not go back: those that have come are not looked at again.
        let is_met = || {
            while come.get() < self.size()
                && named.has_number_of(self.lanes.word(call, come.get()).load(Ordering::Acquire))
            {
                come.set(come.get() + 1);
            }
            come.get() == self.size()
        };
        self.wake(&mut engine, |_| is_met());
        self.wait(&mut engine, named, &is_met)?;
        self.check_words(call, named)
    }

    /// Waits until something is so that a member's coming makes so.
    fn wait(&self, engine: &mut Engine, named: Named, is_met: &dyn Fn() -> bool) -> Result<(), TeamError> {
        if Spin::of(engine).alone(is_met) {
            return Ok(());
        }
        let awaited = Missing { team: self, named, is_met };
        match engine.wait_until(|_| Ok(is_met().then_some(())), &awaited) {
            Err(Failure::Mismatch(_)) => self.check_notes(named),
            waited => Ok(waited?),
        }
    }

    /// Fails where a member has come to this call with another one.
    fn check_words(&self, call: u32, named: Named) -> Result<(), TeamError> {
        let own = named.word();
        for member in 0..self.size() {
            let word = self.lanes.word(call, member).load(Ordering::Relaxed);
            if word != own {
                return Err(TeamError::clash(member, word));
            }
        }
        Ok(())
    }
}

/// Members come.
struct Missing<'a> {
    team: &'a Team,
    named: Named,
    is_met: &'a dyn Fn() -> bool,
}

impl Awaits for Missing<'_> {
    fn hope(&self, engine: &Engine) -> Result<(), Failure> {
        if self.team.check_notes(self.named).is_err() {
            return Err(Failure::Mismatch(String::new()));
        }
        let gone = self.team.members.iter().find(|(_, local)| engine.is_gone(*local));
        match gone {
            // It may have come, and left after that.
            Some((rank, _)) if !(self.is_met)() => Err(Failure::Left(*rank)),
            _ => Ok(()),
        }
    }

    fn describe(&self, _engine: &Engine) -> String {
        let Self { team, named, .. } = *self;
        let is_behind = |member: &usize| {
            let latest = team.lanes.note(*member).load(Ordering::Acquire);
            let by = named.number.wrapping_sub((latest >> 32) as u32);
            latest == 0 || (1..u32::MAX / 2).contains(&by)
        };
        let behind = (0..team.size()).filter(is_behind).map(|member| team.members[member].0);
        call::ranks(&behind.collect::<Vec<_>>(), team.context)
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
        Team::new(neighbours.segment().lanes(0), members, neighbours.me(), 0)
    }

    #[test]
    fn everybody_has_come_when_anybody_goes_on() {
        use std::sync::atomic::AtomicUsize;
        for size in [1, 2, 5, 9, 20] {
            let come = AtomicUsize::new(0);
            threads::run(size, |world| {
                let team = team(world.port());
                for round in 1..if cfg!(miri) { 5 } else { 200 } {
                    come.fetch_add(1, Ordering::SeqCst);
                    team.barrier(world.port(), named(2 * round, 0)).unwrap();
                    assert!(come.load(Ordering::SeqCst) >= (round * size) as usize);
                    team.barrier(world.port(), named(2 * round + 1, 0)).unwrap();
                }
            });
        }
    }

    #[test]
    fn folds_are_in_order() {
        threads::run(4, |world| {
            let (team, me) = (team(world.port()), world.rank() as u8);
            for round in 0..if cfg!(miri) { 5 } else { 100_u8 } {
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
