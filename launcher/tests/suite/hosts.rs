//! `--hosts`: rank servers on other hosts. A stand-in for ssh runs their commands on this machine, each host with a home of
//! its own; with a real OpenSSH the same is tried by `tests/ssh.py`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::harness::{Place, Run, finish, until};

/// Notes whom it is to reach, and runs the command there: here. `-T HOST COMMAND` are its words.
const SSH: &str = "#!/bin/sh
echo \"$2\" >>\"$SSH_LOG\"
unset SSH_CONNECTION PRUN_SSH
XDG_CACHE_HOME=$SSH_HOMES/$2; export XDG_CACHE_HOME
exec sh -c \"$3\"
";

const JOB: &str = "#!/bin/bash
#SBATCH --ntasks=6 --ntasks-per-node=2 --output=result.out
srun bash -c 'prun barrier; echo \"rank $SLURM_PROCID of $SLURM_NTASKS on $SLURMD_NODENAME\"'
";

fn place() -> Place {
    Place::with(&[("ssh", SSH), ("job.sh", JOB)])
}

/// A command that reaches hosts by the stand-in.
fn with_ssh(place: &Place, mut command: Command) -> Command {
    command.env("PRUN_SSH", place.path().join("ssh"));
    command.env("SSH_LOG", place.path().join("log")).env("SSH_HOMES", place.path().join("homes"));
    command
}

fn run(place: &Place, words: &[&str]) -> Run {
    finish(with_ssh(place, place.prun(words)))
}

fn calls(place: &Place) -> usize {
    place.read("log").lines().count()
}

#[test]
fn one_script_has_the_same_output_on_hosts_as_in_this_process() {
    let place = place();
    let here = place.run(["--local", "3x2", "--quiet", "job.sh"]);
    assert_eq!(here.code, Some(0), "{here:?}");
    let expected = place.read("result.out");
    assert_eq!(expected.lines().count(), 6);
    fs::remove_file(place.path().join("result.out")).unwrap();
    let there = run(&place, &["--hosts", "slurmnode[1-3]:2", "--quiet", "job.sh"]);
    assert_eq!((there.code, there.stderr.as_str()), (Some(0), ""), "{there:?}");
    assert_eq!(place.read("result.out"), expected);
    // Asked, brought, started; later it is there already.
    assert_eq!(calls(&place), 9);
    let again = run(&place, &["--hosts", "slurmnode[1-3]:2", "--quiet", "job.sh"]);
    assert_eq!((again.code, calls(&place)), (Some(0), 12), "{again:?}");
    place.assert_nothing_left(Duration::from_secs(10));
    let cached = fs::read_dir(place.path().join("homes/slurmnode2/prun")).unwrap().count();
    assert_eq!(cached, 1, "one binary by its checksum");
}

#[test]
fn the_key_stands_on_no_command_line_and_in_no_environment() {
    let place = place();
    let job = "#!/bin/bash
for process in /proc/[0-9]*; do
    tr '\\0' '\\n' <$process/cmdline; tr '\\0' '\\n' <$process/environ
done 2>/dev/null | grep -c 'prun-key-[1]:' || true
echo looked
";
    place.write("look.sh", job.as_bytes());
    let run = run(&place, &["--hosts", "a", "--quiet", "look.sh"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "0\nlooked\n"), "{run:?}");
}

