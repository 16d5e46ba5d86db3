//! The cluster as a whole: `ping`, `diag`, `reconfigure`; and what Slurm has that there is none of here: reservations,
//! licences, shares.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::api::Api;
use super::errno;
use crate::commands::clock::Clock;
use crate::commands::json;
use crate::commands::sdiag::Counts;
use crate::controller::api::{Reply, Request};

/// Whether there is a controller.
pub(super) async fn ping(State(api): State<Arc<Api>>) -> Answer {
    let asked = Instant::now();
    let host = match api.ask(Request::Ping).await {
        Ok(Reply::Pong { host }) => Some(host),
        _ => None,
    };
    let up = host.is_some();
    let latency_micros = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
    Answer::of(
        "pings",
        json!([{
            "hostname": host.unwrap_or_default(), "pinged": if up { "UP" } else { "DOWN" }, "responding": up,
            "latency": latency_micros, "mode": "primary", "primary": true,
        }]),
    )
}

/// Jobs by what became of them. There are no cycles, threads and queues of a daemon to be counted.
pub(super) async fn diag(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    let jobs = api.jobs(true).await?;
    let counts = Counts::of(&jobs);
    let now = Clock::system().now;
    let second = |time: f64| json::number(Some(time as u64));
    Ok(Answer::of(
        "statistics",
        json!({
            "req_time": second(now), "req_time_start": second(counts.since.unwrap_or(now)), "job_states_ts": second(now),
            "jobs_submitted": counts.submitted, "jobs_started": counts.started, "jobs_completed": counts.completed,
            "jobs_canceled": counts.cancelled, "jobs_failed": counts.failed, "jobs_pending": counts.pending,
            "jobs_running": counts.running, "schedule_queue_length": counts.queue, "parts_packed": 0,
            "server_thread_count": 1, "agent_queue_size": 0, "agent_count": 0, "agent_thread_count": 0,
            "dbd_agent_queue_size": 0, "bf_active": false, "rpcs_by_message_type": [], "rpcs_by_user": [],
            "pending_rpcs": [], "pending_rpcs_by_hostlist": [],
        }),
    ))
}

/// Done before it is asked for: who wants other nodes starts the cluster with another configuration.
pub(super) async fn reconfigure(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    match api.ask(Request::Ping).await {
        Ok(_) => Ok(Answer::empty()),
        Err(no) => Err(no.answer("slurm_reconfigure() failed", "slurm_reconfigure()")),
    }
}

/// None.
pub(super) async fn reservations() -> Answer {
    Answer::of("reservations", Value::Array(Vec::new())).and("last_update", json::number(Some(0)))
}

/// Not there.
pub(super) async fn reservation(Path(name): Path<String>) -> Answer {
    let text = format!("Unable to query reservation {name}");
    Answer::empty().fail(StatusCode::NOT_FOUND, &text, errno::NO_ERROR, "slurm_load_reservations()")
}

/// None.
pub(super) async fn licenses() -> Answer {
    let answer = Answer::of("licenses", Value::Array(Vec::new())).and("last_update", json::number(Some(0)));
    answer.warn("Zero licenses to dump", "")
}

/// None: a cluster has one user.
pub(super) async fn shares() -> Answer {
    Answer::of("shares", json!({ "shares": [], "total_shares": 0 })).warn("a cluster is its user's own", "")
}
