//! Commands without a controller, and with one that does not answer.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cluster::Cluster;
use crate::harness::{Place, finish, until};

const COMMANDS: &[&str] = &[
    "squeue",
    "sinfo",
    "sacct",
    "scancel 1",
    "sbatch --wrap true",
    "srun true",
    "salloc true",
    "sattach 1.0",
];

#[test]
fn every_command_says_that_there_is_none_and_how_to_have_one() {
    let place = Place::new();
    for line in COMMANDS {
        let mut command = place.prun(line.split(' '));
        command.env("PRUN_DIR", place.path().join("nowhere"));
        let run = finish(command);
        let name = line.split(' ').next().unwrap();
        let expected = format!(
            "{name}: error: Unable to contact slurm controller (connect failure)\n\
             {name}: error: no controller: neither does this user have one, nor does `PRUN_CONTROLLER` name one\n\
             {name}: help: start a cluster with `eval \"$(prun up)\"`, or run one script by itself with `prun job.sh`\n"
        );
        assert_eq!((run.code, run.stdout.as_str(), run.stderr), (Some(1), "", expected), "{line}");
    }
}

/// JupyterHub's batchspawner starts commands with hardly any variables, and so do login shells.
#[test]
fn a_command_in_a_clusters_directory_of_names_asks_that_cluster() {
    let cluster = Cluster::up(&[], &["--local", "1x1:100"]);
    let asked = |words: &[&str]| {
        let mut command = std::process::Command::new(cluster.home().join("bin").join(words[0]));
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(cluster.place().path());
        finish(command)
    };
    let submitted = asked(&["sbatch", "--wait", "--wrap", "squeue -h -o %j"]);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    assert_eq!(asked(&["squeue", "-h", "-t", "all", "-o", "%j %T"]).stdout, "wrap COMPLETED\n");
}

#[test]
fn one_that_was_ended_is_told_from_none() {
    let cluster = Cluster::up(&[], &["--local", "1x1:100"]);
    assert_eq!(cluster.prun_down().code, Some(0));
    let run = cluster.run("sinfo");
    let (home, socket) = (cluster.home(), cluster.socket());
    let reached = format!("cannot reach the controller at `unix:{}`: No such file", socket.display());
    let help = format!("sinfo: help: start it with `prun up --dir {}`", home.display());
    assert!(run.code == Some(1) && run.stderr.contains(&reached) && run.stderr.contains(&help), "{run:?}");
}

#[test]
fn one_that_stops_answering_is_given_up() {
    let cluster = Cluster::up(&[("job.sh", "#!/bin/sh\ntrue\n")], &["--local", "1x1:100"]);
    let mut waiting = cluster.command(["salloc", "-Q", "-n1", "sh", "-c", "touch begun; cat fifo"]);
    rustix::fs::mkfifoat(rustix::fs::CWD, cluster.place().path().join("fifo"), rustix::fs::Mode::RWXU)
        .unwrap();
    let mut waiting = waiting.spawn().unwrap();
    until("salloc has its nodes", || cluster.place().path().join("begun").exists());
    let mut behind = cluster.command(["sbatch", "--wait", "job.sh"]);
    behind.env("PRUN_MSG_TIMEOUT", "1");
    let behind = std::thread::spawn(move || finish(behind));
    until("its job waits", || cluster.ask("squeue -h -t PD -o %T") == "PENDING\n");
    cluster.signal("controller", Signal::STOP);
    let before = Instant::now();
    let mut command = cluster.command(["squeue"]);
    command.env("PRUN_MSG_TIMEOUT", "1");
    let run = finish(command);
    assert!((Duration::from_secs(2)..Duration::from_secs(20)).contains(&before.elapsed()));
    assert_eq!(run.code, Some(1));
    let first = "squeue: error: Socket timed out on send/recv operation";
    assert_eq!(run.stderr.lines().next(), Some(first), "{run:?}");
    // It was in the middle of something that may last for ever.
    let run = behind.join().unwrap();
    assert!(run.code == Some(1) && run.stderr.contains("sbatch: error: Socket timed out"), "{run:?}");
    cluster.signal("controller", Signal::CONT);
    assert_eq!(cluster.ask("squeue -h -t R -o %T"), "RUNNING\n");
    cluster.place().write("fifo", b"");
    assert!(waiting.wait().unwrap().success());
}
