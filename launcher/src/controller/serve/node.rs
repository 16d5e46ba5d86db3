//! A rank server's link. In this process it is a pair of queues; over a stream the same queues with frames behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prun_runtime::limits::{HEARTBEAT, HEARTBEAT_WAIT};
use prun_runtime::net::link::Link;
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter};
use prun_runtime::wire::node::{FromNode, ToNode};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::owner::Inbox;

/// Why a rank server's link ends.
#[derive(Debug, thiserror::Error)]
pub enum NodeLost {
    /// It broke.
    #[error(transparent)]
    Link(#[from] FrameError),
    /// It answers nothing.
    #[error("a rank server has said nothing for {} s", HEARTBEAT_WAIT.as_secs())]
    Silent,
    /// The controller has ended.
    #[error("the controller has ended")]
    Closed,
}

/// Hands on what a rank server says, until it is gone.
pub(super) async fn forward(
    inbox: mpsc::Sender<Inbox>,
    mut from_node: mpsc::Receiver<FromNode>,
    to_node: mpsc::Sender<ToNode>,
) {
    let (id, mut told) = mpsc::channel(1);
    if inbox.send(Inbox::NodeHere { messages: to_node, id }).await.is_err() {
        return;
    }
    let Some(link) = told.recv().await else { return };
    while let Some(message) = from_node.recv().await {
        if inbox.send(Inbox::NodeSays { link, message }).await.is_err() {
            return;
        }
    }
    // A controller that has ended has no use for it.
    let _ = inbox.send(Inbox::NodeGone { link }).await;
}

/// Puts frames behind the queues of a rank server, and asks it now and then whether it is there: a process that is
/// stopped, or a host whose cable is pulled, closes nothing.
pub(super) async fn serve(
    (says, mut told): (mpsc::Sender<FromNode>, mpsc::Receiver<ToNode>),
    link: Link,
) -> Result<(), NodeLost> {
    let (mut reader, mut writer) = (FrameReader::new(link.read), FrameWriter::new(link.write));
    let heard = AtomicBool::new(false);
    let mut busy = None;
    let read = async {
        while let Some(message) = reader.message::<FromNode>().await? {
            heard.store(true, Ordering::Relaxed);
            // That it is there needs no word; how busy it is does, when that is another than before.
            let is_news = match &message {
                FromNode::Pong { load, .. } => std::mem::replace(&mut busy, *load) != *load,
                _ => true,
            };
            if is_news && says.send(message).await.is_err() {
                return Err(NodeLost::Closed);
            }
        }
        Ok(())
    };
    let write = async {
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut nonce, mut unanswered) = (0, Duration::ZERO);
        loop {
            let message = tokio::select! {
                message = told.recv() => match message {
                    Some(message) => message,
                    None => return Ok(()),
                },
                _ = beat.tick() => {
                    unanswered = if heard.swap(false, Ordering::Relaxed) { Duration::ZERO } else { unanswered + HEARTBEAT };
                    nonce += 1;
                    ToNode::Ping { nonce }
                }
            };
            // What it does not take shows that it does not read.
            let sent = tokio::time::timeout(HEARTBEAT_WAIT, writer.message(&message)).await;
            sent.map_err(|_| NodeLost::Silent)??;
            if unanswered > HEARTBEAT_WAIT {
                return Err(NodeLost::Silent);
            }
        }
    };
    tokio::select! {
        result = read => result,
        result = write => result,
    }
}
