//! `prun node`: a rank server as a daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::server::door;
use prun_runtime::server::guard::Guard;
use prun_runtime::server::node::{Adopted, RankServer};
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter};
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};
use prun_runtime::wire::preamble::{Preamble, Target};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::home::HomeError;
use super::ready;
use crate::embedded::private_dir::PrivateDir;

/// Why a rank server ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its place cannot be had.
    #[error("no place for the rank server")]
    Home(#[from] HomeError),
    /// It cannot make its files, listen, or catch signals.
    #[error("cannot set up the rank server")]
    Setup(#[from] io::Error),
}

/// Pauses between attempts to reach the controller: short at first, since it is most often only being restarted.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// Runs a rank server until SIGTERM. The guard has been forked for the directory's workspace.
///
/// # Errors
/// [`NodeError`].
pub async fn run(
    directory: PrivateDir,
    guard: Guard,
    mut facts: NodeFacts,
    virtual_cpus: bool,
    controller: &Path,
) -> Result<(), NodeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    directory.make(&std::env::current_exe()?)?;
    let listener = UnixListener::bind(directory.socket())?;
    facts.address = format!("unix:{}", directory.socket().display());
    let (connections, adopted) = mpsc::channel(QUEUE_MESSAGES_MAX);
    let to_controller = controller.to_owned();
    let door = tokio::spawn(door::keep(listener, move |stream, target| {
        let (controller, connections) = (to_controller.clone(), connections.clone());
        async move { lead(stream, target, controller, &connections).await }
    }));
    let mut server = RankServer::new(guard, vec![facts], virtual_cpus, adopted);
    tokio::select! {
        () = serve(&mut server, controller) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    door.abort();
    server.into_guard().finish();
    Ok(())
}

/// Serves one controller after the other, for ever.
async fn serve(server: &mut RankServer, controller: &Path) {
    let mut attempt = 0;
    loop {
        match join(server, controller).await {
            Ok(()) => attempt = 0,
            Err(error) => tracing::info!(%error, "cannot reach the controller"),
        }
        let pause = PAUSES[attempt.min(PAUSES.len() - 1)];
        attempt += 1;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = server.wait() => {}
        }
    }
}

/// Joins the controller and serves it until the link breaks. Steps live on meanwhile.
async fn join(server: &mut RankServer, controller: &Path) -> Result<(), FrameError> {
    let (read, write) = UnixStream::connect(controller).await?.into_split();
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    writer.message(&Preamble::new(Target::Join)).await?;
    let (to_server, from_controller) = mpsc::channel(QUEUE_MESSAGES_MAX);
    let (to_controller, mut from_server) = mpsc::channel::<FromNode>(QUEUE_MESSAGES_MAX);
    let hear = async {
        while let Some(message) = reader.message::<ToNode>().await? {
            if message == ToNode::Registered {
                ready::say()?;
            } else if to_server.send(message).await.is_err() {
                break;
            }
        }
        Ok::<(), FrameError>(())
    };
    let tell = async {
        while let Some(message) = from_server.recv().await {
            writer.message(&message).await?;
        }
        Ok(())
    };
    tokio::select! {
        outcome = hear => outcome,
        outcome = tell => outcome,
        () = server.serve(from_controller, to_controller) => Ok(()),
    }
}

async fn lead(stream: UnixStream, target: Target, controller: PathBuf, connections: &mpsc::Sender<Adopted>) {
    match target {
        Target::Step { .. } | Target::Rank { .. } => {
            if let Ok(stream) = stream.into_std() {
                // Closed only when the rank server has stopped: the connection closes with it.
                let _ = connections.send((target, stream.into())).await;
            }
        }
        Target::Node => prun_runtime::server::file::serve(stream).await,
        Target::Controller => {
            if let Err(error) = relay(stream, &controller).await {
                tracing::info!(%error, "cannot relay a client to the controller");
            }
        }
        Target::Join => tracing::warn!("refused a rank server that wants to join another"),
    }
}

/// A job's commands know their node alone: what they have for the controller goes through.
async fn relay(mut client: UnixStream, controller: &Path) -> Result<(), FrameError> {
    let mut stream = UnixStream::connect(controller).await?;
    FrameWriter::new(&mut stream).message(&Preamble::new(Target::Controller)).await?;
    tokio::io::copy_bidirectional(&mut client, &mut stream).await?;
    Ok(())
}
