//! A link of commands that ask and print: it blocks, with a limit to that.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::BytesMut;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::address::Address;
use super::dial::{DialError, settle_keepalive};
use super::key::Key;
use super::noise::{self, HANDSHAKE_FRAME_BYTES, Opener, Sealer};
use super::sealed::forged;
use crate::wire::frame::message_frame;
use crate::wire::preamble::{Preamble, Target};

/// A link that blocks.
pub enum BlockingLink {
    /// To a process on this host.
    Unix(UnixStream),
    /// To another host.
    Tcp(Box<Sealed>),
}

/// A sealed connection.
pub struct Sealed {
    stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
}

impl std::fmt::Debug for BlockingLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlockingLink")
    }
}

impl BlockingLink {
    /// Connects and says whom one wants. No read or write after that blocks for longer than `wait`.
    ///
    /// # Errors
    /// [`DialError`]; `WouldBlock` inside of it where so many wait to be let in that there is no room for one more.
    pub fn dial(
        address: &Address,
        target: Target,
        key: Option<&Key>,
        wait: Duration,
    ) -> Result<Self, DialError> {
        let fails = |source| DialError::Connect { address: address.clone(), source };
        let unsaid = |source| DialError::Preamble { address: address.clone(), source };
        match address {
            Address::Unix(path) => {
                let mut stream = connect_unix(path, wait).map_err(fails)?;
                let preamble = message_frame(&Preamble::new(target)).map_err(unsaid)?;
                stream.write_all(&preamble).map_err(|error| unsaid(error.into()))?;
                Ok(Self::Unix(stream))
            }
            Address::Tcp { host, port } => {
                let (target, secret) = target.without_secret();
                let key = secret.or_else(|| key.cloned()).ok_or_else(|| DialError::NoKey(address.clone()))?;
                let preamble = message_frame(&Preamble::new(target)).map_err(unsaid)?;
                let stream = connect_tcp(host, *port, wait).map_err(fails)?;
                let distrust = |source| DialError::Handshake { address: address.clone(), source };
                Sealed::initiate(stream, &key, &preamble)
                    .map(|sealed| Self::Tcp(Box::new(sealed)))
                    .map_err(distrust)
            }
        }
    }

    /// Whether something can be read at once, whatever the descriptor says.
    #[must_use]
    pub fn has_read_ahead(&self) -> bool {
        matches!(self, Self::Tcp(sealed) if !sealed.opener.plain.is_empty())
    }
}

fn connect_unix(path: &std::path::Path, wait: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(wait))?;
    socket.set_read_timeout(Some(wait))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(OwnedFd::from(socket).into())
}

/// The first of the host's addresses that answers.
fn connect_tcp(host: &str, port: u16, wait: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in std::net::ToSocketAddrs::to_socket_addrs(&(host, port))? {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(wait))?;
                stream.set_write_timeout(Some(wait))?;
                settle_keepalive(&SockRef::from(&stream))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Sealed {
    fn initiate(
        mut stream: TcpStream,
        key: &Key,
        preamble: &[u8],
    ) -> Result<Self, super::link::HandshakeError> {
        let (handshake, first) = noise::initiate(key, preamble)?;
        stream.write_all(&[preamble, &first].concat())?;
        let mut answer = [0; HANDSHAKE_FRAME_BYTES];
        stream.read_exact(&mut answer)?;
        let (mut sealer, opener) = handshake.finish(&answer)?;
        let mut proof = BytesMut::new();
        sealer.seal(&[], &mut proof)?;
        stream.write_all(&proof)?;
        Ok(Self { stream, sealer, opener })
    }
}

impl Read for Sealed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = [0; 16 << 10];
        while self.opener.plain.is_empty() {
            if self.opener.open().map_err(forged)? {
                continue;
            }
            let count = self.stream.read(&mut piece)?;
            if count == 0 {
                return if self.opener.may_end() { Ok(0) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            self.opener.room().extend_from_slice(&piece[..count]);
        }
        let count = self.opener.plain.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.opener.plain.split_to(count));
        Ok(count)
    }
}

impl Read for BlockingLink {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(sealed) => sealed.read(buffer),
        }
    }
}

impl Write for BlockingLink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(sealed) => {
                let mut message = BytesMut::new();
                sealed.sealer.seal(bytes, &mut message).map_err(forged)?;
                sealed.stream.write_all(&message)?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for BlockingLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(sealed) => sealed.stream.as_fd(),
        }
    }
}
