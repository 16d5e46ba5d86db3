//! The process group and the session that this process belongs to.
//!
//! Read from `/proc/self/stat`, not asked of `getsid(2)`: in a container or any other PID namespace the leader may be
//! outside, which the system call tells as 0 and rustix takes for impossible.

use std::fs;

/// Group and session by the numbers of their leaders; `None` for one that this PID namespace does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// The process group, as `tcgetpgrp(3)` tells it.
    pub group: Option<i32>,
    /// The session, as `getsid(2)` tells it.
    pub session: Option<i32>,
}

/// Those of this process. Nothing is known where `/proc` is not mounted.
#[must_use]
pub fn own() -> Groups {
    fs::read_to_string("/proc/self/stat").ok().and_then(|stat| parse(&stat)).unwrap_or_default()
}

/// Fields five and six of `proc_pid_stat(5)`; the second, in parentheses, may hold anything.
fn parse(stat: &str) -> Option<Groups> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(2).map(|field| field.parse().ok().filter(|id| *id > 0));
    Some(Groups { group: fields.next()?, session: fields.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_outside_the_namespace_are_none() {
        let groups = |group, session| Some(Groups { group, session });
        assert_eq!(parse("7 (a) b) S 1 5 4 0 -1"), groups(Some(5), Some(4)));
        assert_eq!(parse("7 (sh) S 0 0 0 0 -1"), groups(None, None));
        assert_eq!(parse("7 (sh) S 1 7 0 0 -1"), groups(Some(7), None));
        assert_eq!(parse("7 (sh) S 1"), None);
    }

    #[test]
    fn this_process_has_a_group() {
        // Under a PID namespace both may be outside; where they are not they are those of the system calls.
        if let Some(group) = own().group {
            assert_eq!(group, rustix::process::getpgrp().as_raw_nonzero().get());
        }
    }
}
