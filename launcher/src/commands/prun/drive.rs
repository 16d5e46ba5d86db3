//! A job from its submission to its end: submit, watch, show. Whether its controller is in this process or elsewhere
//! makes no difference here.

use std::time::{Duration, Instant};

use prun_runtime::ids::JobId;
use prun_runtime::net::address::Address;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::stream::{self, Streamed};
use crate::controller::api::{
    JobRef, JobState, JobView, Refusal, Reply, Request, SignalFilter, SignalRequest, Submission,
};
use crate::controller::client::{AsyncClient, ClientError};
use crate::fanout::reach::ReachError;
use crate::view::progress::Progress;

/// Why a job has no end that could be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum DriveError {
    /// The controller takes it not.
    #[error("the job was refused")]
    Refused(Refusal),
    /// The controller does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The script's output cannot be had.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// It answers something else than was asked.
    #[error("the controller gave an answer out of turn")]
    OutOfTurn,
    /// Signals cannot be caught.
    #[error("cannot watch for signals")]
    Signals(#[from] std::io::Error),
}

/// How a job went.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The job as it ended.
    pub(super) job: JobView,
    /// The user asked it to stop.
    pub(super) interrupted: bool,
    /// Whoever read its output has gone before its end.
    pub(super) reader_gone: bool,
}

/// What a cluster calls itself.
pub(super) async fn name_of_cluster(controller: &Address) -> Result<String, DriveError> {
    match AsyncClient::connect_to(controller).await?.call(Request::Config).await? {
        Reply::Config(pairs) => {
            let name = pairs.into_iter().find(|(key, _)| key == "ClusterName");
            Ok(name.map(|(_, name)| name).unwrap_or_default())
        }
        _ => Err(DriveError::OutOfTurn),
    }
}

/// Submits a job to a controller and sees it to its end; of one that `comes_back`, through its restarts.
pub(super) async fn drive(
    controller: &Address,
    submission: Submission,
    comes_back: bool,
    progress: &Progress,
) -> Result<Outcome, DriveError> {
    let streams = submission.streams;
    let mut client = AsyncClient::connect_to(controller).await?;
    let job = match client.call(Request::Submit(Box::new(submission))).await? {
        Reply::Submitted { job, warnings } => {
            warnings.iter().for_each(|warning| progress.aside(|| eprintln!("prun: {warning}")));
            job
        }
        Reply::Error(refusal) => return Err(DriveError::Refused(refusal)),
        _ => return Err(DriveError::OutOfTurn),
    };
    let mut watcher = AsyncClient::connect_to(controller).await?;
    let mut output = std::pin::pin!(async {
        if streams {
            stream::show(controller, job, comes_back, progress).await
        } else {
            Ok(Streamed::ToItsEnd)
        }
    });
    let mut stop = Stop::new(job)?;
    let (mut reader_gone, mut shown) = (false, false);
    let watch = Request::WatchJob { job };
    watcher.send(watch.clone()).await?;
    loop {
        tokio::select! {
            reply = next(&mut watcher, &watch, comes_back) => match reply? {
                Reply::Job(view) => progress.show(&view),
                Reply::Ended { job } => {
                    if !shown && job.start_time.is_some() {
                        reader_gone |= output.await? == Streamed::ReaderGone;
                    }
                    return Ok(Outcome { job: *job, interrupted: stop.asked(), reader_gone });
                }
                Reply::Error(refusal) => return Err(DriveError::Refused(refusal)),
                _ => return Err(DriveError::OutOfTurn),
            },
            streamed = &mut output, if !shown => {
                shown = true;
                if streamed? == Streamed::ReaderGone {
                    reader_gone = true;
                    ask(&mut client, kill(job, Some(KILL)), comes_back).await?;
                }
            }
            request = stop.next(progress) => {
                ask(&mut client, request, comes_back).await?;
            }
        }
    }
}

/// The next reply; after a restart of a controller that comes back, to `again`.
pub(super) async fn next(
    client: &mut AsyncClient,
    again: &Request,
    comes_back: bool,
) -> Result<Reply, ClientError> {
    if comes_back { client.next_through(again).await } else { client.next().await }
}

/// A question, asked again after a restart of a controller that comes back.
pub(super) async fn ask(
    client: &mut AsyncClient,
    request: Request,
    comes_back: bool,
) -> Result<Reply, ClientError> {
    if comes_back { client.call_through(&request).await } else { client.call(request).await }
}

/// The signal that nothing survives.
const KILL: i32 = rustix::process::Signal::KILL.as_raw();

/// Cancels the job, or sends script and steps a signal.
fn kill(job: JobId, signal: Option<i32>) -> Request {
    Request::Signal(SignalRequest {
        jobs: vec![JobRef { job, elements: None, component: None }],
        step: None,
        signal,
        batch: false,
        full: signal.is_some(),
        filter: SignalFilter::default(),
    })
}

/// The user's wish to stop: once asks the job to, twice at once kills it.
struct Stop {
    job: JobId,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    asked: Option<Instant>,
}

impl Stop {
    fn new(job: JobId) -> std::io::Result<Self> {
        Ok(Self {
            job,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            asked: None,
        })
    }

    fn asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Waits for the next signal; gives what is to be said to the controller. Cancelling it loses nothing.
    async fn next(&mut self, progress: &Progress) -> Request {
        /// A second Ctrl-C within this time means it; a later one asks again.
        const TWICE: Duration = Duration::from_secs(2);
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
        let twice = self.asked.replace(Instant::now()).is_some_and(|before| before.elapsed() < TWICE);
        if twice {
            progress.aside(|| eprintln!("prun: killing job {}", self.job));
            return kill(self.job, Some(KILL));
        }
        progress.aside(|| eprintln!("prun: stopping job {}; once more kills it", self.job));
        kill(self.job, None)
    }
}

/// The exit code for a job's end: the script's, 128 + its signal, 130 after Ctrl-C (`bash(1)`, exit status).
pub(super) fn exit_code(outcome: &Outcome) -> u8 {
    match outcome.job.state {
        _ if outcome.reader_gone => 0,
        _ if outcome.interrupted => 130,
        JobState::Completed => 0,
        _ => u8::try_from(outcome.job.exit.shell_code()).ok().filter(|&code| code > 0).unwrap_or(1),
    }
}
