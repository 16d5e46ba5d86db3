//! Fences between the step processes of a step: each gives data and gets everybody's.

use tokio::sync::oneshot;

use serde_bytes::ByteBuf;

use super::exchange::Fenced;
use super::step::Step;
use crate::ids::Rank;
use crate::wire::rank::{FromServer, ToServer};

/// Who is to be told that a fence is passed or broken.
pub(super) type FenceWaiter = oneshot::Sender<Fenced>;

impl Step {
    /// Comes to a fence of a group (empty: all ranks of the step) for ranks of this process, with data for the others;
    /// waits for theirs.
    ///
    /// # Errors
    /// Why it will never be passed, for people, to follow `rank 3`.
    pub(super) async fn exchange(
        &self,
        group: Vec<Rank>,
        ranks: Vec<Rank>,
        data: ByteBuf,
    ) -> Result<Vec<ByteBuf>, String> {
        let answer = if self.is_root() {
            self.fence_at_root(group, ranks, data).await
        } else {
            let speaker = ranks.first().copied().unwrap_or(Rank(0));
            self.ask_root(speaker, &ToServer::Fence { group, ranks, data }, &[]).await.message
        };
        match answer {
            FromServer::Fenced { parts } => Ok(parts),
            FromServer::PeerGone { rank, node, how } => {
                Err(format!("waits in MPI_Init for rank {rank} on {node}, which {how}"))
            }
            FromServer::Refused { reason } => Err(format!("cannot reach the other ranks: {reason}")),
            _ => Err("cannot reach the other ranks: an answer out of turn".to_owned()),
        }
    }

    /// A step process, this one or another, has come to a fence: its answer.
    pub(super) async fn fence_at_root(
        &self,
        group: Vec<Rank>,
        ranks: Vec<Rank>,
        data: ByteBuf,
    ) -> FromServer {
        if let Some(rank) = group.iter().chain(&ranks).find(|rank| rank.0 >= self.launch.size) {
            return FromServer::Refused { reason: format!("step {} has no rank {rank}", self.launch.key) };
        }
        let (waiter, outcome) = oneshot::channel();
        let told = self.fences.borrow_mut().arrive(group, &ranks, data, waiter);
        settle_fence(told);
        match outcome.await {
            Ok(Fenced::Complete(parts)) => FromServer::Fenced { parts },
            Ok(Fenced::PeerGone { rank, node, how }) => FromServer::PeerGone { rank, node, how },
            Err(_) => FromServer::Refused { reason: "the step has ended".to_owned() },
        }
    }
}

/// Tells step processes how their fence ended. One whose connection is gone needs no answer.
pub(super) fn settle_fence(told: Vec<(FenceWaiter, Fenced)>) {
    for (waiter, outcome) in told {
        let _ = waiter.send(outcome);
    }
}
