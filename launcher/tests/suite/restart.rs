//! A controller that is killed and started again: whoever waits for it goes on waiting, and ends as if nothing had been.

use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::cluster::Cluster;
use crate::harness::{until, wait};

const ONE: &[&str] = &["--local", "1x1:100"];

/// A script of steps that wait for each other, and then ends with 3.
const FIRST: &str = "#!/bin/bash
#SBATCH -o out
srun -n1 cat fifo &
until squeue -hs -o %j | grep -q cat; do :; done
srun -n1 bash -c 'exit 3'
";

fn start(cluster: &Cluster, line: &str) -> Child {
    let mut command = cluster.command(line.split_whitespace());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn make_fifo(cluster: &Cluster) {
    let fifo = cluster.place().path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, fifo, rustix::fs::Mode::RWXU).unwrap();
}

fn restart(cluster: &Cluster) {
    let pid = cluster.pid("controller");
    cluster.signal("controller", Signal::KILL);
    until("the controller is dead", || cluster.pid("controller") != pid);
    let run = cluster.prun_up(ONE);
    assert_eq!(run.code, Some(0), "{run:?}");
}

fn assert_codes(clients: Vec<(&str, Child, i32)>) {
    for (line, mut client, code) in clients {
        assert_eq!(wait(&mut client, Duration::from_secs(50)).code(), Some(code), "{line}");
    }
}

#[test]
fn clients_that_wait_end_as_without_it() {
    let late = "#!/bin/bash\n#SBATCH -o /dev/null\nexit 5\n";
    let files = [("first.sh", FIRST), ("late.sh", late), ("six", "#!/bin/sh\nexit 6\n")];
    let cluster = Cluster::up(&files, ONE);
    make_fifo(&cluster);
    let mut clients = vec![("sbatch --wait first.sh", 3)];
    clients.extend([
        ("sbatch --wait late.sh", 5),
        ("srun -n1 ./six", 6),
        ("salloc -n1 ./six", 6),
        ("late.sh", 5),
    ]);
    let begun = |(line, code)| {
        let client = start(&cluster, line);
        if code == 3 {
            until("the second step waits", || {
                cluster.place().path().join("out").exists()
                    && cluster.place().read("out").contains("temporarily disabled")
            });
        }
        (line, client, code)
    };
    let clients: Vec<_> = clients.into_iter().map(begun).collect();
    until("all are there", || cluster.ask("squeue -h -o %T").lines().count() == 5);
    restart(&cluster);
    std::fs::write(cluster.place().path().join("fifo"), "x").unwrap();
    assert_codes(clients);
    assert_eq!(cluster.ask("squeue -h"), "");
}

#[test]
fn allocations_that_run_are_given_back_with_their_codes() {
    let program = "#!/bin/sh\ntouch begun.$1\ncat fifo\nexit $1\n";
    for (line, code) in [("srun -n1 ./run 6", 6), ("salloc -n1 ./run 7", 7)] {
        let cluster = Cluster::up(&[("run", program)], ONE);
        make_fifo(&cluster);
        let client = start(&cluster, line);
        until("it runs", || cluster.place().path().join(format!("begun.{code}")).exists());
        restart(&cluster);
        assert_eq!(cluster.ask("squeue -h -o %T"), "RUNNING\n", "{line}");
        std::fs::write(cluster.place().path().join("fifo"), "x").unwrap();
        assert_codes(vec![(line, client, code)]);
        until("it has ended", || cluster.ask("squeue -h").is_empty());
        let ends = cluster.ask("sacct -nXP -o State,ExitCode");
        assert_eq!(ends, format!("FAILED|{code}:0\n"), "{line}");
    }
}
