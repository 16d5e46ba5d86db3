//! A client's session: calls in, answers out.

use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::net::link::{Link, ReadHalf, WriteHalf};
use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use tokio::sync::mpsc;

use super::owner::Inbox;
use super::peer;
use crate::controller::api::{Answer, Call};
use crate::controller::client::ClientError;
use crate::controller::core::event::ClientId;

/// Serves one client until it closes, breaks the rules, or the controller ends.
pub(super) async fn serve(inbox: mpsc::Sender<Inbox>, link: Link) -> Result<(), ClientError> {
    let peer = peer::of(link.peer_uid);
    let (answers, outbox) = mpsc::channel(QUEUE_MESSAGES_MAX);
    let (id, mut told) = mpsc::channel(1);
    let here = Inbox::ClientHere { answers, peer, id };
    if inbox.send(here).await.is_err() {
        return Err(ClientError::Closed);
    }
    let client = told.recv().await.ok_or(ClientError::Closed)?;
    let result = tokio::select! {
        result = take_calls(&inbox, client, FrameReader::new(link.read)) => result,
        result = give_answers(outbox, FrameWriter::new(link.write)) => result,
    };
    // A controller that has ended has no use for it.
    let _ = inbox.send(Inbox::ClientGone { client }).await;
    result
}

async fn take_calls(
    inbox: &mpsc::Sender<Inbox>,
    client: ClientId,
    mut reader: FrameReader<ReadHalf>,
) -> Result<(), ClientError> {
    while let Some(call) = reader.message::<Call>().await? {
        if inbox.send(Inbox::ClientSays { client, call: Box::new(call) }).await.is_err() {
            return Err(ClientError::Closed);
        }
    }
    Ok(())
}

/// Until the owner drops the queue: it has ended, or cut this client off.
async fn give_answers(
    mut outbox: mpsc::Receiver<Answer>,
    mut writer: FrameWriter<WriteHalf>,
) -> Result<(), ClientError> {
    while let Some(answer) = outbox.recv().await {
        writer.message(&answer).await?;
    }
    Ok(())
}