#[test]
fn a_prun_that_is_killed_leaves_nothing_on_any_host() {
    let place = place();
    place.write(
        "long.sh",
        b"#!/bin/bash\n#SBATCH -n 2 -N 2\nsrun bash -c 'touch on-$SLURM_PROCID; sleep 300'\n",
    );
    let mut child = with_ssh(&place, place.prun(["--hosts", "a,b", "--quiet", "long.sh"])).spawn().unwrap();
    until("both ranks run", || place.path().join("on-0").exists() && place.path().join("on-1").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    place.assert_nothing_left(Duration::from_secs(20));
}

#[test]
fn a_link_that_breaks_ends_its_rank_server_and_the_job_hears_of_it() {
    let place = place();
    place.write(
        "long.sh",
        b"#!/bin/bash\n#SBATCH -n 2 -N 2\nsrun bash -c 'touch on-$SLURM_PROCID; sleep 300'\n",
    );
    let child = with_ssh(&place, place.prun(["--hosts", "a,b", "long.sh"]));
    let started = std::thread::scope(|scope| {
        let run = scope.spawn(|| finish(child));
        until("both ranks run", || place.path().join("on-0").exists() && place.path().join("on-1").exists());
        let remote = |(_, line): &(u32, String)| line.contains("prun remote --checksum");
        let mut servers: Vec<u32> =
            place.processes().into_iter().filter(remote).map(|(pid, _)| pid).collect();
        servers.sort_unstable();
        let pid = rustix::process::Pid::from_raw(i32::try_from(servers[0]).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        run.join().unwrap()
    });
    assert_ne!(started.code, Some(0), "{started:?}");
    assert!(started.stderr.contains("prun: lost `"), "{started:?}");
    place.assert_nothing_left(Duration::from_secs(20));
}

#[test]
fn hosts_that_cannot_be_had_are_told_of_by_name() {
    let place = place();
    let missing = finish({
        let mut command = place.prun(["--hosts", "a", "job.sh"]);
        command.env("PRUN_SSH", "/no/such/ssh");
        command
    });
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("no rank server on `a`"), "{missing:?}");
    let other = "#!/bin/sh\necho welcome to this machine\necho prun-remote need Linux sparc64\n";
    place.write("sparc", other.as_bytes());
    let sparc = place.path().join("sparc");
    let strange = place.run(["--ssh", sparc.to_str().unwrap(), "--hosts", "b", "job.sh"]);
    assert!(strange.stderr.contains("`b` is `Linux sparc64`, and this prun is for `Linux"), "{strange:?}");
    place.write("refuses", b"#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n");
    let refuses = place.path().join("refuses");
    let refused = place.run(["--ssh", refuses.to_str().unwrap(), "--hosts", "c", "job.sh"]);
    assert!(refused.stderr.contains("Permission denied (publickey).\n"), "{refused:?}");
    assert!(
        refused.stderr.contains("no rank server on `c`: what started it ended with exit status: 255"),
        "{refused:?}"
    );
    for (hosts, code) in [("-oProxyCommand=x", 2), ("a,a", 2), ("", 2)] {
        let run = place.run(["--hosts", hosts, "job.sh"]);
        assert_eq!(run.code, Some(code), "{hosts}: {run:?}");
    }
    place.assert_nothing_left(Duration::from_secs(10));
}

#[test]
fn a_binary_that_was_damaged_does_not_run() {
    let place = place();
    assert_eq!(run(&place, &["--hosts", "a", "--quiet", "--wrap", "true"]).code, Some(0));
    let cache = place.path().join("homes/a/prun");
    let kept: PathBuf = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path().join("prun");
    // Another program under its name: what it is looks at itself first.
    let mut bytes = fs::read(&kept).unwrap();
    bytes.extend_from_slice(b"more");
    fs::remove_file(&kept).unwrap();
    fs::write(&kept, bytes).unwrap();
    fs::set_permissions(&kept, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let damaged = run(&place, &["--hosts", "a", "--quiet", "--wrap", "true"]);
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stderr.contains("the binary is damaged"), "{damaged:?}");
}

#[test]
fn a_cluster_of_hosts_comes_up_and_goes_down() {
    let cluster = Cluster::to_be(&[("ssh", SSH), ("job.sh", JOB)]);
    let place = cluster.place();
    let mut up = place.prun(["up", "--dir"]);
    up.arg(cluster.home()).args([
        "--hosts",
        "slurmnode3:2,slurmnode1:2,slurmnode2:2",
        "--listen",
        "127.0.0.1:0",
    ]);
    let up = finish(with_ssh(place, up));
    assert_eq!(up.code, Some(0), "{up:?}");
    assert_eq!(cluster.ask("sinfo -h -N -o %N"), "slurmnode1\nslurmnode2\nslurmnode3\n");
    assert_eq!(cluster.run("sbatch --wait job.sh").code, Some(0));
    assert_eq!(place.read("result.out").lines().count(), 6);
    assert!(cluster.prun("status", &[]).stdout.contains("  hosts       runs as process"));
    assert_eq!(cluster.prun_down().code, Some(0));
    place.assert_nothing_left(Duration::from_secs(10));
}
