//! `prun doctor`: what it says of clusters that are as they should be, and of such that are not.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::harness::{Place, Run, finish, until};

/// What is said of one thing.
fn told<'a>(run: &'a Value, what: &str) -> Vec<(&'a str, &'a str)> {
    let findings = run["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["what"] == what)
        .map(|finding| (finding["state"].as_str().unwrap(), finding["text"].as_str().unwrap()))
        .collect()
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn without_a_cluster_there_is_nothing_to_be_done() {
    let place = Place::new();
    let run = place.run(["doctor", "--json"]);
    let said = json(&run);
    assert_eq!((run.code, &said["healthy"]), (Some(0), &Value::Bool(true)), "{run:?}");
    assert_eq!(told(&said, "controller")[0].0, "note");
    assert_eq!(told(&said, "kernel")[0].0, "ok");
    let text = place.run(["doctor"]);
    assert!(
        text.stdout.contains("eval \"$(prun up)\" starts one") && text.stdout.contains("all is well"),
        "{text:?}"
    );
}

#[test]
fn a_cluster_that_loses_a_node_and_then_its_controller_is_told_of() {
    let cluster = Cluster::up(&[], &["--local", "2x1"]);
    let look = || finish(cluster.command(["doctor", "--json"]));
    let well = look();
    assert_eq!((well.code, told(&json(&well), "nodes")), (Some(0), vec![("ok", "2 up")]), "{well:?}");
    cluster.signal("nodes/slurmnode2", rustix::process::Signal::TERM);
    until("the controller misses the node", || look().code == Some(1));
    let said = json(&look());
    assert!(told(&said, "nodes")[0].1.starts_with("1 of 2 are down: slurmnode2"), "{said}");
    cluster.signal("controller", rustix::process::Signal::TERM);
    until("the controller has ended", || cluster.pid("controller").is_none());
    let gone = look();
    let said = json(&gone);
    assert_eq!((gone.code, told(&said, "controller")[0].0), (Some(1), "bad"), "{said}");
    let cures: Vec<&str> =
        said["findings"].as_array().unwrap().iter().filter_map(|finding| finding["cure"].as_str()).collect();
    assert!(cures.iter().any(|cure| cure.contains("prun up --dir")), "{cures:?}");
}

#[test]
fn a_key_that_others_read_and_somebody_elses_srun_are_told_of() {
    let place = Place::with(&[("srun", "#!/bin/sh\n")]);
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("key"), "prun-key-1:00\n").unwrap();
    fs::set_permissions(home.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = place.prun(["doctor", "--json"]);
    command.env("PRUN_CONTROLLER", "tcp://127.0.0.1:1").env("PATH", place.path());
    let run = finish(command);
    let said = json(&run);
    assert_eq!(run.code, Some(1));
    let key = told(&said, "key");
    assert!(key[0].0 == "bad" && key[0].1.contains("can be read by others"), "{said}");
    assert_eq!(told(&said, "controller")[0].0, "bad");
    assert_eq!(told(&said, "srun on PATH")[0].0, "note");
}
