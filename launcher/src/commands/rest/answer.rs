//! Answers as Slurm's server gives them: records under their name, and beside them `meta`, `errors` and `warnings`.
//!
//! A handler says what it knows; who asked, and what this server is, is put to it on the way out ([`complete`]).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::api::Api;
use super::errno;
use crate::controller::api::{ErrorCode, Refusal};
use crate::controller::client::ClientError;

/// What a handler has to say.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: StatusCode,
    records: Map<String, Value>,
    errors: Vec<Value>,
    warnings: Vec<Value>,
}

impl Answer {
    /// One without records.
    pub(super) fn empty() -> Self {
        Self { status: StatusCode::OK, records: Map::new(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// Records under their name.
    pub(super) fn of(name: &str, records: impl Into<Value>) -> Self {
        Self::empty().and(name, records)
    }

    /// Puts more to it.
    #[must_use]
    pub(super) fn and(mut self, name: &str, records: impl Into<Value>) -> Self {
        self.records.insert(name.to_owned(), records.into());
        self
    }

    /// Puts a warning to it, and where it comes from: a field of the request, or what was called.
    #[must_use]
    pub(super) fn warn(mut self, description: &str, source: &str) -> Self {
        self.warnings.push(json!({ "description": description, "source": source }));
        self
    }

    /// Puts warnings to it that are there already.
    #[must_use]
    pub(super) fn warn_all(mut self, warnings: Vec<Value>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Puts an error to it, with the status that goes with it.
    #[must_use]
    pub(super) fn fail(
        mut self,
        status: StatusCode,
        description: &str,
        error: (i32, &str),
        source: &str,
    ) -> Self {
        let (number, text) = error;
        self.status = status;
        self.errors.push(json!({
            "description": description, "error_number": number, "error": text, "source": source,
        }));
        self
    }

    /// Puts the controller's refusal to it.
    #[must_use]
    pub(super) fn refuse(self, description: &str, refusal: &Refusal, source: &str) -> Self {
        let status = match refusal.code {
            ErrorCode::InvalidJobId => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut lines = refusal.detail.clone();
        lines.insert(0, description.to_owned());
        let error = (errno::of(refusal.code), refusal.code.text());
        self.fail(status, &lines.join(": "), error, source)
    }

    /// A request that cannot be understood.
    pub(super) fn invalid(description: &str, source: &str) -> Self {
        Self::empty().fail(StatusCode::UNPROCESSABLE_ENTITY, description, errno::INVALID_QUERY, source)
    }

    /// The controller gives an answer of a kind that its question does not have.
    pub(super) fn unexpected(source: &str) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::empty().fail(status, "the controller gave an answer out of turn", errno::UNEXPECTED, source)
    }

    /// The controller cannot be asked.
    pub(super) fn unreachable(error: &ClientError) -> Self {
        let number = match error {
            ClientError::Silent { .. } => errno::TIMEOUT,
            _ => errno::CONNECTION,
        };
        let description = crate::commands::http::said(error);
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::empty().fail(status, &description, (number, error.in_slurms_words()), "slurm_send_recv_msg()")
    }
}

impl IntoResponse for Answer {
    /// Only its status: [`complete`] makes the rest.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Makes the answer whole, with what it was asked of and by whom.
pub(super) async fn complete(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let plugin = if request.uri().path().starts_with("/slurmdb/") { "slurmdbd" } else { "slurmctld" };
    let mut response = next.run(request).await;
    if let Some(answer) = response.extensions_mut().remove::<Answer>() {
        let mut document = answer.records;
        document.insert("meta".to_owned(), meta(&api, plugin).await);
        document.insert("errors".to_owned(), answer.errors.into());
        document.insert("warnings".to_owned(), answer.warnings.into());
        *response.body_mut() = Body::from(Value::from(document).to_string());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn meta(api: &Api, plugin: &str) -> Value {
    let mut meta = crate::commands::json::meta();
    meta["plugin"] = json!({
        "type": format!("openapi/{plugin}"),
        "name": format!("Slurm OpenAPI {plugin}"),
        "data_parser": "data_parser/v0.0.42",
        "accounting_storage": if plugin == "slurmdbd" { "accounting_storage/slurmdbd" } else { "" },
    });
    meta["client"] = json!({ "source": api.at, "user": api.user, "group": api.group });
    meta["command"] = json!([]);
    meta["slurm"]["cluster"] = api.cluster().await.into();
    meta
}
