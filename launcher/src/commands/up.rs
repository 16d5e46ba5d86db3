//! `prun up`: a cluster of background daemons on this machine.

mod configuration;

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;

use self::configuration::{ConfigurationError, Wanted};
use super::dispatch::{fail, parse};
use super::ending::say;
use super::http::service;
use super::{hosts, links, rest, web};
use crate::daemon::home::{Home, HomeError, Seat};
use crate::daemon::network::NetworkError;
use crate::daemon::ready;
use crate::embedded::shape::Shape;
use crate::hosts::HostListError;

/// Starts a cluster of background daemons on this machine, and prints what a shell needs to use it:
/// eval "$(prun up)"
#[derive(Debug, Parser)]
#[command(name = "prun up", disable_version_flag = true, verbatim_doc_comment)]
struct Options {
    /// Nodes of this machine, as NODESxCPUS[:MEMORY_MB]; those that the cluster had before where it is not said, or one
    /// node of all CPUs
    #[arg(long, value_name = "SHAPE", value_parser = |text: &str| text.parse::<Shape>())]
    local: Option<Shape>,
    /// Nodes, partitions and limits from a file in the syntax of slurm.conf, of which the cluster keeps a copy
    #[arg(long, value_name = "FILE", conflicts_with = "local")]
    config: Option<PathBuf>,
    /// Rank servers on these hosts, started over ssh (a,ada@n[1-3]:4), in the place of nodes of this machine; the controller
    /// is on the network then, at 0.0.0.0:6817 where `--listen` says nothing
    #[arg(long, value_name = "LIST", conflicts_with_all = ["local", "config"])]
    hosts: Option<String>,
    /// What reaches the hosts in the place of `ssh`
    #[arg(long, value_name = "PROGRAM", requires = "hosts")]
    ssh: Option<String>,
    /// Be on the network too, as HOST:PORT (0.0.0.0:6817 for all of it), the nodes at the ports above: nodes and commands
    /// of other hosts need a copy of the file `key` of the cluster's directory
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Directory of the cluster; several clusters run side by side in several
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The web page too, on this address; its address with the token is said on stderr
    #[arg(long, value_name = "ADDR:PORT", num_args = 0..=1, require_equals = true, default_missing_value = web::ADDRESS)]
    web: Option<SocketAddr>,
    /// Slurm's REST API too, on this address, which is said on stderr; `scontrol token` lets in
    #[arg(long, value_name = "ADDR:PORT", num_args = 0..=1, require_equals = true, default_missing_value = rest::ADDRESS)]
    rest: Option<SocketAddr>,
}

impl Options {
    fn wanted(&self) -> Wanted<'_> {
        match (&self.config, self.local, &self.hosts) {
            (Some(file), ..) => Wanted::File(file),
            (None, Some(shape), _) => Wanted::Shape(shape),
            (None, None, Some(_)) => Wanted::Hosts,
            (None, None, None) => Wanted::AsBefore,
        }
    }
}

