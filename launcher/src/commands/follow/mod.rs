//! Output that is looked at as it grows: a file, or a step's logs as `sattach` reads them. For `prun top` and the web
//! page; neither disturbs whoever the output is for.

mod logs;
mod tail;

use std::path::PathBuf;

use bytes::Bytes;
use prun_runtime::ids::{Rank, StepKey};
use prun_runtime::net::address::Address;

use self::logs::Logs;
use self::tail::{Tail, TailError};
use crate::controller::api::{Reply, Request};
use crate::controller::client::{AsyncClient, ClientError};
use crate::fanout::link::Stuck;
use crate::fanout::reach::ReachError;
use crate::gather::order::OrderError;

/// Why output cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// The controller cannot be asked where it is.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The controller does not say, with its reason.
    #[error("{0}")]
    Refused(&'static str),
    /// The step has fewer ranks.
    #[error("step {key} has {size} ranks: there is no rank {rank}")]
    NoRank {
        /// Which step.
        key: StepKey,
        /// Who was asked for.
        rank: u32,
        /// How many there are.
        size: u32,
    },
    /// A node cannot be reached.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// A step process sends what it may not.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A step process does not listen.
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// The file cannot be read.
    #[error(transparent)]
    Tail(#[from] TailError),
}

impl FollowError {
    /// The error with its causes.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

/// An output that is followed.
pub(crate) enum Following {
    /// A file that grows.
    File(Tail),
    /// Ranks' logs.
    Step(Box<Logs>),
}

impl Following {
    /// Follows a file, from its last part on, also one that is not there yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`FollowError::Tail`].
    pub(crate) fn file(path: PathBuf) -> Result<Self, FollowError> {
        Ok(Self::File(Tail::of(path)?))
    }

    /// Follows a running step: all ranks with labels, or `only` one.
    ///
    /// # Errors
    /// All but [`FollowError::Tail`].
    pub(crate) async fn step(
        controller: &Address,
        key: StepKey,
        only: Option<Rank>,
    ) -> Result<Self, FollowError> {
        let mut client = AsyncClient::connect_to(controller).await?;
        match client.call(Request::AttachStep { key }).await? {
            Reply::Step(step) => Ok(Self::Step(Box::new(Logs::open(key, &step, only).await?))),
            Reply::Error(refusal) => Err(FollowError::Refused(refusal.code.text())),
            _ => Err(FollowError::Refused("Unexpected message received")),
        }
    }

    /// Waits for bytes; `None` once there will be no more, which of a file is never known. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`FollowError`].
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FollowError> {
        match self {
            Self::File(tail) => Ok(Some(tail.next().await?)),
            Self::Step(logs) => logs.next().await,
        }
    }
}
