//! `prun node`: a rank server as a daemon.

use std::error::Error;
use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::time::{Duration, Instant};

use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::net::address::Address;
use prun_runtime::net::dial::{DialError, dial, dial_patiently};
use prun_runtime::net::key::{Key, KeyError};
use prun_runtime::net::link::Link;
use prun_runtime::server::door::{self, Listener, Visitor};
use prun_runtime::server::guard::{Guard, Workspace};
use prun_runtime::server::node::{Adopted, RankServer};
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter};
use prun_runtime::wire::launch::Machine;
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};
use prun_runtime::wire::preamble::Target;
use rustix::fs::{CWD, RenameFlags};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::home::HomeError;
use super::network::{self, KeySource, NetworkError};
use super::ready;
use crate::commands::links;

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
    pub key: KeySource,
    /// How long it waits for a controller that is gone, before it ends; `None` is for ever.
    pub patience: Option<Duration>,
}

impl Way {
    /// A link to the controller.
    async fn dial(&self, target: Target) -> Result<Link, JoinError> {
        Ok(dial(&self.controller, target, self.key()?.as_ref()).await?)
    }

    /// What the controller wants to see.
    fn key(&self) -> Result<Option<Key>, KeyError> {
        match self.controller {
            Address::Unix(_) => Ok(None),
            Address::Tcp { .. } => self.key.key().map(Some),
        }
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

/// Runs a rank server until SIGTERM, until `end` comes, or until its patience with the controller ends. Where its
/// workspace is a lasting one its steps outlive it, as they do when it is killed: the next rank server of the guard's
/// directory takes them over. Else they end with it.
///
/// # Errors
/// [`NodeError`].
pub async fn run(
    guard: Guard,
    mut facts: NodeFacts,
    machine: Machine,
    way: &Way,
    end: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let workspace = guard.workspace().clone();
    make(&workspace)?;
    facts.address = Address::Unix(workspace.socket.clone()).to_string();
    let (connections, adopted) = mpsc::channel(QUEUE_MESSAGES_MAX);
    let mut server = RankServer::new(guard, vec![facts], machine, adopted);
    // Before anybody can ask for one of them.
    server.take_over()?;
    let listener = UnixListener::bind(&workspace.socket)?;
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
    tokio::select! {
        () = serve(&mut server, way, port) => {}
        () = end => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    doors.abort_all();
    let is_idle = server.is_idle();
    let guard = server.into_guard();
    if is_idle || !workspace.lasting {
        guard.finish();
        match std::fs::remove_dir_all(&workspace.directory) {
            // The guard removes what is not to last.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// Makes what is missing of a rank server's files; its place is taken, so that nobody listens at a socket that is there.
fn make(workspace: &Workspace) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(workspace.steps())?;
    let binary = std::env::current_exe()?;
    // A job that runs finds a name at any moment: what is there is replaced as a whole.
    let (new, names) = (workspace.bin.with_extension("new"), &workspace.bin);
    let _ = std::fs::remove_dir_all(&new);
    std::fs::create_dir(&new)?;
    links::make(&new, &binary)?;
    if !names.exists() {
        std::fs::create_dir(names)?;
    }
    rustix::fs::renameat_with(CWD, &new, CWD, names, RenameFlags::EXCHANGE)?;
    std::fs::remove_dir_all(&new)?;
    match std::fs::remove_file(&workspace.socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Serves one controller after the other, as long as there is one, or patience for one.
async fn serve(server: &mut RankServer, way: &Way, port: Option<SocketAddr>) {
    let mut attempt = 0;
    let mut served = Instant::now();
    loop {
        let joined = join(server, way, port).await;
        match joined {
            Ok(()) => (attempt, served) = (0, Instant::now()),
            Err(JoinError::Lost(_)) => served = Instant::now(),
            Err(_) if way.patience.is_some_and(|patience| served.elapsed() > patience) => return,
            Err(_) => {}
        }
        match joined {
            Ok(()) => {}
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
        Target::Join | Target::Heir => tracing::warn!("refused a rank server that wants to join another"),
    }
}

/// A job's commands know their node alone: what they have for the controller goes through.
async fn relay(client: Link, way: &Way) -> Result<(), JoinError> {
    // It may be being restarted, as this rank server may have been.
    let controller = dial_patiently(&way.controller, Target::Controller, way.key()?.as_ref()).await?;
    let mut client = tokio::io::join(client.read, client.write);
    let mut controller = tokio::io::join(controller.read, controller.write);
    tokio::io::copy_bidirectional(&mut client, &mut controller).await.map_err(FrameError::from)?;
    Ok(())
}
