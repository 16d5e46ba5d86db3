//! A node, and a group of nodes as `sinfo` makes them.

use serde_json::{Value, json};

use super::number;
use crate::commands::states::{NodeState, node_flags};
use crate::controller::api::{NodeView, PartitionView};

/// One node.
pub(super) fn of(node: &NodeView) -> Value {
    let (sockets, cores, threads) = node.facts.topology;
    let (reason, by, since) = match &node.reason {
        Some((reason, by, _, since)) => (reason.as_str(), by.as_str(), *since as u64),
        None => ("", "", 0),
    };
    let (address, port) = node.host_and_port();
    let gres = |list: &[(String, u64)]| {
        list.iter().map(|(name, count)| format!("{name}:{count}")).collect::<Vec<_>>().join(",")
    };
    json!({
        "name": node.facts.name,
        "hostname": node.facts.hostname,
        "address": address,
        "port": port.parse::<u16>().unwrap_or(0),
        "architecture": node.facts.arch,
        "operating_system": node.facts.os,
        "version": "24.11.5",
        "state": node_flags(node).split('+').map(|word| word.trim_end_matches('*')).collect::<Vec<_>>(),
        "cpus": node.facts.cpus,
        "effective_cpus": node.facts.cpus,
        "alloc_cpus": node.cpus_allocated,
        "alloc_idle_cpus": node.facts.cpus.saturating_sub(node.cpus_allocated),
        "sockets": sockets, "cores": cores, "threads": threads, "boards": 1,
        "cpu_load": node.load.unwrap_or(0),
        "real_memory": node.facts.memory_mb,
        "alloc_memory": node.memory_allocated,
        "free_mem": number(node.free_mb),
        "temporary_disk": node.facts.tmp_mb,
        "features": node.features, "active_features": node.features,
        "gres": gres(&node.gres), "gres_used": gres(&node.gres_allocated),
        "partitions": node.partitions,
        "reason": reason, "reason_set_by_user": by, "reason_changed_at": number(Some(since)),
        "boot_time": number(Some(node.facts.boot_time)),
        "slurmd_start_time": number(Some(node.start_time as u64)),
        "last_busy": number(Some(node.last_busy as u64)),
        "weight": node.weight,
    })
}

/// Nodes of one partition that `sinfo` shows in one line.
pub(super) fn group(partition: &PartitionView, nodes: &[&NodeView]) -> Value {
    let allocated = |node: &&&NodeView| {
        matches!(NodeState::of(node), NodeState::Allocated | NodeState::Mixed | NodeState::Draining)
    };
    let idle = |node: &&&NodeView| NodeState::of(node) == NodeState::Idle;
    let (allocated, idle) = (nodes.iter().filter(allocated).count(), nodes.iter().filter(idle).count());
    let total = nodes.len();
    let held: u32 = nodes.iter().map(|node| node.cpus_allocated).sum();
    let cpus: u32 = nodes.iter().map(|node| node.facts.cpus).sum();
    json!({
        "partition": super::partition::of(partition),
        "node": { "state": nodes.first().map(|node| node_flags(node)).into_iter().collect::<Vec<_>>() },
        "nodes": {
            "allocated": allocated, "idle": idle, "other": total - allocated - idle, "total": total,
            "nodes": nodes.iter().map(|node| node.facts.name.as_str()).collect::<Vec<_>>(),
        },
        "cpus": { "allocated": held, "idle": cpus.saturating_sub(held), "other": 0, "total": cpus },
    })
}
