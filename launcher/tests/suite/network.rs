//! Clusters whose parts reach each other over TCP: whoever has the key may, and nobody else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cluster::Cluster;
use crate::harness::{Place, Run, finish, pause};
use crate::programs::programs;

/// A cluster on the network, at a port that the system chooses.
struct Networked(Cluster);

impl Networked {
    fn up(files: &[(&str, &str)]) -> Self {
        Self(Cluster::up(files, &["--local", "3x2:1000", "--listen", "127.0.0.1:0"]))
    }

    /// `tcp://…` of its controller.
    fn address(&self) -> String {
        std::fs::read_to_string(self.0.home().join("controller/address")).unwrap().trim_end().to_owned()
    }

    fn key(&self) -> PathBuf {
        self.0.home().join("key")
    }

    /// Runs a command of another host: all that it has is the address and a key.
    fn run_with(&self, elsewhere: &Place, key: &str, line: &str) -> Run {
        let mut command = elsewhere.prun(line.split_whitespace());
        command.env("PRUN_CONTROLLER", self.address()).env("PRUN_KEY", key);
        finish(command)
    }

    fn run(&self, elsewhere: &Place, line: &str) -> Run {
        self.run_with(elsewhere, self.key().to_str().unwrap(), line)
    }

    /// An open connection to the controller's port.
    fn stranger(&self) -> TcpStream {
        let address: SocketAddr = self.address().strip_prefix("tcp://").unwrap().parse().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

const RANKS: &str =
    "#!/bin/sh\n#SBATCH --ntasks=6 --output=out\nsrun sh -c 'prun barrier && echo rank $PRUN_RANK'\n";

fn ranks() -> String {
    (0..6).map(|rank| format!("rank {rank}\n")).collect()
}

#[test]
fn a_job_with_a_barrier_runs_over_tcp_alone() {
    let cluster = Networked::up(&[]);
    let elsewhere = Place::with(&[("job.sh", RANKS), ("data", "of another host")]);
    let run = cluster.run(&elsewhere, "sbatch --wait job.sh");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(elsewhere.read("out"), ranks());
    // Output of a launcher elsewhere, and files from there, too.
    let run = cluster.run(&elsewhere, "srun -n6 printenv SLURM_PROCID");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "0\n1\n2\n3\n4\n5\n"), "{run:?}");
    let copy = elsewhere.path().join("copy");
    let line = format!("srun -N3 --bcast={} /bin/true", copy.display());
    assert_eq!(cluster.run(&elsewhere, &line).code, Some(0));
    let nodes = cluster.run(&elsewhere, "scontrol show node slurmnode1").stdout;
    assert!(nodes.contains("NodeAddr=127.0.0.1 ") && !nodes.contains("Port=0 "), "{nodes}");
}

#[test]
fn programs_speak_over_tcp() {
    let cluster = Networked::up(&[]);
    let elsewhere = Place::new();
    let check = programs().join("check");
    let line = format!("srun -n6 -N3 {}", check.display());
    let run = cluster.run(&elsewhere, &line);
    let alone = elsewhere.script(&format!("srun -n6 -N3 {}", check.display()));
    assert_eq!((run.code, alone.code), (Some(0), Some(0)), "{run:?}, {alone:?}");
    assert!(!run.stdout.is_empty() && run.stdout == alone.stdout, "{run:?}, {alone:?}");
}

#[test]
fn without_the_key_nothing_is_to_be_had() {
    let cluster = Networked::up(&[]);
    let elsewhere = Place::with(&[("job.sh", RANKS)]);
    let other = Networked::up(&[]);
    let run = cluster.run_with(&elsewhere, other.key().to_str().unwrap(), "sbatch job.sh");
    assert!(run.code == Some(1) && run.stderr.contains("PRUN_KEY"), "{run:?}");
    let run = cluster.run_with(&elsewhere, "/nowhere/key", "squeue");
    assert!(run.code == Some(1) && run.stderr.contains("/nowhere/key"), "{run:?}");
    let open = elsewhere.write("open", &std::fs::read(cluster.key()).unwrap());
    let run = cluster.run_with(&elsewhere, open.to_str().unwrap(), "squeue");
    assert!(run.code == Some(1) && run.stderr.contains("chmod 600"), "{run:?}");
    // A node with another key stays outside.
    let mut joining = elsewhere.prun([
        "node",
        "--controller",
        &cluster.address(),
        "--listen",
        "127.0.0.1:0",
        "--name",
        "foe",
        "--key",
    ]);
    let mut child = joining.arg(other.key()).stderr(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let nodes = cluster.0.ask("sinfo -h -o %N");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    assert_eq!(nodes, "slurmnode[1-3]\n");
}

#[test]
fn strangers_disturb_nobody() {
    let cluster = Networked::up(&[]);
    let elsewhere = Place::with(&[("job.sh", RANKS)]);
    // More half-open connections than there is room for, some of which say something.
    let mut crowd: Vec<TcpStream> = (0..300).map(|_| cluster.stranger()).collect();
    let junk: [&[u8]; 4] = [b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[5, 0, 0, 0, 0, 1], &[0; 4096]];
    for (at, stream) in crowd.iter_mut().enumerate().skip(200) {
        // It may have been shown out already.
        let _ = stream.write_all(junk[at % junk.len()]);
    }
    let begin = Instant::now();
    let run = cluster.run(&elsewhere, "sbatch --wait job.sh");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(begin.elapsed() < Duration::from_secs(15), "took {:?}", begin.elapsed());
    assert_eq!(elsewhere.read("out"), ranks());
    for mut stream in crowd {
        let mut answer = Vec::new();
        // Reset or closed: in either case without a word.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "a stranger was told {answer:?}");
    }
    let log = std::fs::read_to_string(cluster.0.home().join("controller/log")).unwrap();
    assert!(log.lines().count() < 20, "{log}");
}

#[test]
fn a_rank_server_that_stops_is_noticed_and_comes_back() {
    let conf = "ClusterName=net\nSlurmdTimeout=2\nNodeName=slurmnode[1-3] CPUs=2 RealMemory=1000\nPartitionName=slurmpar Nodes=ALL Default=YES\n";
    let cluster =
        Cluster::up(&[("slurm.conf", conf)], &["--config", "slurm.conf", "--listen", "127.0.0.1:0"]);
    cluster.signal("nodes/slurmnode2", Signal::STOP);
    let is = |state: &str| cluster.ask("sinfo -h -n slurmnode2 -o %T").trim_end() == state;
    let end = Instant::now() + Duration::from_secs(30);
    while !is("down*") && Instant::now() < end {
        pause();
    }
    assert!(is("down*"), "{}", cluster.ask("sinfo -N -l"));
    cluster.signal("nodes/slurmnode2", Signal::CONT);
    while !is("idle") && Instant::now() < end {
        pause();
    }
    assert!(is("idle"), "{}", cluster.ask("sinfo -N -l"));
}
