//! `prun up --config`: a cluster as a file in the syntax of slurm.conf describes it.

use crate::cluster::Cluster;
use crate::harness::until;

const CONFIG: &str = "\
ClusterName=blue
FirstJobId=70
MinJobAge=120
KillWait=2
MaxArraySize=50
EnforcePartLimits=ALL
GresTypes=gpu

NodeName=DEFAULT Sockets=2 CoresPerSocket=2 RealMemory=500
NodeName=thin[1-2]
NodeName=fat RealMemory=2000 TmpDisk=10 Feature=big,fast Gres=gpu:2 Weight=9

PartitionName=main Nodes=ALL Default=YES MaxTime=1:00:00 DefaultTime=10
PartitionName=gpus Nodes=fat MaxNodes=1 DefMemPerNode=100 OverSubscribe=EXCLUSIVE
";

fn cluster() -> Cluster {
    Cluster::up(&[("slurm.conf", CONFIG)], &["--config", "slurm.conf"])
}

#[test]
fn commands_show_what_the_file_says() {
    let cluster = cluster();
    assert_eq!(
        cluster.ask("sinfo -h -N -o %N|%P|%c|%z|%m|%d|%f|%G|%w|%t"),
        "\
fat|main*|4|2:2:1|2000|10|big,fast|gpu:2|9|idle
fat|gpus|4|2:2:1|2000|10|big,fast|gpu:2|9|idle
thin1|main*|4|2:2:1|500|0|(null)|(null)|1|idle
thin2|main*|4|2:2:1|500|0|(null)|(null)|1|idle
"
    );
    assert_eq!(
        cluster.ask("sinfo -h -o %R|%l|%L|%s|%h|%D"),
        "main|1:00:00|10:00|1-infinite|NO|3\ngpus|infinite|n/a|1|EXCLUSIVE|1\n"
    );
    let config = cluster.ask("scontrol show config");
    for line in [
        "ClusterName             = blue",
        "FirstJobId              = 70",
        "MinJobAge               = 120 sec",
        "KillWait                = 2 sec",
        "MaxArraySize            = 50",
        "EnforcePartLimits       = ALL",
        "GresTypes               = gpu",
        "SLURM_VERSION           = 24.11.5",
    ] {
        assert!(config.lines().any(|shown| shown == line), "{line}\n{config}");
    }
    let partition = cluster.ask("scontrol show partition gpus");
    assert!(
        partition.contains("DefMemPerNode=100 ") && partition.contains("OverSubscribe=EXCLUSIVE"),
        "{partition}"
    );
    let node = cluster.ask("scontrol show node fat");
    assert!(
        node.contains("Sockets=2 ") && node.contains("Gres=gpu:2") && node.contains("TmpDisk=10 "),
        "{node}"
    );
}

#[test]
fn jobs_run_within_what_the_file_says() {
    let cluster = cluster();
    let place = cluster.place();
    place.write("gpu.sh", b"#!/bin/bash\n#SBATCH --gres=gpu:1 -o gpu.out\necho $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES\nsrun printenv CUDA_VISIBLE_DEVICES\n");
    place.write("job.sh", b"#!/bin/bash\n#SBATCH -o job.out\nscontrol show job $SLURM_JOB_ID -o\n");
    assert_eq!(cluster.ask("sbatch --wait gpu.sh"), "Submitted batch job 70\n");
    assert_eq!(place.read("gpu.out"), "fat 0\n0\n");
    assert_eq!(cluster.ask("sbatch --wait job.sh"), "Submitted batch job 71\n");
    let shown = place.read("job.out");
    assert!(shown.contains("NodeList=thin1 ") && shown.contains("TimeLimit=00:10:00"), "{shown}");
    assert_eq!(cluster.ask("sbatch --wait -p gpus job.sh"), "Submitted batch job 72\n");
    let shown = place.read("job.out");
    assert!(
        shown.contains("NumCPUs=4 ") && shown.contains("mem=100M") && shown.contains("TimeLimit=UNLIMITED"),
        "{shown}"
    );
    for (options, text) in [
        ("--time=2:00:00", "Requested time limit is invalid (missing or exceeds some limit)"),
        ("-p gpus -N 2", "Node count specification invalid"),
        ("--array=50", "Invalid job array specification"),
        ("-C slow", "Invalid feature specification"),
        ("--gres=gpu:3", "Requested node configuration is not available"),
        ("--deadline=2020-01-01", "Requested time limit is invalid (missing or exceeds some limit)"),
    ] {
        let run = cluster.run(&format!("sbatch {options} job.sh"));
        let last = format!("sbatch: error: Batch job submission failed: {text}");
        assert_eq!((run.code, run.stderr.lines().last()), (Some(1), Some(last.as_str())), "{options}");
    }
}

