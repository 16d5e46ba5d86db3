//! The first frame on every connection: whom the peer wants.

use serde::{Deserialize, Serialize};

use super::launch::Secret;
use crate::ids::{Rank, StepKey};

/// What every connection begins with, before anything is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preamble {
    /// Always [`MAGIC`].
    pub magic: String,
    /// [`super::VERSION`] of the sender.
    pub version: u16,
    /// Whom the sender wants.
    pub target: Target,
}

/// Marks the protocol, so that a browser or a port scanner is refused at its first bytes.
pub const MAGIC: &str = "prun";

/// Whom a peer wants to speak to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The controller, as a client (any command).
    Controller,
    /// The controller, as a rank server that joins.
    Join,
    /// The rank server itself (`sbcast`).
    Node,
    /// A step process, as the rank server that takes the place of the one that started it.
    Heir,
    /// A step as a launcher. The owner is the `srun` that started it: the step does not outlive it.
    Step {
        /// Which step.
        key: StepKey,
        /// Proof of belonging.
        secret: Secret,
        /// Whether the step is to end when this link is gone.
        owner: bool,
    },
    /// A step as one of its ranks.
    Rank {
        /// Which step.
        key: StepKey,
        /// Proof of belonging.
        secret: Secret,
        /// Which rank.
        rank: Rank,
    },
    /// A program that takes part as a rank, as one that does so as another rank: the socket is handed over to it.
    Peer {
        /// Which step.
        key: StepKey,
        /// Proof of belonging.
        secret: Secret,
        /// Which rank it wants.
        rank: Rank,
        /// Which rank it is.
        from: Rank,
        /// Which of the rank's programs: the first one is 1.
        turn: u64,
    },
}

#[cfg(feature = "server")]
impl Target {
    /// The same for the open, where a step's secret must not be seen, and that secret: it proves itself in the handshake.
    #[must_use]
    pub fn without_secret(self) -> (Self, Option<crate::net::key::Key>) {
        match self {
            Self::Step { key, secret, owner } => (
                Self::Step { key, secret: Secret::default(), owner },
                Some(crate::net::key::Key::new(secret.0)),
            ),
            Self::Rank { key, secret, rank } => (
                Self::Rank { key, secret: Secret::default(), rank },
                Some(crate::net::key::Key::new(secret.0)),
            ),
            Self::Peer { key, secret, rank, from, turn } => (
                Self::Peer { key, secret: Secret::default(), rank, from, turn },
                Some(crate::net::key::Key::new(secret.0)),
            ),
            other => (other, None),
        }
    }
}

impl Preamble {
    /// A preamble of this version.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { magic: MAGIC.to_owned(), version: super::VERSION, target }
    }
}
