//! The controller's shell: clients and rank servers on one side, the core on the other.

use prun_runtime::wire::node::{FromNode, ToNode};
use tokio::sync::mpsc;

use super::client::ClientError;

/// What a cluster is, beside its nodes, which join by themselves.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ClusterName`.
    pub cluster: String,
    /// Number of the first job.
    pub first_job: u32,
    /// `KillWait` in seconds.
    pub kill_wait_secs: u32,
    /// `MinJobAge` in seconds.
    pub min_job_age_secs: u32,
    /// `MaxArraySize`.
    pub max_array_size: u32,
}

/// A running controller. Cheap to clone; the controller ends when it is told to ([`Handle::stop`]).
#[derive(Debug, Clone)]
pub struct Handle {
    _private: (),
}

impl Handle {
    /// Starts a controller on the current tokio runtime.
    #[must_use]
    pub fn start(_config: Config) -> Self {
        Self { _private: () }
    }

    /// Serves a client whose preamble (`Target::Controller`) has been read, until it closes.
    ///
    /// # Errors
    /// Those of the link.
    pub async fn serve_client(&self, _stream: tokio::net::UnixStream) -> Result<(), ClientError> {
        Ok(())
    }

    /// Joins a rank server in this process: what it says is sent to the first, what it is told comes out of the
    /// second. The first message must be [`FromNode::Register`].
    #[must_use]
    pub fn join(&self) -> (mpsc::Sender<FromNode>, mpsc::Receiver<ToNode>) {
        let (from, _) = mpsc::channel(1);
        let (_, to) = mpsc::channel(1);
        (from, to)
    }

    /// Stops the controller.
    pub async fn stop(&self) {}
}
