//! What the page sees of the cluster: pictures as the controller tells of changes, one job as it goes, and the past.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use futures_util::stream::{Stream, unfold};
use prun_runtime::limits::WEB_HISTORY_JOBS_MAX;
use serde_json::{Value, json};

use super::page::{Page, Refused};
use crate::commands::clock::Clock;
use crate::commands::http::said;
use crate::commands::jobref::Named;
use crate::controller::api::{JobView, Reply, Request};
use crate::controller::client::AsyncClient;
use crate::view::web::picture;

/// Events until the link to the controller ends; the last one says why it did.
type Events = Result<Sse<stream::Boxed>, Refused>;

mod stream {
    use super::{Event, Infallible, Stream};
    use std::pin::Pin;

    /// Events whose making nobody needs to know.
    pub(super) type Boxed = Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>;
}

/// An event with data.
pub(super) fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

/// What a link brings next.
enum Link {
    Open(Box<AsyncClient>, Option<u64>),
    Closed,
}

/// `GET api/cluster`: events `cluster`, one for each picture of it.
pub(super) async fn watch(State(page): State<Arc<Page>>) -> Events {
    let client = AsyncClient::connect_to(&page.controller).await?;
    let events = unfold(Link::Open(Box::new(client), None), |link| async move {
        let Link::Open(mut client, seen) = link else { return None };
        let (event, link) = match client.call(Request::WatchCluster { seen }).await {
            Ok(Reply::Cluster(view)) => {
                let told = event("cluster", &picture::cluster(&view, Clock::system().now));
                (told, Link::Open(client, Some(view.seen)))
            }
            Ok(Reply::Error(refusal)) => (over(refusal.code.text()), Link::Closed),
            Ok(_) => (over("Unexpected message received"), Link::Closed),
            Err(error) => (over(&said(&error)), Link::Closed),
        };
        Some((Ok(event), link))
    });
    Ok(Sse::new(Box::pin(events)))
}

/// `GET api/jobs/ID`: events `job` for a job as it goes, at last `ended`.
pub(super) async fn watch_job(State(page): State<Arc<Page>>, Path(job): Path<String>) -> Events {
    let job = named(&job)?.job.job;
    let mut client = AsyncClient::connect_to(&page.controller).await?;
    let first = match client.call(Request::WatchJob { job }).await? {
        Reply::Error(refusal) => return Err(Refused::by_controller(&refusal)),
        reply => reply,
    };
    let events = unfold((Link::Open(Box::new(client), None), Some(first)), |(link, first)| async move {
        let Link::Open(mut client, seen) = link else { return None };
        let reply = match first {
            Some(reply) => Ok(reply),
            None => client.next().await,
        };
        let (event, link) = match reply {
            Ok(Reply::Job(view)) => (of_job("job", &view), Link::Open(client, seen)),
            Ok(Reply::Ended { job }) => (of_job("ended", &job), Link::Closed),
            Ok(_) => (over("Unexpected message received"), Link::Closed),
            Err(error) => (over(&said(&error)), Link::Closed),
        };
        Some((Ok(event), (link, None)))
    });
    Ok(Sse::new(Box::pin(events)))
}

fn of_job(name: &str, view: &JobView) -> Event {
    event(name, &picture::job(view, Clock::system().now))
}

/// The last event of a link that broke.
pub(super) fn over(why: &str) -> Event {
    event("over", &json!({ "errors": [{ "description": why }] }))
}

/// `GET api/jobs`: jobs that have ended, the last first, as `sacct --json` has them.
pub(super) async fn history(State(page): State<Arc<Page>>) -> Result<Json<Value>, Refused> {
    let Reply::Jobs(mut jobs) = page.ask(Request::Jobs { history: true }).await? else {
        return Err(Refused::unexpected());
    };
    jobs.retain(|job| job.state.has_ended());
    jobs.sort_by(|a, b| b.end_time.unwrap_or(0.0).total_cmp(&a.end_time.unwrap_or(0.0)));
    let left_out = jobs.len().saturating_sub(WEB_HISTORY_JOBS_MAX);
    jobs.truncate(WEB_HISTORY_JOBS_MAX);
    let now = Clock::system().now;
    let jobs: Vec<Value> = jobs.iter().map(|view| picture::job(view, now)).collect();
    Ok(Json(json!({ "now": now, "jobs": jobs, "jobs_left_out": left_out })))
}

/// A job as its name in the path says.
pub(super) fn named(text: &str) -> Result<Named, Refused> {
    Named::parse(text).ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, format!("`{text}` names no job")))
}
