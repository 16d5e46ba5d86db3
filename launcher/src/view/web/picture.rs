//! What the page is told: the records of the commands' `--json`, with what a drawing needs beside.

use prun_runtime::wire::step::Exit;
use serde_json::{Map, Value, json};

use crate::commands::{facts, json as slurm};
use crate::controller::api::{ClusterView, JobView, NodeView, StepView};
use crate::view::top::rows;

/// The whole cluster; `now` is the controller's hour, in Unix seconds, from which the page counts on.
#[must_use]
pub fn cluster(view: &ClusterView, now: f64) -> Value {
    json!({
        "now": now,
        "nodes": view.nodes.iter().map(|node| self::node(node, &view.jobs)).collect::<Vec<_>>(),
        "jobs": view.jobs.iter().map(|view| job(view, now)).collect::<Vec<_>>(),
        "nodes_left_out": view.nodes_left_out,
        "jobs_left_out": view.jobs_left_out,
    })
}

/// A job as `squeue --json` has it, with its steps as `sacct --json` has them.
#[must_use]
pub fn job(view: &JobView, now: f64) -> Value {
    let mut value = slurm::job(view);
    let more = json!({
        "shown_id": facts::shown_id(view),
        "now": now,
        "has_ended": view.state.has_ended(),
        "start": view.start_time,
        "end": view.end_time,
        "steps": view.steps.iter().map(|view| step(view, now)).collect::<Vec<_>>(),
    });
    add(&mut value, more);
    value
}

/// A step, with its ranks as far as their places are known.
fn step(view: &StepView, now: f64) -> Value {
    let mut value = slurm::step(view, now);
    let mut ranks: Vec<(u32, Value)> = view
        .plan
        .nodes
        .iter()
        .flat_map(|node| {
            node.tasks
                .iter()
                .map(|task| (task.rank, json!({ "rank": task.rank, "node": node.name, "cpus": task.cpus })))
        })
        .collect();
    ranks.sort_by_key(|(rank, _)| *rank);
    for (rank, exit) in &view.usage {
        if let Ok(at) = ranks.binary_search_by_key(rank, |(rank, _)| *rank) {
            add(&mut ranks[at].1, ended(exit));
        }
    }
    let more = json!({
        "start": view.start_time,
        "end": view.end_time,
        "command_line": view.command_line,
        "is_batch": view.key.step.is_batch(),
        "ranks": ranks.into_iter().map(|(_, rank)| rank).collect::<Vec<_>>(),
    });
    add(&mut value, more);
    value
}

/// How a rank ended, what it used, and when it ran, where that was seen.
fn ended(exit: &Exit) -> Value {
    let seconds = |us: u64| us as f64 / 1e6;
    let seen = |us: u64| (us > 0).then(|| seconds(us));
    json!({
        "exit_code": slurm::exit_code(exit),
        "cpu_secs": seconds(exit.user_us + exit.system_us),
        "max_rss_kib": exit.max_rss_kib,
        "start": seen(exit.started_us),
        "end": seen(exit.ended_us),
    })
}

/// A node as `scontrol show nodes --json` has it, with the job that holds each of its CPUs.
fn node(view: &NodeView, jobs: &[JobView]) -> Value {
    let mut value = slurm::node(view);
    let held: Vec<Option<u32>> = rows::cpus(view, jobs).into_iter().map(|job| job.map(|job| job.0)).collect();
    add(&mut value, json!({ "cpu_jobs": held }));
    value
}

fn add(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend::<Map<String, Value>>(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::top::sample;

    #[test]
    fn the_page_sees_who_holds_each_cpu_and_how_each_rank_fares() {
        let picture = cluster(&sample::picture(), 1_795_522_300.0);
        for (path, expected) in [
            ("/nodes/0/name", json!("slurmnode1")),
            ("/nodes/0/cpu_jobs", json!([12, 12])),
            ("/nodes/1/cpu_jobs", json!([null, 12])),
            ("/nodes/2/reason", json!("disk")),
            ("/jobs/0/job_id", json!(12)),
            ("/jobs/0/job_state/0", json!("RUNNING")),
            ("/jobs/0/steps/1/step/id", json!("12.0")),
            ("/jobs/0/steps/1/ranks/1/exit_code/return_code/number", json!(7)),
            ("/jobs/0/steps/1/ranks/1/start", json!(1_795_522_250.5)),
            ("/jobs/0/steps/1/ranks/1/end", Value::Null),
            ("/jobs/0/steps/1/ranks/2/node", json!("slurmnode2")),
            ("/jobs/0/steps/1/ranks/2/exit_code", Value::Null),
            ("/jobs/2/has_ended", json!(true)),
        ] {
            let found = picture.pointer(path).cloned().unwrap_or_default();
            assert_eq!(found, expected, "{path}");
        }
    }
}
