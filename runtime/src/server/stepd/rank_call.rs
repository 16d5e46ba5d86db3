//! What a rank asks of its step in one request: a collective call, a message sent or received.

use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::answer::Answer;
use super::mailbox::{Letter, Ticket, Wanted};
use super::room::Held;
use super::step::{Step, settle};
use crate::ids::Rank;
use crate::limits::CALL_BYTES_MAX;
use crate::net::link::ReadHalf;
use crate::wire::frame::{FrameError, FrameReader};
use crate::wire::rank::ToServer;

/// A request, as the command that has made it was typed.
pub(super) fn describe(request: &ToServer) -> String {
    match request {
        ToServer::Collective { call, .. } => format!("`prun {call}` waits for other ranks"),
        ToServer::Send { to, tag, .. } => format!("`prun send --to {to} --tag {tag}` waits for room"),
        ToServer::Receive { from, tag } => {
            let from = from.map_or_else(String::new, |from| format!(" --from {from}"));
            let tag = tag.map_or_else(String::new, |tag| format!(" --tag {tag}"));
            format!("`prun recv{from}{tag}` waits for a message")
        }
        _ => String::new(),
    }
}

/// Serves a request whose data is still to be read; `None` where the process that has made it is gone.
///
/// # Errors
/// Those of the link.
pub(super) async fn serve(
    step: &Rc<Step>,
    rank: Rank,
    mut request: ToServer,
    reader: &mut FrameReader<ReadHalf>,
) -> Result<Option<Answer>, FrameError> {
    let bytes = match request {
        ToServer::Collective { bytes, .. } | ToServer::Send { bytes, .. } => bytes,
        _ => 0,
    };
    let held = match admit(step, rank, &request, bytes).await {
        Ok(held) => held,
        Err(refusal) => {
            reader.skip_payload(bytes).await?;
            return Ok(Some(refusal));
        }
    };
    let data = if held.is_some() {
        reader.payload(bytes).await?
    } else {
        reader.skip_payload(bytes).await?;
        give_nothing(&mut request);
        Bytes::new()
    };
    tokio::select! {
        // A call counts even where its process ends at once.
        biased;
        answer = answer(step, rank, request, data, held) => Ok(Some(answer)),
        // It has closed, or does not wait for its answer.
        _ = reader.frame() => Ok(None),
    }
}

/// Looks at a request before its data is read; gives the room for that.
async fn admit(step: &Rc<Step>, rank: Rank, request: &ToServer, bytes: u64) -> Result<Option<Held>, Answer> {
    let size = step.launch.size;
    let named = match request {
        ToServer::Collective { call, .. } => call.root(),
        ToServer::Send { to, .. } => Some(*to),
        ToServer::Receive { from, .. } => *from,
        _ => None,
    };
    if let Some(unknown) = [Some(rank), named].into_iter().flatten().find(|rank| rank.0 >= size) {
        return Err(Answer::refused(format!("step {} has no rank {unknown}", step.launch.key)));
    }
    let bytes = usize::try_from(bytes).ok().filter(|&bytes| bytes <= CALL_BYTES_MAX);
    let Some(bytes) = bytes else {
        return Err(Answer::refused(format!("more than {CALL_BYTES_MAX} bytes at once")));
    };
    match request {
        // Without room the call is made all the same, and fails for all: nobody is to wait for this rank.
        ToServer::Collective { .. } => Ok(step.calls_room.take(bytes)),
        ToServer::Send { to, .. } => {
            let gone = || step.mailbox.borrow().end_of(*to);
            let held = step.mail_room.wait_for(bytes, || gone().is_some()).await;
            held.map(Some).ok_or_else(|| gone().unwrap_or_else(|| Answer::refused("the receiver has ended")))
        }
        _ => Ok(None),
    }
}

/// Why a rank gives nothing that had something to give.
const NO_ROOM: &str = "the step's collective calls hold too many bytes already; give less at once";

fn give_nothing(request: &mut ToServer) {
    if let ToServer::Collective { bytes, failure, .. } = request {
        *bytes = 0;
        failure.get_or_insert_with(|| NO_ROOM.to_owned());
    }
}

async fn answer(step: &Rc<Step>, rank: Rank, request: ToServer, data: Bytes, held: Option<Held>) -> Answer {
    if !step.is_root() {
        // What it holds here is passed on, and so counted there.
        return step.ask_root(rank, &request, &data).await;
    }
    let (waiter, answer) = oneshot::channel();
    let mut receive = None;
    let told = match request {
        ToServer::Collective { call, failure, .. } => {
            let given = failure.map_or(Ok(data), Err);
            step.collectives.borrow_mut().arrive(rank, call, given, (waiter, held))
        }
        ToServer::Send { to, tag, .. } => {
            let Some(held) = held else { return Answer::refused("a message without room") };
            let told = step.mailbox.borrow_mut().send(to, Letter { from: rank, tag, data, _held: held });
            settle(told);
            return Answer::done(Bytes::new());
        }
        ToServer::Receive { from, tag } => {
            let (ticket, told) =
                step.mailbox.borrow_mut().receive(rank, Wanted { from, tag }, (waiter, None));
            receive = Some(Receive { step, rank, ticket });
            told
        }
        _ => return Answer::refused("a request out of turn"),
    };
    settle(told);
    let answer = answer.await.unwrap_or_else(|_| Answer::refused("the step has ended"));
    drop(receive);
    answer
}

/// A receive that waits: given up when nobody waits for its answer any more.
struct Receive<'a> {
    step: &'a Step,
    rank: Rank,
    ticket: Ticket,
}

impl Drop for Receive<'_> {
    fn drop(&mut self) {
        self.step.mailbox.borrow_mut().forget(self.rank, self.ticket);
    }
}
