//! The client's end of the link to the controller: blocking for commands that ask and print, asynchronous for
//! launchers that watch a step beside it.

use std::env;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use prun_runtime::env::{CONTROLLER, SOCKET};
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter, read_message, write_message};
use prun_runtime::wire::preamble::{Preamble, Target};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::api::{Answer, Call, JobView, Reply, Request};
use crate::daemon::home::Home;

/// Why the controller cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither inside a job nor is a cluster named.
    #[error("no controller: start a cluster with `eval \"$(prun up)\"`, or name one in `{CONTROLLER}`")]
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
    /// The link broke.
    #[error("lost the controller")]
    Lost(#[from] FrameError),
    /// The controller closed the link without an answer.
    #[error("the controller closed the link")]
    Closed,
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

/// A blocking link.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    next: u64,
}

impl Client {
    /// Connects to the controller that the environment names.
    ///
    /// # Errors
    /// [`ClientError`], but for [`ClientError::Closed`].
    pub fn connect() -> Result<Self, ClientError> {
        Self::connect_to(&socket_path()?)
    }

    /// Connects to the controller behind a socket.
    ///
    /// # Errors
    /// [`ClientError::Connect`], [`ClientError::Lost`].
    pub fn connect_to(path: &Path) -> Result<Self, ClientError> {
        let mut stream = UnixStream::connect(path)
            .map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
        write_message(&mut stream, &Preamble::new(Target::Controller))?;
        Ok(Self { stream, next: 0 })
    }

    /// Asks, and blocks until the (first) reply is there.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Closed`].
    pub fn call(&mut self, request: Request) -> Result<Reply, ClientError> {
        self.next += 1;
        write_message(&mut self.stream, &Call { id: self.next, request })?;
        self.next_reply()
    }

    /// Blocks until the next reply to the last call: what follows a `Pending`.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn next_reply(&mut self) -> Result<Reply, ClientError> {
        let mut jobs = Vec::new();
        loop {
            let answer: Answer = read_message(&mut self.stream).map_err(closed)?;
            if answer.id == self.next
                && let Some(reply) = whole(&mut jobs, answer.reply)
            {
                return Ok(reply);
            }
        }
    }
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

/// An asynchronous link. Needs a tokio runtime.
#[derive(Debug)]
pub struct AsyncClient {
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    next: u64,
    /// Parts of an answer, until its last one is there.
    jobs: Vec<JobView>,
}

impl AsyncClient {
    /// As [`Client::connect`].
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect() -> Result<Self, ClientError> {
        Self::connect_to(&socket_path()?).await
    }

    /// Connects to the controller behind a socket.
    ///
    /// # Errors
    /// [`ClientError::Connect`], [`ClientError::Lost`].
    pub async fn connect_to(path: &Path) -> Result<Self, ClientError> {
        let stream = tokio::net::UnixStream::connect(path)
            .await
            .map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
        let (read, write) = stream.into_split();
        let mut writer = FrameWriter::new(write);
        writer.message(&Preamble::new(Target::Controller)).await?;
        Ok(Self { reader: FrameReader::new(read), writer, next: 0, jobs: Vec::new() })
    }

    /// Asks without waiting.
    ///
    /// # Errors
    /// [`ClientError::Lost`].
    pub async fn send(&mut self, request: Request) -> Result<(), ClientError> {
        self.next += 1;
        Ok(self.writer.message(&Call { id: self.next, request }).await?)
    }

    /// Asks, and waits for the (first) reply.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Closed`].
    pub async fn call(&mut self, request: Request) -> Result<Reply, ClientError> {
        self.send(request).await?;
        self.next().await
    }

    /// The next reply to the last call. Cancelling it loses nothing.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn next(&mut self) -> Result<Reply, ClientError> {
        loop {
            let answer: Answer = self.reader.message().await?.ok_or(ClientError::Closed)?;
            if answer.id == self.next
                && let Some(reply) = whole(&mut self.jobs, answer.reply)
            {
                return Ok(reply);
            }
        }
    }
}
