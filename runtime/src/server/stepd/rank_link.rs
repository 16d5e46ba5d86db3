//! A rank's link: barriers. Other step processes speak for their ranks here too: their ends, and fences.

use std::rc::Rc;

use tokio::sync::oneshot;

use super::barrier::Outcome;
use super::step::{Step, settle};
use crate::ids::Rank;
use crate::net::link::Link;
use crate::wire::frame::{FrameError, FrameReader, FrameWriter};
use crate::wire::rank::{FromServer, ToServer};

/// Serves a process of a rank until it closes.
pub(super) async fn serve(step: &Rc<Step>, rank: Rank, link: Link) {
    // The rank is gone: its end says all there is to say.
    let _ = answer(step, rank, link).await;
}

async fn answer(step: &Rc<Step>, rank: Rank, link: Link) -> Result<(), FrameError> {
    let (mut reader, mut writer) = (FrameReader::new(link.read), FrameWriter::new(link.write));
    while let Some(message) = reader.message().await? {
        let reply = match message {
            ToServer::Left { node, how } => {
                step.left(rank, node, how);
                continue;
            }
            ToServer::Fence { group, ranks, data } => step.fence_at_root(group, ranks, data).await,
            ToServer::Barrier if step.is_root() => barrier(step, rank).await,
            ToServer::Barrier => step.ask_root(rank, &ToServer::Barrier).await,
        };
        writer.message(&reply).await?;
    }
    Ok(())
}

async fn barrier(step: &Rc<Step>, rank: Rank) -> FromServer {
    if rank.0 >= step.launch.size {
        return FromServer::Refused { reason: format!("step {} has no rank {rank}", step.launch.key) };
    }
    let (waiter, outcome) = oneshot::channel();
    let told = step.barrier.borrow_mut().arrive(rank, waiter);
    settle(told);
    match outcome.await {
        Ok(Outcome::Released) => FromServer::Released,
        Ok(Outcome::PeerGone { rank, node, how }) => FromServer::PeerGone { rank, node, how },
        Err(_) => FromServer::Refused { reason: "the step has ended".to_owned() },
    }
}
