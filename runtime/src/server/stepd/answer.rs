//! What a rank is told.

use bytes::Bytes;

use crate::ids::Rank;
use crate::wire::rank::FromServer;

/// A message for a rank, with the data that it announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) message: FromServer,
    pub(super) data: Bytes,
}

impl Answer {
    /// It is done, and this is what the rank gets.
    pub(super) fn done(data: Bytes) -> Self {
        Self { message: FromServer::Done { bytes: data.len() as u64 }, data }
    }

    /// Nothing but a message.
    pub(super) fn bare(message: FromServer) -> Self {
        Self { message, data: Bytes::new() }
    }

    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::bare(FromServer::Refused { reason: reason.into() })
    }
}

/// How a rank ended, as a person would be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) node: String,
    pub(super) how: String,
}

impl End {
    /// What those are told who count on the rank.
    pub(super) fn told_of(&self, rank: Rank) -> Answer {
        let Self { node, how } = self.clone();
        Answer::bare(FromServer::PeerGone { rank, node, how })
    }
}
