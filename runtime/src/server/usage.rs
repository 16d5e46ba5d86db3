//! What tasks use now, from `/proc` (`proc(5)`): for `sstat`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::Pid;

use super::descendants::parents;
use crate::limits::USAGE_PIDS_MAX;
use crate::wire::step::Usage;

/// What each of these processes uses, with its descendants, in the same order. Reads all of `/proc` once.
#[must_use]
pub fn of_each(roots: &[Pid]) -> Vec<Usage> {
    let by_parent = parents();
    roots.iter().map(|root| of_tree(*root, &by_parent)).collect()
}

fn of_tree(root: Pid, by_parent: &HashMap<Pid, Vec<Pid>>) -> Usage {
    let mut usage = Usage::default();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        // One that has ended meanwhile uses nothing.
        add(&mut usage, pid);
        open.extend(by_parent.get(&pid).into_iter().flatten());
    }
    usage
}

fn add(usage: &mut Usage, pid: Pid) {
    let number = pid.as_raw_nonzero().get();
    let directory = PathBuf::from(format!("/proc/{number}"));
    let Some(stat) = read(&directory, "stat").as_deref().and_then(Stat::read) else { return };
    if usage.pids.len() < USAGE_PIDS_MAX {
        usage.pids.push(number.unsigned_abs());
    }
    let tick_us = 1_000_000 / clock_ticks_per_second().max(1);
    usage.user_us += stat.user_ticks * tick_us;
    usage.system_us += stat.system_ticks * tick_us;
    usage.rss_kib += stat.rss_pages * page_size() as u64 / 1024;
    usage.vm_kib += stat.vm_bytes / 1024;
    usage.pages += stat.major_faults;
    // Which the kernel does not show of another user's process.
    let io = read(&directory, "io").unwrap_or_default();
    usage.read_bytes += counter(&io, "rchar");
    usage.written_bytes += counter(&io, "wchar");
}

fn read(directory: &Path, name: &str) -> Option<String> {
    fs::read_to_string(directory.join(name)).ok()
}

/// The line `NAME: NUMBER`.
fn counter(io: &str, name: &str) -> u64 {
    let line = io.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// The fields of `/proc/PID/stat` that count here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    major_faults: u64,
    user_ticks: u64,
    system_ticks: u64,
    vm_bytes: u64,
    rss_pages: u64,
}

impl Stat {
    /// Fields are counted from 1; the second, in parentheses, may hold anything.
    fn read(text: &str) -> Option<Self> {
        let (_, after) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            major_faults: field(12)?,
            // Its own, and its waited-for children's.
            user_ticks: field(14)? + field(16)?,
            system_ticks: field(15)? + field(17)?,
            vm_bytes: field(23)?,
            rss_pages: field(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_behind_a_name_that_may_hold_anything() {
        let text =
            "7 (a) b (c) S 1 7 7 0 -1 4194304 90 0 3 0 11 12 13 14 20 0 1 0 500 8192 42 18446744073709551615";
        let expected =
            Stat { major_faults: 3, user_ticks: 24, system_ticks: 26, vm_bytes: 8192, rss_pages: 42 };
        assert_eq!(Stat::read(text), Some(expected));
        assert_eq!(Stat::read("7 (x) S 1 2"), None);
        assert_eq!(counter("rchar: 12\nwchar: 34\n", "wchar"), 34);
        assert_eq!(counter("", "wchar"), 0);
    }

    #[test]
    fn this_process_uses_something() {
        let own = &of_each(&[rustix::process::getpid()])[0];
        assert_eq!(own.pids.first(), Some(&std::process::id()));
        assert!(own.rss_kib > 0 && own.vm_kib >= own.rss_kib);
    }
}
