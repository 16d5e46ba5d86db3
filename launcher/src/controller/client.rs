//! The client's end of the link to the controller: blocking for commands that ask and print, asynchronous for
//! launchers that watch a step beside it.
//!
//! A controller that says nothing for long is asked whether it is there, also while a call waits for what may take
//! days; one that does not answer that either is given up (`patience`).

mod asynchronous;
mod blocking;
mod patience;
#[cfg(test)]
mod tests;

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use prun_runtime::env::{CONTROLLER, SOCKET};
use prun_runtime::wire::frame::FrameError;

pub use self::asynchronous::AsyncClient;
pub use self::blocking::Client;
use super::api::{Call, JobView, Reply, Request};
use crate::daemon::home::Home;

/// Why the controller cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither inside a job nor is a cluster named.
    #[error("no controller: neither does this user have one, nor does `{CONTROLLER}` name one")]
    NoController,
    /// The address is of no kind that this version knows.
    #[error("`{CONTROLLER}` is `{0}`, but it must be `unix:PATH`")]
    Address(String),
    /// Nobody listens there.
    #[error("cannot reach the controller at `{path}`")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says nothing.
    #[error("the controller at `{path}` does not answer")]
    Silent {
        /// The socket.
        path: PathBuf,
    },
    /// The link broke.
    #[error("lost the controller")]
    Lost(#[from] FrameError),
    /// The controller closed the link without an answer.
    #[error("the controller closed the link")]
    Closed,
}

impl ClientError {
    /// What Slurm's commands call it: programs look for these texts.
    #[must_use]
    pub fn in_slurms_words(&self) -> &'static str {
        match self {
            Self::Silent { .. } => "Socket timed out on send/recv operation",
            _ => "Unable to contact slurm controller (connect failure)",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        let or_alone = "or run one script by itself with `prun job.sh`";
        match self {
            Self::NoController => format!("start a cluster with `eval \"$(prun up)\"`, {or_alone}"),
            Self::Address(_) => format!("set `{CONTROLLER}` to what `prun up` says, or unset it"),
            Self::Connect { path, .. } => match cluster_of(path) {
                Some(home) => format!("start it with `prun up --dir {}`, {or_alone}", home.display()),
                None => "the rank server of this job is gone, or its socket is".to_owned(),
            },
            Self::Silent { path } => match cluster_of(path) {
                Some(home) => format!(
                    "`prun status --dir {0}` says whether it runs; it says why in `{0}/controller/log`",
                    home.display()
                ),
                None => "ask again outside of the job, with `prun status`".to_owned(),
            },
            Self::Lost(_) | Self::Closed => "it has ended or is being restarted: ask again".to_owned(),
        }
    }
}

/// The directory of the cluster whose controller has this socket, if it lies as `prun up` puts it.
fn cluster_of(socket: &Path) -> Option<&Path> {
    socket.parent().filter(|seat| seat.ends_with("controller"))?.parent()
}

/// Number of the call that only asks whether the controller is there; others are numbered upwards from 1.
const PING: u64 = 0;

fn ping() -> Call {
    Call { id: PING, request: Request::Ping }
}

/// Where the controller listens: inside a job its node knows; else the variable says, or it is the one of this user's
/// own cluster (`prun up`).
///
/// # Errors
/// [`ClientError::NoController`], [`ClientError::Address`].
pub fn socket_path() -> Result<PathBuf, ClientError> {
    if let Some(path) = env::var_os(SOCKET) {
        return Ok(path.into());
    }
    if let Ok(address) = env::var(CONTROLLER) {
        return path_of(&address);
    }
    let own = Home::find(None).map(|home| home.controller().socket());
    own.ok().filter(|socket| socket.exists()).ok_or(ClientError::NoController)
}

/// Where a job script runs that is told nothing else: the controller that the variable names, or the one of this
/// user's own cluster while it runs; `None` where there is neither.
///
/// Inside a job there is none: a job that waits for another one's CPUs while it holds its own may wait for ever.
///
/// # Errors
/// [`ClientError::Address`].
pub fn configured() -> Result<Option<PathBuf>, ClientError> {
    if env::var_os(SOCKET).is_some() {
        return Ok(None);
    }
    if let Ok(address) = env::var(CONTROLLER) {
        return path_of(&address).map(Some);
    }
    let own = Home::find(None).map(|home| home.controller()).ok();
    Ok(own.filter(|seat| seat.holder().is_some()).map(|seat| seat.socket()))
}

/// The path in `unix:PATH`.
///
/// # Errors
/// [`ClientError::Address`].
pub fn path_of(address: &str) -> Result<PathBuf, ClientError> {
    address.strip_prefix("unix:").map(PathBuf::from).ok_or_else(|| ClientError::Address(address.to_owned()))
}

/// Puts an answer that comes in parts together; `None` until the last of them.
fn whole(jobs: &mut Vec<JobView>, reply: Reply) -> Option<Reply> {
    match reply {
        Reply::MoreJobs(part) => {
            jobs.extend(part);
            None
        }
        Reply::Jobs(last) if !jobs.is_empty() => {
            jobs.extend(last);
            Some(Reply::Jobs(std::mem::take(jobs)))
        }
        reply => Some(reply),
    }
}

/// An end of file between frames is the controller's closing.
fn closed(error: FrameError) -> ClientError {
    match error {
        FrameError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => ClientError::Closed,
        other => ClientError::Lost(other),
    }
}
