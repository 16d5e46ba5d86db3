//! `prun job.sh` where a controller is configured: the same job, on that cluster.

use std::process::Stdio;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::harness::{Place, finish, until, wait};

const RANKS: &str = "#!/bin/bash
#SBATCH -n 6
echo script in $SLURM_CLUSTER_NAME
echo complaint >&2
srun bash -c 'echo rank $SLURM_PROCID on $SLURMD_NODENAME'
exit 3
";

#[test]
fn a_job_runs_on_the_cluster_that_is_configured() {
    let cluster = Cluster::up(&[("job.sh", RANKS)], &["--local", "3x2"]);
    let run = cluster.run("job.sh");
    assert_eq!(run.code, Some(3), "{run:?}");
    let ranks: String = (0..6).map(|rank| format!("rank {rank} on slurmnode{}\n", rank / 2 + 1)).collect();
    let (first, rest) = run.stdout.split_once('\n').unwrap();
    assert_eq!(rest, ranks);
    let name = first.strip_prefix("script in ").unwrap();
    let place = format!("prun: runs on cluster {name} at `unix:{}`\n", cluster.socket().display());
    assert!(run.stderr.starts_with(&place), "{run:?}");
    for word in ["complaint\n", "failed with exit code 3", "slurmnode[1-3]"] {
        assert!(run.stderr.contains(word), "no `{word}` in {run:?}");
    }
    assert!(!run.stderr.contains("share"), "its CPUs are not for prun to count: {run:?}");
    assert_eq!(
        cluster.ask("sacct -nXo JobName,State,ExitCode").split_whitespace().collect::<Vec<_>>(),
        ["job.sh", "FAILED", "3:0"]
    );
    let quiet = cluster.run("--quiet job.sh");
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (run.stdout, "complaint\n"));
}

#[test]
fn local_nodes_go_before_a_configured_controller() {
    let cluster = Cluster::up(&[("job.sh", RANKS)], &["--local", "1x1"]);
    let run = cluster.run("--local 3x2 job.sh");
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stdout.contains("rank 5 on slurmnode3\n"), "{run:?}");
    assert_eq!(cluster.ask("sacct -nX"), "", "the cluster has not heard of it");
    // Inside a job there is none either: it would wait for CPUs while it holds its own.
    cluster.place().write("outer.sh", b"#!/bin/bash\nprun --quiet -n 1 --wrap 'echo inner'\n");
    assert_eq!(cluster.run("--quiet outer.sh").stdout, "inner\n");
}

#[test]
fn the_cluster_of_this_user_is_found_without_a_variable() {
    let cluster = Cluster::up(&[("job.sh", RANKS)], &["--local", "3x2"]);
    let mut command = cluster.place().prun(["job.sh"]);
    command.env("PRUN_DIR", cluster.home());
    let run = finish(command);
    assert!(run.stderr.starts_with("prun: runs on cluster "), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 7, "{run:?}");
}

#[test]
fn an_interrupt_ends_the_job_on_the_cluster() {
    let script = "#!/bin/bash\necho started\nsleep 100 & wait\n";
    let cluster = Cluster::up(&[("job.sh", script)], &["--local", "1x1"]);
    let mut child =
        cluster.command(["job.sh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    assert_eq!(line, "started\n", "its output is there while it runs");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    assert_eq!(wait(&mut child, Duration::from_secs(20)).code(), Some(130));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("was cancelled"), "{said}");
    assert_eq!(cluster.ask("squeue -h"), "");
}

#[test]
fn a_job_that_is_put_back_is_shown_in_its_next_run_too() {
    let script = "#!/bin/bash\n#SBATCH --requeue\necho run ${SLURM_RESTART_COUNT:-0}\n[ -e again ] || { touch sleeps; sleep 100; }\n";
    let cluster = Cluster::up(&[("job.sh", script)], &["--local", "1x1"]);
    let child =
        cluster.command(["--quiet", "job.sh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the first run has looked for the file", || cluster.place().path().join("sleeps").exists());
    cluster.place().write("again", b"");
    let id = cluster.ask("squeue -h -o %i");
    assert_eq!(cluster.run(&format!("scontrol requeue {id}")).code, Some(0));
    until("it waits for its turn", || cluster.ask("squeue -h -o %t") == "PD\n");
    assert_eq!(cluster.run(&format!("scontrol update jobid={} starttime=now", id.trim())).code, Some(0));
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "run 0\nrun 1\n", "{output:?}");
}

/// The signal once came before the answer: programs that put their own job back (submitit) took that for a failure.
#[test]
fn a_step_that_puts_its_job_back_hears_so_before_it_is_ended() {
    let script = "#!/bin/bash\n#SBATCH --requeue -o /dev/null\n[ $SLURM_RESTART_COUNT ] || srun bash -c 'trap : TERM; scontrol requeue $SLURM_JOB_ID; echo $? >>codes'\n";
    let cluster = Cluster::up(&[("job.sh", script)], &["--local", "1x1"]);
    let codes = cluster.place().path().join("codes");
    for said in 1..=5 {
        let job = cluster.ask("sbatch --parsable job.sh");
        let all = || std::fs::read_to_string(&codes).unwrap_or_default();
        until("the step has been answered", || all().lines().count() == said);
        assert_eq!(all(), "0\n".repeat(said));
        // It may be between its two runs.
        cluster.run(&format!("scancel {job}"));
        until("the job is gone", || cluster.ask("squeue -h").is_empty());
    }
}

#[test]
fn what_a_cluster_does_not_have_is_said_with_its_size() {
    let cluster = Cluster::up(&[("job.sh", RANKS)], &["--local", "2x2"]);
    let run = cluster.run("job.sh");
    assert_eq!(run.code, Some(1), "{run:?}");
    for word in ["6 tasks asked", "4 CPUs on 2 nodes", "job.sh:2:12", "lower `--ntasks`"] {
        assert!(run.stderr.contains(word), "no `{word}` in {}", run.stderr);
    }
    assert!(!run.stderr.contains("--local"), "nodes cannot be added to it: {}", run.stderr);
    let plan = cluster.run("--plan -n 3 job.sh");
    assert!(plan.stdout.starts_with("3 ranks on 2 of 2 nodes"), "{plan:?}");
}

#[test]
fn a_controller_that_is_not_there_is_named() {
    let place = Place::with(&[("job.sh", RANKS)]);
    for (address, words) in [
        ("unix:/nowhere/socket", ["`unix:/nowhere/socket`", "`--local"]),
        ("tcp:1", ["`tcp:1`", "`unix:PATH`"]),
    ] {
        let mut command = place.prun(["job.sh"]);
        command.env("PRUN_CONTROLLER", address);
        let run = finish(command);
        assert_eq!(run.code, Some(1), "{run:?}");
        for word in words {
            assert!(run.stderr.contains(word), "no `{word}` in {}", run.stderr);
        }
    }
}