#[test]
fn a_file_that_has_changed_is_read_again() {
    let cluster = cluster();
    let place = cluster.place();
    place.write("job.sh", b"#!/bin/bash\n#SBATCH -o /dev/null\ncat fifo\n");
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path().join("fifo"), rustix::fs::Mode::RWXU).unwrap();
    cluster.ask("sbatch job.sh");
    until("it runs", || cluster.ask("squeue -h -o %T") == "RUNNING\n");
    let file = cluster.home().join("slurm.conf");
    let before = std::fs::read_to_string(&file).unwrap();
    let more = "NodeName=late\nPartitionName=night Nodes=fat,late MaxTime=5\n";
    std::fs::write(&file, format!("{}{more}", before.replace("MinJobAge=120", "MinJobAge=240"))).unwrap();
    assert_eq!(cluster.ask("scontrol reconfigure"), "");
    assert_eq!(cluster.ask("sinfo -h -p night -o %l|%D"), "5:00|2\n");
    assert!(cluster.ask("scontrol show config").contains("MinJobAge               = 240 sec"));
    let refused = cluster.run("sbatch -p night -t 9 job.sh");
    assert!(refused.stderr.contains("Requested time limit is invalid"), "{refused:?}");
    // One that is wrong changes nothing.
    std::fs::write(&file, format!("{before}PartitionName=bad MaxTime=soon\n")).unwrap();
    let wrong = cluster.run("scontrol reconfigure");
    let last = "scontrol: error: slurm_reconfigure error: Unable to process configuration file";
    assert_eq!((wrong.code, wrong.stderr.lines().last()), (Some(1), Some(last)), "{wrong:?}");
    assert!(wrong.stderr.contains("MaxTime=soon"), "{wrong:?}");
    assert_eq!(cluster.ask("sinfo -h -p night -o %D"), "2\n");
    assert_eq!(cluster.ask("squeue -h -o %T"), "RUNNING\n");
    // It is there after a restart, too.
    std::fs::write(&file, format!("{before}{more}")).unwrap();
    let pid = cluster.pid("controller");
    cluster.signal("controller", rustix::process::Signal::KILL);
    until("the controller is dead", || cluster.pid("controller") != pid);
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    assert_eq!(cluster.ask("squeue -h -o %T"), "RUNNING\n");
    place.write("fifo", b"");
    until("it has ended", || cluster.ask("squeue -h").is_empty());
}

#[test]
fn nodes_tell_how_busy_they_are() {
    let cluster = Cluster::up(&[], &["--local", "1x1:100"]);
    until("a heartbeat has told", || !cluster.ask("sinfo -h -N -o %O").contains("N/A"));
    let told = cluster.ask("sinfo -h -N -o %O|%e");
    let (load, free) = told.trim().split_once('|').unwrap();
    assert!(load.parse::<f64>().is_ok() && free.parse::<u64>().is_ok_and(|free| free > 0), "{told}");
    let shown = cluster.ask("scontrol show node slurmnode1");
    assert!(!shown.contains("CPULoad=N/A") && !shown.contains("FreeMem=N/A"), "{shown}");
}