/// Why a cluster does not come up.
#[derive(Debug, thiserror::Error)]
enum UpError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Hosts(#[from] HostListError),
    #[error("cannot {verb} `{}`", path.display())]
    File { verb: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{what} did not come up; its last words, from `{}`:\n{words}", log.display())]
    NotReady { what: String, log: PathBuf, words: String },
}

/// Starts what does not run yet. Exits with 1, and a reason, when something does not come up.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun up", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match up(&options) {
        Ok(home) => {
            // Whoever evaluates it reads all of it; nobody else is harmed.
            let _ = std::io::stdout().write_all(for_the_shell(&home).as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => fail("prun up", &error),
    }
}

fn up(options: &Options) -> Result<Home, UpError> {
    if let Some(list) = &options.hosts {
        crate::hosts::parse(list)?;
    }
    let home = Home::find(options.dir.as_deref())?;
    let binary = file("find", Path::new("/proc/self/exe"), std::env::current_exe())?;
    let controller = home.controller();
    controller.make()?;
    let config = configuration::settle(options.wanted(), &home)?;
    make_names(&home, &binary)?;
    if controller.holder().is_none() {
        let mut command = Command::new(&binary);
        command.arg("controller").arg("--dir").arg(home.path());
        if let Some(place) = options.listen.as_deref().or(options.hosts.as_ref().map(|_| hosts::LISTEN)) {
            command.args(["--listen", place]);
        }
        start(command, "the controller", &controller.log())?;
    }
    let share = Shape::memory_share(config.nodes.len());
    for (number, node) in (1..).zip(&config.nodes) {
        let seat = home.node(&node.name);
        seat.make()?;
        if seat.holder().is_none() {
            let mut command = Command::new(&binary);
            command.arg("node").arg("--dir").arg(home.path());
            command.args(["--name", &node.name, "--cpus", &node.cpus.to_string()]);
            command.arg("--shares-machine");
            command.args(["--memory", &node.memory_mb.unwrap_or(share).to_string()]);
            if let Some(place) = &options.listen {
                command.args(["--listen", &port_above(place, number)?]);
            }
            start(command, &node.name, &seat.log())?;
        }
    }
    if let Some(list) = &options.hosts {
        let daemon = hosts::daemon(&binary, &home, list, options.ssh.as_deref());
        beside(&home.hosts(), daemon, "a rank server of the hosts")?;
    }
    if let Some(listen) = options.web {
        let (seat, daemon) = (home.web(), service::daemon("web", &binary, &home, listen));
        beside(&seat, daemon, "the web page")?;
        tell("page", service::address_of(&seat));
    }
    if let Some(listen) = options.rest {
        let (seat, daemon) = (home.rest(), service::daemon("rest", &binary, &home, listen));
        beside(&seat, daemon, "the REST server")?;
        tell("rest", service::address_of(&seat));
    }
    Ok(home)
}

/// Starts what a cluster is whole without, unless it runs.
fn beside(seat: &Seat, daemon: Command, what: &str) -> Result<(), UpError> {
    seat.make()?;
    if seat.holder().is_none() {
        start(daemon, what, &seat.log())?;
    }
    Ok(())
}

/// Says where it is.
fn tell(what: &str, address: Option<String>) {
    let line = address.map(|address| format!("prun up: {what}: {}", address.trim_end()));
    say(&line.into_iter().collect::<Vec<_>>());
}

/// The place with a port so far above its own; any port where its own is any.
fn port_above(place: &str, number: u16) -> Result<String, UpError> {
    let unclear = || UpError::Network(NetworkError::Place(place.to_owned()));
    let (host, port) = place.rsplit_once(':').ok_or_else(unclear)?;
    let port: u16 = port.parse().map_err(|_| unclear())?;
    let port = if port == 0 { 0 } else { port.checked_add(number).ok_or_else(unclear)? };
    Ok(format!("{host}:{port}"))
}

fn make_names(home: &Home, binary: &Path) -> Result<(), UpError> {
    let bin = home.bin();
    // Names of an older binary must not stay.
    if bin.exists() {
        file("empty", &bin, std::fs::remove_dir_all(&bin))?;
    }
    file("make", &bin, std::fs::create_dir_all(&bin))?;
    file("make names in", &bin, links::make(&bin, binary))
}

fn start(command: Command, what: &str, log: &Path) -> Result<(), UpError> {
    if file("start the daemon of", log, ready::start(command, log))? {
        return Ok(());
    }
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let last: Vec<&str> = text.lines().rev().take(5).collect();
    let words = last.into_iter().rev().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    Err(UpError::NotReady { what: what.to_owned(), log: log.to_owned(), words })
}

fn file<T>(verb: &'static str, path: &Path, result: std::io::Result<T>) -> Result<T, UpError> {
    result.map_err(|source| UpError::File { verb, path: path.to_owned(), source })
}

/// What to evaluate: the commands on `PATH`, and where their controller is.
fn for_the_shell(home: &Home) -> String {
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    format!(
        "export PRUN_CONTROLLER=unix:{}\nexport PATH={}:\"$PATH\"\n",
        quoted(&home.controller().socket()),
        quoted(&home.bin())
    )
}
