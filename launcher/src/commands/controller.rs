//! `prun controller`: the queue as a daemon, in the foreground.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use super::dispatch::{fail, parse, trace};
use super::ending::say;
use crate::controller::config_file::{self, LoadError};
use crate::controller::core::config::Config;
use crate::daemon::controller::{self, Network};
use crate::daemon::home::Home;
use crate::daemon::ready;

/// Keeps the queue of a cluster, until it is told to end
#[derive(Debug, Parser)]
#[command(name = "prun controller", disable_version_flag = true)]
struct Options {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Configuration in the syntax of slurm.conf; that of the directory where it is not said
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also listen on the network, as HOST:PORT (0.0.0.0:6817 for all of it): who comes there needs the cluster's key
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// File of the cluster's key, made where it is missing; `key` in the cluster's directory where it is not said
    #[arg(long, value_name = "FILE", requires = "listen")]
    key: Option<PathBuf>,
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
    trace(options.verbose, "warn");
    let home = match Home::find(options.dir.as_deref()) {
        Ok(home) => home,
        Err(error) => return fail("prun controller", &error),
    };
    let config = match configuration(&options, &home) {
        Ok(config) => config,
        Err(error) => return fail("prun controller", &error),
    };
    ready::detach();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("prun controller", &error),
    };
    let key = options.key.unwrap_or_else(|| home.key());
    let network = options.listen.map(|listen| Network { listen, key });
    match runtime.block_on(controller::run(&home.controller(), config, network.as_ref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun controller", &error),
    }
}

/// The file that is named, or that of the directory, or what holds without one.
fn configuration(options: &Options, home: &Home) -> Result<Config, LoadError> {
    let base = Config::of_this_machine();
    let file = match &options.config {
        Some(file) => file.clone(),
        None if home.config().exists() => home.config(),
        None => return Ok(base),
    };
    let loaded = config_file::load(&file, base)?;
    say(&loaded.warnings.iter().map(|text| format!("prun controller: warning: {text}")).collect::<Vec<_>>());
    Ok(loaded.config)
}
