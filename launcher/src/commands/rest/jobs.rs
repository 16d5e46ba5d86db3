//! Jobs of the queue: `GET jobs`, `GET jobs/state`, `GET` and `POST job/{job_id}`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Api, Sent};
use super::describe::Changes;
use super::submit::wrong;
use crate::commands::clock::Clock;
use crate::commands::jobref::{Named, split_list};
use crate::commands::{facts, json};
use crate::controller::api::{Action, ErrorCode, JobView, Refusal, Reply, Request};

/// Every job that `squeue` would see.
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(answer(&api.jobs(false).await?))
}

/// One job, or all that an array has become.
pub(super) async fn one(State(api): State<Arc<Api>>, Path(job): Path<String>) -> Result<Answer, Answer> {
    let wanted = named(&job, "op_handler_job")?;
    let mut jobs = api.jobs(false).await?;
    jobs.retain(|job| wanted.matches(job));
    if jobs.is_empty() {
        let refusal = Refusal { code: ErrorCode::InvalidJobId, detail: Vec::new() };
        return Err(answer(&jobs).refuse(
            &format!("Unable to query JobId={job}"),
            &refusal,
            "_handle_job_get",
        ));
    }
    Ok(answer(&jobs))
}

fn answer(jobs: &[JobView]) -> Answer {
    // Nothing is looked at in turns: what is told is as it is now.
    let now = json::number(Some(Clock::system().now as u64));
    let records: Vec<Value> = jobs.iter().map(json::job).collect();
    Answer::of("jobs", records).and("last_backfill", now.clone()).and("last_update", now)
}

/// States alone, of each element that waits too.
pub(super) async fn states(
    State(api): State<Arc<Api>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Answer, Answer> {
    let wanted: Vec<Named> = match query.get("job_id") {
        None => Vec::new(),
        Some(list) => split_list(list)
            .iter()
            .map(|job| named(job, "op_handler_job_states"))
            .collect::<Result<_, _>>()?,
    };
    let mut jobs = api.jobs(false).await?;
    jobs.retain(|job| wanted.is_empty() || wanted.iter().any(|wanted| wanted.matches(job)));
    Ok(Answer::of("jobs", jobs.iter().flat_map(state_of).collect::<Vec<_>>()))
}

fn state_of(job: &JobView) -> Vec<Value> {
    let entry = |name: String| json!({ "job_id": name, "state": [job.state.long()] });
    match &job.array {
        Some(array) if array.element.is_none() => {
            array.elements.iter().map(|element| entry(format!("{}_{element}", array.id))).collect()
        }
        _ => vec![entry(facts::component_id(job))],
    }
}

/// Changes a job, as `scontrol update` does, holds it or releases it.
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Path(job): Path<String>,
    Sent(sent): Sent,
) -> Result<Answer, Answer> {
    const SOURCE: &str = "slurm_update_job2()";
    let wanted = named(&job, "op_handler_job")?.job;
    let changes = Changes::read(sent.as_object().unwrap_or(&serde_json::Map::new())).map_err(wrong)?;
    let hold = changes.hold.map(|hold| Request::Act {
        job: wanted.clone(),
        action: if hold { Action::Hold } else { Action::Release },
    });
    let update = (!changes.changes.is_empty() || hold.is_none())
        .then_some(Request::UpdateJob { job: wanted, changes: changes.changes });
    for request in update.into_iter().chain(hold) {
        match api.ask(request).await {
            Ok(Reply::Done) => {}
            Ok(_) => return Err(Answer::unexpected(SOURCE)),
            Err(no) => {
                return Err(no.answer("Job update requested failed", SOURCE).and("results", Value::Null));
            }
        }
    }
    Ok(Answer::of("results", Value::Null).warn_all(changes.warnings))
}

/// A job as it stands in a path or list.
pub(super) fn named(text: &str, source: &str) -> Result<Named, Answer> {
    Named::parse(text)
        .ok_or_else(|| Answer::invalid(&format!("Rejecting request. `{text}` names no job"), source))
}
