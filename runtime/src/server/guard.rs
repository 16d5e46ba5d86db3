//! The guard: from it step processes are forked, and it sees the rank server's end.
//!
//! It is forked off before the rank server has any thread, so that it stays small and can itself be forked in no
//! time. It does nothing but wait. When its socket closes, by an orderly end or by `SIGKILL`, the step processes see
//! theirs close too and kill their tasks; the guard waits for them and removes the rank server's directory.
//!
//! ```text
//! prun (rank server) ── guard ─┬─ step process of 4711.batch ── bash job.sh ── srun
//!                              └─ step process of 4711.0 ──┬─ rank 0
//!                                                          └─ rank 1 …
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};

use super::sys::fork::{Side, fork};
use super::{descendants, shared_memory, stepd};
use crate::wire::descriptors;

/// Where a rank server has its files. It need not exist yet when the guard is forked.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// All of them are below this directory; the guard removes it at the end.
    pub directory: PathBuf,
    /// The socket that the tasks' processes connect to.
    pub socket: PathBuf,
    /// Slurm's command names, first on the tasks' `PATH`.
    pub bin: PathBuf,
}

/// Which process [`fork_guard`] has returned in.
#[derive(Debug)]
pub enum Role {
    /// The one that called it.
    RankServer(Guard),
    /// The guard or a step process, at its end: `main` is to return this.
    Ended(ExitCode),
}

/// The rank server's end of the guard. Dropping it ends the guard and every step process, without waiting.
#[derive(Debug)]
pub struct Guard {
    socket: UnixStream,
    pid: Pid,
}

/// Forks the guard. Returns in the caller at once, and in the guard and in every step process at their end.
///
/// # Errors
/// Those of `fork(2)`; also when this process has more than one thread.
pub fn fork_guard(workspace: &Workspace) -> io::Result<Role> {
    let (own, other) = UnixStream::pair()?;
    match fork()? {
        Side::Parent(pid) => Ok(Role::RankServer(Guard { socket: own, pid })),
        Side::Child => {
            drop(own);
            Ok(Role::Ended(serve(other, workspace)))
        }
    }
}

impl Guard {
    /// A new step process: the rank server's end of its link.
    ///
    /// # Errors
    /// Those of the sockets; `BrokenPipe` when the guard is gone.
    pub fn step_process(&self) -> io::Result<UnixStream> {
        let (own, other) = UnixStream::pair()?;
        descriptors::send(&self.socket, &[0], Some(other.as_fd()))?;
        Ok(own)
    }

    /// Ends the guard and every step process, and waits until they and their tasks are gone and the workspace is
    /// removed.
    pub fn finish(self) {
        drop(self.socket);
        // Somebody else may have waited for it: then it is gone as well.
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }
}

/// The guard's life. Also returns in each step process, at its end.
fn serve(socket: UnixStream, workspace: &Workspace) -> ExitCode {
    if let Err(error) = detach() {
        tracing::error!(%error, "the guard cannot detach itself");
        return ExitCode::FAILURE;
    }
    let mut steps: Vec<(Pid, OwnedFd)> = Vec::new();
    loop {
        let mut waited = vec![PollFd::new(&socket, PollFlags::IN)];
        waited.extend(steps.iter().map(|(_, pidfd)| PollFd::new(pidfd, PollFlags::IN)));
        if poll(&mut waited, None).is_err() {
            continue;
        }
        let ended: Vec<bool> = waited[1..].iter().map(|fd| !fd.revents().is_empty()).collect();
        let asked = !waited[0].revents().is_empty();
        if ended.contains(&true) {
            reap(&mut steps, &ended);
        }
        if asked {
            match fork_step(&socket) {
                Ok(Asked::Step(pid, pidfd)) => steps.push((pid, pidfd)),
                Ok(Asked::InStep(link)) => {
                    drop((socket, steps));
                    return stepd::run(link, workspace);
                }
                Ok(Asked::Refused) => {}
                Ok(Asked::End) | Err(_) => break,
            }
        }
    }
    wait_for_all(&steps);
    // Nothing to remove is what is wanted.
    let _ = std::fs::remove_dir_all(&workspace.directory);
    ExitCode::SUCCESS
}

/// A session of its own, so that a terminal's Ctrl-C reaches prun alone; no descriptors but the socket's, so that
/// whoever reads prun's output sees its end; tasks whose step process dies become the guard's children.
fn detach() -> io::Result<()> {
    rustix::process::setsid()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))?;
    rustix::thread::set_name(c"prun-guard")?;
    Ok(())
}

enum Asked {
    Step(Pid, OwnedFd),
    InStep(UnixStream),
    Refused,
    End,
}

/// Takes one request off the socket: the link of a new step process.
fn fork_step(socket: &UnixStream) -> io::Result<Asked> {
    let (mut byte, mut links) = ([0], VecDeque::new());
    if descriptors::receive(socket, &mut byte, &mut links)? == 0 {
        return Ok(Asked::End);
    }
    let Some(link) = links.pop_front() else { return Ok(Asked::Refused) };
    // Where the machine has no room for a process, the link closes, and the rank server says so.
    match fork() {
        Ok(Side::Child) => Ok(Asked::InStep(link.into())),
        Ok(Side::Parent(pid)) => Ok(Asked::Step(pid, pidfd_open(pid, PidfdFlags::empty())?)),
        Err(_) => Ok(Asked::Refused),
    }
}

/// Takes the step processes that have ended off the list. One that was killed has left its tasks' descendants to
/// the guard, which kills them.
fn reap(steps: &mut Vec<(Pid, OwnedFd)>, ended: &[bool]) {
    let mut at = 0;
    let mut killed = false;
    steps.retain(|(pid, _)| {
        let has_ended = ended[at];
        at += 1;
        if has_ended
            && let Ok(Some((_, status))) = waitpid(Some(*pid), WaitOptions::empty())
            && status.exit_status() != Some(0)
        {
            killed = true;
            // Most steps have none.
            let _ = std::fs::remove_dir_all(shared_memory::directory_of(*pid));
        }
        !has_ended
    });
    if killed {
        let alive: Vec<Pid> = steps.iter().map(|(pid, _)| *pid).collect();
        descendants::kill_all_but(&alive);
    }
}

/// Waits until every child is gone. Step processes kill their tasks when their links close; one that is stopped or
/// stuck is killed after a while, and so is whatever it leaves.
fn wait_for_all(steps: &[(Pid, OwnedFd)]) {
    const PATIENCE: Duration = Duration::from_millis(500);
    let end = Instant::now() + PATIENCE;
    for (pid, pidfd) in steps {
        if !descendants::ends_before(pidfd, end) {
            // It may have ended in the meantime.
            let _ = kill_process(*pid, Signal::KILL);
        }
        let _ = waitpid(Some(*pid), WaitOptions::empty());
    }
    descendants::kill_all_but(&[]);
    for (pid, _) in steps {
        // A step process that ended by itself has done so.
        let _ = std::fs::remove_dir_all(shared_memory::directory_of(*pid));
    }
}
