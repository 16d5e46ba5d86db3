//! A rank server's link. In this process it is a pair of queues; over a stream the same queues with frames behind.

use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use prun_runtime::wire::node::{FromNode, ToNode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::owner::Inbox;
use crate::controller::client::ClientError;

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

/// Puts frames behind the queues of a rank server.
pub(super) async fn serve(
    (says, mut told): (mpsc::Sender<FromNode>, mpsc::Receiver<ToNode>),
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
) -> Result<(), ClientError> {
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    let read = async {
        while let Some(message) = reader.message::<FromNode>().await? {
            if says.send(message).await.is_err() {
                return Err(ClientError::Closed);
            }
        }
        Ok(())
    };
    let write = async {
        while let Some(message) = told.recv().await {
            writer.message(&message).await?;
        }
        Ok(())
    };
    tokio::select! {
        result = read => result,
        result = write => result,
    }
}
