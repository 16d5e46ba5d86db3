//! A cluster for one job: the controller in this process, its rank servers on other hosts.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use prun_runtime::net::address::Address;
use prun_runtime::net::key::Key;
use prun_runtime::server::door::Listener;
use prun_runtime::server::guard::Guard;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::binary::Binary;
use super::channel::Channel;
use super::remote::{Remote, RemoteError};
use crate::controller::serve::{Config, Handle};
use crate::daemon::controller::keep;
use crate::daemon::network;
use crate::embedded::private_dir::PrivateDir;

/// Why there is no such cluster.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// A host has no rank server.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// This host's part of it.
    #[error("cannot {verb} `{}`", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be reached.
    #[error("cannot listen on the network for the hosts")]
    Listen(#[source] io::Error),
    /// The system has no random bytes.
    #[error("cannot make a key")]
    Key(#[source] io::Error),
}

/// A running one. [`Self::stop`] ends it; so does this process's end.
#[derive(Debug)]
pub struct HostsCluster {
    directory: PrivateDir,
    guard: Guard,
    controller: Handle,
    doors: JoinSet<()>,
    remotes: Vec<Remote>,
}

impl HostsCluster {
    /// Starts one on the current tokio runtime. The guard has been forked for the
    /// directory's workspace.
    ///
    /// # Errors
    /// [`HostsError`]: the first host that has no rank server ends all.
    pub async fn start(
        channels: Vec<Channel>,
        directory: PrivateDir,
        guard: Guard,
        config: Config,
    ) -> Result<Self, HostsError> {
        let fails = |verb, path: PathBuf| move |source| HostsError::File { verb, path, source };
        let own = std::env::current_exe().map_err(fails("find", "/proc/self/exe".into()))?;
        let binary = Binary::own().map_err(fails("read", own.clone()))?;
        let remotes = reach(channels, &binary).await?;
        directory.make(&own).map_err(fails("make", directory.workspace().directory))?;
        let socket =
            UnixListener::bind(directory.socket()).map_err(fails("listen at", directory.socket()))?;
        let key = Key::random().map_err(HostsError::Key)?;
        // Where the hosts are is theirs to know; who comes without the key is not let in.
        let any =
            [SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))];
        let port = network::bind(any[0]).or_else(|_| network::bind(any[1])).map_err(HostsError::Listen)?;
        let number = port.local_addr().map_err(HostsError::Listen)?.port();
        let controller = Handle::start(config);
        let mut doors = JoinSet::new();
        doors.spawn(keep(Listener::Unix(socket), None, controller.clone()));
        doors.spawn(keep(Listener::Tcp(port), Some(key.clone()), controller.clone()));
        let mut cluster = Self { directory, guard, controller, doors, remotes };
        let joins = cluster.remotes.iter_mut().map(async |remote| {
            let at = Address::Tcp { host: remote.sees().to_owned(), port: number };
            let offer = remote.channel().offer(&key, at.to_string());
            remote.go(&offer).await
        });
        futures_util::future::try_join_all(joins).await?;
        Ok(cluster)
    }

    /// Where its commands reach it.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::Unix(self.directory.socket())
    }

    /// Returns when a rank server has ended by itself, with its name. Cancelling it loses nothing.
    pub async fn lost(&mut self) -> String {
        let ended = self.remotes.iter_mut().map(|remote| {
            let name = remote.channel().whom();
            Box::pin(async move {
                remote.ended().await;
                name
            })
        });
        let (name, at, _) = futures_util::future::select_all(ended).await;
        // Told once.
        drop(self.remotes.remove(at));
        name
    }

    /// Whether any rank server is left.
    #[must_use]
    pub fn has_hosts(&self) -> bool {
        !self.remotes.is_empty()
    }

    /// Ends its jobs, its rank servers and itself.
    pub async fn stop(mut self) {
        self.controller.stop().await;
        self.doors.abort_all();
        let mut ends: JoinSet<()> = self.remotes.into_iter().map(Remote::stop).collect();
        while ends.join_next().await.is_some() {}
        self.guard.finish();
    }
}

/// Goes all ways side by side; gives their ends in the same order.
pub(crate) async fn reach(channels: Vec<Channel>, binary: &Binary) -> Result<Vec<Remote>, RemoteError> {
    futures_util::future::try_join_all(channels.into_iter().map(|channel| Remote::reach(channel, binary)))
        .await
}
