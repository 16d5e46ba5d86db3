//! What a daemon keeps resident: once it is up, not the code that only its start needed.
//!
//! Pages of a program's file come in sixteen at a time, and stay. Most of those that reading options, files and names has
//! brought in are never wanted again by a process that waits for messages.

#![expect(unsafe_code, reason = "madvise")]

use std::fs;

use rustix::mm::{Advice, madvise};

/// Lets go of all pages that are no more than copies of a file: what is wanted again comes back from the file, which the
/// system keeps in its cache. Where the system does not tell what is mapped, nothing happens.
pub fn forget_start() {
    let Ok(mappings) = fs::read_to_string("/proc/self/smaps") else { return };
    for (start, length) in copies_of_files(&mappings) {
        // SAFETY: the mapping is private, cannot be written, and has no page of its own, so each of its pages is what
        // the file says; the next access finds the same bytes. `/proc/self/smaps` has told so of this process, whose
        // code is mapped for as long as it lives, or else the call fails and nothing is changed.
        let _ = unsafe { madvise(start as *mut std::ffi::c_void, length, Advice::LinuxDontNeed) };
    }
}

/// Start and length of the mappings that are copies of files, as `/proc/PID/smaps` has them (`proc(5)`).
fn copies_of_files(smaps: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some(mapping) = read_only_file(line) {
            candidate = mapping;
        } else if let Some(kilobytes) = line.strip_prefix("Anonymous:") {
            // Pages of its own: relocations have been written there.
            let own = kilobytes.trim() != "0 kB";
            found.extend(candidate.take().filter(|_| !own));
        }
    }
    found
}

/// The range of a mapping's first line: `Some(None)` where it is no private copy of a file that only reads; `None` for
/// any other line.
fn read_only_file(line: &str) -> Option<Option<(usize, usize)>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let may = words.next()?;
    let path = words.nth(3).unwrap_or_default();
    let is_copy = matches!(may, "r-xp" | "r--p") && path.starts_with('/');
    Some(is_copy.then_some((start, end.checked_sub(start)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
5600-5700 r--p 00000000 fe:00 12 /bin/prun
Rss:                  64 kB
Anonymous:             0 kB
5700-5900 r-xp 00001000 fe:00 12 /bin/prun
Anonymous:             0 kB
5900-5a00 r--p 00002000 fe:00 12 /bin/prun
Anonymous:            16 kB
5a00-5b00 rw-p 00003000 fe:00 12 /bin/prun
Anonymous:             0 kB
6000-6100 rw-p 00000000 00:00 0  [heap]
Anonymous:           100 kB
7000-7100 r-xp 00000000 00:00 0  [vdso]
Anonymous:             0 kB
7100-7200 r--s 00000000 fe:00 14 /var/cache/x
Anonymous:             0 kB
";

    #[test]
    fn only_what_can_be_read_again_is_let_go() {
        assert_eq!(copies_of_files(SMAPS), [(0x5600, 0x100), (0x5700, 0x200)]);
        assert_eq!(copies_of_files("nonsense\nAnonymous: 0 kB\n"), []);
    }

    /// Other tests run beside this one: whatever they need comes back.
    #[test]
    fn what_was_let_go_is_there_again_when_it_is_wanted() {
        let words: Vec<String> = (0..100).map(|n| format!("{n:?}")).collect();
        forget_start();
        assert_eq!(words.join(","), (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    }
}
