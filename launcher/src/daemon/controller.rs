//! `prun controller`: the queue as a daemon.

use std::io;
use std::path::PathBuf;

use prun_runtime::net::key::Key;
use prun_runtime::server::door::{self, Listener, Visitor};
use prun_runtime::wire::preamble::Target;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::home::{HomeError, Seat};
use super::network::{self, NetworkError};
use super::ready;
use crate::controller::core::config::Config;
use crate::controller::journal::JournalError;
use crate::controller::serve::Handle;

/// A door on the network.
#[derive(Debug, Clone)]
pub struct Network {
    /// `HOST:PORT`.
    pub listen: String,
    /// File of the cluster's key, which is made where it is missing.
    pub key: PathBuf,
}

/// Why a controller ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// Its place cannot be had.
    #[error("no place for the controller")]
    Home(#[from] HomeError),
    /// What it remembers cannot be read.
    #[error("cannot recover from the journal")]
    Journal(#[from] JournalError),
    /// It cannot be on the network.
    #[error("cannot go on the network")]
    Network(#[from] NetworkError),
    /// It cannot listen, or catch signals.
    #[error("cannot set up the controller")]
    Setup(#[from] io::Error),
}

/// Runs a controller until it is told to end, by a client or by SIGTERM.
///
/// # Errors
/// [`ControllerError`].
pub async fn run(seat: &Seat, config: Config, network: Option<&Network>) -> Result<(), ControllerError> {
    let _lock = seat.take()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The lock is held: a socket that is there is a dead controller's.
    let _ = std::fs::remove_file(seat.socket());
    let _ = std::fs::remove_file(seat.public_address());
    let listener = UnixListener::bind(seat.socket())?;
    let controller = Handle::recover(config, &seat.path().join("journal"))?;
    let mut doors = JoinSet::new();
    if let Some(Network { listen, key }) = network {
        let key = Key::read_or_make(key).map_err(NetworkError::from)?;
        let listener = network::listen(listen)?;
        let address = network::reached_at(listener.local_addr()?, None);
        std::fs::write(seat.public_address(), format!("{address}\n"))?;
        doors.spawn(keep(Listener::Tcp(listener), Some(key), controller.clone()));
    }
    doors.spawn(keep(Listener::Unix(listener), None, controller.clone()));
    ready::say()?;
    tokio::select! {
        () = controller.ended() => {}
        // Its jobs go on, and the next controller takes them over.
        _ = terminate.recv() => controller.leave().await,
        _ = interrupt.recv() => controller.leave().await,
    }
    doors.abort_all();
    let _ = std::fs::remove_file(seat.public_address());
    let _ = std::fs::remove_file(seat.socket());
    Ok(())
}

/// Keeps a door of a controller, for ever.
pub(crate) async fn keep(listener: Listener, key: Option<Key>, controller: Handle) {
    door::keep(listener, move |visitor| {
        let (key, controller) = (key.clone(), controller.clone());
        async move { lead(visitor, key.as_ref(), &controller).await }
    })
    .await;
}

async fn lead(visitor: Visitor, key: Option<&Key>, controller: &Handle) {
    let target = visitor.target.clone();
    let Some(link) = visitor.enter(key).await else { return };
    match target {
        Target::Controller => {
            if let Err(error) = controller.serve_client(link).await {
                tracing::info!(%error, "a client's link broke");
            }
        }
        Target::Join => {
            if let Err(error) = controller.serve_node(link).await {
                tracing::warn!(%error, "a rank server's link broke");
            }
        }
        Target::Node | Target::Heir | Target::Step { .. } | Target::Rank { .. } | Target::Peer { .. } => {
            tracing::warn!("refused a connection that wants a rank server: this is the controller");
        }
    }
}
