//! `--json`: what Slurm's own client library prints (the data parser of 24.11, version 0.0.42), as far as prun knows
//! of it. Field names and shapes are Slurm's; what has no meaning here is left out.

mod job;
mod node;
mod partition;
mod resources;

use prun_runtime::wire::step::Exit;
use serde_json::{Value, json};

use crate::controller::api::{JobView, NodeView, PartitionView, StepView};

/// `squeue --json`, `scontrol show job --json`.
#[must_use]
pub fn jobs<'a>(jobs: impl Iterator<Item = &'a JobView>) -> String {
    let jobs: Vec<Value> = jobs.map(job::of_queue).collect();
    document("jobs", jobs)
}

/// `sacct --json`.
#[must_use]
pub fn accounting<'a>(jobs: impl Iterator<Item = &'a JobView>, now: f64) -> String {
    let jobs: Vec<Value> = jobs.map(|view| job::of_accounting(view, now)).collect();
    document("jobs", jobs)
}

/// One job of `squeue --json`.
#[must_use]
pub fn job(view: &JobView) -> Value {
    job::of_queue(view)
}

/// One job of `sacct --json`.
#[must_use]
pub fn accounting_job(view: &JobView, now: f64) -> Value {
    job::of_accounting(view, now)
}

/// One partition of `scontrol show partitions --json`.
#[must_use]
pub fn partition(view: &PartitionView) -> Value {
    partition::of(view)
}

/// One step of a job of `sacct --json`.
#[must_use]
pub fn step(view: &StepView, now: f64) -> Value {
    job::step_of(view, now)
}

/// How a task or job ended.
#[must_use]
pub fn exit_code(exit: &Exit) -> Value {
    job::exit_code(exit)
}

/// One node of `scontrol show nodes --json`.
#[must_use]
pub fn node(view: &NodeView) -> Value {
    node::of(view)
}

/// `scontrol show nodes --json`.
#[must_use]
pub fn nodes<'a>(nodes: impl Iterator<Item = &'a NodeView>) -> String {
    let nodes: Vec<Value> = nodes.map(node::of).collect();
    document("nodes", nodes)
}

/// `scontrol show partitions --json`.
#[must_use]
pub fn partitions<'a>(partitions: impl Iterator<Item = &'a PartitionView>) -> String {
    let partitions: Vec<Value> = partitions.map(partition::of).collect();
    document("partitions", partitions)
}

/// `sinfo --json`: one entry for each group of nodes.
#[must_use]
pub fn groups(groups: Vec<(&PartitionView, Vec<&NodeView>)>) -> String {
    document("sinfo", groups.iter().map(|(partition, nodes)| node::group(partition, nodes)).collect())
}

/// The records under their name, with what surrounds them.
fn document(name: &str, records: Vec<Value>) -> String {
    let document = json!({
        name: records,
        "meta": meta(),
        "errors": [],
        "warnings": [],
    });
    // A value made of plain maps and texts always has a text of its own.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// Who answers: Slurm's version, and that of its data.
#[must_use]
pub fn meta() -> Value {
    json!({
        "plugin": { "type": "", "name": "", "data_parser": "data_parser/v0.0.42", "accounting_storage": "" },
        "slurm": {
            "version": { "major": "24", "micro": "5", "minor": "11" },
            "release": "24.11.5",
        },
    })
}

/// A number that may be missing: `{"set": true, "infinite": false, "number": 5}`.
#[must_use]
pub fn number(value: Option<u64>) -> Value {
    json!({ "set": value.is_some(), "infinite": false, "number": value.unwrap_or(0) })
}

/// A limit: missing is infinite.
fn limit(value: Option<u32>) -> Value {
    match value {
        Some(value) => number(Some(u64::from(value))),
        None => json!({ "set": false, "infinite": true, "number": 0 }),
    }
}

/// A point in time in whole Unix seconds.
fn time(second: Option<f64>) -> Value {
    number(second.map(|second| second as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_job_has_slurms_field_names() {
        let view = samples::running(5);
        let document = parsed(&jobs([&view].into_iter()));
        let job = &document["jobs"][0];
        for (path, expected) in [
            ("/job_id", json!(5)),
            ("/name", json!("probe")),
            ("/job_state/0", json!("RUNNING")),
            ("/time_limit/number", json!(45)),
            ("/array_task_id/set", json!(false)),
            ("/nodes", json!("slurmnode1")),
            ("/exit_code/return_code/number", json!(0)),
            ("/submit_time/number", json!(1_795_522_232)),
        ] {
            assert_eq!(job.pointer(path), Some(&expected), "{path}");
        }
        assert_eq!(document["errors"], json!([]));
    }

    #[test]
    fn accounting_has_steps_and_times() {
        let document = parsed(&accounting([&samples::failed(5)].into_iter(), 0.0));
        for (path, expected) in [
            ("/jobs/0/state/current/0", json!("FAILED")),
            ("/jobs/0/time/elapsed", json!(21)),
            ("/jobs/0/steps/0/step/id", json!("5.batch")),
            ("/jobs/0/exit_code/return_code/number", json!(3)),
        ] {
            assert_eq!(document.pointer(path), Some(&expected), "{path}");
        }
    }

    #[test]
    fn nodes_and_partitions_are_there() {
        let document = parsed(&nodes([&samples::node(1)].into_iter()));
        assert_eq!(document["nodes"][0]["name"], "slurmnode1");
        assert_eq!(document["nodes"][0]["state"], json!(["IDLE"]));
        let document = parsed(&partitions([&samples::partition()].into_iter()));
        assert_eq!(document["partitions"][0]["nodes"]["total"], 3);
        let (partition, node) = (samples::partition(), samples::node(1));
        let document = parsed(&groups(vec![(&partition, vec![&node])]));
        assert_eq!(document["sinfo"][0]["nodes"]["idle"], 1);
    }
}
