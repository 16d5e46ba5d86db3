//! A disk that is full under the controller's journal. Needs the right to mount one; without it, the unit test of the
//! journal's keeper, which stands for this one, is all there is.

use std::process::Command;

use crate::cluster::Cluster;
use crate::harness::until;

/// A small file system in memory.
struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=600k", "tmpfs"])
            .arg(directory.path())
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { directory })
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.directory.path().join("filler")).unwrap();
        let error = std::io::copy(&mut std::io::repeat(0), &mut file).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn empty(&self) {
        std::fs::remove_file(self.directory.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.directory.path()).status();
    }
}

#[test]
fn submissions_are_refused_and_nothing_is_lost() {
    let cluster =
        Cluster::to_be(&[("job.sh", "#!/bin/bash\n#SBATCH -o /dev/null\ntouch begun; cat fifo; exit 3\n")]);
    let Some(disk) = SmallDisk::mount() else {
        return eprintln!("left out: no right to mount");
    };
    // Whatever happens, it is down before its disk goes.
    let cluster = cluster;
    std::os::unix::fs::symlink(disk.directory.path(), cluster.home()).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, cluster.place().path().join("fifo"), rustix::fs::Mode::RWXU)
        .unwrap();
    let run = cluster.prun_up(&["--local", "1x1:100"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    cluster.ask("sbatch job.sh");
    until("the job has begun", || cluster.place().path().join("begun").exists());
    disk.fill();
    let large = format!("X={}", "x".repeat(60_000));
    let submit = || cluster.run(&format!("sbatch --export=ALL,{large} job.sh"));
    // Until the journal needs more room than it has already.
    until("a submission is refused", || submit().code != Some(0));
    let known = cluster.ask("squeue -h -o %A");
    let run = cluster.run("sbatch job.sh");
    let journal = cluster.home().join("controller/journal");
    let expected = format!(
        "sbatch: error: cannot write `{}`: database or disk is full\n\
         sbatch: error: Batch job submission failed: Unable to save the job: the controller's journal cannot be written\n",
        journal.display()
    );
    assert_eq!((run.code, run.stderr), (Some(1), expected));
    cluster.place().write("fifo", b"go\n");
    assert_eq!(cluster.ask("squeue -h -o %A"), known);
    disk.empty();
    until("the job's end is known", || {
        cluster.ask("sacct -n -X -P -o jobid,state,exitcode").contains("|FAILED|3:0")
    });
    cluster.ask("sbatch -H job.sh");
    cluster.ask("scancel --me");
    assert_eq!(cluster.prun_down().code, Some(0));
    assert_eq!(cluster.prun("down", &["--purge"]).code, Some(0));
    // The place itself is the disk's; what was in it is gone.
    assert_eq!(std::fs::read_dir(cluster.home()).unwrap().count(), 0);
    std::fs::remove_file(cluster.home()).unwrap();
}
