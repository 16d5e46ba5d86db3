//! Ends jobs or signals them: `DELETE job/{job_id}`, `DELETE jobs`. Each job has an entry of its own in the answer,
//! with what is wrong with it, as `slurm_kill_jobs()` gives it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::api::{Api, Sent};
use super::jobs::named;
use super::value::texts;
use super::{errno, submit};
use crate::commands::jobref::Named;
use crate::commands::{json, states};
use crate::controller::api::{ErrorCode, JobRef, JobState, Reply, Request, SignalFilter, SignalRequest};
use crate::script::options::values;

/// One job.
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path(job): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Answer, Answer> {
    let Named { job: wanted, step } = named(&job, "op_handler_job")?;
    let flags =
        query.get("flags").map(|flags| flags.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let how = How::read(query.get("signal").map(String::as_str), flags)?;
    how.send(&api, vec![wanted], step, SignalFilter::default()).await
}

/// Jobs by number, or all that the other fields leave.
pub(super) async fn several(State(api): State<Arc<Api>>, Sent(sent): Sent) -> Result<Answer, Answer> {
    let none = Map::new();
    let fields = sent.as_object().unwrap_or(&none);
    let list = |field: &str| match fields.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value) => texts(value).map_err(|wrong| submit::wrong(wrong.at("#", field))),
    };
    let text = |field: &str| fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let jobs = list("jobs")?.iter().map(|job| named(job, "#/jobs/")).collect::<Result<Vec<_>, _>>()?;
    let filter = SignalFilter {
        name: text("job_name").map(str::to_owned),
        partition: text("partition").map(str::to_owned),
        account: text("account").map(str::to_owned),
        qos: text("qos").map(str::to_owned),
        state: state(&list("job_state")?)?,
        user: text("user_name").or(text("user_id")).map(str::to_owned),
        nodes: list("nodes")?,
        reservation: text("reservation").map(str::to_owned),
        wckey: text("wckey").map(str::to_owned),
    };
    if jobs.is_empty() && filter == SignalFilter::default() {
        return Err(Answer::invalid("name jobs, or say which: all of them is too many", "op_handler_jobs"));
    }
    let how = How::read(text("signal"), list("flags")?)?;
    how.send(&api, jobs.into_iter().map(|named| named.job).collect(), None, filter).await
}

/// The state that jobs must be in.
fn state(words: &[String]) -> Result<Option<JobState>, Answer> {
    let Some(word) = words.first() else { return Ok(None) };
    let unknown = || Answer::invalid(&format!("`{word}` is no state of a job"), "#/job_state/");
    Ok(Some(states::parse(word).ok_or_else(unknown)?.unwrap_or(JobState::Requeued)))
}

/// What is sent to whom of a job.
#[derive(Debug)]
struct How {
    signal: Option<i32>,
    batch: bool,
    full: bool,
}

impl How {
    fn read(signal: Option<&str>, flags: Vec<String>) -> Result<Self, Answer> {
        let has = |wanted: &[&str]| flags.iter().any(|flag| wanted.contains(&flag.to_uppercase().as_str()));
        let (batch, full) = (has(&["BATCH_JOB"]), has(&["FULL_JOB", "FULL_STEPS_ONLY"]));
        let signal = match signal {
            None => None,
            Some(word) => Some(values::signal(word).ok_or_else(|| {
                let text = format!("Unknown signal {word}");
                Answer::empty().fail(StatusCode::BAD_REQUEST, &text, errno::NO_ERROR, "#/signal/")
            })?),
        };
        // KILL for the whole job ends it, as without a signal.
        Ok(Self { signal: signal.filter(|&number| number != 9 || batch || full), batch, full })
    }

    async fn send(
        self,
        api: &Api,
        jobs: Vec<JobRef>,
        step: Option<prun_runtime::ids::StepId>,
        filter: SignalFilter,
    ) -> Result<Answer, Answer> {
        let Self { signal, batch, full } = self;
        match api.ask(Request::Signal(SignalRequest { jobs, step, signal, batch, full, filter })).await {
            Ok(Reply::Signalled(results)) => {
                let status: Vec<Value> = results.iter().map(|(job, error)| entry(job, *error)).collect();
                Ok(Answer::of("status", status))
            }
            Ok(_) => Err(Answer::unexpected("slurm_kill_jobs()")),
            Err(no) => Err(no.answer("Unable to signal jobs", "slurm_kill_jobs()")),
        }
    }
}

fn entry(job: &str, error: Option<ErrorCode>) -> Value {
    let (code, text) = error.map_or((0, ""), |code| (errno::of(code), code.text()));
    let known = Named::parse(job).filter(|_| error != Some(ErrorCode::InvalidJobId));
    json!({
        "error": { "string": text, "code": code, "message": text },
        "step_id": job,
        "job_id": json::number(known.map(|named| u64::from(named.job.job.0))),
        "federation": { "sibling": "" },
    })
}
