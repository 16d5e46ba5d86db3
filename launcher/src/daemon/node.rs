//! `prun node`: a rank server as a daemon.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::net::address::Address;
use prun_runtime::net::dial::{DialError, dial};
use prun_runtime::net::key::KeyError;
use prun_runtime::net::link::Link;
use prun_runtime::server::door::{self, Listener, Visitor};
use prun_runtime::server::guard::Guard;
use prun_runtime::server::node::{Adopted, RankServer};
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter};
use prun_runtime::wire::launch::Machine;
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};
use prun_runtime::wire::preamble::Target;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::home::HomeError;
use super::network::{self, KeyFile, NetworkError};
use super::ready;
use crate::embedded::private_dir::PrivateDir;

/// Why a rank server ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its place cannot be had.
    #[error("no place for the rank server")]
    Home(#[from] HomeError),
    /// It cannot be on the network.
    #[error("cannot go on the network")]
    Network(#[from] NetworkError),
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

/// How a rank server and the rest of its cluster come to each other.
#[derive(Debug, Clone)]
pub struct Way {
    /// The controller.
    pub controller: Address,
    /// `HOST:PORT` for launchers on other hosts.
    pub listen: Option<String>,
    /// The key for all that goes over the network.
    pub key: KeyFile,
}

impl Way {
    /// A link to the controller.
    async fn dial(&self, target: Target) -> Result<Link, JoinError> {
        let key = match self.controller {
            Address::Unix(_) => None,
            Address::Tcp { .. } => Some(self.key.key()?),
        };
        Ok(dial(&self.controller, target, key.as_ref()).await?)
    }
}

/// Why there is no link to the controller.
#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("lost the controller")]
    Lost(#[from] FrameError),
}

/// Runs a rank server until SIGTERM. The guard has been forked for the directory's workspace.
///
/// # Errors
/// [`NodeError`].
pub async fn run(
    directory: PrivateDir,
    guard: Guard,
    mut facts: NodeFacts,
    machine: Machine,
    way: &Way,
) -> Result<(), NodeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    directory.make(&std::env::current_exe()?)?;
    let listener = UnixListener::bind(directory.socket())?;
    facts.address = Address::Unix(directory.socket()).to_string();
    let (connections, adopted) = mpsc::channel(QUEUE_MESSAGES_MAX);
    let mut doors = JoinSet::new();
    let port = match &way.listen {
        None => None,
        Some(place) => {
            let listener = network::listen(place)?;
            let port = listener.local_addr()?;
            doors.spawn(keep(Listener::Tcp(listener), way.clone(), connections.clone()));
            Some(port)
        }
    };
    doors.spawn(keep(Listener::Unix(listener), way.clone(), connections));
    let mut server = RankServer::new(guard, vec![facts], machine, adopted);
    tokio::select! {
        () = serve(&mut server, way, port) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    doors.abort_all();
    server.into_guard().finish();
    Ok(())
}

/// Serves one controller after the other, for ever.
async fn serve(server: &mut RankServer, way: &Way, port: Option<SocketAddr>) {
    let mut attempt = 0;
    loop {
        match join(server, way, port).await {
            Ok(()) => attempt = 0,
            Err(error) if attempt == 0 => {
                tracing::warn!(error = &error as &dyn Error, "no controller; waiting for it")
            }
            Err(error) => tracing::info!(error = &error as &dyn Error, "still no controller"),
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
async fn join(server: &mut RankServer, way: &Way, port: Option<SocketAddr>) -> Result<(), JoinError> {
    let link = way.dial(Target::Join).await?;
    if let Some(port) = port {
        server.reached_at(&network::reached_at(port, link.local_ip));
    }
    let (mut reader, mut writer) = (FrameReader::new(link.read), FrameWriter::new(link.write));
    let (to_server, from_controller) = mpsc::channel(QUEUE_MESSAGES_MAX);
    let (to_controller, mut from_server) = mpsc::channel::<FromNode>(QUEUE_MESSAGES_MAX);
    let hear = async {
        while let Some(message) = reader.message::<ToNode>().await? {
            if message == ToNode::Registered {
                ready::say().map_err(FrameError::from)?;
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
        Ok::<(), FrameError>(())
    };
    tokio::select! {
        outcome = hear => Ok(outcome?),
        outcome = tell => Ok(outcome?),
        () = server.serve(from_controller, to_controller) => Ok(()),
    }
}

/// Keeps a door of the rank server.
async fn keep(listener: Listener, way: Way, connections: mpsc::Sender<Adopted>) {
    door::keep(listener, move |visitor| {
        let (way, connections) = (way.clone(), connections.clone());
        async move { lead(visitor, &way, &connections).await }
    })
    .await;
}

async fn lead(visitor: Visitor, way: &Way, connections: &mpsc::Sender<Adopted>) {
    match visitor.target {
        Target::Step { .. } | Target::Rank { .. } | Target::Peer { .. } => {
            if let Some(adopted) = visitor.hand_over() {
                // Closed only when the rank server has stopped: the connection closes with it.
                let _ = connections.send(adopted).await;
            }
        }
        Target::Node => {
            let Some(link) = visitor.enter(way.key.key().ok().as_ref()).await else { return };
            prun_runtime::server::file::serve(link.read, link.write).await;
        }
        Target::Controller => {
            let Some(link) = visitor.enter(way.key.key().ok().as_ref()).await else { return };
            if let Err(error) = relay(link, way).await {
                tracing::info!(error = &error as &dyn Error, "cannot relay a client to the controller");
            }
        }
        Target::Join => tracing::warn!("refused a rank server that wants to join another"),
    }
}

/// A job's commands know their node alone: what they have for the controller goes through.
async fn relay(client: Link, way: &Way) -> Result<(), JoinError> {
    let controller = way.dial(Target::Controller).await?;
    let mut client = tokio::io::join(client.read, client.write);
    let mut controller = tokio::io::join(controller.read, controller.write);
    tokio::io::copy_bidirectional(&mut client, &mut controller).await.map_err(FrameError::from)?;
    Ok(())
}
