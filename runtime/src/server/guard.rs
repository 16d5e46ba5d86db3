//! The guard: from it step processes are forked, and it sees the rank server's end.
//!
//! It is forked off before the rank server has any thread, so that it stays small and can itself be forked in no
//! time. It does nothing but wait. When its socket closes, by an orderly end or by `SIGKILL`, the step processes see
//! theirs close too and kill their tasks; the guard waits for them and removes the rank server's directory. Where steps
//! outlive their rank server ([`Workspace::lasting`]), it goes on waiting for them, and kills what one leaves that is
//! killed itself.
//!
//! ```text
//! prun (rank server) ── guard ─┬─ step process of 4711.batch ── bash job.sh ── srun
//!                              └─ step process of 4711.0 ──┬─ rank 0
//!                                                          └─ rank 1 …
//! ```

use std::collections::VecDeque;
use std::ffi::CStr;
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
use crate::ids::{Launched, StepKey};
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
    /// Steps outlive the rank server: another one will come to this directory, or somebody who
    /// [ends them](super::heirs::end_all). It is neither made nor removed by the guard.
    pub lasting: bool,
}

impl Workspace {
    /// That of rank servers which come one after the other, in a directory that they share.
    #[must_use]
    pub fn lasting(directory: PathBuf) -> Self {
        Self { socket: directory.join("socket"), bin: directory.join("bin"), directory, lasting: true }
    }

    /// Where steps listen that outlive their rank server.
    #[must_use]
    pub fn steps(&self) -> PathBuf {
        self.directory.join("steps")
    }

    /// Files of a step, which its step process leaves when it is killed: the job script's directory (named as Slurm's
    /// is), that of its PMIx server.
    #[must_use]
    pub fn step_directories(&self, key: StepKey) -> Vec<PathBuf> {
        let script = key.step.is_batch().then(|| self.directory.join(format!("job{:05}", key.job.0)));
        script.into_iter().chain([self.directory.join(format!("pmix-{key}"))]).collect()
    }

    /// Where this one does.
    #[must_use]
    pub fn step_socket(&self, launched: Launched) -> PathBuf {
        self.steps().join(launched.to_string())
    }
}

/// Which process [`fork_guard`] has returned in.
#[derive(Debug)]
pub enum Role {
    /// The one that called it.
    RankServer(Guard),
    /// The guard or a step process, at its end: `main` is to return this.
    Ended(ExitCode),
}

/// The rank server's end of the guard. Dropping it ends the guard and every step process, without waiting; where
/// steps outlive their rank server, it ends the guard with the last of them.
#[derive(Debug)]
pub struct Guard {
    socket: UnixStream,
    pid: Pid,
    workspace: Workspace,
}

/// Forks the guard. Returns in the caller at once, and in the guard and in every step process at their end.
///
/// # Errors
/// Those of `fork(2)`; also when this process has more than one thread.
pub fn fork_guard(workspace: &Workspace) -> io::Result<Role> {
    let (own, other) = UnixStream::pair()?;
    match fork()? {
        Side::Parent(pid) => Ok(Role::RankServer(Guard { socket: own, pid, workspace: workspace.clone() })),
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

    /// Where its rank server has its files.
    #[must_use]
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
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
    if workspace.lasting {
        outlive(&mut steps);
        return ExitCode::SUCCESS;
    }
    wait_for_all(&steps);
    // Nothing to remove is what is wanted.
    let _ = std::fs::remove_dir_all(&workspace.directory);
    ExitCode::SUCCESS
}

/// What the system shows as its name.
const NAME: &CStr = c"prun-guard";

/// Whether a process is a guard, as far as its name says.
pub(super) fn is_guard(pid: Pid) -> bool {
    let name = std::fs::read(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    name.is_ok_and(|name| name.trim_ascii_end() == NAME.to_bytes())
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
    rustix::thread::set_name(NAME)?;
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

/// Stays with the step processes until the last one has ended.
fn outlive(steps: &mut Vec<(Pid, OwnedFd)>) {
    while !steps.is_empty() {
        let mut waited: Vec<PollFd<'_>> =
            steps.iter().map(|(_, pidfd)| PollFd::new(pidfd, PollFlags::IN)).collect();
        if poll(&mut waited, None).is_ok() {
            let ended: Vec<bool> = waited.iter().map(|fd| !fd.revents().is_empty()).collect();
            reap(steps, &ended);
        }
    }
    descendants::kill_all_but(&[]);
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
