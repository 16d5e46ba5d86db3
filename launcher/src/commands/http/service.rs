//! A server of HTTP as a process: its options, its controller, where it listens and leaves its address, its end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::Router;
use prun_runtime::net::address::Address;
use tokio::signal::unix::{SignalKind, signal};

use super::door::{self, Listener};
use super::token::write_private;
use crate::controller::client::{self, ClientError};
use crate::daemon::home::{Home, HomeError, Lock, Seat};
use crate::daemon::ready;

/// The options that every such server has beside the address at which it listens.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Listen on a Unix socket instead, for this user's processes, which need no token
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub(crate) socket: Option<PathBuf>,
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Run as a daemon of the cluster: `prun up` starts it so
    #[arg(long, hide = true)]
    pub(crate) daemon: bool,
    /// Say more, on stderr; repeat for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// The cluster's directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// It is not clear whose client it is.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Its place is taken, or not to be had.
    #[error("cannot listen on `{at}`")]
    Listen { at: String, source: io::Error },
    /// The system refuses something else.
    #[error("cannot start")]
    Start(#[from] io::Error),
}

/// A server that is about to run, alone in its part of the cluster's directory.
pub(crate) struct Service<'a> {
    command: &'static str,
    listen: SocketAddr,
    place: &'a Place,
    seat: Seat,
    _lock: Option<Lock>,
}

/// Whose client a server is: that of the cluster in the directory that was named, else what every command asks.
///
/// # Errors
/// [`ServiceError`], but not because no controller runs yet.
pub(crate) fn controller(place: &Place, home: &Home) -> Result<Address, ServiceError> {
    if place.dir.is_some() {
        return Ok(home.controller().address());
    }
    client::address().or_else(|error| match error {
        // One that is started later is found there.
        ClientError::NoController => Ok(home.controller().address()),
        error => Err(error.into()),
    })
}

impl<'a> Service<'a> {
    /// Takes the seat of the server that users call `command`; one at a socket needs none.
    ///
    /// # Errors
    /// [`ServiceError::Home`], while another process has it.
    pub(crate) fn new(
        command: &'static str,
        listen: SocketAddr,
        place: &'a Place,
        seat: Seat,
    ) -> Result<Self, ServiceError> {
        let lock = place.socket.is_none().then(|| seat.take()).transpose()?;
        Ok(Self { command, listen, place, seat, _lock: lock })
    }

    /// Runs until it is told to end. `make` gets the port, where there is one, and gives what answers requests and the
    /// address to be told. Blocks.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub(crate) fn run(
        self,
        make: impl FnOnce(Option<u16>) -> io::Result<(Router, String)>,
    ) -> Result<(), ServiceError> {
        if self.place.daemon {
            ready::detach();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(self.serve(make));
        runtime.shutdown_background();
        ended
    }

    async fn serve(
        &self,
        make: impl FnOnce(Option<u16>) -> io::Result<(Router, String)>,
    ) -> Result<(), ServiceError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let socket = self.place.socket.as_deref();
        let at = || socket.map_or_else(|| self.listen.to_string(), |path| path.display().to_string());
        let listener = match socket {
            Some(path) => Listener::unix(path),
            None => Listener::tcp(self.listen).await,
        };
        let listener = listener.map_err(|source| ServiceError::Listen { at: at(), source })?;
        let (router, address) = make(listener.port())?;
        self.tell(&address)?;
        tokio::select! {
            () = door::keep(listener, router) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if let Some(path) = socket {
            // Somebody may have removed it meanwhile.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }

    /// Says where the server is: to who started it by hand, or in the daemon's directory.
    fn tell(&self, address: &str) -> io::Result<()> {
        if self.place.socket.is_none() {
            write_private(&address_file(&self.seat), address)?;
            if !self.listen.ip().is_loopback() {
                let command = self.command;
                eprintln!(
                    "{command}: warning: whoever can listen to the network between sees all, tokens too"
                );
            }
        }
        if self.place.daemon {
            return ready::say();
        }
        if !address.is_empty() {
            // Whoever started it may have gone; the server is there all the same.
            let _ = writeln!(io::stdout(), "{address}");
        }
        Ok(())
    }
}

/// Where a running server leaves its address, with its token where that is part of it.
fn address_file(seat: &Seat) -> PathBuf {
    seat.path().join("address")
}

/// The address of a server of a cluster, if there was one.
#[must_use]
pub(crate) fn address_of(seat: &Seat) -> Option<String> {
    std::fs::read_to_string(address_file(seat)).ok()
}

/// The command that runs a server, `web` or `rest`, as a daemon of a cluster.
#[must_use]
pub(crate) fn daemon(server: &str, binary: &Path, home: &Home, listen: SocketAddr) -> std::process::Command {
    let mut command = std::process::Command::new(binary);
    command.arg(server).arg("--daemon").arg("--dir").arg(home.path()).arg("--listen").arg(listen.to_string());
    command
}
