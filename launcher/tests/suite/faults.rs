//! Daemons that are killed while jobs run: nothing is lost, nothing runs twice, nothing stays. (`tests/kill_matrix.py` has
//! every part at every moment.)

use std::time::Duration;

use rustix::process::Signal;

use super::cluster::Cluster;
use super::harness::until;

const TWO: &[&str] = &["--local", "2x2:1000"];

/// Ranks that write, wait for the file `go`, meet and write again.
const MEET: &str = r#"#!/bin/bash
#SBATCH --nodes=2 --ntasks=4 --output=out
srun bash -c '
  echo $$ >> started.$SLURM_PROCID
  for i in {1..500}; do echo "rank $SLURM_PROCID line $i"; done
  touch ready.$SLURM_PROCID
  until [ -e go ]; do sleep 0.05; done
  prun barrier
  for i in {501..1000}; do echo "rank $SLURM_PROCID line $i"; done'
echo "srun $?"
"#;

fn ready(cluster: &Cluster, ranks: usize) {
    let there = |rank| cluster.place().path().join(format!("ready.{rank}")).exists();
    until("every rank is ready", || (0..ranks).all(there));
}

fn end(cluster: &Cluster, seat: &str, signal: Signal) {
    cluster.signal(seat, signal);
    until("the daemon has ended", || cluster.pid(seat).is_none());
}

fn state(cluster: &Cluster, job: &str) -> String {
    cluster.ask(&format!("sacct -X -n -P -j {job} -o State")).trim().to_owned()
}

/// The whole output of [`MEET`], each rank started once.
fn assert_whole(cluster: &Cluster) {
    let mut expected: String = (0..4)
        .map(|rank| (1..=1000).map(|i| format!("rank {rank} line {i}\n")).collect::<String>())
        .collect();
    expected.push_str("srun 0\n");
    assert!(cluster.place().read("out") == expected, "{}", cluster.place().read("out"));
    for rank in 0..4 {
        assert_eq!(cluster.place().read(&format!("started.{rank}")).lines().count(), 1, "rank {rank}");
    }
}

#[test]
fn ranks_go_on_while_their_rank_servers_are_away_and_the_next_ones_take_them_over() {
    let cluster = Cluster::up(&[("job.sh", MEET)], TWO);
    let job = cluster.ask("sbatch --parsable job.sh").trim().to_owned();
    ready(&cluster, 4);
    end(&cluster, "nodes/slurmnode1", Signal::KILL);
    end(&cluster, "nodes/slurmnode2", Signal::TERM);
    until("the nodes show down", || cluster.ask("sinfo -h -N -o %T") == "down*\ndown*\n");
    // They meet on the way, or wait for their first node's rank server.
    cluster.place().write("go", b"");
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    until("the job ends", || state(&cluster, &job) == "COMPLETED");
    assert_whole(&cluster);
    until("the nodes are idle", || cluster.ask("sinfo -h -N -o %T") == "idle\nidle\n");
    let left = || std::fs::read_dir(cluster.home().join("nodes/slurmnode1/run/steps")).unwrap().count();
    until("no step is left", || left() == 0);
}

#[test]
fn what_ends_while_nobody_listens_is_told_when_somebody_does() {
    let cluster = Cluster::up(&[("job.sh", MEET)], TWO);
    let job = cluster.ask("sbatch --parsable job.sh").trim().to_owned();
    ready(&cluster, 4);
    end(&cluster, "controller", Signal::KILL);
    cluster.place().write("go", b"");
    until("the script ends", || cluster.place().read("out").ends_with("srun 0\n"));
    // The one that has heard of it is gone before it can tell.
    end(&cluster, "nodes/slurmnode1", Signal::KILL);
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    until("the job is accounted for", || state(&cluster, &job) == "COMPLETED");
    assert_whole(&cluster);
}

#[test]
fn a_step_whose_rank_server_stays_away_ends_when_its_job_is_given_up() {
    let conf = "ClusterName=away\nSlurmdTimeout=2\nKillWait=1\nNodeName=slurmnode[1-2] CPUs=2 RealMemory=1000\nPartitionName=slurmpar Nodes=ALL Default=YES\n";
    let cluster = Cluster::up(&[("job.sh", MEET), ("c.conf", conf)], &["--config", "c.conf"]);
    let job = cluster.ask("sbatch --parsable --no-requeue job.sh").trim().to_owned();
    ready(&cluster, 4);
    end(&cluster, "nodes/slurmnode1", Signal::KILL);
    until("the job is given up", || state(&cluster, &job) == "NODE_FAIL");
    let ranks = || cluster.place().processes().iter().any(|(_, line)| line.contains("started"));
    until("its ranks end", || !ranks());
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    until("the node is idle", || cluster.ask("sinfo -h -N -o %T") == "idle\nidle\n");
}

#[test]
fn a_cluster_goes_down_with_steps_whose_rank_server_is_dead() {
    let cluster = Cluster::up(&[("job.sh", MEET)], TWO);
    cluster.ask("sbatch job.sh");
    ready(&cluster, 4);
    end(&cluster, "nodes/slurmnode1", Signal::KILL);
    end(&cluster, "controller", Signal::KILL);
    assert_eq!(cluster.prun_down().code, Some(0));
    cluster.place().assert_nothing_left(Duration::from_secs(5));
}

#[test]
fn descendants_that_hide_end_with_their_step_also_under_the_next_rank_server() {
    let script = "#!/bin/bash\n#SBATCH --ntasks=2 --output=out\nsrun bash -c 'trap \"\" TERM; (setsid bash -c \"sleep 300 & disown; exec sleep 300\" &); touch ready.$SLURM_PROCID; sleep 300'\n";
    let conf = "ClusterName=hide\nKillWait=1\nNodeName=slurmnode[1-2] CPUs=2 RealMemory=1000\nPartitionName=slurmpar Nodes=ALL Default=YES\n";
    let cluster = Cluster::up(&[("job.sh", script), ("slurm.conf", conf)], &["--config", "slurm.conf"]);
    let job = cluster.ask("sbatch --parsable job.sh").trim().to_owned();
    ready(&cluster, 2);
    let sleepers =
        || cluster.place().processes().iter().filter(|(_, line)| line.starts_with("sleep 300")).count();
    until("they sleep", || sleepers() == 6);
    end(&cluster, "nodes/slurmnode1", Signal::KILL);
    assert_eq!(sleepers(), 6);
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    // They do not heed TERM: KILL comes after the grace.
    cluster.ask(&format!("scancel {job}"));
    until("none is left", || sleepers() == 0);
}
