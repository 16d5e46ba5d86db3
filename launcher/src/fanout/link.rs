//! The link to one step process: a reader that hands on what comes, and a writer that sends what is put to it.

use std::io;

use bytes::Bytes;
use prun_runtime::ids::Rank;
use prun_runtime::net::address::{Address, AddressError};
use prun_runtime::net::dial::{DialError, dial, dial_patiently};
use prun_runtime::net::key::KeyError;
use prun_runtime::net::link as net;
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter};
use prun_runtime::wire::preamble::Target;
use prun_runtime::wire::step::{FromStep, ToStep};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::controller::client::key_for;

/// A node that cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// What it has registered is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The cluster's key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It does not let this side in.
    #[error(transparent)]
    Dial(#[from] DialError),
}

impl ConnectError {
    /// As an error of the system, which it is where nobody listens.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Dial(DialError::Connect { source, .. }) => source,
            other => io::Error::other(other),
        }
    }
}

/// Connects to a node as it has registered (`unix:PATH` or `tcp://HOST:PORT`), and says for whom.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(address: &str, target: Target) -> Result<net::Link, ConnectError> {
    let address: Address = address.parse()?;
    if target == Target::Node {
        return Ok(dial(&address, target, key_for(&address)?.as_ref()).await?);
    }
    // A step's own secret is all the key that it needs; it is there also while its rank server is not.
    Ok(dial_patiently(&address, target, None).await?)
}

/// A failure of a link as an error of the system.
#[must_use]
pub fn into_io(error: FrameError) -> io::Error {
    match error {
        FrameError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

/// What goes to a step process.
#[derive(Debug)]
enum Outgoing {
    Message(ToStep),
    Input { rank: Option<Rank>, bytes: Bytes },
}

/// News of a link.
#[derive(Debug)]
pub struct Arrival {
    /// Which link, as given to [`Link::open`].
    pub link: usize,
    /// What it is.
    pub news: News,
}

/// What can happen on a link.
#[derive(Debug)]
pub enum News {
    /// A message, with the bytes that belong to it.
    Message(FromStep, Bytes),
    /// The link is gone; without an error the step process has closed it.
    Closed(Option<FrameError>),
    /// It was made again, or cannot be.
    Again(Option<Box<net::Link>>),
}

/// The step process does not read what is sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the step process does not take what is sent to it")]
pub struct Stuck;

/// A link to one step process. Its tasks end with it.
#[derive(Debug)]
pub struct Link {
    to: mpsc::Sender<Outgoing>,
    tasks: [AbortHandle; 2],
}

impl Link {
    /// Takes over a connection on the current tokio runtime. At most `waiting_max` messages wait to be sent; what
    /// comes goes to `arrivals`.
    #[must_use]
    pub fn open(link: usize, bytes: net::Link, waiting_max: usize, arrivals: mpsc::Sender<Arrival>) -> Self {
        let (to, waiting) = mpsc::channel(waiting_max);
        let reader = tokio::spawn(read_all(link, FrameReader::new(bytes.read), arrivals));
        let writer = tokio::spawn(write_all(FrameWriter::new(bytes.write), waiting));
        Self { to, tasks: [reader.abort_handle(), writer.abort_handle()] }
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    /// [`Stuck`]: too many messages wait already. A link that is gone is no error: its arrival tells.
    pub fn send(&self, message: ToStep) -> Result<(), Stuck> {
        self.put(Outgoing::Message(message))
    }

    /// Sends input for one task, or for all.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn input(&self, rank: Option<Rank>, bytes: Bytes) -> Result<(), Stuck> {
        self.put(Outgoing::Input { rank, bytes })
    }

    fn put(&self, outgoing: Outgoing) -> Result<(), Stuck> {
        match self.to.try_send(outgoing) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(Stuck),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn read_all<R: AsyncRead + Unpin>(
    link: usize,
    mut reader: FrameReader<R>,
    arrivals: mpsc::Sender<Arrival>,
) {
    loop {
        let (news, last) = match read_one(&mut reader).await {
            Ok(Some((message, bytes))) => (News::Message(message, bytes), false),
            Ok(None) => (News::Closed(None), true),
            Err(error) => (News::Closed(Some(error)), true),
        };
        if arrivals.send(Arrival { link, news }).await.is_err() || last {
            return;
        }
    }
}

async fn read_one<R: AsyncRead + Unpin>(
    reader: &mut FrameReader<R>,
) -> Result<Option<(FromStep, Bytes)>, FrameError> {
    let Some(message) = reader.message().await? else { return Ok(None) };
    let bytes = match message {
        FromStep::Data { .. } => reader.data().await?,
        _ => Bytes::new(),
    };
    Ok(Some((message, bytes)))
}

async fn write_all<W: AsyncWrite + Unpin>(mut writer: FrameWriter<W>, mut waiting: mpsc::Receiver<Outgoing>) {
    while let Some(outgoing) = waiting.recv().await {
        let sent = match outgoing {
            Outgoing::Message(message) => writer.message(&message).await,
            Outgoing::Input { rank, bytes } => {
                writer.message_with_data(&ToStep::Stdin { rank }, &bytes).await
            }
        };
        if sent.is_err() {
            // The reader tells: a link that cannot be written to cannot be read from.
            return;
        }
    }
}
