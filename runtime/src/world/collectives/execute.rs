//! A schedule becomes messages, in the call of the rank that waits for it.

use crate::collective::{Call, Round, Schedule, Transfer};
use crate::ids::Rank;
use crate::transport::exchange::{Outcome, Received};
use crate::transport::failure::Failure;
use crate::transport::mailbox::Wanted;
use crate::transport::team::{Named, TeamError};
use crate::world::Communicator;

use super::buffers::{Buffers, FoldBytes};

/// A call that a rank is in: what its messages say, and what those of others must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Engaged {
    pub(super) call: Call,
    /// The message space of its communicator's collectives.
    pub(super) context: u32,
    /// Takes messages of this call only. Where it is the only one that is under way, it takes whatever comes next, and so
    /// sees what does not match.
    pub(super) only: bool,
}

impl Engaged {
    pub(super) fn wanted(&self, from: Rank) -> Wanted {
        Wanted { from: Some(from), context: self.context, tag: self.only.then(|| self.call.tag()) }
    }

    /// The call, for ranks that share memory.
    pub(super) fn named(&self) -> Named {
        Named { number: self.call.number, mark: self.call.tag() }
    }

    /// Why ranks that share memory do not make it together.
    pub(super) fn clash(&self, me: usize, error: TeamError) -> Failure {
        match error {
            TeamError::Failure(failure) => failure,
            TeamError::Clash { member, mark } => match self.call.expect(me as u32, mark, member as u32) {
                Err(mismatch) => Failure::Mismatch(mismatch.to_string()),
                Ok(()) => Failure::GaveUp,
            },
        }
    }

    /// Whether what has come is what was to come.
    pub(super) fn check(
        &self,
        me: Rank,
        received: Result<Received, Failure>,
        bytes: usize,
    ) -> Result<(), Failure> {
        let (from, tag, length) = match received {
            Ok(Received { from, tag, length }) => (from, tag, length),
            Err(Failure::Truncated { from, tag, sent, .. }) => (from, tag, sent),
            Err(failure) => return Err(failure),
        };
        self.call.expect(me.0, tag, from.0).map_err(|mismatch| Failure::Mismatch(mismatch.to_string()))?;
        if length == bytes {
            return Ok(());
        }
        let kind = self.call.kind;
        Err(Failure::Mismatch(format!(
            "rank {from} gave {length} bytes to {kind} where rank {me} expects {bytes}"
        )))
    }
}

/// Does all rounds of a rank. Blocks until its part is done.
///
/// # Errors
/// [`Failure`].
pub(super) fn execute(
    communicator: &Communicator,
    engaged: &Engaged,
    schedule: &Schedule,
    buffers: &mut Buffers<'_>,
    fold: FoldBytes<'_>,
) -> Result<(), Failure> {
    let mut round = Round::default();
    for number in 0..schedule.rounds() {
        schedule.round(number, &mut round);
        transfer(communicator, engaged, &round, buffers)?;
        round.locals.iter().for_each(|local| buffers.work(local, fold));
    }
    Ok(())
}

/// Sends and receives what a round says, and waits for all of it.
fn transfer(
    communicator: &Communicator,
    engaged: &Engaged,
    round: &Round,
    buffers: &mut Buffers<'_>,
) -> Result<(), Failure> {
    let port = communicator.port();
    let (context, tag) = (engaged.context, engaged.call.tag());
    match (round.sends.as_slice(), round.receives.as_slice()) {
        ([], []) => Ok(()),
        ([send], []) => port.send(rank(communicator, send)?, context, tag, buffers.bytes(send.span)),
        ([], [receive]) => receive_one(communicator, engaged, receive, buffers),
        // A small message goes at once, and nothing has to be borrowed side by side.
        ([send], [receive])
            if port.engine().send_at_once(
                rank(communicator, send)?,
                context,
                tag,
                buffers.bytes(send.span),
            )? =>
        {
            receive_one(communicator, engaged, receive, buffers)
        }
        _ => transfer_all(communicator, engaged, round, buffers),
    }
}

fn rank(communicator: &Communicator, transfer: &Transfer) -> Result<Rank, Failure> {
    communicator.world_rank(transfer.peer as usize)
}

fn receive_one(
    communicator: &Communicator,
    engaged: &Engaged,
    receive: &Transfer,
    buffers: &mut Buffers<'_>,
) -> Result<(), Failure> {
    let port = communicator.port();
    let wanted = engaged.wanted(rank(communicator, receive)?);
    let room = buffers.room(receive.span);
    let bytes = room.len();
    let received = port.receive(wanted, room);
    let me = port.engine().me();
    engaged.check(me, received, bytes)
}

fn transfer_all(
    communicator: &Communicator,
    engaged: &Engaged,
    round: &Round,
    buffers: &mut Buffers<'_>,
) -> Result<(), Failure> {
    let port = communicator.port();
    let (me, tag) = (port.engine().me(), engaged.call.tag());
    let borrowed = buffers.borrow(round);
    port.scope::<_, Failure>(|scope| {
        let mut receives = Vec::with_capacity(round.receives.len());
        for (receive, room) in round.receives.iter().zip(borrowed.rooms) {
            let bytes = room.len();
            let wanted = engaged.wanted(rank(communicator, receive)?);
            receives.push((scope.receive(wanted, room)?, bytes));
        }
        let mut sends = Vec::with_capacity(round.sends.len());
        for (send, bytes) in round.sends.iter().zip(borrowed.sends) {
            sends.push(scope.send(rank(communicator, send)?, engaged.context, tag, bytes)?);
        }
        for (receive, bytes) in receives {
            let received = match receive.wait() {
                Ok(Outcome::Received(received, _)) => Ok(received),
                Ok(Outcome::Sent) => Err(Failure::GaveUp),
                Err(failure) => Err(failure),
            };
            engaged.check(me, received, bytes)?;
        }
        sends.into_iter().try_for_each(|send| send.wait().map(drop))
    })?;
    Ok(())
}
