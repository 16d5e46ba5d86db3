//! This machine: what the kernel allows, memory that is shared, limits, places for temporary files.

use std::fs;
use std::path::{Path, PathBuf};

use prun_runtime::limits::LOG_MEMORY_BYTES_MAX;
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::process::{PidfdFlags, Resource, getpid, getrlimit, pidfd_open};

use super::finding::Finding;

/// Descriptors of one process that hold a step of some hundred ranks: each has three streams and a link or two.
const DESCRIPTORS_MIN: u64 = 1024;
/// Processes of a user that are enough for such a step and its step processes.
const PROCESSES_MIN: u64 = 1024;
/// Free bytes of a place for temporary files: some of the ranks' output, which goes there when memory is full.
const TEMPORARY_BYTES_MIN: u64 = 64 * LOG_MEMORY_BYTES_MAX as u64;

/// Looks at all of it. Blocks on files.
pub(super) fn look() -> Vec<Finding> {
    let soft = |resource| getrlimit(resource).current;
    vec![
        kernel(),
        peer_memory(
            fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok().as_deref(),
            prun_runtime::memory_can_be_read(),
        ),
        limit("open files", "-n", soft(Resource::Nofile), DESCRIPTORS_MIN),
        limit("processes", "-u", soft(Resource::Nproc), PROCESSES_MIN),
        shared_memory(Path::new("/dev/shm")),
        temporary(std::env::var_os("TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from)),
    ]
}

/// `pidfd_open(2)` is the youngest of the calls that nothing works without.
fn kernel() -> Finding {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    match pidfd_open(getpid(), PidfdFlags::empty()) {
        Ok(_) => Finding::good("kernel", format!("Linux {release} has what is needed")),
        Err(error) => Finding::bad(
            "kernel",
            format!("Linux {release}, or the container's filter, has no `pidfd_open`: {error}"),
            "use Linux 5.3 or later; in a container, a seccomp profile that allows it",
        ),
    }
}

/// Whether ranks may read one another's memory (`process_vm_readv(2)`): `scope` is Yama's setting, where it is in charge.
/// Up to 1 ranks allow it one another by themselves.
fn peer_memory(scope: Option<&str>, works: bool) -> Finding {
    let scope = scope.and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(0);
    let slower = "messages between ranks work all the same, large ones in two copies";
    match (works, scope) {
        (true, 0 | 1) => Finding::good("ranks' memory", "ranks of a node read large messages in one copy"),
        (true, scope) => Finding::note(
            "ranks' memory",
            format!("`kernel.yama.ptrace_scope` is {scope}: {slower}"),
            "as root: sysctl kernel.yama.ptrace_scope=1",
        ),
        (false, _) => Finding::note(
            "ranks' memory",
            format!("`process_vm_readv` is not allowed here: {slower}"),
            "in a container: `--cap-add SYS_PTRACE`, or a seccomp profile that allows it",
        ),
    }
}

fn limit(what: &'static str, letter: &str, soft: Option<u64>, least: u64) -> Finding {
    match soft {
        Some(soft) if soft < least => Finding::note(
            what,
            format!("the limit is {soft}: a step of some hundred ranks needs more"),
            format!("ulimit {letter} {least}, before `prun up`; for all logins in /etc/security/limits.conf"),
        ),
        Some(soft) => Finding::good(what, format!("up to {soft}")),
        None => Finding::good(what, "no limit"),
    }
}

/// Programs of others want it: MPI libraries and Python's multiprocessing. prun itself puts its directory there where it can.
fn shared_memory(path: &Path) -> Finding {
    const LEAST: u64 = 64 << 20;
    let shown = path.display();
    match statvfs(path) {
        Err(error) => Finding::note(
            "shared memory",
            format!("no `{shown}`: {error}; MPI libraries and Python's multiprocessing want it"),
            format!("mount -t tmpfs tmpfs {shown}"),
        ),
        Ok(system) if access(path, Access::WRITE_OK | Access::EXEC_OK).is_err() => Finding::note(
            "shared memory",
            format!("`{shown}` ({} MiB) cannot be written by you", (system.f_blocks * system.f_frsize) >> 20),
            format!("as root: chmod 1777 {shown}"),
        ),
        Ok(system) => {
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            let text = format!("{} MiB free in `{shown}`", free >> 20);
            if free < LEAST {
                let cure = "in a container: `--shm-size=1g`; prun's own messages do not need it";
                return Finding::note("shared memory", text, cure);
            }
            Finding::good("shared memory", text)
        }
    }
}

fn temporary(path: PathBuf) -> Finding {
    let (what, shown) = ("temporary files", path.display());
    let elsewhere = "set `TMPDIR` to a directory with room";
    let Ok(system) = statvfs(&path) else {
        return Finding::bad(what, format!("no directory `{shown}`"), elsewhere);
    };
    if access(&path, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return Finding::bad(what, format!("`{shown}` cannot be written by you"), elsewhere);
    }
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free < TEMPORARY_BYTES_MIN {
        return Finding::bad(what, format!("{} MiB free in `{shown}`", free >> 20), elsewhere);
    }
    if system.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        let text =
            format!("programs in `{shown}` cannot be executed: what `sbcast` brings there does not run");
        return Finding::note(what, text, "set `TMPDIR` to a directory on another file system");
    }
    Finding::good(what, format!("{} MiB free in `{shown}`", free >> 20))
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn memory_of_ranks_is_theirs_up_to_yamas_first_step() {
        for (scope, works, state) in [
            (None, true, State::Good),
            (Some("1\n"), true, State::Good),
            (Some("2\n"), true, State::Note),
            (None, false, State::Note),
        ] {
            assert_eq!(peer_memory(scope, works).state, state, "{scope:?} {works}");
        }
    }

    #[test]
    fn small_limits_are_noted() {
        assert_eq!(limit("open files", "-n", Some(256), 1024).state, State::Note);
        assert_eq!(limit("open files", "-n", Some(1024), 1024).state, State::Good);
        assert_eq!(limit("open files", "-n", None, 1024).state, State::Good);
    }

    #[test]
    fn places_that_are_not_there_are_told() {
        assert_eq!(temporary("/no/such".into()).state, State::Bad);
        assert_eq!(shared_memory(Path::new("/no/such")).state, State::Note);
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(temporary(directory.path().to_owned()).state, State::Good);
    }
}
