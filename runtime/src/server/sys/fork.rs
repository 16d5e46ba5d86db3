//! A copy of this process that goes on in the same code: the guard, and from it the step processes.
//!
//! A copy is ready in a tenth of the time that a new image takes to load, which is most of what a short step
//! would wait for.
#![expect(unsafe_code, reason = "fork")]

use std::io;

use rustix::process::Pid;

/// Which of the two this is.
#[derive(Debug)]
pub enum Side {
    /// The one that forked, with the other's process id.
    Parent(Pid),
    /// The new one.
    Child,
}

/// Forks.
///
/// # Errors
/// Those of `fork(2)`; `Other` when this process has several threads: the child would have but one of them, and
/// whatever locks the rest held would stay locked for ever.
pub fn fork() -> io::Result<Side> {
    if std::fs::read_dir("/proc/self/task")?.nth(1).is_some() {
        return Err(io::Error::other("a process with several threads cannot fork"));
    }
    // SAFETY: there is no other thread, so the child's copy of memory is as consistent as the parent's.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => {
            Pid::from_raw(pid).map(Side::Parent).ok_or_else(|| io::Error::other("fork gave no process id"))
        }
    }
}
