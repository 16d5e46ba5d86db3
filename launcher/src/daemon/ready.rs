//! A daemon that is started in the background: it says when it is ready, and then lets go of whoever started it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use prun_runtime::server::sys::resident;

/// What a daemon writes on its stdout when it is ready.
const READY: &[u8] = b"ready\n";

/// Starts a daemon with its stderr in a log, and waits until it is ready: whether it is. Blocks.
///
/// # Errors
/// The log cannot be opened, or the program not be started.
pub fn start(mut command: Command, log: &Path) -> io::Result<bool> {
    let log = File::options().create(true).append(true).open(log)?;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(READY.len() as u64).read_to_end(&mut said)?;
    }
    if said != READY {
        child.wait()?;
    }
    Ok(said == READY)
}

/// Leaves the session of whoever started this process, so that its terminal's end does not reach it.
pub fn detach() {
    // It is the leader of its group when it was started by hand: then it stays where it is.
    let _ = rustix::process::setsid();
}

/// Says that this process is ready, closes stdout, and lets go of what only its start needed in memory.
///
/// # Errors
/// There is no `/dev/null`.
pub fn say() -> io::Result<()> {
    // Whoever started it may have gone; it is ready all the same.
    let _ = io::stdout().write_all(READY).and_then(|()| io::stdout().flush());
    let null = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    resident::forget_start();
    Ok(())
}
