//! `prun node`: a rank server as a daemon, in the foreground.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::net::address::Address;
use prun_runtime::server::guard::{Role, fork_guard};
use prun_runtime::wire::launch::Machine;
use prun_runtime::wire::node::NodeFacts;

use super::dispatch::{fail, parse, trace};
use crate::daemon::home::Home;
use crate::daemon::network::KeySource;
use crate::daemon::node::{self, Way};
use crate::daemon::ready;
use crate::embedded::shape::Shape;
use crate::script::hostlist;

/// Runs the tasks of a cluster on this machine, until it is told to end
#[derive(Debug, Parser)]
#[command(name = "prun node", disable_version_flag = true)]
struct Options {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The controller, as unix:PATH or tcp://HOST:PORT; the one of the directory where it is not said
    #[arg(long, value_name = "ADDRESS")]
    controller: Option<String>,
    /// Listen on the network, as HOST:PORT (0.0.0.0:6818 for all of it), so that launchers on other hosts reach it
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// File of the cluster's key; `key` in the cluster's directory where it is not said
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Name of the node; the machine's where it is not said
    #[arg(long)]
    name: Option<String>,
    /// CPUs to be given to jobs, which tasks are not bound to; those of the machine, which they are, where it is not
    /// said
    #[arg(long)]
    cpus: Option<u32>,
    /// One of several nodes on this machine, though it can be reached from others
    #[arg(long, hide = true, requires = "cpus")]
    shares_machine: bool,
    /// Memory to be given to jobs, in MiB; that of the machine where it is not said
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// Say more, on stderr; repeat for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Why the options cannot be used.
#[derive(Debug, thiserror::Error)]
enum OptionsError {
    #[error("`{0}` can be no node's name: letters, digits, `-`, `_` and `.` are allowed")]
    Name(String),
    #[error(
        "the controller is on the network, and so are its clients: `--listen 0.0.0.0:6818` lets them reach this node"
    )]
    Unreachable,
    #[error("a node has 1 to {} CPUs and some memory", Shape::CPUS_MAX)]
    Size,
}

/// Runs until SIGTERM. Exits with 1 when it cannot run. Returns in the guard and the step processes too.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun node", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    trace(options.verbose, "warn");
    match start(&options) {
        Ok(code) => code,
        Err(error) => fail("prun node", error.as_ref()),
    }
}

/// What the node is of this machine. One that no other machine reaches shares it with all nodes of its cluster.
fn machine_of(options: &Options) -> Machine {
    let host = |place: &String| place.rsplit_once(':').map_or_else(String::new, |(host, _)| host.to_owned());
    let is_loopback =
        |place: &String| host(place).starts_with("127.") || ["localhost", "[::1]"].contains(&&*host(place));
    match options.cpus {
        None => Machine::Whole,
        Some(_) if options.shares_machine || options.listen.as_ref().is_none_or(is_loopback) => {
            Machine::Shared
        }
        Some(_) => Machine::Counted,
    }
}

fn start(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let home = Home::find(options.dir.as_deref())?;
    let machine = hostname::get()?.to_string_lossy().into_owned();
    let name = options.name.clone().unwrap_or(machine);
    if !hostlist::is_name(&name) {
        return Err(OptionsError::Name(name).into());
    }
    let cpus = options.cpus.or_else(|| u32::try_from(std::thread::available_parallelism().ok()?.get()).ok());
    let shape = Shape { nodes: 1, cpus: cpus.unwrap_or(1), memory_mb: options.memory };
    if !(1..=Shape::CPUS_MAX).contains(&shape.cpus) || shape.memory_mb == Some(0) {
        return Err(OptionsError::Size.into());
    }
    let controller = match &options.controller {
        Some(address) => address.parse()?,
        None => home.controller().address(),
    };
    if matches!(controller, Address::Tcp { .. }) && options.listen.is_none() {
        return Err(OptionsError::Unreachable.into());
    }
    let key = KeySource::File(options.key.clone().unwrap_or_else(|| home.key()));
    let way = Way { controller, listen: options.listen.clone(), key, patience: None };
    let seat = home.node(&name);
    let lock = seat.take()?;
    ready::detach();
    let guard = match fork_guard(&seat.workspace())? {
        Role::RankServer(guard) => guard,
        Role::Ended(code) => {
            // The place is the rank server's.
            std::mem::forget(lock);
            return Ok(code);
        }
    };
    let memory_id = seat.memory_id()?;
    let facts = shape.nodes("").into_iter().next().map(|facts| NodeFacts { name, memory_id, ..facts });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(facts) = facts {
        runtime.block_on(node::run(guard, facts, machine_of(options), &way, std::future::pending()))?;
    }
    drop(lock);
    Ok(ExitCode::SUCCESS)
}