#[test]
fn starting_again_gives_the_same_cluster() {
    let cluster = cluster();
    let place = cluster.place();
    let pid = cluster.pid("controller");
    let again = cluster.prun_up(&["--config", "slurm.conf"]);
    assert_eq!((again.code, cluster.pid("controller")), (Some(0), pid));
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    let other = cluster.prun_up(&["--local", "1x1"]);
    let copy = cluster.home().join("slurm.conf");
    assert!(other.stderr.starts_with(&format!(
        "prun up: error: the cluster runs with another configuration, `{}`",
        copy.display()
    )));
    place.write("job.sh", b"#!/bin/bash\n#SBATCH -o /dev/null\ntrue\n");
    cluster.ask("sbatch --wait job.sh");
    assert_eq!(cluster.prun_down().code, Some(0));
    // The copy holds, whatever has become of the file.
    place.write("slurm.conf", b"nonsense");
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    assert_eq!(cluster.ask("sinfo -h -o %N%c"), "fat,thin[1-2]4\n");
    assert_eq!(cluster.ask("squeue -h -t all -o %A%T"), "70COMPLETED\n");
    assert_eq!(cluster.ask("sbatch --wait job.sh"), "Submitted batch job 71\n");
}

#[test]
fn another_configuration_takes_the_place_of_one_that_is_down() {
    let cluster = cluster();
    let place = cluster.place();
    place.write("job.sh", b"#!/bin/bash\n#SBATCH -o /dev/null\ntrue\n");
    cluster.ask("sbatch --wait job.sh");
    assert_eq!(cluster.prun_down().code, Some(0));
    assert_eq!(cluster.prun_up(&["--local", "2x1:100"]).code, Some(0));
    assert_eq!(cluster.ask("sinfo -h -o %R,%N,%c"), "slurmpar,slurmnode[1-2],1\n");
    assert_eq!(cluster.prun("status", &[]).code, Some(0));
    assert_eq!(cluster.ask("squeue -h -t all -o %A,%P,%T"), "70,main,COMPLETED\n");
    assert_eq!(cluster.ask("sbatch --wait job.sh"), "Submitted batch job 71\n");
}

#[test]
fn a_controller_that_is_killed_comes_back_with_its_jobs() {
    let cluster = cluster();
    let place = cluster.place();
    place.write("job.sh", b"#!/bin/bash\n#SBATCH -o job.out\ntouch begun; cat fifo\n");
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path().join("fifo"), rustix::fs::Mode::RWXU).unwrap();
    assert_eq!(cluster.ask("sbatch job.sh"), "Submitted batch job 70\n");
    cluster.ask("sbatch -H job.sh");
    until("the job has begun", || place.path().join("begun").exists());
    cluster.signal("controller", rustix::process::Signal::KILL);
    until("the controller is gone", || cluster.pid("controller").is_none());
    assert_eq!(cluster.prun_up(&[]).code, Some(0));
    until("the nodes are back", || cluster.ask("sinfo -h -t idle,mix,alloc -o %D") == "3\n");
    assert_eq!(cluster.ask("squeue -h -o %A%T"), "71PENDING\n70RUNNING\n");
    place.write("fifo", b"here\n");
    until("the job has ended", || cluster.ask("squeue -h -t CD -o %A") == "70\n");
    assert_eq!(place.read("job.out"), "here\n");
}

#[test]
fn mistakes_in_the_file_are_shown_where_they_are() {
    let cluster = Cluster::to_be(&[("slurm.conf", "KillWait=soon\nNodeName=n1 CPUs=2\nProlog=/bin/true\n")]);
    let run = cluster.prun_up(&["--config", "slurm.conf"]);
    assert_eq!(run.code, Some(1));
    for text in [
        "prun up: error: `slurm.conf` is no configuration",
        "slurm.conf:1:10",
        "help: write a whole number from 0 on",
    ] {
        assert!(run.stderr.contains(text), "{text}\n{}", run.stderr);
    }
    cluster.place().write("slurm.conf", b"NodeName=n1 CPUs=2\nProlog=/bin/true\n");
    let run = cluster.prun_up(&["--config", "slurm.conf"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(run.stderr, "prun up: warning: slurm.conf:2: `Prolog` is not done by prun; passed over\n");
    let missing = cluster.prun_up(&["--config", "none.conf"]);
    assert!(
        missing.stderr.starts_with("prun up: error: cannot read the configuration `none.conf`: No such file")
    );
}
