//! Which command is meant: the name that the binary was called by, or `prun`'s first word.

use std::error::Error;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// Runs what the words of a whole command line ask for, the binary's name first.
#[must_use]
pub fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.collect();
    let (called, words) = words.split_first().map_or((None, &[][..]), |(name, rest)| (Some(name), rest));
    let name = called.and_then(|name| Path::new(name).file_name()).map(|name| name.to_string_lossy());
    if let Some(command) = name.and_then(|name| super::find(&name)) {
        return command(words);
    }
    let first = words.first().and_then(|word| word.to_str());
    match first.and_then(super::find) {
        Some(command) => command(&words[1..]),
        None => super::prun::run(words),
    }
}

/// Reads a command's own options.
///
/// # Errors
/// The exit code, once what is wrong (2) or the help (0) has been said.
pub fn parse<T: clap::Parser>(command: &str, words: &[OsString]) -> Result<T, ExitCode> {
    let all = std::iter::once(OsString::from(command)).chain(words.iter().cloned());
    T::try_parse_from(all).map_err(|error| {
        // With the terminal gone there is nobody to tell.
        let _ = error.print();
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

/// Says why a command failed: the error, what caused it, and exits with 1.
pub fn fail(command: &str, error: &dyn Error) -> ExitCode {
    let mut text = format!("{command}: error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    // With stderr gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

/// `-v`, `-vv`, …: what happens inside, on stderr, and without them only what is `always` said. `PRUN_LOG` chooses
/// finer.
pub fn trace(verbose: u8, always: &str) {
    let level = match verbose {
        0 => always,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("PRUN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // A second call changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // It would say on stderr that it cannot write on stderr, and end the process over that: the disk of a daemon's
        // log may be full.
        .log_internal_errors(false)
        .without_time()
        .try_init();
}
