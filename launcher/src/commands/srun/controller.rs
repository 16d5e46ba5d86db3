//! What srun asks of the controller: a step in a job, or a job of its own for one step.

use prun_runtime::ids::JobId;
use prun_runtime::limits::RELEASE_WAIT;
use prun_runtime::wire::step::Exit;
use serde_bytes::ByteBuf;
use tokio::time::timeout;

use super::refused::Refused;
use super::{SIGNALS, line, step};
use crate::commands::submit::{own_variables, submitter};
use crate::controller::api::{
    ErrorCode, JobView, Refusal, Reply, Request as Ask, StepCreated, StepRequest, Submission, Submitter,
};
use crate::controller::client::{AsyncClient, ClientError};
use crate::fanout::signals::{SIGWINCH, Signals};
use crate::script::options::Request;
use line::{Asked, Part};

/// A controller and a user that wait for the same thing.
struct Talk {
    client: AsyncClient,
    signals: Signals,
    quiet: bool,
    /// What is asked when the controller has been away: what is waited for goes on.
    again: Option<Ask>,
}

/// What ends waiting for the controller.
enum Heard {
    Reply(Reply),
    Signal(i32),
}

/// Runs what was asked; gives the exit code.
pub(super) async fn run(asked: Asked) -> Result<u8, Refused> {
    let signals = Signals::catch(&SIGNALS)
        .map_err(|error| Refused::error(&format!("cannot catch signals: {error}")))?;
    let client = AsyncClient::connect().await.map_err(|error| Refused::link(&error))?;
    let mut talk = Talk { client, signals, quiet: asked.request.flags.quiet, again: None };
    if asked.request.flags.test_only {
        return talk.test_only(&asked).await;
    }
    match asked.job {
        Some(job) => {
            let created = talk.create_step(job, &asked).await?;
            let exit = step::run(&asked, &created, &[], &mut talk.client, &mut talk.signals).await?;
            Ok(exit.code)
        }
        None => talk.alone(&asked).await,
    }
}

fn submission(asked: &Asked) -> Submission {
    Submission {
        components: asked.components().map(|(request, _)| request.job.clone()).collect(),
        script: None,
        env: own_variables(),
        submitter: Submitter {
            command_line: asked.command_line.clone(),
            ..submitter("srun", &[], asked.request.job.propagate.as_deref())
        },
        streams: false,
    }
}

/// The step in a job, and with it in the other components of the job.
fn step_request(job: JobId, asked: &Asked) -> StepRequest {
    let of = |job: JobId, request: &Request, argv: &[ByteBuf]| StepRequest {
        job,
        spec: request.job.clone(),
        step: request.step.clone(),
        name: request.job.name.clone().unwrap_or_else(|| line::program_name(argv)),
        command_line: asked.command_line.clone(),
        immediate: asked.request.job.immediate.is_some(),
        others: Vec::new(),
    };
    let other = |part: &Part| Some(of(part.job?, &part.request, &part.argv));
    StepRequest {
        others: asked.parts.iter().filter_map(other).collect(),
        ..of(job, &asked.request, &asked.argv)
    }
}

impl Talk {
    /// A job for one step, given back at its end.
    async fn alone(&mut self, asked: &Asked) -> Result<u8, Refused> {
        let (job, others) = self.allocate(asked).await?;
        let mut asked = asked.clone();
        for (part, other) in asked.parts.iter_mut().zip(&others) {
            part.job = Some(other.id);
        }
        let outcome = match self.create_step(job.id, &asked).await {
            Ok(created) => {
                let components: Vec<JobView> = std::iter::once(*job.clone()).chain(others).collect();
                step::run(&asked, &created, &components, &mut self.client, &mut self.signals).await
            }
            Err(refused) => Err(refused),
        };
        let exit = match &outcome {
            Ok(exit) => exit.exit,
            Err(refused) => Exit { code: refused.code.into(), ..Exit::default() },
        };
        // A job that is gone already needs no giving back, and a controller that is not there ends it when it is back.
        let release = Ask::Release { job: job.id, exit };
        let _ = timeout(RELEASE_WAIT, self.client.call_through(&release)).await;
        outcome.map(|exit| exit.code)
    }

