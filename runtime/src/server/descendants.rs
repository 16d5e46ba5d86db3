//! What a process has started, and what that has started in turn: found and killed to the last one.
//!
//! The caller is a subreaper (`prctl(2)`, `PR_SET_CHILD_SUBREAPER`), so that a process whose parent has ended, by a
//! double fork or however, becomes its child instead of `init`'s and is found here.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, wait};
use rustix::time::Timespec;

/// All live processes by their parents, from `/proc`.
pub(super) fn parents() -> HashMap<Pid, Vec<Pid>> {
    let mut by_parent: HashMap<Pid, Vec<Pid>> = HashMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return by_parent };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        // A process that ends while it is looked at has no parent to speak of.
        let Some(parent) = fs::read_to_string(entry.path().join("stat")).ok().and_then(|stat| parent(&stat))
        else {
            continue;
        };
        by_parent.entry(parent).or_default().push(pid);
    }
    by_parent
}

/// The fourth field of `/proc/PID/stat`; the second, in parentheses, may hold anything.
fn parent(stat: &str) -> Option<Pid> {
    let (_, after) = stat.rsplit_once(')')?;
    Pid::from_raw(after.split_whitespace().nth(1)?.parse().ok()?)
}

/// The parent of a process.
pub(super) fn parent_of(pid: Pid) -> Option<Pid> {
    parent(&fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// Every descendant of this process but those in `spared` and theirs.
fn all_but(spared: &[Pid]) -> Vec<Pid> {
    let by_parent = parents();
    let mut found = Vec::new();
    let mut open = vec![getpid()];
    while let Some(pid) = open.pop() {
        for child in by_parent.get(&pid).into_iter().flatten().filter(|child| !spared.contains(child)) {
            found.push(*child);
            open.push(*child);
        }
    }
    found
}

/// Whether some descendant's program has this name.
#[must_use]
pub fn any_named(name: &str) -> bool {
    let has_name = |pid: &Pid| {
        let comm = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
        comm.is_ok_and(|comm| comm.trim_end() == name)
    };
    all_but(&[]).iter().any(has_name)
}

/// Sends a signal to every descendant.
pub fn signal_all(signal: Signal) {
    for pid in all_but(&[]) {
        // It may have ended in the meantime.
        let _ = kill_process(pid, signal);
    }
}

/// Kills every descendant but those in `spared` and theirs, and reaps those that are children of this process.
///
/// Repeats until none is left, since a process may fork while it is looked at. Gives up on those that the kernel
/// does not let die (uninterruptible sleep) after a while.
pub fn kill_all_but(spared: &[Pid]) {
    const PATIENCE: Duration = Duration::from_millis(800);
    let end = Instant::now() + PATIENCE;
    // Without a child there is no descendant: the rule, and no reason to read all of `/proc`.
    while has_children() {
        let left = all_but(spared);
        if left.is_empty() || Instant::now() > end {
            return;
        }
        for pid in &left {
            let _ = kill_process(*pid, Signal::KILL);
        }
        wait_for_any(&left, end);
    }
}

/// Reaps children that have ended: whether there are others.
fn has_children() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Blocks until a process has ended or the time is up: whether it has.
#[must_use]
pub fn ends_before(pidfd: &OwnedFd, end: Instant) -> bool {
    let mut waited = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut waited, Some(&until(end))).is_ok_and(|ended| ended > 0)
}

/// Blocks until one of these processes ends or the time is up.
fn wait_for_any(pids: &[Pid], end: Instant) {
    let pidfds: Vec<_> = pids.iter().filter_map(|pid| pidfd_open(*pid, PidfdFlags::empty()).ok()).collect();
    let mut waited: Vec<_> = pidfds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    // An interruption only means to look again.
    let _ = poll(&mut waited, Some(&until(end)));
}

fn until(end: Instant) -> Timespec {
    let left = end.saturating_duration_since(Instant::now());
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_stands_behind_a_name_that_may_hold_anything() {
        assert_eq!(parent("12 (a) b (c) S 7 12 12 0"), Pid::from_raw(7));
        assert_eq!(parent("12 (x) S 0 0"), None);
        assert_eq!(parent("nonsense"), None);
    }
}
