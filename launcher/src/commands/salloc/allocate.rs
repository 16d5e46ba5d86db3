//! The way to an allocation: asked for, waited for, granted; given up on a signal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use prun_runtime::ids::JobId;
use prun_runtime::limits::RELEASE_WAIT;
use prun_runtime::wire::step::Exit;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use super::Voice;
use crate::commands::ending::{Ending, say};
use crate::controller::api::{ErrorCode, JobView, Refusal, Reply, Request, Submission};
use crate::controller::client::{AsyncClient, ClientError};

/// An allocation, which is there as long as this is.
#[derive(Debug)]
pub(super) struct Granted {
    client: AsyncClient,
    /// The job.
    pub(super) job: Box<JobView>,
    /// The other components of a heterogeneous job.
    others: Vec<JobView>,
}

impl Granted {
    /// The components of the job, the first one first.
    pub(super) fn components(&self) -> Vec<JobView> {
        std::iter::once(&*self.job).chain(&self.others).cloned().collect()
    }

    /// Gives it back with the exit of its command.
    pub(super) async fn release(mut self, exit: Exit) -> Result<(), Ending> {
        let job = self.job.id;
        let release = Request::Release { job, exit };
        match timeout(RELEASE_WAIT, self.client.call_through(&release)).await {
            // It may have ended in between; a controller that is not there ends it when it is back.
            Ok(Ok(_)) | Err(_) => Ok(()),
            Ok(Err(error)) => Err(Ending::unreachable("salloc", &error)),
        }
    }

    /// Lets it outlive this process.
    pub(super) async fn keep(mut self) -> Result<Ending, Ending> {
        let job = self.job.id;
        match self.client.call(Request::Keep { job }).await {
            Ok(Reply::Error(refusal)) => {
                Err(Ending::refused("salloc", "Unable to keep the allocation", &refusal))
            }
            Ok(_) => Ok(Ending::default()),
            Err(error) => Err(Ending::unreachable("salloc", &error)),
        }
    }
}

/// A wait from which on the terminal's bell is rung when it is over, unless it is said otherwise.
const LONG_WAIT: Duration = Duration::from_secs(10);

/// Asks for the allocation and waits for it: `immediate` seconds, if it is given. Ends on a signal.
pub(super) async fn allocate(
    submission: Submission,
    immediate: Option<u32>,
    bell: Option<bool>,
    voice: Voice,
) -> Result<Granted, Ending> {
    let unreachable = |error: ClientError| Ending::unreachable("salloc", &error);
    let mut signals =
        Interrupts::new().map_err(|error| Ending::error(format!("salloc: error: {error}"), 1))?;
    let began = Instant::now();
    let mut client = AsyncClient::connect().await.map_err(unreachable)?;
    client.send(Request::Allocate(Box::new(submission))).await.map_err(unreachable)?;
    let patience =
        immediate.filter(|&seconds| seconds > 0).map(|s| began + Duration::from_secs(u64::from(s)));
    let mut waiting = None;
    loop {
        let reply = tokio::select! {
            reply = hear(&mut client, waiting) => reply.map_err(unreachable)?,
            () = signals.next() => return Err(interrupted(waiting, voice)),
            () = until(patience) => {
                let text = "Unable to allocate resources: Connection timed out";
                return Err(Ending::error(format!("salloc: error: {text}"), 1));
            }
        };
        match reply {
            Reply::Pending { job, .. } if waiting.is_none() => {
                waiting = Some(job);
                voice.info(&format!("Pending job allocation {job}"));
                voice.info(&format!("job {job} queued and waiting for resources"));
            }
            Reply::Pending { .. } => {}
            Reply::Allocated { job, warnings, others } => {
                say(&warnings.iter().map(|line| format!("salloc: warning: {line}")).collect::<Vec<_>>());
                if waiting.is_some() {
                    voice.info(&format!("job {} has been allocated resources", job.id));
                }
                voice.info(&format!("Granted job allocation {}", job.id));
                ring(bell, began.elapsed());
                return Ok(Granted { client, job, others });
            }
            Reply::Error(refusal) => return Err(refused(&refusal, waiting, voice)),
            _ => return Err(Ending::unexpected("salloc")),
        }
    }
}

/// The next reply. Once the job has a number it is waited for through a restart of the controller.
async fn hear(client: &mut AsyncClient, waiting: Option<JobId>) -> Result<Reply, ClientError> {
    match waiting {
        Some(job) => client.next_through(&Request::Reclaim { job }).await,
        None => client.next().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// A job that waited and was cancelled, one that cannot begin at once, and any other refusal.
fn refused(refusal: &Refusal, waiting: Option<JobId>, voice: Voice) -> Ending {
    if let Some(job) = waiting.filter(|_| refusal.code != ErrorCode::NodesBusy) {
        voice.info(&format!("Job allocation {job} has been revoked."));
        voice.info("Job has been cancelled");
    }
    let verb = match refusal.code {
        ErrorCode::NodesBusy => "Unable to allocate resources",
        _ => "Job submit/allocate failed",
    };
    Ending::refused("salloc", verb, refusal)
}

fn interrupted(waiting: Option<JobId>, voice: Voice) -> Ending {
    if let Some(job) = waiting {
        voice.info(&format!("Job allocation {job} has been revoked."));
    }
    voice.info("Job aborted due to signal");
    Ending { code: 1, ..Ending::default() }
}

/// Rings the terminal's bell, after a long wait or if it was asked for.
fn ring(bell: Option<bool>, waited: Duration) {
    let mut stdout = std::io::stdout();
    if bell.unwrap_or(waited >= LONG_WAIT && stdout.is_terminal()) {
        // A terminal that is gone hears nothing.
        let _ = stdout.write_all(b"\x07").and_then(|()| stdout.flush());
    }
}

/// The signals that end the wait.
struct Interrupts {
    hangup: Signal,
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.hangup.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_slurms_words() {
        let voice = Voice { quiet: true };
        let text = |code, detail: &[&str]| {
            let detail = detail.iter().map(|line| (*line).to_owned()).collect();
            refused(&Refusal { code, detail }, None, voice).stderr
        };
        assert_eq!(
            text(ErrorCode::InvalidPartition, &["invalid partition specified: gazev"]),
            [
                "salloc: error: invalid partition specified: gazev",
                "salloc: error: Job submit/allocate failed: Invalid partition name specified"
            ]
        );
        assert_eq!(
            text(ErrorCode::NodesBusy, &[]),
            ["salloc: error: Unable to allocate resources: Requested nodes are busy"]
        );
    }
}
