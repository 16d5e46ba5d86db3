//! What all of the server's answers are made from, and who gets any.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prun_runtime::net::address::Address;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::answer::Answer;
use super::jwt;
use crate::commands::clock::Clock;
use crate::commands::http::token::Token;
use crate::controller::api::{JobView, NodeView, PartitionView, Refusal, Reply, Request as Ask};
use crate::controller::client::AsyncClient;

/// Who may come in.
#[derive(Debug)]
pub(super) enum Entry {
    /// Who has a token that is signed with this key.
    Key(Token),
    /// This user's processes: the listener has looked.
    Owner,
}

/// What answers are made from.
#[derive(Debug)]
pub(super) struct Api {
    /// Where the controller listens.
    pub(super) controller: Address,
    /// Who may come in.
    pub(super) entry: Entry,
    /// Where this server listens, as answers name it.
    pub(super) at: String,
    /// Whose cluster it is.
    pub(super) user: String,
    /// And that user's group.
    pub(super) group: String,
    /// The cluster's name, once the controller has said it.
    pub(super) known_cluster: OnceCell<String>,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum NoReply {
    /// The controller says no.
    Refused(Refusal),
    /// There is none, or another one than was asked for: all is said.
    Told(Answer),
}

impl NoReply {
    /// What is answered then.
    pub(super) fn answer(self, description: &str, source: &str) -> Answer {
        match self {
            Self::Refused(refusal) => Answer::empty().refuse(description, &refusal, source),
            Self::Told(answer) => answer,
        }
    }
}

impl Api {
    /// Asks the controller over a link of its own.
    pub(super) async fn ask(&self, request: Ask) -> Result<Reply, NoReply> {
        let client = AsyncClient::connect_to(&self.controller).await;
        let mut client = client.map_err(|error| NoReply::Told(Answer::unreachable(&error)))?;
        match client.call(request).await {
            Ok(Reply::Error(refusal)) => Err(NoReply::Refused(refusal)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(NoReply::Told(Answer::unreachable(&error))),
        }
    }

    /// Jobs by id, of the past too where it is wanted.
    pub(super) async fn jobs(&self, history: bool) -> Result<Vec<JobView>, Answer> {
        let source = if history { "slurmdb_jobs_get()" } else { "slurm_load_jobs()" };
        match self.ask(Ask::Jobs { history }).await {
            Ok(Reply::Jobs(jobs)) => Ok(jobs),
            Ok(_) => Err(Answer::unexpected(source)),
            Err(no) => Err(no.answer("Unable to query jobs", source)),
        }
    }

    /// Nodes in the cluster's order.
    pub(super) async fn nodes(&self) -> Result<Vec<NodeView>, Answer> {
        match self.ask(Ask::Nodes).await {
            Ok(Reply::Nodes(nodes)) => Ok(nodes),
            Ok(_) => Err(Answer::unexpected("slurm_load_node()")),
            Err(no) => Err(no.answer("Unable to query nodes", "slurm_load_node()")),
        }
    }

    /// Partitions in the cluster's order.
    pub(super) async fn partitions(&self) -> Result<Vec<PartitionView>, Answer> {
        match self.ask(Ask::Partitions).await {
            Ok(Reply::Partitions(partitions)) => Ok(partitions),
            Ok(_) => Err(Answer::unexpected("slurm_load_partitions()")),
            Err(no) => Err(no.answer("Unable to query partitions", "slurm_load_partitions()")),
        }
    }

    /// Configuration by name.
    pub(super) async fn config(&self) -> Result<Vec<(String, String)>, Answer> {
        match self.ask(Ask::Config).await {
            Ok(Reply::Config(config)) => Ok(config),
            Ok(_) => Err(Answer::unexpected("slurm_load_ctl_conf()")),
            Err(no) => Err(no.answer("Unable to query configuration", "slurm_load_ctl_conf()")),
        }
    }

    /// The cluster's name; empty while the controller has not said it.
    pub(super) async fn cluster(&self) -> String {
        let asked = self.known_cluster.get_or_try_init(async || {
            let config = self.config().await?;
            let name = config.into_iter().find(|(key, _)| key == "ClusterName").map(|(_, name)| name);
            Ok::<String, Answer>(name.unwrap_or_default())
        });
        asked.await.cloned().unwrap_or_default()
    }

    /// Whether who sends these headers is let in: whose token it is must be the one who is named, and whose cluster this is.
    fn admits(&self, headers: &HeaderMap, now: u64) -> bool {
        let key = match &self.entry {
            Entry::Owner => return true,
            Entry::Key(key) => key,
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        let Some(token) = text("x-slurm-user-token").or(bearer) else { return false };
        let named = text("x-slurm-user-name").is_none_or(|name| name == self.user);
        let claims = jwt::verify(key.text().as_bytes(), token, now);
        named && claims.is_ok_and(|claims| claims.sun == self.user)
    }
}

/// Lets in who may come in.
pub(super) async fn admit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if api.admits(request.headers(), Clock::system().now as u64) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, "Authentication failure").into_response()
}

/// Whatever has no place here.
pub(super) async fn unknown() -> Response {
    let text = "Unable find requested URL. Please view /openapi/v3 for API reference.";
    (StatusCode::NOT_FOUND, text).into_response()
}

/// The JSON of a request. What is none has an answer of one line, as Slurm's server gives it.
pub(super) struct Sent(pub(super) Value);

impl FromRequest<Arc<Api>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = kind
            .and_then(|kind| kind.split(';').next())
            .is_some_and(|kind| kind.trim() == "application/json");
        // One that is too large has said so itself.
        let bytes = Bytes::from_request(request, api).await.map_err(IntoResponse::into_response)?;
        let parsed = if is_json { serde_json::from_slice(&bytes).ok() } else { None };
        parsed.map(Self).ok_or_else(|| (StatusCode::BAD_REQUEST, "Unable to parse query.").into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::rest::jwt::{Claims, sign};

    #[test]
    fn a_token_lets_in_under_its_own_name_alone() {
        let directory = tempfile::tempdir().unwrap();
        let key = Token::of(&directory.path().join("key")).unwrap();
        let token =
            |sun: &str| sign(key.text().as_bytes(), &Claims { exp: 100, iat: 0, sun: sun.to_owned() });
        let (own, others) = (token("ada"), token("eve"));
        let api = Api {
            controller: Address::Unix("/none".into()),
            entry: Entry::Key(key),
            at: String::new(),
            user: "ada".to_owned(),
            group: "ada".to_owned(),
            known_cluster: OnceCell::new(),
        };
        let admits = |pairs: &[(&'static str, &str)], now| {
            let headers = pairs.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), value.parse::<header::HeaderValue>().unwrap())
            });
            api.admits(&headers.collect(), now)
        };
        let bearer = format!("Bearer {own}");
        assert!(admits(&[("x-slurm-user-token", &own)], 99));
        assert!(admits(&[("x-slurm-user-token", &own), ("x-slurm-user-name", "ada")], 99));
        assert!(admits(&[("authorization", &bearer)], 99));
        for refused in [
            &[][..],
            &[("x-slurm-user-name", "ada")],
            &[("x-slurm-user-token", &own), ("x-slurm-user-name", "root")],
            &[("x-slurm-user-token", &others)],
            &[("authorization", &own)],
        ] {
            assert!(!admits(refused, 99), "{refused:?}");
        }
        assert!(!admits(&[("x-slurm-user-token", &own)], 100));
    }
}
