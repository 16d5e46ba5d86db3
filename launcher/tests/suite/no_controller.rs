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
    "scontrol show job",
    "scontrol reconfigure",
    "sstat 1.0",
    "sdiag",
    "sprio",
    "sshare",
    "sacctmgr show cluster",
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

/// What a command cannot make sense of, on a cluster that runs: words, exit code, and how what it says begins.
const NONSENSE: &[(&str, i32, &str)] = &[
    ("squeue -j 99999", 1, "slurm_load_jobs error: Invalid job id specified"),
    ("squeue -j x", 1, "squeue: error: Invalid job id: x"),
    ("squeue --foo", 1, "squeue: unrecognized option '--foo'"),
    ("sinfo --foo", 1, "sinfo: unrecognized option '--foo'"),
    ("scancel x", 1, "scancel: error: Invalid job id x"),
    ("scancel --foo", 1, "scancel: unrecognized option '--foo'"),
    ("sbatch --foo", 255, "sbatch: unrecognized option '--foo'"),
    ("sbatch no-such.sh", 1, "sbatch: error: Unable to open file no-such.sh"),
    ("srun --foo true", 255, "srun: unrecognized option '--foo'"),
    (
        "srun --jobid=99999 true",
        1,
        "srun: error: Unable to confirm allocation for job 99999: Invalid job id specified",
    ),
    ("salloc --foo", 255, "salloc: unrecognized option '--foo'"),
    ("salloc -p nowhere true", 1, "salloc: error: invalid partition specified: nowhere"),
    ("scontrol show job 99999", 1, "slurm_load_jobs error: Invalid job id specified"),
    ("scontrol show node nowhere", 1, "Node nowhere not found"),
    ("scontrol show partition nowhere", 1, "Partition nowhere not found"),
    ("scontrol hold 99999", 1, "Invalid job id specified for job 99999"),
    (
        "scontrol update nodename=nowhere state=drain reason=x",
        1,
        "slurm_update error: Invalid node name specified",
    ),
    ("scontrol reconfigure now", 1, "too many arguments for keyword:reconfigure"),
    ("sattach 99999.0", 1, "sattach: error: "),
    ("sattach x", 1, "Usage: sattach"),
    ("sacct --foo", 1, "sacct: unrecognized option '--foo'"),
    ("sbcast no-such-file /tmp/x", 1, "sbcast: error: "),
];

#[test]
fn nonsense_is_refused_by_each_command_in_its_own_words() {
    let cluster = Cluster::up(&[], &["--local", "1x1:100"]);
    let mut wrong = Vec::new();
    for (line, code, words) in NONSENSE {
        let run = cluster.run(line);
        // Some of Slurm's commands say it on stdout.
        let said = [run.stdout.as_str(), run.stderr.as_str()].concat();
        if run.code != Some(*code) || !said.starts_with(words) {
            wrong.push(format!("{line}: {run:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cluster.ask("squeue -h -t all"), "");
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
