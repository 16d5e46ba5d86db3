//! `prun controller`: the queue as a daemon, in the foreground.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use super::dispatch::{fail, parse, trace};
use crate::controller::core::config::Config;
use crate::daemon::home::Home;
use crate::daemon::{controller, ready};

/// Keeps the queue of a cluster, until it is told to end
#[derive(Debug, Parser)]
#[command(name = "prun controller", disable_version_flag = true)]
struct Options {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Say more, on stderr; repeat for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Runs until the controller ends. Exits with 1 when it cannot run.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun controller", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    trace(options.verbose);
    let home = match Home::find(options.dir.as_deref()) {
        Ok(home) => home,
        Err(error) => return fail("prun controller", &error),
    };
    ready::detach();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("prun controller", &error),
    };
    match runtime.block_on(controller::run(&home.controller(), Config::of_this_machine())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun controller", &error),
    }
}
