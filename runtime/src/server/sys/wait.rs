//! Waiting for a child with what it has used (`wait4(2)`).
#![expect(unsafe_code, reason = "wait4")]

use std::io;

use rustix::process::Pid;

use crate::wire::step::Exit;

/// Reaps one child that has ended, if any has; never blocks.
///
/// # Errors
/// `ECHILD` when there is no child at all.
pub fn reap() -> io::Result<Option<(Pid, Exit)>> {
    let mut status = 0;
    // SAFETY: plain numbers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both are in this frame.
    let pid = unsafe { libc::wait4(-1, &mut status, libc::WNOHANG, &mut usage) };
    if pid == -1 {
        return Err(io::Error::last_os_error());
    }
    let micros = |time: libc::timeval| time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_usec.unsigned_abs();
    let signalled = libc::WIFSIGNALED(status);
    Ok(Pid::from_raw(pid).map(|pid| {
        let exit = Exit {
            code: if signalled { 0 } else { libc::WEXITSTATUS(status) },
            signal: if signalled { libc::WTERMSIG(status) } else { 0 },
            core: signalled && libc::WCOREDUMP(status),
            user_us: micros(usage.ru_utime),
            system_us: micros(usage.ru_stime),
            max_rss_kib: usage.ru_maxrss.unsigned_abs(),
            ..Exit::default()
        };
        (pid, exit)
    }))
}
