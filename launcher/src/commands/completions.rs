//! `prun completions SHELL`: completions of `prun` for a shell, on stdout.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use clap_complete::Shell;

/// Prints the completions. Exits with 2 where the shell is not one of those it names.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let shell = match words {
        [shell] => shell.to_str().and_then(|name| Shell::from_str(name).ok()),
        _ => None,
    };
    let Some(shell) = shell else {
        eprintln!("usage: prun completions bash|elvish|fish|powershell|zsh");
        return ExitCode::from(2);
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut super::help::cli(), "prun", &mut text);
    // A reader that has gone has what it wanted.
    let _ = std::io::stdout().write_all(&text);
    ExitCode::SUCCESS
}
