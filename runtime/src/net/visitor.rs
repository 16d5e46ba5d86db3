//! A connection that has said whom it wants, and has not been let in yet.

use std::io;
use std::os::fd::OwnedFd;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::dial::settle;
use super::key::Key;
use super::link::{HandshakeError, Link};
use crate::limits::PREAMBLE_WAIT;
use crate::wire::frame::message_frame;
use crate::wire::preamble::{Preamble, Target};

/// A connection as it was accepted.
#[derive(Debug)]
pub enum Socket {
    /// Of a process on this host.
    Unix(UnixStream),
    /// Of anybody.
    Tcp(TcpStream),
}

/// Why a visitor is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// It has not the key.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// There is no key, so that nobody can prove anything.
    #[error("there is no key to prove anything with")]
    NoKey,
    /// It took too long.
    #[error("a peer that did not finish its handshake within {} s", PREAMBLE_WAIT.as_secs())]
    Slow,
}

impl Socket {
    /// The socket that a descriptor stands for: one that was handed over by another process.
    ///
    /// # Errors
    /// It is of neither kind, or the current tokio runtime cannot watch it.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        use rustix::net::{AddressFamily, sockopt::socket_domain};
        match socket_domain(&descriptor)? {
            AddressFamily::UNIX => {
                let stream = std::os::unix::net::UnixStream::from(descriptor);
                stream.set_nonblocking(true)?;
                UnixStream::from_std(stream).map(Self::Unix)
            }
            AddressFamily::INET | AddressFamily::INET6 => {
                let stream = std::net::TcpStream::from(descriptor);
                stream.set_nonblocking(true)?;
                TcpStream::from_std(stream).map(Self::Tcp)
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The descriptor, to be handed to another process. Nothing behind the preamble has been read.
    ///
    /// # Errors
    /// Those of taking it from the tokio runtime.
    pub fn into_descriptor(self) -> io::Result<OwnedFd> {
        match self {
            Self::Unix(stream) => Ok(stream.into_std()?.into()),
            Self::Tcp(stream) => Ok(stream.into_std()?.into()),
        }
    }

    /// Lets the visitor in when it has the key; who comes over a Unix socket needs none, since it is this user's.
    /// `target` is what its preamble said. Takes at most [`PREAMBLE_WAIT`].
    ///
    /// # Errors
    /// [`Unproven`].
    pub async fn enter(self, target: &Target, key: Option<&Key>) -> Result<Link, Unproven> {
        let stream = match self {
            Self::Unix(stream) => return Ok(Link::unix(stream)),
            Self::Tcp(stream) => stream,
        };
        let key = key.ok_or(Unproven::NoKey)?;
        settle(&stream).map_err(HandshakeError::from)?;
        let preamble = message_frame(&Preamble::new(target.clone())).map_err(|_| Unproven::NoKey)?;
        let handshake = timeout(PREAMBLE_WAIT, Link::respond(stream, key, &preamble));
        Ok(handshake.await.map_err(|_| Unproven::Slow)??)
    }
}
