//! The page's paths, and what all of its answers share.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use prun_runtime::limits::WEB_BODY_BYTES_MAX;
use prun_runtime::net::address::Address;
use serde_json::json;

use super::{actions, cluster, files, guard, output, submit};
use crate::commands::http::said;
use crate::commands::http::token::Token;
use crate::controller::api::{Refusal, Reply, Request};
use crate::controller::client::{AsyncClient, ClientError};
use crate::view::web::ASSETS;

/// Who may come in.
#[derive(Debug)]
pub(super) enum Entry {
    /// Who has the token.
    Token(Token),
    /// This user's processes: the listener has looked.
    Owner,
}

/// What answers are made from.
#[derive(Debug)]
pub(super) struct Page {
    /// Where the controller listens.
    pub(super) controller: Address,
    /// This program, for what other commands do.
    pub(super) binary: PathBuf,
    /// Where files are looked for at first.
    pub(super) directory: PathBuf,
    /// Who may come in.
    pub(super) entry: Entry,
}

/// Why a request is refused: a status, and the lines of an `errors` list as in the commands' `--json`.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    lines: Vec<String>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, line: impl Into<String>) -> Self {
        Self { status, lines: vec![line.into()] }
    }

    pub(super) fn lines(status: StatusCode, lines: Vec<String>) -> Self {
        Self { status, lines }
    }

    /// The controller says no.
    pub(super) fn by_controller(refusal: &Refusal) -> Self {
        let mut lines = refusal.detail.clone();
        lines.push(refusal.code.text().to_owned());
        Self { status: StatusCode::CONFLICT, lines }
    }

    /// An answer of a kind that the question does not have.
    pub(super) fn unexpected() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "Unexpected message received")
    }
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, said(&error))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let errors: Vec<_> = self.lines.iter().map(|line| json!({ "description": line })).collect();
        (self.status, Json(json!({ "errors": errors }))).into_response()
    }
}

impl Page {
    /// Asks the controller over a link of its own.
    pub(super) async fn ask(&self, request: Request) -> Result<Reply, Refused> {
        let mut client = AsyncClient::connect_to(&self.controller).await?;
        match client.call(request).await? {
            Reply::Error(refusal) => Err(Refused::by_controller(&refusal)),
            reply => Ok(reply),
        }
    }
}

/// All that the page answers.
pub(super) fn router(page: Arc<Page>) -> Router {
    let api = Router::new()
        .route("/cluster", get(cluster::watch))
        .route("/jobs", get(cluster::history).post(submit::submit))
        .route("/jobs/{job}", get(cluster::watch_job))
        .route("/jobs/{job}/script", get(files::script_of_job))
        .route("/jobs/{job}/output", get(output::follow))
        .route("/jobs/{job}/{verb}", post(actions::act))
        .route("/files", get(files::list))
        .route("/file", get(files::read))
        .layer(from_fn_with_state(Arc::clone(&page), guard::inside));
    Router::new()
        .route("/", get(|| async { asset("") }))
        .route("/{file}", get(|Path(file): Path<String>| async move { asset(&file) }))
        .nest("/api", api)
        .layer(DefaultBodyLimit::max(WEB_BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&page), guard::at_the_door))
        .with_state(page)
}

fn asset(path: &str) -> Response {
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => ([(header::CONTENT_TYPE, asset.kind)], asset.text).into_response(),
        None => Refused::new(StatusCode::NOT_FOUND, format!("no such page: `{path}`")).into_response(),
    }
}