    async fn allocate(&mut self, asked: &Asked) -> Result<(Box<JobView>, Vec<JobView>), Refused> {
        let mut pending = None;
        let immediate = asked.request.job.immediate.is_some();
        self.send(Ask::Allocate(Box::new(submission(asked)))).await?;
        loop {
            match self.hear().await? {
                Heard::Reply(Reply::Pending { job, .. }) => {
                    if pending.is_none() {
                        self.inform(&format!("job {job} queued and waiting for resources"));
                    }
                    pending = Some(job);
                    self.again = Some(Ask::Reclaim { job });
                }
                Heard::Reply(Reply::Allocated { job, warnings, others }) => {
                    if pending.is_some() {
                        self.inform(&format!("job {} has been allocated resources", job.id));
                    }
                    self.warn(&warnings);
                    return Ok((job, others));
                }
                Heard::Reply(Reply::Error(refusal)) => {
                    return Err(not_allocated(pending.is_some(), immediate, &refusal));
                }
                Heard::Reply(_) => return Err(unexpected()),
                Heard::Signal(_) => {
                    if let Some(job) = pending {
                        self.inform(&format!("Job allocation {job} has been revoked"));
                        self.inform(&format!("Force Terminated JobId={job}"));
                    }
                    return Err(Refused::silent(1));
                }
            }
        }
    }

    async fn create_step(&mut self, job: JobId, asked: &Asked) -> Result<StepCreated, Refused> {
        let ask = Ask::CreateStep(Box::new(step_request(job, asked)));
        self.again = asked.job.map(|_| ask.clone());
        self.send(ask).await?;
        let mut pending = false;
        loop {
            match self.hear().await? {
                Heard::Reply(Reply::Pending { .. }) => {
                    if !pending {
                        let busy = ErrorCode::StepsBusy.text();
                        self.inform(&format!(
                            "Job {job} step creation temporarily disabled, retrying ({busy})"
                        ));
                    }
                    pending = true;
                }
                Heard::Reply(Reply::StepCreated(created)) => {
                    if pending {
                        self.inform(&format!("Step created for StepId={}", created.key));
                    }
                    self.warn(&created.warnings);
                    return Ok(*created);
                }
                Heard::Reply(Reply::Error(refusal)) if pending => return Err(no_step(job, &refusal)),
                Heard::Reply(Reply::Error(refusal)) => return Err(not_in_job(job, &refusal)),
                Heard::Reply(_) => return Err(unexpected()),
                Heard::Signal(signal) => {
                    self.inform(&format!("Cancelled pending job step with signal {signal}"));
                    let gone = Refusal { code: ErrorCode::AlreadyDone, detail: Vec::new() };
                    return Err(no_step(job, &gone));
                }
            }
        }
    }

    async fn test_only(&mut self, asked: &Asked) -> Result<u8, Refused> {
        self.send(Ask::TestOnly(Box::new(submission(asked)))).await?;
        match self.hear().await? {
            Heard::Reply(Reply::WouldStart { job, at, cpus, nodes, partition }) => {
                let at = jiff::Timestamp::from_second(at)
                    .map(|at| {
                        at.to_zoned_datetime(crate::local_time::zone())
                            .strftime("%Y-%m-%dT%H:%M:%S")
                            .to_string()
                    })
                    .unwrap_or_default();
                eprintln!(
                    "srun: Job {job} to start at {at} using {cpus} processors on nodes {nodes} in partition {partition}"
                );
                Ok(0)
            }
            Heard::Reply(Reply::Error(refusal)) => {
                let mut refused = Refused::errors(&refusal.detail);
                refused.lines.push(format!("allocation failure: {}", refusal.code.text()));
                Err(refused)
            }
            Heard::Reply(_) => Err(unexpected()),
            Heard::Signal(_) => Err(Refused::silent(1)),
        }
    }

    async fn send(&mut self, ask: Ask) -> Result<(), Refused> {
        self.client.send(ask).await.map_err(|error| Refused::link(&error))
    }

    /// The next reply, or a signal that comes before it.
    async fn hear(&mut self) -> Result<Heard, Refused> {
        loop {
            tokio::select! {
                reply = next(&mut self.client, self.again.as_ref()) => {
                    return reply.map(Heard::Reply).map_err(|error| Refused::link(&error));
                }
                signal = self.signals.next() => {
                    if signal != SIGWINCH {
                        return Ok(Heard::Signal(signal));
                    }
                }
            }
        }
    }

