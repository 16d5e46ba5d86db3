//! The script's own output, onto prun's, while the job runs.

use std::io::{self, Write};

use bytes::Bytes;
use prun_runtime::ids::{JobId, Rank, StepId, StepKey};
use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use prun_runtime::wire::preamble::{Preamble, Target};
use prun_runtime::wire::step::{FromStep, Stream, ToStep};
use tokio::net::UnixStream;

use super::drive::DriveError;
use crate::controller::api::{JobState, Reply, Request};
use crate::controller::client::{AsyncClient, ClientError};
use crate::embedded::Cluster;
use crate::view::progress::Progress;

/// How the showing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streamed {
    /// All of it has been shown.
    ToItsEnd,
    /// Nobody reads it any more.
    ReaderGone,
}

/// Bytes of each stream that may be under way.
const CREDIT: u64 = 1 << 20;

/// Shows the output of a job's script from its start to its end. Waits until the job has started; a job that ends
/// without having started has nothing to show.
pub(super) async fn show(cluster: &Cluster, job: JobId, progress: &Progress) -> Result<Streamed, DriveError> {
    let Some(target) = script_of(cluster, job).await? else { return Ok(Streamed::ToItsEnd) };
    let lost = |error: io::Error| DriveError::Client(ClientError::Lost(error.into()));
    let stream = UnixStream::connect(cluster.socket()).await.map_err(lost)?;
    let (read, write) = stream.into_split();
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    writer.message(&Preamble::new(target)).await.map_err(ClientError::from)?;
    let mut open = vec![Stream::Stdout, Stream::Stderr];
    for &stream in &open {
        writer.message(&pull(stream, 0)).await.map_err(ClientError::from)?;
    }
    while let Some(message) = reader.message().await.map_err(ClientError::from)? {
        match message {
            FromStep::Data { stream, offset, .. } => {
                let bytes = reader.data().await.map_err(ClientError::from)?;
                if progress.aside(|| write_out(stream, &bytes)).is_err() {
                    return Ok(Streamed::ReaderGone);
                }
                let next = offset + bytes.len() as u64;
                writer.message(&pull(stream, next)).await.map_err(ClientError::from)?;
            }
            FromStep::End { stream, .. } => open.retain(|other| *other != stream),
            _ => {}
        }
        if open.is_empty() {
            break;
        }
    }
    Ok(Streamed::ToItsEnd)
}

fn pull(stream: Stream, offset: u64) -> ToStep {
    ToStep::Pull { rank: Rank(0), stream, offset, credit: CREDIT }
}

/// Waits for the job's script to run, and asks how to reach it.
async fn script_of(cluster: &Cluster, job: JobId) -> Result<Option<Target>, DriveError> {
    let mut client = AsyncClient::connect_to(&cluster.socket()).await?;
    let mut reply = client.call(Request::WatchJob { job }).await?;
    loop {
        match reply {
            Reply::Job(view) if view.state == JobState::Pending => reply = client.next().await?,
            Reply::Job(_) | Reply::Ended { .. } => break,
            Reply::Error(refusal) => return Err(DriveError::Refused(refusal)),
            _ => return Err(DriveError::OutOfTurn),
        }
    }
    let key = StepKey { job, step: StepId::BATCH };
    match client.call(Request::AttachStep { key }).await? {
        Reply::Step(step) => Ok(Some(Target::Step { key, secret: step.secret, owner: true })),
        _ => Ok(None),
    }
}

/// Writes a piece of output at once.
fn write_out(stream: Stream, bytes: &Bytes) -> io::Result<()> {
    match stream {
        Stream::Stdout => io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()),
        Stream::Stderr => io::stderr().write_all(bytes),
    }
}
