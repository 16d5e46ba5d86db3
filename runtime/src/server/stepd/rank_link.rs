//! A rank's link: requests of any of its processes, and programs that take part in the step's messages. Other step
//! processes speak for their ranks here too: their ends, and fences.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use tokio::io::Interest;
use tokio::net::UnixStream;

use super::introductions::Introduction;
use super::membership::Member;
use super::rank_call;
use super::step::Step;
use super::turns::Lost;
use crate::ids::Rank;
use crate::net::link::{Link, ReadHalf, WriteHalf};
use crate::wire::descriptors;
use crate::wire::frame::{FrameError, FrameReader, FrameWriter, message_frame};
use crate::wire::rank::{FromServer, ToServer};

/// Serves a process of a rank until it closes.
pub(super) async fn serve(step: &Rc<Step>, rank: Rank, link: Link) {
    // The rank is gone: its end says all there is to say.
    let _ = answer(step, rank, link).await;
}

async fn answer(step: &Rc<Step>, rank: Rank, link: Link) -> Result<(), FrameError> {
    let (mut reader, mut writer) = (FrameReader::new(link.read), FrameWriter::new(link.write));
    let mut block = None;
    while let Some(message) = reader.message().await? {
        match message {
            ToServer::Left { node, how, turns } => {
                step.left(rank, node.clone(), how.clone());
                step.missed(turns, Lost { rank, node, how });
                writer.message(&FromServer::Done { bytes: 0 }).await?;
            }
            ToServer::Lost { node, how } => {
                step.lose(Lost { rank, node, how });
                writer.message(&FromServer::Done { bytes: 0 }).await?;
            }
            ToServer::Watch { turn } => writer.message(&watched(step, turn).await).await?,
            ToServer::Attach => return attend(step, rank, reader, writer).await,
            ToServer::AllBlocked { ranks } => drop(block.replace(step.block(ranks))),
            ToServer::Leave
            | ToServer::Abort { .. }
            | ToServer::Dial { .. }
            | ToServer::Blocked { .. }
            | ToServer::GoesOn => {}
            ToServer::Fence { group, ranks, data } => {
                writer.message(&step.fence_at_root(group, ranks, data).await).await?;
            }
            request => {
                let what = rank_call::describe(&request);
                let call = rank_call::serve(step, rank, request, &mut reader);
                let Some(answer) = step.observe(rank, what, call).await? else { break };
                writer.message_with_payload(&answer.message, &answer.data).await?;
            }
        }
    }
    Ok(())
}

/// Attends to a program that takes part, until it leaves or is lost.
async fn attend(
    step: &Rc<Step>,
    rank: Rank,
    mut reader: FrameReader<ReadHalf>,
    mut writer: FrameWriter<WriteHalf>,
) -> Result<(), FrameError> {
    let member = match step.join(rank) {
        Ok(member) => member,
        Err(reason) => return writer.message(&FromServer::Refused { reason }).await,
    };
    let Some(stream) = writer.stream().unix() else {
        let reason = "a program takes part where its step process is".to_owned();
        return writer.message(&FromServer::Refused { reason }).await;
    };
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let orderly = converse(step, rank, &member, &mut reader, &mut writer).await;
    drop(member);
    if !matches!(orderly, Ok(true)) {
        let how = step.how_it_ended(rank, pid).await;
        let node = step.node_of(rank);
        step.lose_own(Lost { rank, node, how });
    }
    Ok(())
}

/// Waits for a rank to be lost, for another step process.
async fn watched(step: &Rc<Step>, turn: u64) -> FromServer {
    step.begun_elsewhere(turn);
    let mut losses = step.membership.losses();
    let lost = losses.wait_for(Option::is_some).await.ok().and_then(|lost| lost.clone());
    lost.map_or_else(|| FromServer::Refused { reason: "the step has ended".to_owned() }, FromServer::from)
}

/// Whether the program has left in good order.
async fn converse(
    step: &Rc<Step>,
    rank: Rank,
    member: &Member,
    reader: &mut FrameReader<ReadHalf>,
    writer: &mut FrameWriter<WriteHalf>,
) -> Result<bool, FrameError> {
    let nodes = step.node_ranks();
    let name = step.node_of(rank);
    let node = nodes.iter().position(|node| node.name == name).unwrap_or(0) as u32;
    let bells = member.memory.bells.len() as u32;
    let crowded = step.is_crowded();
    let deadlock_ms = step.blocked.patience_ms();
    let attached = FromServer::Attached { nodes, node, crowded, turn: member.turn, bells, deadlock_ms };
    if let Some(stream) = writer.stream().unix() {
        hand_over(stream, &attached, member.memory.file.as_fd()).await?;
        for bell in member.memory.bells.iter() {
            hand_over(stream, &FromServer::Bell, bell.as_fd()).await?;
        }
    }
    let mut losses = step.membership.losses();
    let mut told = false;
    let mut block = None;
    // Who cannot be told has ended. What it has said before that is still to be read: perhaps that it leaves.
    loop {
        tokio::select! {
            message = reader.message() => match message? {
                Some(ToServer::Leave) => return Ok(true),
                Some(ToServer::Abort { code }) => {
                    let how = format!("has ended the step with code {code}");
                    step.lose_own(Lost { rank, node: step.node_of(rank), how });
                }
                Some(ToServer::Dial { to }) => step.dial_for(member, to),
                Some(ToServer::Blocked { what }) => {
                    drop(block.replace(step.block(vec![(rank, what)])));
                }
                Some(ToServer::GoesOn) => drop(block.take()),
                Some(_) => {}
                None => return Ok(false),
            },
            lost = losses.wait_for(Option::is_some), if !told => {
                told = true;
                if let Ok(Some(lost)) = lost.map(|lost| lost.clone()) {
                    let _ = writer.message(&FromServer::from(lost)).await;
                }
            }
            introduction = step.next_introduction(member) => drop(tell(writer, introduction).await),
        }
    }
}

/// Hands a rank what came of a connection.
async fn tell(writer: &mut FrameWriter<WriteHalf>, introduction: Introduction) -> Result<(), FrameError> {
    match (introduction, writer.stream().unix()) {
        (Introduction::Socket { with, dialled, socket }, Some(stream)) => {
            hand_over(stream, &FromServer::Peer { rank: with, dialled }, socket.as_fd()).await
        }
        (Introduction::Failed { with, reason, has_left }, _) => {
            writer.message(&FromServer::NoPeer { rank: with, reason, has_left }).await
        }
        (Introduction::Socket { .. }, None) => Ok(()),
    }
}

/// Sends a message with a descriptor beside it. Not cancel-safe.
async fn hand_over(
    stream: &UnixStream,
    message: &FromServer,
    descriptor: BorrowedFd<'_>,
) -> Result<(), FrameError> {
    let frame = message_frame(message)?;
    let (mut rest, mut descriptor) = (frame.as_slice(), Some(descriptor));
    while !rest.is_empty() {
        let send = || descriptors::send(stream, rest, descriptor);
        let sent: io::Result<usize> = stream.async_io(Interest::WRITABLE, send).await;
        rest = &rest[sent?..];
        descriptor = None;
    }
    Ok(())
}
