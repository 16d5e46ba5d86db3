//! Names and numbers of users and groups.
//!
//! The files come first; where they do not know (a directory service), `getent(1)` is asked, which goes the way that
//! the machine is configured for.

use std::fs;
use std::process::{Command, Stdio};

/// A user's number by name or number; `None` if there is no such user.
#[must_use]
pub fn uid_of(name: &str) -> Option<u32> {
    entry("passwd", name).and_then(|fields| fields.1)
}

/// A user's name.
#[must_use]
pub fn name_of(uid: u32) -> Option<String> {
    entry("passwd", &uid.to_string()).map(|fields| fields.0)
}

/// The name of whoever runs this process; the number where there is none.
#[must_use]
pub fn own_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    name_of(uid).unwrap_or_else(|| uid.to_string())
}

/// A group's name.
#[must_use]
pub fn group_of(gid: u32) -> Option<String> {
    entry("group", &gid.to_string()).map(|fields| fields.0)
}

/// Whether there is a group of this name or number.
#[must_use]
pub fn is_group(name: &str) -> bool {
    entry("group", name).is_some()
}

/// The entry of this name or number.
fn entry(database: &str, key: &str) -> Option<(String, Option<u32>)> {
    let file = fs::read_to_string(format!("/etc/{database}")).unwrap_or_default();
    find(&file, key).or_else(|| find(&ask_service(database, key)?, key))
}

fn ask_service(database: &str, key: &str) -> Option<String> {
    let asked = Command::new("getent")
        .args([database, "--", key])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(asked.stdout).ok()
}

/// The line `NAME:…:NUMBER:…` whose name or number is the key (`passwd(5)`, `group(5)`).
fn find(lines: &str, key: &str) -> Option<(String, Option<u32>)> {
    lines.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (name == key || number == key).then(|| (name.to_owned(), number.parse().ok()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_name_and_by_number() {
        let file = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n";
        for key in ["ada", "1000"] {
            assert_eq!(find(file, key), Some(("ada".to_owned(), Some(1000))));
        }
        assert_eq!(find(file, "x"), None);
    }

    #[test]
    fn every_machine_has_a_root() {
        assert_eq!(uid_of("root"), Some(0));
        assert_eq!(name_of(0).as_deref(), Some("root"));
        assert!(is_group("root") && !is_group("no such group"));
    }
}
