//! What every test of the whole program stands on: a directory of its own, runs of `prun` in it, and a look at what
//! they leave behind.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Marks the processes of one [`Place`], so that those left behind are found wherever they went.
const MARK: &str = "PRUN_TEST_MARK";

/// A directory with scripts, where `prun` runs, with a temporary directory of its own.
pub(crate) struct Place {
    root: tempfile::TempDir,
    mark: String,
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its stdout.
    pub(crate) stdout: String,
    /// Its stderr.
    pub(crate) stderr: String,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("tmp")).unwrap();
        let mark = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { root, mark }
    }

    /// One with these files; those that begin with `#!` can be executed.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let place = Self::new();
        for (name, content) in files {
            place.write(name, content.as_bytes());
        }
        place
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        if content.starts_with(b"#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}")))
            .into_owned()
    }

    /// `prun` with these words, not started yet.
    pub(crate) fn prun<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prun"));
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().into_owned();
            if ["PRUN_", "SLURM_", "SBATCH_", "SALLOC_"].iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        // A cluster that runs for who runs the tests is not theirs.
        command.env("PRUN_DIR", self.path().join("home"));
        command.env("TMPDIR", self.path().join("tmp")).env(MARK, &self.mark);
        command
    }

    /// Runs `prun` with these words to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Run {
        finish(self.prun(words))
    }

    /// Runs a script of these lines as a job of six tasks on three nodes of two CPUs, quietly; gives what it wrote.
    pub(crate) fn script(&self, lines: &str) -> Run {
        self.write("job.sh", format!("#!/bin/bash\n#SBATCH --ntasks=6\n{lines}\n").as_bytes());
        self.run(["--local", "3x2", "--quiet", "job.sh"])
    }

    /// Waits until no process of this place is left, and says which ones are.
    pub(crate) fn assert_nothing_left(&self, within: Duration) {
        let end = Instant::now() + within;
        let mut left = self.processes();
        while !left.is_empty() && Instant::now() < end {
            pause();
            left = self.processes();
        }
        assert!(left.is_empty(), "left running after {within:?}: {left:?}");
        let mut files = self.temporary_files();
        while !files.is_empty() && Instant::now() < end {
            pause();
            files = self.temporary_files();
        }
        assert!(files.is_empty(), "left in the temporary directory: {files:?}");
    }

    fn temporary_files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path().join("tmp")).unwrap().flatten().map(|entry| entry.path()).collect()
    }

    /// Processes that were started below this place: number and command line.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let wanted = format!("{MARK}={}", self.mark);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|&b| b == 0).any(|entry| entry == wanted.as_bytes()) {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
            }
        }
        found
    }
}

/// Runs a command to its end; one that takes longer than a minute is stuck.
pub(crate) fn finish(mut command: Command) -> Run {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let status = wait(&mut child, Duration::from_secs(60));
    Run { code: status.code(), stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn collect(mut stream: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for a child for so long; kills it and fails after that.
pub(crate) fn wait(child: &mut Child, most: Duration) -> ExitStatus {
    let pidfd = rustix::process::pidfd_open(
        rustix::process::Pid::from_child(child),
        rustix::process::PidfdFlags::empty(),
    )
    .unwrap();
    let timeout = rustix::time::Timespec { tv_sec: i64::try_from(most.as_secs()).unwrap(), tv_nsec: 0 };
    let mut waited = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    if rustix::event::poll(&mut waited, Some(&timeout)).unwrap() == 0 {
        child.kill().unwrap();
        panic!("still running after {most:?}");
    }
    child.wait().unwrap()
}

/// Waits until something is so, and says what was waited for when it takes too long.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        pause();
    }
}

/// Between two looks: what is waited for needs the CPUs.
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}
