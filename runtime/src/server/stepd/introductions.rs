//! Connections between ranks of different nodes: step processes make them, prove who they are, and hand the bare sockets
//! to their ranks.
//!
//! So a rank needs no cryptography, and a node one open port. The side that has dialled is the first to send: then
//! nothing is lost that the other step process might have read ahead.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::membership::Member;
use super::step::Step;
use crate::ids::Rank;
use crate::limits::PENDING_STREAMS_MAX;
use crate::net::address::{Address, AddressError};
use crate::net::dial::{DialError, dial_patiently};
use crate::net::link::Link;
use crate::wire::frame::{FrameError, FrameReader, FrameWriter};
use crate::wire::launch::NodeRanks;
use crate::wire::preamble::Target;
use crate::wire::rank::FromServer;

/// News of a connection for a rank.
#[derive(Debug)]
pub(super) enum Introduction {
    /// Here it is.
    Socket {
        /// To which rank.
        with: Rank,
        /// This side has asked for it.
        dialled: bool,
        /// The connection.
        socket: OwnedFd,
    },
    /// It cannot be had.
    Failed {
        /// To which rank.
        with: Rank,
        /// Why.
        reason: String,
        /// It has left in good order.
        has_left: bool,
    },
}

/// Why a rank of another node cannot be reached.
#[derive(Debug, thiserror::Error)]
enum PeerError {
    #[error("there is no such rank")]
    Unknown,
    #[error("it has left")]
    Left,
    #[error("its step process speaks out of turn")]
    OutOfTurn,
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] FrameError),
    #[error(transparent)]
    Socket(#[from] std::io::Error),
}

impl Step {
    /// A rank of another node wants to speak to one of this step process's ranks.
    pub(super) async fn introduce(self: &Rc<Self>, rank: Rank, turn: u64, from: Rank, link: Link) {
        let Link { read, write, local_ip, peer_uid } = link;
        let mut writer = FrameWriter::new(write);
        if !self.by_rank.contains_key(&rank) || !self.membership.awaits(rank, turn) {
            let reason = PeerError::Left.to_string();
            // Who does not hear it finds the connection closed.
            let _ = writer.message(&FromServer::NoPeer { rank, reason, has_left: true }).await;
            return;
        }
        if writer.message(&FromServer::Introduced).await.is_err() {
            return;
        }
        let link = Link { read, write: writer.into_stream(), local_ip, peer_uid };
        if let Ok(socket) = link.into_descriptor() {
            self.hand_in(rank, turn, Introduction::Socket { with: from, dialled: false, socket });
        }
    }

    /// One of this step process's ranks wants to speak to a rank of another node.
    pub(super) fn dial_for(self: &Rc<Self>, member: &Member, to: Rank) {
        let (step, rank, turn) = (Rc::clone(self), member.rank, member.turn);
        tokio::task::spawn_local(async move {
            let introduction = match step.dial_peer(rank, turn, to).await {
                Ok(socket) => Introduction::Socket { with: to, dialled: true, socket },
                Err(error) => {
                    let has_left = matches!(error, PeerError::Left);
                    Introduction::Failed { with: to, reason: error.to_string(), has_left }
                }
            };
            step.hand_in(rank, turn, introduction);
        });
    }

    async fn dial_peer(&self, from: Rank, turn: u64, to: Rank) -> Result<OwnedFd, PeerError> {
        let nodes = self.node_ranks();
        let has = |node: &&NodeRanks| node.ranks().any(|rank| rank == to);
        let address: Address = nodes.iter().find(has).ok_or(PeerError::Unknown)?.address.parse()?;
        let (key, secret) = (self.launch.key, self.launch.secret.clone());
        let target = Target::Peer { key, secret, rank: to, from, turn };
        let link = dial_patiently(&address, target, None).await?;
        let Link { read, write, local_ip, peer_uid } = link;
        let mut reader = FrameReader::new(read);
        match reader.message().await? {
            Some(FromServer::Introduced) => {}
            // A step process that is over, or has no such rank any more, closes.
            Some(FromServer::NoPeer { has_left: true, .. }) | None => return Err(PeerError::Left),
            Some(_) => return Err(PeerError::OutOfTurn),
        }
        let read = reader.into_stream().ok_or(PeerError::OutOfTurn)?;
        Ok(Link { read, write, local_ip, peer_uid }.into_descriptor()?)
    }

    fn hand_in(&self, rank: Rank, turn: u64, introduction: Introduction) {
        let membership = &self.membership;
        if !membership.awaits(rank, turn) {
            return;
        }
        let mut waiting = membership.introductions.borrow_mut();
        let queue = waiting.entry((rank, turn)).or_default();
        if queue.len() < PENDING_STREAMS_MAX {
            queue.push_back(introduction);
            membership.introduced.notify_waiters();
        }
    }

    /// The next connection for a program that takes part. Cancelling it loses nothing.
    pub(super) async fn next_introduction(&self, member: &Member) -> Introduction {
        loop {
            let more = self.membership.introduced.notified();
            let next = {
                let mut waiting = self.membership.introductions.borrow_mut();
                waiting.get_mut(&(member.rank, member.turn)).and_then(std::collections::VecDeque::pop_front)
            };
            match next {
                Some(next) => return next,
                None => more.await,
            }
        }
    }
}
