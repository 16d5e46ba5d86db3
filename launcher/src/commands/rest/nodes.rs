//! Nodes and partitions: `GET` and `POST nodes`, `node/{node_name}`; `GET partitions`, `partition/{partition_name}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::Value;

use super::answer::Answer;
use super::api::{Api, Sent};
use super::{errno, submit};
use crate::commands::clock::Clock;
use crate::commands::json;
use crate::controller::api::{NodeView, PartitionView, Reply, Request};
use crate::script::hostlist::expand;

/// Every node.
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(of_nodes(&api.nodes().await?))
}

/// One node, or those of a host list.
pub(super) async fn one(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Result<Answer, Answer> {
    let missing = || {
        let text = format!("Failure to query node {name}");
        Answer::empty().fail(StatusCode::NOT_FOUND, &text, errno::NO_ERROR, "_dump_nodes")
    };
    let wanted = expand(&name).map_err(|_| missing())?;
    let mut nodes = api.nodes().await?;
    nodes.retain(|node| wanted.contains(&node.facts.name));
    if nodes.is_empty() { Err(missing()) } else { Ok(of_nodes(&nodes)) }
}

fn of_nodes(nodes: &[NodeView]) -> Answer {
    Answer::of("nodes", nodes.iter().map(json::node).collect::<Vec<_>>()).and("last_update", now())
}

fn now() -> Value {
    json::number(Some(Clock::system().now as u64))
}

/// Changes a node, or those of a host list, as `scontrol update` does.
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Sent(sent): Sent,
) -> Result<Answer, Answer> {
    change(&api, &name, &sent).await
}

/// The same, with the nodes' names beside the changes.
pub(super) async fn update_several(State(api): State<Arc<Api>>, Sent(sent): Sent) -> Result<Answer, Answer> {
    let names = super::value::texts(&sent["name"]).map_err(|wrong| submit::wrong(wrong.at("#", "name")))?;
    change(&api, &names.join(","), &sent).await
}

async fn change(api: &Api, names: &str, sent: &Value) -> Result<Answer, Answer> {
    let failed = format!("Failure to update node {names}");
    let nodes = expand(names).map_err(|_| Answer::invalid(&failed, "_update_node"))?;
    let (changes, warnings) = changes(sent)?;
    match api.ask(Request::UpdateNode { nodes, changes }).await {
        Ok(Reply::Done) => Ok(warnings.iter().fold(Answer::empty(), |answer, field| {
            answer.warn(&format!("`{field}` has no effect with prun"), &format!("#/{field}/"))
        })),
        Ok(_) => Err(Answer::unexpected("_update_node")),
        Err(no) => Err(no.answer(&failed, "_update_node")),
    }
}

type Change = (String, String);

/// Keys of `scontrol update` with their values, and fields that have none.
fn changes(sent: &Value) -> Result<(Vec<Change>, Vec<String>), Answer> {
    let (mut changes, mut left_out) = (Vec::new(), Vec::new());
    for (field, value) in sent.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let key = match field.as_str() {
            "state" | "reason" | "comment" | "gres" | "extra" => field.as_str(),
            "features" | "features_act" => "features",
            "weight" => "weight",
            "name" => continue,
            _ => {
                left_out.push(field.clone());
                continue;
            }
        };
        let kind = match key {
            "state" | "features" => super::value::Kind::Names,
            "weight" => super::value::Kind::Number,
            _ => super::value::Kind::Text,
        };
        let read = super::value::read(kind, value).map_err(|wrong| submit::wrong(wrong.at("#", field)))?;
        changes.extend(read.map(|text| (key.to_owned(), text)));
    }
    Ok((changes, left_out))
}

/// Every partition.
pub(super) async fn partitions(State(api): State<Arc<Api>>) -> Result<Answer, Answer> {
    Ok(of_partitions(&api.partitions().await?))
}

/// One partition.
pub(super) async fn partition(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Answer, Answer> {
    let mut partitions = api.partitions().await?;
    partitions.retain(|partition| partition.name == name);
    if partitions.is_empty() {
        return Err(Answer::invalid(&format!("Unable to find partition {name}"), "op_handler_partition"));
    }
    Ok(of_partitions(&partitions))
}

fn of_partitions(partitions: &[PartitionView]) -> Answer {
    let records: Vec<Value> = partitions.iter().map(json::partition).collect();
    Answer::of("partitions", records).and("last_update", now())
}