    fn inform(&self, line: &str) {
        if !self.quiet {
            eprintln!("srun: {line}");
        }
    }

    fn warn(&self, warnings: &[String]) {
        // `--quiet` does not cover them.
        for warning in warnings {
            eprintln!("srun: {warning}");
        }
    }
}

async fn next(client: &mut AsyncClient, again: Option<&Ask>) -> Result<Reply, ClientError> {
    match again {
        Some(again) => client.next_through(again).await,
        None => client.next().await,
    }
}

fn unexpected() -> Refused {
    Refused::link(&ClientError::Closed)
}

/// No allocation. Who is not served at once ends with a code of its own (`SLURM_EXIT_IMMEDIATE`).
fn not_allocated(pending: bool, immediate: bool, refusal: &Refusal) -> Refused {
    const VERB: &str = "Unable to allocate resources";
    if pending && matches!(refusal.code, ErrorCode::Revoked | ErrorCode::AlreadyDone) {
        let gone = Refusal { code: ErrorCode::AlreadyDone, detail: refusal.detail.clone() };
        let mut refused = Refused::by_controller(VERB, &gone);
        refused.lines.insert(0, "srun: Job has been cancelled".to_owned());
        return refused;
    }
    let mut refused = Refused::by_controller(VERB, refusal);
    if immediate && refusal.code == ErrorCode::NodesBusy {
        refused.code = super::refused::immediate_code();
    }
    refused
}

/// A job that cannot have steps at all; or no place in it for this one.
fn not_in_job(job: JobId, refusal: &Refusal) -> Refused {
    let mut refused = match refusal.code {
        ErrorCode::InvalidJobId | ErrorCode::JobPending => {
            Refused::by_controller(&format!("Unable to confirm allocation for job {job}"), refusal)
        }
        ErrorCode::AlreadyDone => Refused::error(&format!("Slurm job {job} has expired")),
        _ => return no_step(job, refusal),
    };
    let hint = format!("srun: Check SLURM_JOB_ID environment variable. Expired or invalid job {job}");
    refused.lines.push(hint);
    refused
}

/// What `srun` itself finds wrong has no more to it than its own lines.
fn no_step(job: JobId, refusal: &Refusal) -> Refused {
    match refusal.code {
        ErrorCode::StepOptions if !refusal.detail.is_empty() => Refused::errors(&refusal.detail),
        _ => Refused::by_controller(&format!("Unable to create step for job {job}"), refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_said_as_slurm_does() {
        let refusal = |code, detail: &[&str]| Refusal {
            code,
            detail: detail.iter().map(|line| (*line).to_owned()).collect(),
        };
        let lines = |refused: Refused| refused.lines;
        assert_eq!(
            lines(no_step(JobId(7), &refusal(ErrorCode::NodeConfig, &[]))),
            ["srun: error: Unable to create step for job 7: Requested node configuration is not available"]
        );
        let hint = "srun: Check SLURM_JOB_ID environment variable. Expired or invalid job 7";
        for (code, line) in [
            (ErrorCode::InvalidJobId, "Unable to confirm allocation for job 7: Invalid job id specified"),
            (ErrorCode::JobPending, "Unable to confirm allocation for job 7: Job is pending execution"),
            (ErrorCode::AlreadyDone, "Slurm job 7 has expired"),
        ] {
            let expected = [format!("srun: error: {line}"), hint.to_owned()];
            assert_eq!(lines(not_in_job(JobId(7), &refusal(code, &[]))), expected);
        }
        let own = refusal(ErrorCode::StepOptions, &["Only allocated 2 nodes asked for 3"]);
        assert_eq!(lines(not_in_job(JobId(7), &own)), ["srun: error: Only allocated 2 nodes asked for 3"]);
        assert_eq!(
            lines(not_allocated(
                false,
                false,
                &refusal(ErrorCode::InvalidPartition, &["invalid partition specified: x"])
            )),
            [
                "srun: error: invalid partition specified: x",
                "srun: error: Unable to allocate resources: Invalid partition name specified",
            ]
        );
        assert_eq!(
            lines(not_allocated(true, false, &refusal(ErrorCode::AlreadyDone, &[])))[0],
            "srun: Job has been cancelled"
        );
    }
}
