//! What a user does to a job: `POST api/jobs/ID/VERB`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::cluster::named;
use super::page::{Page, Refused};
use crate::commands::jobref::Named;
use crate::controller::api::{Action, Reply, Request, SignalFilter, SignalRequest};

/// Cancels, holds or releases a job, some elements of an array, or (cancel alone) a step.
pub(super) async fn act(
    State(page): State<Arc<Page>>,
    Path((job, verb)): Path<(String, String)>,
) -> Result<Json<Value>, Refused> {
    let named = named(&job)?;
    let request = request(&verb, named).ok_or_else(|| {
        Refused::new(StatusCode::BAD_REQUEST, format!("`{verb}` cannot be done to `{job}`"))
    })?;
    match page.ask(request).await? {
        Reply::Done => Ok(Json(json!({ "job": job }))),
        Reply::Signalled(results) => match results.into_iter().find_map(|(_, code)| code) {
            None => Ok(Json(json!({ "job": job }))),
            Some(code) => Err(Refused::new(StatusCode::CONFLICT, code.text())),
        },
        _ => Err(Refused::unexpected()),
    }
}

fn request(verb: &str, named: Named) -> Option<Request> {
    let act = |action| named.step.is_none().then(|| Request::Act { job: named.job.clone(), action });
    match verb {
        "hold" => act(Action::Hold),
        "release" => act(Action::Release),
        "cancel" => Some(Request::Signal(SignalRequest {
            jobs: vec![named.job],
            step: named.step,
            signal: None,
            batch: false,
            full: false,
            filter: SignalFilter::default(),
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_cancelled_but_not_held() {
        let of = |verb: &str, job: &str| request(verb, Named::parse(job).unwrap());
        assert!(matches!(of("cancel", "12.0"), Some(Request::Signal(SignalRequest { step: Some(_), .. }))));
        assert!(matches!(of("hold", "12_3"), Some(Request::Act { action: Action::Hold, .. })));
        assert!(of("hold", "12.0").is_none() && of("requeue", "12").is_none());
    }
}
