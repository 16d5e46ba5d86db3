//! What a job or step holds: `job_resources` of the queue, and lists of trackable resources of accounting.

use serde_json::{Value, json};

use super::number;
use crate::commands::accounts::ROOT;
use crate::commands::facts;
use crate::commands::sacct::usage::CpuTime;
use crate::controller::api::{JobView, StepView};

/// CPUs and memory of a job on each of its nodes; nothing while it waits.
pub(super) fn of_queue(job: &JobView) -> Value {
    let Some(allocation) = &job.allocation else { return Value::Null };
    let node = |(at, node): (usize, &crate::layout::plan::NodeShare)| {
        json!({
            "index": at, "name": node.name, "sockets": [],
            "cpus": { "count": node.cpus.len(), "used": node.cpus.len() },
            "memory": { "used": 0, "allocated": node.memory_mb },
        })
    };
    json!({
        "select_type": ["CPU"],
        "nodes": {
            "count": allocation.nodes.len(), "select_type": ["AVAILABLE"], "list": facts::node_list(job),
            "whole": job.spec.sharing == Some(crate::script::spec::Sharing::Exclusive),
            "allocation": allocation.nodes.iter().enumerate().map(node).collect::<Vec<_>>(),
        },
        "cpus": allocation.nodes.iter().map(|node| node.cpus.len()).sum::<usize>(),
        "threads_per_core": number(None),
    })
}

/// Numbers of Slurm's trackable resources.
const NUMBERS: &[(&str, u32)] = &[("cpu", 1), ("mem", 2), ("node", 4), ("billing", 5)];

/// `cpu=2,mem=1000M,node=1` as a list; memory in MiB, as accounting counts it.
fn list(text: &str) -> Vec<Value> {
    let entry = |item: &str| {
        let (key, value) = item.split_once('=')?;
        let (kind, name) = key.split_once('/').unwrap_or((key, ""));
        let count = if kind == "mem" { crate::script::memory::parse_mb(value) } else { value.parse().ok() };
        let id = NUMBERS.iter().find(|(known, _)| *known == kind).map_or(1001, |(_, id)| *id);
        Some(json!({ "type": kind, "name": name, "id": id, "count": count? }))
    };
    text.split(',').filter_map(entry).collect()
}

/// What a job holds and wants.
pub(super) fn of_accounting(job: &JobView) -> Value {
    json!({
        "allocated": list(&facts::allocated_tres(job).unwrap_or_default()),
        "requested": list(&facts::requested_tres(job)),
    })
}

/// What a step holds.
pub(super) fn of_step(step: &StepView) -> Value {
    json!({ "allocated": list(&format!("cpu={},node={}", step.cpus, step.plan.nodes.len())) })
}

/// CPU time in user and system mode, and both together.
pub(super) fn cpu_time(time: CpuTime) -> [(&'static str, Value); 3] {
    let of = |us: u64| json!({ "seconds": us / 1_000_000, "microseconds": us % 1_000_000 });
    [
        ("user", of(time.user)),
        ("system", of(time.system)),
        ("total", of(time.user.saturating_add(time.system))),
    ]
}

/// Who is accounted for a job.
pub(super) fn association(job: &JobView) -> Value {
    json!({
        "account": if job.account.is_empty() { ROOT } else { &job.account }, "cluster": job.cluster, "partition": "",
        "user": job.submitter.user, "id": 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn a_running_job_has_cpus_on_nodes_and_a_waiting_one_none() {
        let held = of_queue(&samples::running(5));
        assert_eq!(held["nodes"]["allocation"][0]["cpus"]["count"], 2);
        assert_eq!((&held["nodes"]["list"], &held["cpus"]), (&json!("slurmnode1"), &json!(2)));
        assert_eq!(of_queue(&samples::pending(5)), Value::Null);
    }

    #[test]
    fn trackable_resources_have_slurms_numbers() {
        let all = list("cpu=2,mem=1000M,node=1,billing=2,gres/gpu=3");
        let short: Vec<_> = all
            .iter()
            .map(|one| (one["type"].as_str().unwrap(), one["id"].clone(), one["count"].clone()))
            .collect();
        let of = |kind, id: u32, count: u32| (kind, json!(id), json!(count));
        assert_eq!(
            short,
            [of("cpu", 1, 2), of("mem", 2, 1000), of("node", 4, 1), of("billing", 5, 2), of("gres", 1001, 3)]
        );
        assert_eq!(all[4]["name"], "gpu");
        assert_eq!(list(""), [] as [Value; 0]);
    }
}
