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

use prun_runtime::env::{CONTROLLER, KEY, SOCKET};
use prun_runtime::net::address::{Address, AddressError};
use prun_runtime::net::dial::DialError;
use prun_runtime::net::key::{Key, KeyError};
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
    /// What names the controller is no address.
    #[error("`{CONTROLLER}`: {0}")]
    Address(#[from] AddressError),
    /// The key of its cluster cannot be had.
    #[error("the controller at `{address}` is on the network, where its cluster's key is needed")]
    Key {
        /// Its address.
        address: Address,
        /// What is wrong with the key.
        source: KeyError,
    },
    /// What is in the cluster's directory is wanted, which is elsewhere.
    #[error("the directory of the cluster at `{address}` is not here: ask on its own host, outside of a job")]
    Elsewhere {
        /// Its address.
        address: Address,
    },
    /// Nobody listens there.
    #[error("cannot reach the controller at `{address}`")]
    Connect {
        /// Its address.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// Somebody listens there who does not agree.
    #[error(transparent)]
    Dial(DialError),
    /// It says nothing.
    #[error("the controller at `{address}` does not answer")]
    Silent {
        /// Its address.
        address: Address,
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

    /// Whether a controller that is started again may answer. One that is there and silent is none that comes back.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Dial(_) | Self::Lost(_) | Self::Closed)
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        let or_alone = "or run one script by itself with `prun job.sh`";
        match self {
            Self::NoController => format!("start a cluster with `eval \"$(prun up)\"`, {or_alone}"),
            Self::Address(_) => format!("set `{CONTROLLER}` to what `prun up` says, or unset it"),
            Self::Key { .. } => {
                format!(
                    "`{KEY}` names a copy of the file `key` of its cluster's directory, readable by you alone"
                )
            }
            Self::Dial(_) => format!("is `{KEY}` the key of that cluster, and is it of this version?"),
            Self::Connect { address, .. } => match (cluster_of(address), address) {
                (Some(home), _) => format!("start it with `prun up --dir {}`, {or_alone}", home.display()),
                (None, Address::Unix(_)) => {
                    "the rank server of this job is gone, or its socket is".to_owned()
                }
                (None, Address::Tcp { .. }) => {
                    format!(
                        "is `prun controller --listen` running there, and does `{CONTROLLER}` name its port?"
                    )
                }
            },
            Self::Silent { address } => match cluster_of(address) {
                Some(home) => format!(
                    "`prun status --dir {0}` says whether it runs; it says why in `{0}/controller/log`",
                    home.display()
                ),
                None => "ask again outside of the job, with `prun status`".to_owned(),
            },
            Self::Elsewhere { .. } => "ask on the host of the controller".to_owned(),
            Self::Lost(_) | Self::Closed => "it has ended or is being restarted: ask again".to_owned(),
        }
    }
}

/// The directory of the cluster whose controller has this address, if its socket lies as `prun up` puts it.
fn cluster_of(address: &Address) -> Option<&Path> {
    let Address::Unix(socket) = address else { return None };
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
pub fn address() -> Result<Address, ClientError> {
    if let Some(path) = env::var_os(SOCKET) {
        return Ok(Address::Unix(path.into()));
    }
    if let Ok(address) = env::var(CONTROLLER) {
        return Ok(address.parse()?);
    }
    let own = Home::find(None).map(|home| home.controller().socket());
    own.ok().filter(|socket| socket.exists()).map(Address::Unix).ok_or(ClientError::NoController)
}

/// The directory of the cluster that commands ask: the one whose controller's socket is named, else this user's own.
///
/// # Errors
/// [`ClientError::Elsewhere`] where the controller is on the network, or this is a job of it; those of [`address`].
pub fn home_of_controller() -> Result<Home, ClientError> {
    let address = address()?;
    let path = cluster_of(&address).ok_or_else(|| ClientError::Elsewhere { address: address.clone() })?;
    Home::find(Some(path)).map_err(|_| ClientError::NoController)
}

/// Whether this is the door of the node that this process's job runs on.
fn in_job(address: &Address) -> bool {
    env::var_os(SOCKET).is_some_and(|path| *address == Address::Unix(path.into()))
}

/// Where a job script runs that is told nothing else: the controller that the variable names, or the one of this
/// user's own cluster while it runs; `None` where there is neither.
///
/// Inside a job there is none: a job that waits for another one's CPUs while it holds its own may wait for ever.
///
/// # Errors
/// [`ClientError::Address`].
pub fn configured() -> Result<Option<Address>, ClientError> {
    if env::var_os(SOCKET).is_some() {
        return Ok(None);
    }
    if let Ok(address) = env::var(CONTROLLER) {
        return Ok(Some(address.parse()?));
    }
    let own = Home::find(None).map(|home| home.controller()).ok();
    Ok(own.filter(|seat| seat.holder().is_some()).map(|seat| seat.address()))
}

/// The key for an address, where one is needed: from the file that `PRUN_KEY` names, or of this user's own cluster.
///
/// # Errors
/// [`KeyError`]. A directory for the cluster that cannot be found has no key either.
pub fn key_for(address: &Address) -> Result<Option<Key>, KeyError> {
    match address {
        Address::Unix(_) => Ok(None),
        Address::Tcp { .. } => Key::read(&key_file()).map(Some),
    }
}

/// Where the key is.
fn key_file() -> PathBuf {
    let own = || Home::find(None).map(|home| home.key()).unwrap_or_default();
    env::var_os(KEY).map_or_else(own, PathBuf::from)
}

/// Why there is no link, for a client.
fn undialled(error: DialError) -> ClientError {
    match error {
        DialError::Connect { address, source } => ClientError::Connect { address, source },
        other => ClientError::Dial(other),
    }
}

/// The key for the controller's address, where one is needed.
fn key_of(address: &Address) -> Result<Option<Key>, ClientError> {
    key_for(address).map_err(|source| ClientError::Key { address: address.clone(), source })
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
