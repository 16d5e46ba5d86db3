//! A rank's link: collective calls and messages. Other step processes speak for their ranks here too: their ends, and
//! fences.

use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::answer::Answer;
use super::mailbox::{Letter, Ticket, Wanted};
use super::room::Held;
use super::step::{Step, settle};
use crate::ids::Rank;
use crate::limits::CALL_BYTES_MAX;
use crate::net::link::{Link, ReadHalf, WriteHalf};
use crate::wire::frame::{FrameError, FrameReader, FrameWriter};
use crate::wire::rank::ToServer;

/// Serves a process of a rank until it closes.
pub(super) async fn serve(step: &Rc<Step>, rank: Rank, link: Link) {
    // The rank is gone: its end says all there is to say.
    let _ = answer_all(step, rank, FrameReader::new(link.read), FrameWriter::new(link.write)).await;
}

async fn answer_all(
    step: &Rc<Step>,
    rank: Rank,
    mut reader: FrameReader<ReadHalf>,
    mut writer: FrameWriter<WriteHalf>,
) -> Result<(), FrameError> {
    while let Some(mut request) = reader.message().await? {
        if let ToServer::Fence { group, ranks, data } = request {
            writer.message(&step.fence_at_root(group, ranks, data).await).await?;
            continue;
        }
        let bytes = match &request {
            ToServer::Left { node, how } => {
                step.left(rank, node.clone(), how.clone());
                continue;
            }
            ToServer::Collective { bytes, .. } | ToServer::Send { bytes, .. } => *bytes,
            ToServer::Receive { .. } | ToServer::Fence { .. } => 0,
        };
        let answer = match admit(step, rank, &request, bytes).await {
            Ok(held) => {
                let data = match held {
                    Some(_) => reader.payload(bytes).await?,
                    None => reader.skip_payload(bytes).await.map(|()| Bytes::new())?,
                };
                if held.is_none() {
                    give_nothing(&mut request);
                }
                tokio::select! {
                    // A call counts even where its process ends at once.
                    biased;
                    answer = serve_one(step, rank, request, data, held) => answer,
                    // It has closed, or does not wait for its answer.
                    _ = reader.frame() => return Ok(()),
                }
            }
            Err(refusal) => {
                reader.skip_payload(bytes).await?;
                refusal
            }
        };
        writer.message_with_payload(&answer.message, &answer.data).await?;
    }
    Ok(())
}

/// Looks at a request before its data is read; gives the room for that.
async fn admit(step: &Rc<Step>, rank: Rank, request: &ToServer, bytes: u64) -> Result<Option<Held>, Answer> {
    let size = step.launch.size;
    let named = match request {
        ToServer::Collective { call, .. } => call.root(),
        ToServer::Send { to, .. } => Some(*to),
        ToServer::Receive { from, .. } => *from,
        ToServer::Left { .. } | ToServer::Fence { .. } => None,
    };
    if let Some(unknown) = [Some(rank), named].into_iter().flatten().find(|rank| rank.0 >= size) {
        return Err(Answer::refused(format!("step {} has no rank {unknown}", step.launch.key)));
    }
    let bytes = usize::try_from(bytes).ok().filter(|&bytes| bytes <= CALL_BYTES_MAX);
    let Some(bytes) = bytes else {
        return Err(Answer::refused(format!("more than {CALL_BYTES_MAX} bytes at once")));
    };
    match request {
        // Without room the call fails for all ranks, which would else wait for this one.
        ToServer::Collective { .. } => Ok(step.calls_room.take(bytes)),
        ToServer::Send { to, .. } => {
            let gone = || step.mailbox.borrow().end_of(*to);
            let held = step.mail_room.wait_for(bytes, || gone().is_some()).await;
            held.map(Some).ok_or_else(|| gone().unwrap_or_else(|| Answer::refused("the receiver has ended")))
        }
        ToServer::Receive { .. } | ToServer::Left { .. } | ToServer::Fence { .. } => Ok(None),
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

async fn serve_one(
    step: &Rc<Step>,
    rank: Rank,
    request: ToServer,
    data: Bytes,
    held: Option<Held>,
) -> Answer {
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
        ToServer::Left { .. } | ToServer::Fence { .. } => return Answer::done(Bytes::new()),
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
