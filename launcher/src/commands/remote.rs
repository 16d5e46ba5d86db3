//! `prun remote`: the far end of `--hosts`, which nobody types: a rank server that lives as long as its input.

use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use prun_runtime::limits::{REMOTE_LINE_BYTES_MAX, REMOTE_PATIENCE};
use prun_runtime::server::guard::{Role, fork_guard};
use prun_runtime::wire::launch::Machine;
use prun_runtime::wire::node::NodeFacts;
use tokio::sync::oneshot;

use super::dispatch::{fail, parse, trace};
use crate::daemon::network::KeySource;
use crate::daemon::node::{self, Way};
use crate::embedded::private_dir::PrivateDir;
use crate::embedded::shape::Shape;
use crate::hosts::{Binary, MARK, Offer, cpus_of};

/// Runs a rank server for a prun on another host, until its input ends
#[derive(Debug, Parser)]
#[command(name = "prun remote", disable_version_flag = true)]
struct Options {
    /// What this binary must be
    #[arg(long, value_name = "SHA256")]
    checksum: String,
    /// Only look whether it is
    #[arg(long)]
    verify: bool,
    /// It is a task of a step of a real Slurm
    #[arg(long)]
    in_step: bool,
}

/// Why there is no rank server.
#[derive(Debug, thiserror::Error)]
enum RemoteError {
    #[error("no offer came over ssh: `prun --hosts` starts this, not you")]
    Offer,
    #[error("`{0}` can be no node's name")]
    Name(String),
}

/// Runs until its input ends. Exits with 1 when it cannot run. Returns in the guard and the step processes too.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun remote", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    trace(0, "warn");
    match start(&options) {
        Ok(code) => code,
        Err(error) => fail("prun remote", error.as_ref()),
    }
}

fn start(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Binary::verify(&options.checksum)?;
    if options.in_step {
        unbind();
    }
    if options.verify {
        return Ok(ExitCode::SUCCESS);
    }
    let variable = |name: &str| std::env::var(name).ok();
    let reached = if options.in_step {
        Reached::by_step(variable("SLURM_LAUNCH_NODE_IPADDR").as_deref())
    } else {
        Reached::by(variable("SSH_CONNECTION").as_deref())
    };
    writeln!(io::stdout(), "{MARK}here {}", reached.sees)?;
    let mut line = String::new();
    io::stdin().lock().take(REMOTE_LINE_BYTES_MAX).read_line(&mut line)?;
    if line.is_empty() {
        // It was not needed after all: another node had no binary yet.
        return Ok(ExitCode::SUCCESS);
    }
    let (offer, key) = Offer::read(&line).ok_or(RemoteError::Offer)?;
    let name = offer.name.or_else(|| variable(prun_runtime::env::SLURMD_NODENAME)).unwrap_or_default();
    if !crate::script::hostlist::is_name(&name) {
        return Err(RemoteError::Name(name).into());
    }
    let share = || cpus_of(&variable("SLURM_JOB_NODELIST")?, &variable("SLURM_JOB_CPUS_PER_NODE")?, &name);
    let cpus = offer.cpus.or_else(|| if options.in_step { share() } else { None });
    let memory_mb: Option<u64> =
        variable("SLURM_MEM_PER_NODE").filter(|_| options.in_step).and_then(|text| text.parse().ok());
    let way = Way {
        controller: offer.controller.parse()?,
        listen: Some(reached.listen),
        key: KeySource::Told(key),
        patience: Some(REMOTE_PATIENCE),
    };
    let directory = PrivateDir::named()?;
    let guard = match fork_guard(&directory.workspace())? {
        Role::RankServer(guard) => guard,
        Role::Ended(code) => {
            // The directory is the rank server's.
            std::mem::forget(directory);
            return Ok(code);
        }
    };
    let own = Shape::of_this_machine();
    let shape = Shape { cpus: cpus.unwrap_or(own.cpus), memory_mb, ..own };
    let machine = match cpus {
        None => Machine::Whole,
        // Nobody comes to loopback but nodes of this very machine.
        Some(_) if way.listen.as_ref().is_some_and(|place| place.starts_with("127.")) => Machine::Shared,
        Some(_) => Machine::Counted,
    };
    let facts = shape.nodes("").into_iter().next();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(facts) = facts.map(|facts| NodeFacts { name, ..facts }) {
        let end = input_ends();
        let running = node::run(guard, facts, machine, &way, async {
            // A thread that is gone has seen the end.
            let _ = end.await;
        });
        runtime.block_on(running)?;
    }
    runtime.shutdown_timeout(Duration::ZERO);
    Ok(ExitCode::SUCCESS)
}

/// Takes all CPUs of the step: Slurm has bound this one task to some of them, where its cluster binds. (`--cpu-bind=none` would
/// say so too, but where it does not bind that is worth a warning to it.)
fn unbind() {
    let mut all = rustix::thread::CpuSet::new();
    (0..rustix::thread::CpuSet::MAX_CPU).for_each(|cpu| all.set(cpu));
    // The kernel leaves those that the step has; one that refuses leaves all as it is.
    let _ = rustix::thread::sched_setaffinity(None, &all);
}

/// Comes when the input of this process ends, whatever it is: a pipe or a socket.
fn input_ends() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // Nothing more is expected: what comes is passed over, and an error is an end as well.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    end
}

/// How ssh came here (`ssh(1)`, `SSH_CONNECTION`: client's address and port, server's address and port).
#[derive(Debug, PartialEq, Eq)]
struct Reached {
    /// The client's address, as seen from here; empty where nobody says.
    sees: String,
    /// Where the rank server listens: at the address that ssh came to, or at loopback.
    listen: String,
}

impl Reached {
    fn by(connection: Option<&str>) -> Self {
        let mut words = connection.unwrap_or_default().split_whitespace().step_by(2);
        let mut address = || words.next()?.split('%').next()?.parse::<IpAddr>().ok();
        let (client, server) = (address(), address());
        let listen = match server {
            Some(IpAddr::V6(ip)) => format!("[{ip}]:0"),
            Some(IpAddr::V4(ip)) => format!("{ip}:0"),
            None => "127.0.0.1:0".to_owned(),
        };
        Self { sees: client.map(|ip| ip.to_string()).unwrap_or_default(), listen }
    }
}

impl Reached {
    /// As a task of `srun`, which says where it runs itself (`srun(1)`, output environment variables). Which of the node's
    /// addresses the others use is known when the controller has been reached.
    fn by_step(launcher: Option<&str>) -> Self {
        let sees = launcher.and_then(|text| text.parse::<IpAddr>().ok()).map(|ip| ip.to_string());
        Self { sees: sees.unwrap_or_default(), listen: "0.0.0.0:0".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_server_listens_where_ssh_came_to() {
        let of = |sees: &str, listen: &str| Reached { sees: sees.to_owned(), listen: listen.to_owned() };
        for (connection, expected) in [
            (Some("10.0.0.1 5000 10.0.0.2 22"), of("10.0.0.1", "10.0.0.2:0")),
            (Some("fd00::1 5000 fd00::2 22"), of("fd00::1", "[fd00::2]:0")),
            (Some("nonsense"), of("", "127.0.0.1:0")),
            (None, of("", "127.0.0.1:0")),
        ] {
            assert_eq!(Reached::by(connection), expected, "{connection:?}");
        }
    }
}
