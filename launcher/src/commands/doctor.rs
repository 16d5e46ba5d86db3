//! `prun doctor`: looks at the set-up and says in plain words what is wrong with it, and what to do.
//!
//! Each room looks at one part and knows nothing of the others; what they find is told in the same form.

mod cluster;
mod finding;
mod machine;
mod names;
mod ports;
mod slurm;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use self::finding::{Finding, State};
use super::dispatch::{fail, parse};
use crate::daemon::home::Home;

/// Looks at the set-up and says what is wrong with it and what to do. Exits with 1 where something must be done
#[derive(Debug, Parser)]
#[command(name = "prun doctor", disable_version_flag = true)]
struct Options {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Looks at everything. Exits with 0 when nothing must be done, else with 1.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun doctor", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let home = match Home::find(options.dir.as_deref()) {
        Ok(home) => home,
        Err(error) => return fail("prun doctor", &error),
    };
    let mut findings = machine::look();
    let cluster = cluster::look(&home, options.dir.is_some(), &mut findings);
    findings.extend(names::look(&cluster));
    findings.extend(ports::look(&home));
    findings.extend(slurm::look());
    let text = if options.json {
        finding::json(&findings)
    } else {
        finding::text(&findings, std::io::stdout().is_terminal())
    };
    // A reader that has gone has what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let healthy = findings.iter().all(|finding: &Finding| finding.state != State::Bad);
    if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
