//! Jobs of the past: `GET /slurmdb/…/jobs` and `job/{job_id}`. What may be asked is what `sacct` may be asked, and is read
//! by its own table.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde_json::Value;

use super::answer::Answer;
use super::api::Api;
use super::errno;
use super::jobs::named;
use crate::commands::clock::Clock;
use crate::commands::sacct::options::Query as Sacct;
use crate::commands::{json, users};
use crate::controller::api::JobView;

/// A parameter of the path's query, and the option of `sacct` that it is.
const PARAMETERS: &[(&str, &str)] = &[
    ("account", "accounts"),
    ("end_time", "endtime"),
    ("groups", "group"),
    ("job_name", "name"),
    ("node", "nodelist"),
    ("partition", "partition"),
    ("qos", "qos"),
    ("start_time", "starttime"),
    ("state", "state"),
    ("step", "jobs"),
    ("users", "user"),
    ("wckey", "wckeys"),
];

/// Jobs of the time asked for; without one, all that are remembered.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Answer, Answer> {
    let words = words(&query);
    let clock = Clock::system();
    let wanted = Sacct::read(&words, &|_| None, &users::uid_of, &clock)
        .map_err(|ending| Answer::invalid(&ending.stderr.join(": "), "slurmdb_jobs_get()"))?;
    let mut jobs = api.jobs(true).await?;
    jobs.retain(|job| wanted.filter.job(job));
    Ok(answer(&jobs, clock.now))
}

/// One job, or the elements of an array.
pub(super) async fn one(State(api): State<Arc<Api>>, Path(job): Path<String>) -> Result<Answer, Answer> {
    let wanted = named(&job, "op_handler_job")?;
    let mut jobs = api.jobs(true).await?;
    jobs.retain(|job| wanted.matches(job));
    Ok(answer(&jobs, Clock::system().now))
}

fn answer(jobs: &[JobView], now: f64) -> Answer {
    let records: Vec<Value> = jobs.iter().map(|job| json::accounting_job(job, now)).collect();
    let answer = Answer::of("jobs", records);
    if jobs.is_empty() { answer.warn(errno::EMPTY_RESULT.1, "slurmdb_jobs_get()") } else { answer }
}

/// The words of `sacct` that ask for the same.
fn words(query: &HashMap<String, String>) -> Vec<String> {
    let given = |(parameter, option): &(&str, &str)| {
        let value = query.get(*parameter).filter(|value| !value.is_empty())?;
        Some(format!("--{option}={}", if option.ends_with("time") { second(value) } else { value.clone() }))
    };
    let mut words: Vec<String> = PARAMETERS.iter().filter_map(given).collect();
    if !query.contains_key("start_time") {
        words.push("--starttime=1970-01-02".to_owned());
    }
    words
}

/// A time as `sacct` reads it, of one that may be in Unix seconds.
fn second(value: &str) -> String {
    let stamp = value.parse::<i64>().ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let Some(stamp) = stamp else { return value.to_owned() };
    stamp.to_zoned_datetime(crate::local_time::zone()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_options_of_sacct_and_all_of_them_are_read() {
        let query = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<HashMap<_, _>>()
        };
        assert_eq!(words(&query(&[])), ["--starttime=1970-01-02"]);
        assert_eq!(
            words(&query(&[
                ("users", "ada"),
                ("start_time", "2026-01-02"),
                ("state", "FAILED"),
                ("account", "")
            ])),
            ["--starttime=2026-01-02", "--state=FAILED", "--user=ada"]
        );
        let of = |parameter: &str| match parameter {
            "start_time" | "end_time" => "1700000000",
            "state" => "FAILED",
            "node" => "n[1-2]",
            "step" => "12",
            _ => "0",
        };
        for (parameter, _) in PARAMETERS {
            let words = words(&query(&[(parameter, of(parameter))]));
            let read = Sacct::read(&words, &|_| None, &|_| Some(0), &Clock::system());
            assert!(read.is_ok(), "{words:?}");
        }
    }
}
