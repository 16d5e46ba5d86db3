//! The script's own output, onto prun's, while the job runs.

use std::io::{self, Write};

use bytes::Bytes;
use prun_runtime::ids::{JobId, Rank, StepId, StepKey};
use prun_runtime::net::address::Address;
use prun_runtime::net::link::Link;
use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use prun_runtime::wire::step::{FromStep, Stream, ToStep};

use super::drive::{DriveError, ask, next};
use crate::controller::api::{JobState, Reply, Request, StepAttach};
use crate::controller::client::{AsyncClient, ClientError};
use crate::fanout::reach::{Door, reach};
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

/// Shows the output of a job's script from its start to its end; where the job is put back into the queue, that of its
/// next run too. A job that ends without having started has nothing to show.
pub(super) async fn show(
    controller: &Address,
    job: JobId,
    comes_back: bool,
    progress: &Progress,
) -> Result<Streamed, DriveError> {
    let mut run = 0;
    while let Some((restarts, step)) = script_of(controller, job, run, comes_back).await? {
        if show_run(&step, progress).await? == Streamed::ReaderGone {
            return Ok(Streamed::ReaderGone);
        }
        run = restarts + 1;
    }
    Ok(Streamed::ToItsEnd)
}

/// Shows the output of one run of the script.
async fn show_run(step: &StepAttach, progress: &Progress) -> Result<Streamed, DriveError> {
    let Some(connection) = reach(&Door::of(step, true)).await?.pop() else { return Ok(Streamed::ToItsEnd) };
    let Link { read, write, .. } = connection.stream;
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
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

/// Waits for this or a later run of the job's script, and asks how to reach it; tells how often the job was put back
/// before it. `None`: no such run comes any more.
async fn script_of(
    controller: &Address,
    job: JobId,
    run: u32,
    comes_back: bool,
) -> Result<Option<(u32, StepAttach)>, DriveError> {
    let mut client = AsyncClient::connect_to(controller).await?;
    let watch = Request::WatchJob { job };
    client.send(watch.clone()).await?;
    let mut reply = next(&mut client, &watch, comes_back).await?;
    let restarts = loop {
        match reply {
            Reply::Job(view) if view.state != JobState::Pending && view.restarts >= run => {
                break view.restarts;
            }
            Reply::Job(_) => reply = next(&mut client, &watch, comes_back).await?,
            Reply::Ended { job } if job.restarts >= run => break job.restarts,
            Reply::Ended { .. } => return Ok(None),
            Reply::Error(refusal) => return Err(DriveError::Refused(refusal)),
            _ => return Err(DriveError::OutOfTurn),
        }
    };
    let key = StepKey { job, step: StepId::BATCH };
    match ask(&mut client, Request::AttachStep { key }, comes_back).await? {
        Reply::Step(step) => Ok(Some((restarts, *step))),
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
