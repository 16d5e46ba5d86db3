//! A partition.

use serde_json::{Value, json};

use super::{limit, number};
use crate::controller::api::PartitionView;
use crate::script::hostlist;

/// One partition.
pub(super) fn of(partition: &PartitionView) -> Value {
    json!({
        "name": partition.name,
        "nodes": { "configured": hostlist::compress(&partition.nodes), "total": partition.nodes.len() },
        "cpus": { "total": partition.cpus },
        "defaults": {
            "memory_per_cpu": partition.def_mem_per_cpu,
            "time": number(partition.default_time.map(u64::from)),
        },
        "maximums": { "nodes": limit(partition.max_nodes), "time": limit(partition.max_time) },
        "minimums": { "nodes": partition.min_nodes },
        "partition": { "state": [partition.state] },
        "priority": { "tier": partition.priority_tier },
    })
}
