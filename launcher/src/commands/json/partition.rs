//! A partition.

use serde_json::{Value, json};

use super::{limit, number};
use crate::controller::api::PartitionView;
use crate::script::hostlist;
use crate::script::spec::Memory;

/// One partition.
pub(super) fn of(partition: &PartitionView) -> Value {
    let (per_cpu, per_node) = match partition.default_memory {
        Some(Memory::PerNode(mb)) => (None, Some(mb)),
        Some(Memory::PerCpu(mb) | Memory::PerGpu(mb)) => (Some(mb), None),
        None => (None, None),
    };
    json!({
        "name": partition.name,
        "nodes": { "configured": hostlist::compress(&partition.nodes), "total": partition.nodes.len() },
        "cpus": { "total": partition.cpus },
        "defaults": {
            "memory_per_cpu": per_cpu.or(per_node).unwrap_or(0),
            "partition_memory_per_cpu": number(per_cpu), "partition_memory_per_node": number(per_node),
            "time": number(partition.default_time.map(u64::from)),
        },
        "maximums": { "nodes": limit(partition.max_nodes), "time": limit(partition.max_time) },
        "minimums": { "nodes": partition.min_nodes },
        "partition": { "state": [partition.state] },
        "priority": { "tier": partition.priority_tier },
    })
}
