//! Steps that outlive their rank server: the next one finds them by the sockets in its directory, or whoever ends the
//! cluster does.
//!
//! A socket is there before its step process is told to start, so that none is missed; one where nobody listens is that
//! of a step process which has died.

use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::descendants::{ends_before, parent_of};
use super::guard::{self, Workspace};
use crate::ids::Launched;
use crate::wire::frame::message_frame;
use crate::wire::preamble::{Preamble, Target};

/// A step of an earlier rank server.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) launched: Launched,
    /// Its step process; `None` where it is dead.
    pub(super) process: Option<Process>,
}

/// A step process that lives.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) stream: UnixStream,
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
}

/// Every step that earlier rank servers of this directory have left.
///
/// # Errors
/// Those of the directory; one that does not exist holds none.
pub(super) fn left_in(workspace: &Workspace) -> io::Result<Vec<Left>> {
    let entries = match fs::read_dir(workspace.steps()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut left = Vec::new();
    for entry in entries {
        let socket = entry?.path();
        let Some(launched) = socket.file_name().and_then(|name| name.to_str()?.parse().ok()) else {
            continue;
        };
        let process = match UnixStream::connect(&socket) {
            Ok(stream) => peer(stream)?,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => None,
            // It has ended in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        left.push(Left { launched, process });
    }
    Ok(left)
}

/// Who is at the other end; `None` where that process has just ended.
fn peer(stream: UnixStream) -> io::Result<Option<Process>> {
    let pid = socket_peercred(&stream)?.pid;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Some(Process { stream, pid, pidfd })),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Process {
    /// Says who calls: the rank server that this step has from now on.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn greet(&mut self) -> io::Result<()> {
        let preamble = message_frame(&Preamble::new(Target::Heir)).map_err(io::Error::other)?;
        self.stream.write_all(&preamble)
    }
}

/// Ends every step that rank servers of this directory have left, by force, and waits until its processes are gone.
/// To be called while no rank server runs there. Blocks, for some seconds at most.
///
/// # Errors
/// Those of the directory.
pub fn end_all(directory: &Path) -> io::Result<()> {
    /// Longer than a guard needs for what a step process leaves.
    const PATIENCE: Duration = Duration::from_secs(5);
    let workspace = Workspace::lasting(directory.to_owned());
    let mut ending = Vec::new();
    for Process { pid, pidfd, .. } in left_in(&workspace)?.into_iter().filter_map(|left| left.process) {
        // Its guard ends when its last step has, and with it all that tasks have started.
        let guard = parent_of(pid).filter(|guard| guard::is_guard(*guard));
        ending.extend(guard.and_then(|guard| pidfd_open(guard, PidfdFlags::empty()).ok()));
        // One that has ended needs no signal.
        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        ending.push(pidfd);
    }
    let end = Instant::now() + PATIENCE;
    for process in &ending {
        if !ends_before(process, end) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a process of a step does not end"));
        }
    }
    Ok(())
}
