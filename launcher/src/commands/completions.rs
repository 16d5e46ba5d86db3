//! `completions`: shell completions of prun.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command with the words after its name.
#[must_use]
pub fn run(_words: &[OsString]) -> ExitCode {
    ExitCode::FAILURE
}
