//! `prun controller`: the queue as a daemon.

use std::io;

use prun_runtime::server::door;
use prun_runtime::wire::preamble::Target;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

use super::home::{HomeError, Seat};
use super::ready;
use crate::controller::core::config::Config;
use crate::controller::journal::JournalError;
use crate::controller::serve::Handle;

/// Why a controller ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// Its place cannot be had.
    #[error("no place for the controller")]
    Home(#[from] HomeError),
    /// What it remembers cannot be read.
    #[error("cannot recover from the journal")]
    Journal(#[from] JournalError),
    /// It cannot listen, or catch signals.
    #[error("cannot set up the controller")]
    Setup(#[from] io::Error),
}

/// Runs a controller until it is told to end, by a client or by SIGTERM.
///
/// # Errors
/// [`ControllerError`].
pub async fn run(seat: &Seat, config: Config) -> Result<(), ControllerError> {
    let _lock = seat.take()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The lock is held: a socket that is there is a dead controller's.
    let _ = std::fs::remove_file(seat.socket());
    let listener = UnixListener::bind(seat.socket())?;
    let controller = Handle::recover(config, &seat.path().join("journal"))?;
    let inside = controller.clone();
    let door = tokio::spawn(door::keep(listener, move |stream, target| {
        let controller = inside.clone();
        async move { lead(stream, target, &controller).await }
    }));
    ready::say()?;
    tokio::select! {
        () = controller.ended() => {}
        // Its jobs go on, and the next controller takes them over.
        _ = terminate.recv() => controller.leave().await,
        _ = interrupt.recv() => controller.leave().await,
    }
    door.abort();
    let _ = std::fs::remove_file(seat.socket());
    Ok(())
}

async fn lead(stream: UnixStream, target: Target, controller: &Handle) {
    let outcome = match target {
        Target::Controller => controller.serve_client(stream).await,
        Target::Join => controller.serve_node(stream).await,
        Target::Node | Target::Step { .. } | Target::Rank { .. } => {
            return tracing::warn!("refused a connection that wants a rank server: this is the controller");
        }
    };
    if let Err(error) = outcome {
        tracing::info!(%error, "a link broke");
    }
}
