//! `prun status`: which daemons of a cluster run.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use super::dispatch::{fail, parse};
use crate::daemon::home::{Home, Seat};

/// Shows which daemons of a cluster run
#[derive(Debug, Parser)]
#[command(name = "prun status", disable_version_flag = true)]
struct Options {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints a line a daemon. Exits with 0 when the controller and all nodes run, else with 3 (as `systemctl status`).
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun status", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let home = match Home::find(options.dir.as_deref()) {
        Ok(home) => home,
        Err(error) => return fail("prun status", &error),
    };
    let mut daemons = vec![("controller".to_owned(), home.controller())];
    daemons.extend(home.nodes());
    // A cluster is whole without them.
    let further = [("hosts", home.hosts()), ("web", home.web()), ("rest", home.rest())];
    daemons.extend(
        further
            .into_iter()
            .filter(|(_, seat)| seat.holder().is_some())
            .map(|(name, seat)| (name.to_owned(), seat)),
    );
    let mut text = format!("cluster {}\n", home.path().display());
    let width = daemons.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut all = true;
    for (name, seat) in daemons {
        let state = state(&seat);
        all &= state.is_some();
        let state = state.unwrap_or_else(|| "does not run".to_owned());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<width$}  {state}");
    }
    if let Ok(address) = std::fs::read_to_string(home.controller().public_address()) {
        let key = home.key();
        let _ = writeln!(text, "on the network at {}, for who has {}", address.trim_end(), key.display());
    }
    // A reader that has gone has what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if all { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

fn state(seat: &Seat) -> Option<String> {
    seat.holder().map(|pid| format!("runs as process {}", pid.as_raw_nonzero()))
}
