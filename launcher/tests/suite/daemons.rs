//! Steps and clusters of several daemons.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use super::cluster::Cluster;
use super::harness::{Run, finish, wait};

const THREE: &[&str] = &["--local", "3x2:1000"];

/// Runs six ranks of a shell line.
fn six(cluster: &Cluster, line: &str) -> Run {
    finish(cluster.command(["srun", "-n", "6", "-K0", "bash", "-c", line]))
}

#[test]
fn a_repeated_listing_ends_when_nobody_reads_it() {
    let cluster = Cluster::up(&[], &["--local", "1x1:100"]);
    for command in ["squeue", "sinfo"] {
        let mut child = cluster.command([command, "-i", "1"]).stdout(Stdio::piped()).spawn().unwrap();
        // One line, and nobody reads on.
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut String::new()).unwrap();
        drop(reader);
        wait(&mut child, Duration::from_secs(10));
    }
}

#[test]
fn a_step_over_three_rank_servers_keeps_order_and_barriers() {
    let cluster = Cluster::up(&[], THREE);
    let nodes = ["1", "1", "2", "2", "3", "3"].map(|n| format!("slurmnode{n}\n")).concat();
    assert_eq!(six(&cluster, "echo $SLURMD_NODENAME").stdout, nodes);
    let met = six(&cluster, "sleep 0.0$SLURM_PROCID; touch at.$SLURM_PROCID; prun barrier; ls at.* | wc -l");
    assert_eq!(met.stdout, "6\n".repeat(6), "{met:?}");
    let missed = six(&cluster, "[ $SLURM_PROCID = 5 ] && exit 3; prun barrier; echo code $?");
    assert_eq!(missed.stdout, "code 1\n".repeat(5), "{missed:?}");
    assert_eq!(missed.stderr.matches("rank 5 on slurmnode3 exited with code 3").count(), 5, "{missed:?}");
}

#[test]
fn up_twice_is_up_once_and_two_clusters_do_not_meet() {
    let (one, two) = (Cluster::up(&[], THREE), Cluster::up(&[], THREE));
    assert_eq!(one.prun_up(THREE).code, Some(0));
    let status = one.prun("status", &[]);
    assert_eq!((status.code, status.stdout.matches("runs as process").count()), (Some(0), 4), "{status:?}");
    one.ask("sbatch --wait --wrap true");
    assert_eq!(one.ask("squeue -h -t all -o %T"), "COMPLETED\n");
    assert_eq!(two.ask("squeue -h -t all"), "");
}
