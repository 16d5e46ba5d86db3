//! A cluster of daemons in a directory of its own, for one test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Place, Run, finish};

/// A running cluster; it goes down with this value.
pub(crate) struct Cluster {
    place: Place,
}

impl Cluster {
    /// Starts one with these options of `prun up`, which see the files.
    pub(crate) fn up(files: &[(&str, &str)], options: &[&str]) -> Self {
        let cluster = Self { place: Place::with(files) };
        let run = cluster.prun_up(options);
        assert_eq!(run.code, Some(0), "{run:?}");
        cluster
    }

    /// One that does not run yet.
    pub(crate) fn to_be(files: &[(&str, &str)]) -> Self {
        Self { place: Place::with(files) }
    }

    /// Where its scripts are.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Its own directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    /// `prun up` (again).
    pub(crate) fn prun_up(&self, options: &[&str]) -> Run {
        self.prun("up", options)
    }

    /// `prun down`.
    pub(crate) fn prun_down(&self) -> Run {
        self.prun("down", &[])
    }

    /// `prun VERB --dir HOME` with further options.
    pub(crate) fn prun(&self, verb: &str, options: &[&str]) -> Run {
        let mut command = self.place.prun([verb, "--dir"]);
        command.arg(self.home()).args(options);
        finish(command)
    }

    /// A command of Slurm's, not started yet.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.place.prun(words);
        command.env("PRUN_CONTROLLER", format!("unix:{}", self.socket().display()));
        command
    }

    /// Runs a command of Slurm's to its end: its words are separated by blanks.
    pub(crate) fn run(&self, line: &str) -> Run {
        finish(self.command(line.split_whitespace()))
    }

    /// The same, of which only what it writes on stdout is wanted.
    pub(crate) fn ask(&self, line: &str) -> String {
        let run = self.run(line);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{line}: {run:?}");
        run.stdout
    }

    /// Where its controller listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.home().join("controller/socket")
    }

    /// The process behind a daemon's directory (`controller`, `nodes/n1`), if it runs.
    pub(crate) fn pid(&self, seat: &str) -> Option<rustix::process::Pid> {
        let path = self.home().join(seat).join("lock");
        let file = std::fs::File::options().read(true).write(true).open(path).ok()?;
        let write = rustix::process::Flock::from(rustix::process::FlockType::WriteLock);
        rustix::process::fcntl_getlk(&file, &write).ok().flatten()?.pid
    }

    /// Sends a daemon a signal.
    pub(crate) fn signal(&self, seat: &str, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(seat).unwrap(), signal).unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.home().exists() {
            return;
        }
        // A controller that a test has stopped would take its time.
        if let Some(pid) = self.pid("controller") {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::CONT);
        }
        let run = self.prun("down", &["--purge"]);
        if !std::thread::panicking() {
            assert_eq!(run.code, Some(0), "{run:?}");
            assert!(!Path::new(&self.home()).exists(), "something of the cluster is left");
            self.place.assert_nothing_left(std::time::Duration::from_secs(10));
        }
    }
}
