//! Output as it grows: a job's file, or the logs of a step's ranks. `GET api/jobs/ID/output`, events `output`.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::Sse;
use futures_util::stream::unfold;
use prun_runtime::ids::{JobId, Rank, StepKey};
use serde::Deserialize;
use serde_json::json;

use super::cluster::{event, named, over};
use super::page::{Page, Refused};
use super::text::Text;
use crate::commands::follow::{FollowError, Following};
use crate::controller::api::{JobView, Reply, Request};

/// Which output: `file=stdout|stderr` of the job, or the `rank` of the step in the path, or all of them.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    file: Option<File>,
    rank: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum File {
    Stdout,
    Stderr,
}

/// Follows it until it ends, or the browser looks elsewhere.
pub(super) async fn follow(
    State(page): State<Arc<Page>>,
    Path(job): Path<String>,
    Query(which): Query<Which>,
) -> Result<impl IntoResponse, Refused> {
    let named = named(&job)?;
    let output = match (named.step, which.file) {
        (Some(step), None) => {
            let key = StepKey { job: named.job.job, step };
            Following::step(&page.controller, key, which.rank.map(Rank)).await
        }
        (None, Some(file)) => Following::file(path(&page, named.job.job, file).await?),
        _ => return Err(Refused::new(StatusCode::BAD_REQUEST, "name a step, or a file of a job")),
    };
    let output = output.map_err(|error| refused(&error))?;
    let events = unfold(Some((output, Text::default())), |following| async move {
        let (mut output, mut text) = following?;
        let (event, rest) = match output.next().await {
            Ok(Some(bytes)) => (event("output", &json!({ "text": text.push(&bytes) })), Some((output, text))),
            Ok(None) => (over("ended"), None),
            Err(error) => (over(&error.chain()), None),
        };
        Some((Ok::<_, std::convert::Infallible>(event), rest))
    });
    Ok(Sse::new(events))
}

fn refused(error: &FollowError) -> Refused {
    let status = match error {
        FollowError::Client(_) => StatusCode::BAD_GATEWAY,
        FollowError::Refused(_) | FollowError::NoRank { .. } => StatusCode::CONFLICT,
        _ => StatusCode::NOT_FOUND,
    };
    Refused::new(status, error.chain())
}

/// The file that a job writes to. Only the controller says which it is: no path comes from the browser.
async fn path(page: &Page, job: JobId, file: File) -> Result<PathBuf, Refused> {
    let view: Box<JobView> = match page.ask(Request::WatchJob { job }).await? {
        Reply::Job(view) | Reply::Ended { job: view } => view,
        _ => return Err(Refused::unexpected()),
    };
    let path = match file {
        File::Stdout => &view.stdout,
        File::Stderr => &view.stderr,
    };
    if path.is_empty() {
        return Err(Refused::new(StatusCode::NOT_FOUND, "this job has no output file"));
    }
    Ok(PathBuf::from(path))
}
