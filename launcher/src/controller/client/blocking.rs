//! The link of commands that ask and print.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prun_runtime::wire::frame::{FrameError, read_message, write_message};
use prun_runtime::wire::preamble::{Preamble, Target};
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;
use socket2::{Domain, SockAddr, Socket, Type};

use super::patience::{Patience, Silence};
use super::{ClientError, closed, ping, socket_path, whole};
use crate::controller::api::{Answer, Call, JobView, Reply, Request};

/// A blocking link.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
    next: u64,
    patience: Patience,
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
    /// [`ClientError::Connect`], [`ClientError::Silent`], [`ClientError::Lost`].
    pub fn connect_to(path: &Path) -> Result<Self, ClientError> {
        Self::with(path, Patience::usual())
    }

    pub(super) fn with(path: &Path, patience: Patience) -> Result<Self, ClientError> {
        let stream = connect(path, patience.wait).map_err(|source| match source.kind() {
            // So many wait to be let in that there is no room for one more.
            io::ErrorKind::WouldBlock => ClientError::Silent { path: path.to_owned() },
            _ => ClientError::Connect { path: path.to_owned(), source },
        })?;
        let mut client = Self { stream, path: path.to_owned(), next: 0, patience };
        client.write(&Preamble::new(Target::Controller))?;
        Ok(client)
    }

    /// Asks, and blocks until the (first) reply is there.
    ///
    /// # Errors
    /// [`ClientError::Silent`], [`ClientError::Lost`], [`ClientError::Closed`].
    pub fn call(&mut self, request: Request) -> Result<Reply, ClientError> {
        self.next += 1;
        self.write(&Call { id: self.next, request })?;
        self.next_reply()
    }

    /// Blocks until the next reply to the last call: what follows a `Pending`.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn next_reply(&mut self) -> Result<Reply, ClientError> {
        let mut jobs: Vec<JobView> = Vec::new();
        loop {
            self.wait_for_bytes()?;
            let answer: Answer = match read_message(&mut self.stream) {
                Ok(answer) => answer,
                Err(error) => return Err(self.failed(error)),
            };
            self.patience.heard();
            if answer.id == self.next
                && let Some(reply) = whole(&mut jobs, answer.reply)
            {
                return Ok(reply);
            }
        }
    }

    fn wait_for_bytes(&mut self) -> Result<(), ClientError> {
        let timeout = rustix::time::Timespec {
            tv_sec: i64::try_from(self.patience.wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: self.patience.wait.subsec_nanos().into(),
        };
        loop {
            let mut ready = [PollFd::new(&self.stream, PollFlags::IN)];
            match poll(&mut ready, Some(&timeout)) {
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(FrameError::Io(error.into()).into()),
            }
            match self.patience.passed() {
                Silence::Ask => self.write(&ping())?,
                Silence::GiveUp => return Err(self.silent()),
            }
        }
    }

    fn write(&mut self, message: &impl Serialize) -> Result<(), ClientError> {
        write_message(&mut self.stream, message).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: FrameError) -> ClientError {
        match error {
            // In the middle of a message, or before any of it was taken.
            FrameError::Io(error) if error.kind() == io::ErrorKind::WouldBlock => self.silent(),
            error => closed(error),
        }
    }

    fn silent(&self) -> ClientError {
        ClientError::Silent { path: self.path.clone() }
    }
}

/// A connection on which nothing blocks for longer than `wait`.
fn connect(path: &Path, wait: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(wait))?;
    socket.set_read_timeout(Some(wait))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(std::os::fd::OwnedFd::from(socket).into())
}
