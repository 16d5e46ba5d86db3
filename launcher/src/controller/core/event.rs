//! What happens to a cluster, and what it wants done about it.
//!
//! Events are plain values: a journal of those that were accepted, replayed in order, gives the same cluster.

use prun_runtime::wire::node::{FromNode, ToNode};
use serde::{Deserialize, Serialize};

use super::config::Config;
use crate::controller::api::{Answer, Call, Reply, Request};

/// One connection of one client. A number is never given to another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

/// One link to one rank server. A rank server that comes back has a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkId(pub u64);

/// The user at the other end of a client's connection, as the system vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// User id.
    pub uid: u32,
    /// User name, or the id where it has none.
    pub user: String,
}

/// A call that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Whose.
    pub client: ClientId,
    /// Its number on that connection.
    pub call: u64,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// A client asks.
    Call {
        /// Which.
        client: ClientId,
        /// Who is behind it.
        peer: Peer,
        /// What it asks.
        call: Box<Call>,
    },
    /// A client's connection is gone.
    ClientGone {
        /// Which.
        client: ClientId,
    },
    /// A rank server says something.
    Node {
        /// Which.
        link: LinkId,
        /// What.
        message: FromNode,
    },
    /// The link to a rank server is gone.
    NodeGone {
        /// Which.
        link: LinkId,
    },
    /// The time asked for with [`super::Cluster::next_deadline`] has come.
    Timer,
    /// The configuration was read again, since a client asked for that.
    Reconfigured {
        /// Who waits for it.
        asker: Asker,
        /// What it says now.
        config: Box<Config>,
    },
    /// The controller was away: every connection and link that it had is gone.
    Restarted,
}

impl Event {
    /// The number of the client or link that it comes from; 0 where it comes from neither.
    #[must_use]
    pub fn correspondent(&self) -> u64 {
        match self {
            Self::Call { client, .. } | Self::ClientGone { client } => client.0,
            Self::Node { link, .. } | Self::NodeGone { link } => link.0,
            Self::Reconfigured { asker, .. } => asker.client.0,
            Self::Timer | Self::Restarted => 0,
        }
    }

    /// Whether this only asks.
    pub(super) fn only_asks(&self) -> bool {
        match self {
            Self::Call { call, .. } => matches!(
                call.request,
                Request::TestOnly(_)
                    | Request::AttachStep { .. }
                    | Request::WaitJob { .. }
                    | Request::WatchJob { .. }
                    | Request::WatchCluster { .. }
                    | Request::Jobs { .. }
                    | Request::Nodes
                    | Request::Partitions
                    | Request::Config
                    | Request::Ping
                    | Request::Script { .. }
                    | Request::Backup { .. }
            ),
            Self::Node { message, .. } => {
                matches!(message, FromNode::Pong { .. } | FromNode::Launched { .. })
            }
            _ => false,
        }
    }
}

/// Something to be done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Tell a client.
    Answer {
        /// Which.
        client: ClientId,
        /// What.
        answer: Box<Answer>,
    },
    /// Tell a rank server.
    Tell {
        /// Which.
        link: LinkId,
        /// What.
        message: ToNode,
    },
    /// Copy the journal, as it stands after this event, and answer.
    Backup {
        /// Whom.
        asker: Asker,
        /// The new file.
        path: String,
    },
    /// The cluster is empty and was told to end: no event will be taken any more.
    Stop,
}

impl Asker {
    /// The effect that answers this call.
    #[must_use]
    pub fn answer(self, reply: Reply) -> Effect {
        Effect::Answer { client: self.client, answer: Box::new(Answer { id: self.call, reply }) }
    }
}
