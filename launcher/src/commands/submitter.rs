//! Who submits: what a job is to inherit from the process that asks for it.

use prun_runtime::env;
use rustix::process::{Resource, getegid, geteuid, getrlimit, getsid, umask};

use crate::controller::api::Submitter;

/// Limits that are propagated, by Slurm's names (`PropagateResourceLimits`).
const LIMITS: &[(&str, Resource)] = &[
    ("CPU", Resource::Cpu),
    ("FSIZE", Resource::Fsize),
    ("DATA", Resource::Data),
    ("STACK", Resource::Stack),
    ("CORE", Resource::Core),
    ("RSS", Resource::Rss),
    ("NPROC", Resource::Nproc),
    ("NOFILE", Resource::Nofile),
    ("MEMLOCK", Resource::Memlock),
    ("AS", Resource::As),
];

/// This process as a submitter. `propagate` is the value of `--propagate`.
#[must_use]
pub fn this_process(command_line: String, propagate: Option<&str>) -> Submitter {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    Submitter {
        uid,
        gid,
        user: name_of("/etc/passwd", uid),
        group: name_of("/etc/group", gid),
        host: hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        sid: getsid(None).map_or(0, |sid| sid.as_raw_nonzero().get().cast_unsigned()),
        umask: file_mask(),
        rlimits: soft_limits(propagate),
        command_line,
    }
}

/// The file mode creation mask. It can only be read by setting it, so call this while there is one thread.
#[must_use]
pub fn file_mask() -> u32 {
    let mask = umask(rustix::fs::Mode::empty());
    umask(mask);
    mask.as_raw_mode()
}

/// Soft limits to hand on: all, none, or those of a list of names.
#[must_use]
pub fn soft_limits(propagate: Option<&str>) -> Vec<(String, u64)> {
    let wanted = |name: &str| match propagate {
        None => true,
        Some(list) => {
            list.split(',').any(|word| word.eq_ignore_ascii_case("all") || word.eq_ignore_ascii_case(name))
        }
    };
    let limit = |resource| getrlimit(resource).current.unwrap_or(u64::MAX);
    LIMITS
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, resource)| ((*name).to_owned(), limit(*resource)))
        .collect()
}

/// A user's or group's name by its number; the number where it has none.
fn name_of(database: &str, id: u32) -> String {
    let text = std::fs::read_to_string(database).unwrap_or_default();
    let of = |line: &str| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(id)).then(|| name.to_owned())
    };
    text.lines().find_map(of).or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| id.to_string())
}

/// This process's variables, without those by which prun marks a job's own processes.
#[must_use]
pub fn environ() -> crate::environment::Variables {
    use serde_bytes::ByteBuf;
    use std::os::unix::ffi::OsStringExt;
    const OWN: &[&str] =
        &[env::STEP, env::STEP_SECRET, env::RANK, env::SIZE, env::LOCAL_RANK, env::LOCAL_SIZE, env::NODE];
    let own = |name: &std::ffi::OsString| OWN.iter().any(|known| name == known);
    std::env::vars_os()
        .filter(|(name, _)| !own(name))
        .map(|(name, value)| (ByteBuf::from(name.into_vec()), ByteBuf::from(value.into_vec())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_chosen_by_name() {
        let names =
            |list: Option<&str>| soft_limits(list).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(Some("NOFILE,core")), ["CORE", "NOFILE"]);
        assert!(names(Some("NONE")).is_empty());
        assert_eq!(names(None).len(), LIMITS.len());
        assert_eq!(names(Some("ALL")), names(None));
    }

    #[test]
    fn root_has_a_name() {
        assert_eq!(name_of("/etc/passwd", 0), "root");
    }
}
