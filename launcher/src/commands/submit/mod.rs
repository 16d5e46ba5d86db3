//! What `sbatch` and `salloc` hand to the controller beside their options: who submits, from where, with which
//! environment and limits.

pub mod complete;
pub mod export_file;
pub mod node_files;
pub mod notes;
pub mod script_source;
pub mod settle;

use std::env;
use std::os::unix::ffi::OsStringExt;

use rustix::process::{Resource, getrlimit};
use serde_bytes::ByteBuf;

use super::users;
use crate::controller::api::Submitter;
use crate::environment::Variables;

/// The process that submits. `command` and its words are what `SubmitLine` shows; `propagate` is `--propagate`.
#[must_use]
pub fn submitter(command: &str, words: &[String], propagate: Option<&str>) -> Submitter {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    Submitter {
        uid,
        gid,
        user: users::name_of(uid).unwrap_or_else(|| uid.to_string()),
        group: users::group_of(gid).unwrap_or_else(|| gid.to_string()),
        host: hostname::get()
            .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned()),
        sid: rustix::process::getsid(None).map_or(0, |sid| sid.as_raw_nonzero().get().unsigned_abs()),
        umask: file_mask(),
        rlimits: soft_limits(propagate),
        command_line: std::iter::once(command)
            .chain(words.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// The file mode creation mask, which can only be read by setting it.
#[must_use]
pub fn file_mask() -> u32 {
    let mask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(mask);
    mask.as_raw_mode()
}

/// Limits by the names that `--propagate` knows them by (`sbatch(1)`).
const LIMITS: &[(&str, Resource)] = &[
    ("AS", Resource::As),
    ("CORE", Resource::Core),
    ("CPU", Resource::Cpu),
    ("DATA", Resource::Data),
    ("FSIZE", Resource::Fsize),
    ("MEMLOCK", Resource::Memlock),
    ("NOFILE", Resource::Nofile),
    ("NPROC", Resource::Nproc),
    ("RSS", Resource::Rss),
    ("STACK", Resource::Stack),
];

/// Soft limits of this process, as far as they are to be handed on; all of them unless it is said otherwise.
#[must_use]
pub fn soft_limits(propagate: Option<&str>) -> Vec<(String, u64)> {
    let wanted = |name: &str| match propagate {
        None => true,
        Some(list) if list.eq_ignore_ascii_case("ALL") => true,
        Some(list) if list.eq_ignore_ascii_case("NONE") => false,
        Some(list) => list.split(',').any(|item| item.eq_ignore_ascii_case(name)),
    };
    let soft = |resource| getrlimit(resource).current.unwrap_or(u64::MAX);
    let named = LIMITS.iter().filter(|(name, _)| wanted(name));
    named.map(|(name, resource)| ((*name).to_owned(), soft(*resource))).collect()
}

/// The environment of this process.
#[must_use]
pub fn own_variables() -> Variables {
    env::vars_os().map(|(name, value)| (bytes(name), bytes(value))).collect()
}

fn bytes(text: std::ffi::OsString) -> ByteBuf {
    ByteBuf::from(text.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_asked_for() {
        assert_eq!(soft_limits(None).len(), LIMITS.len());
        assert_eq!(soft_limits(Some("NONE")), []);
        let names: Vec<String> = soft_limits(Some("stack,core")).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["CORE", "STACK"]);
    }

    #[test]
    fn the_submitter_is_this_process() {
        let who = submitter("sbatch", &["-n".to_owned(), "2".to_owned()], None);
        assert_eq!(who.command_line, "sbatch -n 2");
        assert_eq!(who.uid, rustix::process::getuid().as_raw());
        assert!(!who.user.is_empty() && !who.host.is_empty() && who.umask <= 0o777);
    }
}
