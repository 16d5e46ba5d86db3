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

/// How accounting writes the state of a job. Slurm changed it from a word to a list in version 0.0.40 of its data
/// parser, and there are programs for either: `TorchX` 0.7.0 takes nothing but a word from a plain `sacct --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum States {
    /// `"FAILED"`: what a plain `--json` gives.
    #[default]
    Word,
    /// `["FAILED"]`: what `--json=v0.0.40` and later ones give, and the REST API.
    List,
}

impl States {
    /// As of a version of the data parser, such as `v0.0.42`.
    #[must_use]
    pub fn of_version(version: &str) -> Self {
        const LISTS_SINCE: u32 = 40;
        let number = version.strip_prefix("v0.0.").and_then(|number| number.parse::<u32>().ok());
        if number.is_some_and(|number| number >= LISTS_SINCE) { Self::List } else { Self::Word }
    }
}

/// `sacct --json`.
#[must_use]
pub fn accounting<'a>(jobs: impl Iterator<Item = &'a JobView>, now: f64, states: States) -> String {
    let one = |view| {
        let mut value = job::of_accounting(view, now);
        if states == States::Word {
            value["state"]["current"] = json!(view.state.long());
        }
        value
    };
    document("jobs", jobs.map(one).collect())
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
        let document = parsed(&accounting([&samples::failed(5)].into_iter(), 0.0, States::List));
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
    fn the_state_of_a_job_is_a_word_unless_a_version_with_lists_is_asked_for() {
        for (version, expected) in [
            ("", json!("FAILED")),
            ("v0.0.39", json!("FAILED")),
            ("v0.0.40", json!(["FAILED"])),
            ("v0.0.42", json!(["FAILED"])),
        ] {
            let states = States::of_version(version);
            let document = parsed(&accounting([&samples::failed(5)].into_iter(), 0.0, states));
            assert_eq!(document["jobs"][0]["state"]["current"], expected, "{version}");
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
