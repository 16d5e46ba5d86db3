//! The controller's shell: clients and rank servers on one side, the core on the other.
//!
//! One task owns the core. Sessions of clients and links to rank servers send it events through one bounded queue
//! and get their answers and messages through bounded queues of their own; a timer is set to the core's next
//! deadline. Nothing here decides anything.

mod client;
mod keeper;
mod node;
mod owner;
mod peer;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::path::Path;

use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::net::link::Link;
use prun_runtime::wire::node::{FromNode, ToNode};
use tokio::sync::{mpsc, watch};

pub use self::node::NodeLost;
use self::owner::{Inbox, Owner};
use super::client::ClientError;
pub use super::core::config::{Config, PartitionConfig, PartitionState};
use super::journal::{Journal, JournalError};

/// A running controller. Cheap to clone; the controller ends when it is told to ([`Handle::stop`], or by
/// [`super::api::Request::Shutdown`]) or when every handle, session and link is gone.
#[derive(Debug, Clone)]
pub struct Handle {
    inbox: mpsc::Sender<Inbox>,
    ended: watch::Receiver<bool>,
}

impl Handle {
    /// Starts a controller on the current tokio runtime, whose memory ends with it.
    #[must_use]
    pub fn start(config: Config) -> Self {
        Self::of(Owner::new(config))
    }

    fn of(owner: Owner) -> Self {
        let (inbox, events) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let (end, ended) = watch::channel(false);
        tokio::spawn(owner.run(events, end));
        Self { inbox, ended }
    }

    /// Starts a controller that goes on where its journal ends, on the current tokio runtime. Blocks until the journal
    /// is read.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn recover(config: Config, journal: &Path) -> Result<Self, JournalError> {
        let owner = Owner::recover(config, Journal::open(journal)?)?;
        Ok(Self::of(owner))
    }

    /// Serves a client whose preamble (`Target::Controller`) has been read, until it closes or the controller ends.
    ///
    /// # Errors
    /// Those of the link.
    pub async fn serve_client(&self, link: Link) -> Result<(), ClientError> {
        client::serve(self.inbox.clone(), link).await
    }

    /// Joins a rank server in this process: what it says is sent to the first, what it is told comes out of the
    /// second. The first message must be [`FromNode::Register`].
    #[must_use]
    pub fn join(&self) -> (mpsc::Sender<FromNode>, mpsc::Receiver<ToNode>) {
        let (from, from_node) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let (to_node, to) = mpsc::channel(QUEUE_MESSAGES_MAX);
        tokio::spawn(node::forward(self.inbox.clone(), from_node, to_node));
        (from, to)
    }

    /// Serves a rank server whose preamble (`Target::Join`) has been read, until its link or the controller ends.
    ///
    /// # Errors
    /// Those of the link.
    pub async fn serve_node(&self, link: Link) -> Result<(), NodeLost> {
        node::serve(self.join(), link).await
    }

    /// Ends every job, then the controller; returns when it has ended.
    pub async fn stop(&self) {
        // A controller that has ended already takes nothing any more.
        let _ = self.inbox.send(Inbox::Stop).await;
        self.ended().await;
    }

    /// Ends the controller and leaves its jobs as they are: with a journal, the next controller goes on with them.
    /// Returns when it has ended.
    pub async fn leave(&self) {
        // As above.
        let _ = self.inbox.send(Inbox::Leave).await;
        self.ended().await;
    }

    /// Returns when the controller has ended, whoever told it to.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        // The sender is gone only when the controller is.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}
