//! What `sacctmgr` shows, as `/slurmdb/…` has it: accounts, users, associations, clusters, qualities of service, trackable
//! resources. There is no accounting database: the controller's jobs are all that is known.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::api::Api;
use super::errno;
use crate::commands::accounts::{Accounts, ROOT};
use crate::commands::json::number;
use crate::commands::sacctmgr::entities::{Entity, Known, Record, records};
use crate::controller::api::{Reply, Request};

async fn known(api: &Api) -> Result<Known, Answer> {
    let config = api.config().await?;
    let value = |wanted: &str| config.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone());
    Ok(Known {
        cluster: value("ClusterName").unwrap_or_default(),
        host: value("SlurmctldHost[0]").unwrap_or_default(),
        accounts: Accounts::of(&api.jobs(true).await?, &api.user),
    })
}

/// Records of a kind, each as JSON.
fn all(entity: Entity, known: &Known, of: impl Fn(&Record) -> Value) -> Vec<Value> {
    records(entity, false, known).iter().map(of).collect()
}

/// The record of this name, or that there is none.
fn only(name: &str, mut all: Vec<Value>, plural: &str, source: &str) -> Answer {
    all.retain(|record| record["name"] == name);
    let found = !all.is_empty();
    let answer = Answer::of(plural, all);
    match found {
        true => answer,
        false => {
            answer.fail(StatusCode::NOT_FOUND, &format!("`{name}` is not there"), errno::EMPTY_RESULT, source)
        }
    }
}

fn account(record: &Record) -> Value {
    json!({
        "name": record.get("Account"), "description": record.get("Descr"), "organization": record.get("Org"),
        "associations": [], "coordinators": [], "flags": [],
    })
}

fn user(record: &Record) -> Value {
    json!({
        "name": record.get("User"), "administrator_level": [record.get("Admin")], "associations": [],
        "coordinators": [], "default": { "account": record.get("Def Acct"), "wckey": "" }, "flags": [],
        "old_name": "", "wckeys": [],
    })
}

fn association((at, record): (usize, &Record)) -> Value {
    json!({
        "id": at + 1, "account": record.get("Account"), "cluster": record.get("Cluster"), "user": record.get("User"),
        "partition": "", "comment": "", "lineage": "", "flags": [], "is_default": !record.get("User").is_empty(),
        "parent_account": record.get("ParentName"), "default": { "qos": "" }, "qos": [record.get("QOS")],
        "priority": number(None), "shares_raw": 1, "accounting": [],
    })
}

fn cluster(record: &Record) -> Value {
    json!({
        "name": record.get("Cluster"), "nodes": "", "select_plugin": "", "flags": [], "tres": [],
        "controller": { "host": record.get("ControlHost"), "port": 0 },
        "rpc_version": record.get("RPC").parse::<u32>().unwrap_or(0),
        "associations": { "root": { "account": ROOT, "cluster": record.get("Cluster"), "partition": "", "user": "" } },
    })
}

fn qos(record: &Record) -> Value {
    json!({
        "id": 1, "name": record.get("Name"), "description": "Normal QOS default", "flags": [],
        "priority": number(Some(0)), "usage_factor": { "set": true, "infinite": false, "number": 1.0 },
        "usage_threshold": { "set": false, "infinite": false, "number": 0.0 },
        "preempt": { "list": [], "mode": ["DISABLED"], "exempt_time": number(None) },
    })
}

fn tres(record: &Record) -> Value {
    json!({
        "type": record.get("Type"), "name": record.get("Name"), "count": 0,
        "id": record.get("ID").parse::<u32>().unwrap_or(0),
    })
}

pub(super) async fn accounts(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(Answer::of("accounts", all(Entity::Account, &known(&api).await?, account)))
}

pub(super) async fn one_account(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Answer, Answer> {
    let all = all(Entity::Account, &known(&api).await?, account);
    Ok(only(&name, all, "accounts", "slurmdb_accounts_get()"))
}

pub(super) async fn users(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(Answer::of("users", all(Entity::User, &known(&api).await?, user)))
}

pub(super) async fn one_user(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Answer, Answer> {
    Ok(only(&name, all(Entity::User, &known(&api).await?, user), "users", "slurmdb_users_get()"))
}

pub(super) async fn associations(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(Answer::of("associations", all_associations(&known(&api).await?)))
}

fn all_associations(known: &Known) -> Vec<Value> {
    records(Entity::Association, false, known).iter().enumerate().map(association).collect()
}

pub(super) async fn clusters(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(Answer::of("clusters", all(Entity::Cluster, &known(&api).await?, cluster)))
}

pub(super) async fn one_cluster(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Answer, Answer> {
    let all = all(Entity::Cluster, &known(&api).await?, cluster);
    Ok(only(&name, all, "clusters", "slurmdb_clusters_get()"))
}

pub(super) async fn qualities(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(Answer::of("qos", all(Entity::Qos, &known(&api).await?, qos)))
}

pub(super) async fn one_quality(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Answer, Answer> {
    Ok(only(&name, all(Entity::Qos, &known(&api).await?, qos), "qos", "slurmdb_qos_get()"))
}

pub(super) async fn resources(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(Answer::of("TRES", all(Entity::Tres, &known(&api).await?, tres)))
}

/// No keys of jobs are kept.
pub(super) async fn wckeys() -> Answer {
    Answer::of("wckeys", Value::Array(Vec::new()))
}

/// No machines of a cloud are known.
pub(super) async fn instances() -> Answer {
    Answer::of("instances", Value::Array(Vec::new()))
}

/// All of it in one answer.
pub(super) async fn config(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    let known = known(&api).await?;
    let answer = Answer::of("clusters", all(Entity::Cluster, &known, cluster))
        .and("tres", all(Entity::Tres, &known, tres))
        .and("accounts", all(Entity::Account, &known, account))
        .and("users", all(Entity::User, &known, user))
        .and("qos", all(Entity::Qos, &known, qos))
        .and("wckeys", Value::Array(Vec::new()));
    Ok(answer.and("associations", all_associations(&known)))
}

/// A daemon of accounting would count its calls.
pub(super) async fn diag() -> Answer {
    Answer::of("statistics", json!({ "time_start": 0, "rollups": {}, "RPCs": [], "users": [] }))
}

/// Accounting is the controller's: it is there when the controller is.
pub(super) async fn ping(State(api): State<Arc<Api>>) -> Answer {
    let host = match api.ask(Request::Ping).await {
        Ok(Reply::Pong { host }) => Some(host),
        _ => None,
    };
    let up = host.is_some();
    Answer::of(
        "pings",
        json!([{ "hostname": host.unwrap_or_default(), "responding": up, "latency": 0, "primary": true }]),
    )
}
