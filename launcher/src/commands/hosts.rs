//! `prun hosts`: keeps the rank servers of a cluster on other hosts, over ssh. `prun up --hosts` starts it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use prun_runtime::net::address::{Address, AddressError};
use prun_runtime::net::key::{Key, KeyError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::dispatch::{fail, parse, trace};
use crate::daemon::home::{Home, HomeError};
use crate::daemon::ready;
use crate::hosts::{self, Binary, Channel, Host, HostListError, Remote, RemoteError, Ssh};

/// Where the controller listens for hosts where nothing else is said.
pub(crate) const LISTEN: &str = "0.0.0.0:6817";

/// Pauses between attempts to reach a host again whose link has broken.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Keeps rank servers on other hosts, over ssh, until it is told to end
#[derive(Debug, Parser)]
#[command(name = "prun hosts", disable_version_flag = true)]
struct Options {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The hosts
    #[arg(value_name = "LIST")]
    hosts: String,
    /// What reaches them in the place of `ssh`
    #[arg(long, value_name = "PROGRAM")]
    ssh: Option<String>,
}

/// Why the hosts have no rank servers.
#[derive(Debug, thiserror::Error)]
enum HostsError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    List(#[from] HostListError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("hosts need the cluster's key")]
    Key(#[from] KeyError),
    #[error("the controller is not on the network: `prun down` and `prun up --hosts` start it so")]
    NotOnTheNetwork,
    #[error("cannot read the controller's address")]
    Address(#[from] AddressError),
    #[error("cannot start")]
    Start(#[from] std::io::Error),
}

/// Runs until it is told to end. Exits with 1 when a host has no rank server.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun hosts", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    trace(0, "warn");
    match start(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun hosts", &error),
    }
}

fn start(options: &Options) -> Result<(), HostsError> {
    let home = Home::find(options.dir.as_deref())?;
    let hosts = hosts::parse(&options.hosts)?;
    let _lock = home.hosts().take()?;
    let told = std::fs::read_to_string(home.controller().public_address());
    let controller = told.map_err(|_| HostsError::NotOnTheNetwork)?.trim_end().parse::<Address>()?;
    let Address::Tcp { host, port } = controller else { return Err(HostsError::NotOnTheNetwork) };
    // One that listens at every address is reached at the one that the host sees.
    let only =
        std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port)).ok().and_then(|mut all| all.next());
    let fixed = only.filter(|address| address.ip().is_loopback()).map(|_| host);
    let keeper = Keeper {
        ssh: Ssh::find(options.ssh.as_deref()),
        binary: Binary::own()?,
        key: Key::read(&home.key())?,
        fixed,
        port,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(keeper.serve(&hosts));
    runtime.shutdown_background();
    ended
}

/// What is needed to have a rank server on a host.
struct Keeper {
    ssh: Ssh,
    binary: Binary,
    key: Key,
    /// The controller's host, where it listens at one address alone.
    fixed: Option<String>,
    port: u16,
}

impl Keeper {
    async fn serve(self, hosts: &[Host]) -> Result<(), HostsError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let channels = hosts.iter().map(|host| self.channel(host)).collect();
        let mut remotes = hosts::reach(channels, &self.binary).await?;
        futures_util::future::try_join_all(remotes.iter_mut().map(|remote| self.go(remote))).await?;
        ready::detach();
        ready::say()?;
        let keeper = std::sync::Arc::new(self);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut kept: JoinSet<()> = remotes
            .into_iter()
            .map(|remote| std::sync::Arc::clone(&keeper).keep(remote, stopped.clone()))
            .collect();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Whoever keeps one hears it.
        let _ = stop.send(true);
        while kept.join_next().await.is_some() {}
        Ok(())
    }

    fn channel(&self, host: &Host) -> Channel {
        Channel::Ssh(self.ssh.clone(), host.clone())
    }

    async fn go(&self, remote: &mut Remote) -> Result<(), RemoteError> {
        let host = self.fixed.clone().unwrap_or_else(|| remote.sees().to_owned());
        let controller = Address::Tcp { host, port: self.port };
        let offer = remote.channel().offer(&self.key, controller.to_string());
        remote.go(&offer).await
    }

    /// Keeps one rank server: where its link breaks, another is started.
    async fn keep(
        self: std::sync::Arc<Self>,
        mut remote: Remote,
        mut stop: tokio::sync::watch::Receiver<bool>,
    ) {
        let channel = remote.channel().clone();
        loop {
            tokio::select! {
                () = remote.ended() => tracing::warn!(host = %channel.whom(), "lost a host"),
                _ = stop.changed() => return remote.stop().await,
            }
            remote = tokio::select! {
                again = self.again(&channel) => again,
                _ = stop.changed() => return,
            };
        }
    }

    async fn again(&self, channel: &Channel) -> Remote {
        let mut attempt = 0;
        loop {
            tokio::time::sleep(PAUSES[attempt.min(PAUSES.len() - 1)]).await;
            let reached = async {
                let mut remote = Remote::reach(channel.clone(), &self.binary).await?;
                self.go(&mut remote).await?;
                Ok::<_, RemoteError>(remote)
            };
            match reached.await {
                Ok(remote) => return remote,
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "cannot reach a host"),
            }
            attempt += 1;
        }
    }
}

/// The command that keeps rank servers of a cluster.
#[must_use]
pub(crate) fn daemon(binary: &Path, home: &Home, list: &str, ssh: Option<&str>) -> std::process::Command {
    let mut command = std::process::Command::new(binary);
    command.arg("hosts").arg("--dir").arg(home.path()).arg(list);
    if let Some(program) = ssh {
        command.args(["--ssh", program]);
    }
    command
}
