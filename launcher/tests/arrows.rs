//! Which room may know of which: what ARCHITECTURE.md says is absent is absent.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::fs;
use std::path::{Path, PathBuf};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Every source file of a room, its tests left out.
fn files(room: &Path) -> Vec<PathBuf> {
    if room.is_file() {
        return vec![room.to_owned()];
    }
    let entries: Vec<PathBuf> = fs::read_dir(room).unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_test = |path: &Path| path.file_name().is_some_and(|name| name == "tests" || name == "tests.rs");
    let is_source = |path: &Path| path.is_dir() || path.extension().is_some_and(|kind| kind == "rs");
    entries.iter().filter(|path| is_source(path) && !is_test(path)).flat_map(|path| files(path)).collect()
}

/// Places in a room where one of these words stands, but in comments and unit tests.
fn places(room: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(&Path::new(SOURCES).join(room)) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in
            code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn pure_rooms_know_no_socket_clock_file_or_environment() {
    const IMPURE: &[&str] = &[
        "tokio",
        "std::fs",
        "std::net",
        "std::env::",
        "std::process::",
        "UnixStream",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "hostname::",
        "local_time",
        "getrandom",
    ];
    for room in ["script", "layout", "environment", "controller/core", "gather/order.rs", "gather/order"] {
        assert_eq!(places(room, IMPURE), [""; 0], "{room}");
    }
}

#[test]
fn arrows_do_not_run_backwards() {
    for (room, words) in [
        (
            "script",
            &[
                "crate::controller::serve",
                "crate::fanout",
                "crate::gather",
                "crate::commands",
                "crate::daemon",
            ][..],
        ),
        (
            "layout",
            &["crate::fanout", "crate::gather", "crate::commands", "crate::daemon", "controller::core"],
        ),
        (
            "environment",
            &["crate::fanout", "crate::gather", "crate::commands", "crate::daemon", "controller::core"],
        ),
        (
            "controller",
            &["crate::fanout", "crate::gather", "crate::commands", "crate::embedded", "crate::view"],
        ),
        ("fanout", &["crate::commands", "crate::embedded", "controller::core"]),
        ("gather", &["crate::commands", "crate::embedded", "controller::core"]),
        ("view", &["crate::embedded", "controller::core", "crate::fanout"]),
    ] {
        assert_eq!(places(room, words), [""; 0], "{room}");
    }
}

#[test]
fn a_rank_links_neither_event_loop_nor_database() {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "prun-runtime",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--locked",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("rmp-serde"), "{tree}{}", String::from_utf8_lossy(&output.stderr));
    for heavy in ["tokio", "clap", "rusqlite"] {
        assert!(!tree.lines().any(|line| line.starts_with(heavy)), "{heavy} in\n{tree}");
    }
}
