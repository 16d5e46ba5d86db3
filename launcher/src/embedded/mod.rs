//! A whole cluster in one process: controller and rank server, over virtual nodes of this machine.
//!
//! They are the same parts that daemons are made of, with channels where daemons have sockets; the job's own
//! commands come through a Unix socket in a private directory. `prun job.sh` is the only one who starts one.

pub mod private_dir;
pub mod shape;

use std::io;
use std::path::PathBuf;

use prun_runtime::limits::QUEUE_MESSAGES_MAX;
use prun_runtime::net::address::Address;
use prun_runtime::server::door::{self, Listener, Visitor};
use prun_runtime::server::guard::{Guard, Workspace};
use prun_runtime::server::node::{Adopted, RankServer};
use prun_runtime::wire::launch::Machine;
use prun_runtime::wire::preamble::Target;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::private_dir::PrivateDir;
use self::shape::Shape;
use crate::controller::serve::{Config, Handle};

/// Why an embedded cluster cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`", path.display())]
pub struct StartError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// A running embedded cluster.
#[derive(Debug)]
pub struct Cluster {
    directory: PrivateDir,
    controller: Handle,
    rank_server: JoinHandle<Guard>,
    door: JoinHandle<()>,
}

impl Cluster {
    /// Starts one on the current tokio runtime. The guard has been forked for the directory's
    /// [`PrivateDir::workspace`].
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        shape: Shape,
        directory: PrivateDir,
        guard: Guard,
        config: Config,
    ) -> Result<Self, StartError> {
        let fails = |verb: &'static str, path: PathBuf| {
            move |source: io::Error| StartError { verb, path: path.clone(), source }
        };
        let Workspace { directory: path, socket, .. } = directory.workspace();
        let binary = std::env::current_exe().map_err(fails("find", "/proc/self/exe".into()))?;
        directory.make(&binary).map_err(fails("make", path))?;
        let listener = UnixListener::bind(&socket).map_err(fails("listen at", socket.clone()))?;
        let controller = Handle::start(config);
        let (to_controller, from_controller) = controller.join();
        let (connections, adopted) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let address = format!("unix:{}", socket.display());
        let mut rank_server = RankServer::new(guard, shape.nodes(&address), Machine::Shared, adopted);
        let rank_server = tokio::spawn(async move {
            rank_server.serve(from_controller, to_controller).await;
            rank_server.into_guard()
        });
        let inside = controller.clone();
        let door = tokio::spawn(door::keep(Listener::Unix(listener), move |visitor| {
            let (controller, connections) = (inside.clone(), connections.clone());
            async move { lead(visitor, &controller, &connections).await }
        }));
        Ok(Self { directory, controller, rank_server, door })
    }

    /// Where its commands reach it.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::Unix(self.directory.socket())
    }

    /// Stops everything, and waits until no process and no file of it is left.
    pub async fn stop(self) {
        self.door.abort();
        self.controller.stop().await;
        if let Ok(guard) = self.rank_server.await {
            guard.finish();
        }
    }
}

async fn lead(visitor: Visitor, controller: &Handle, connections: &mpsc::Sender<Adopted>) {
    match visitor.target {
        Target::Controller => {
            let Some(link) = visitor.enter(None).await else { return };
            if let Err(error) = controller.serve_client(link).await {
                tracing::debug!(%error, "a client's link broke");
            }
        }
        Target::Step { .. } | Target::Rank { .. } | Target::Peer { .. } => {
            if let Some(adopted) = visitor.hand_over() {
                // Closed only when the rank server has stopped: the connection closes with it.
                let _ = connections.send(adopted).await;
            }
        }
        Target::Node => {
            let Some(link) = visitor.enter(None).await else { return };
            prun_runtime::server::file::serve(link.read, link.write).await;
        }
        Target::Join | Target::Heir => tracing::warn!("an embedded cluster takes no further nodes"),
    }
}
