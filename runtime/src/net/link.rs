//! A link that is let in: bytes in both directions, whatever carries them.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use super::key::Key;
use super::noise::{self, Agreed, HANDSHAKE_FRAME_BYTES, NoiseError};
use super::sealed::{SealedRead, SealedWrite, forged};

/// A link to another process of the cluster.
#[derive(Debug)]
pub struct Link {
    /// What the other side sends.
    pub read: ReadHalf,
    /// What goes to it.
    pub write: WriteHalf,
    /// This side's own IP address on the way there, where the link is on the network.
    pub local_ip: Option<IpAddr>,
    /// The user whose process the other side is. Who has the key of a cluster is its user.
    pub peer_uid: u32,
}

/// What the other side sends.
#[derive(Debug)]
pub enum ReadHalf {
    /// On this host.
    Unix(unix::OwnedReadHalf),
    /// From another.
    Tcp(SealedRead<tcp::OwnedReadHalf>),
}

/// What goes to the other side. To be flushed after each message.
#[derive(Debug)]
pub enum WriteHalf {
    /// On this host.
    Unix(unix::OwnedWriteHalf),
    /// To another.
    Tcp(SealedWrite<tcp::OwnedWriteHalf>),
}

/// Why a TCP peer is not let in.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It has another key, or none.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The connection failed before it was sealed.
    #[error("the connection ended during the handshake")]
    Io(#[from] io::Error),
}

impl Link {
    /// A link over a Unix socket.
    #[must_use]
    pub fn unix(stream: UnixStream) -> Self {
        /// Whom the system does not name has no rights.
        const NOBODY: u32 = 65_534;
        let peer_uid = stream.peer_cred().map_or(NOBODY, |credentials| credentials.uid());
        let (read, write) = stream.into_split();
        Self { read: ReadHalf::Unix(read), write: WriteHalf::Unix(write), local_ip: None, peer_uid }
    }

    /// The bare socket, for a process that goes on without this one. What goes over a network from then on is not sealed
    /// any more. Nothing may be under way: what has been read ahead is lost.
    ///
    /// # Errors
    /// Those of taking it from the tokio runtime.
    pub fn into_descriptor(self) -> io::Result<OwnedFd> {
        let mixed = || io::Error::from(io::ErrorKind::InvalidInput);
        match (self.read, self.write) {
            (ReadHalf::Unix(read), WriteHalf::Unix(write)) => {
                Ok(read.reunite(write).map_err(|_| mixed())?.into_std()?.into())
            }
            (ReadHalf::Tcp(read), WriteHalf::Tcp(write)) => {
                let stream = read.into_stream().reunite(write.into_stream()).map_err(|_| mixed())?;
                Ok(stream.into_std()?.into())
            }
            _ => Err(mixed()),
        }
    }

    /// Says whom one wants (`preamble`, in the open), and seals the link: two messages, one each way.
    pub(super) async fn initiate(
        mut stream: TcpStream,
        key: &Key,
        preamble: &[u8],
    ) -> Result<Self, HandshakeError> {
        let (handshake, first) = noise::initiate(key, preamble)?;
        stream.write_all(&[preamble, &first].concat()).await?;
        let answer = handshake_frame(&mut stream).await?;
        let mut link = Self::sealed(stream, handshake.finish(&answer)?);
        // An empty message proves that this side is there now, not recorded earlier.
        link.prove().await?;
        Ok(link)
    }

    /// Answers a peer whose preamble has been read, and waits for its proof.
    pub(super) async fn respond(
        mut stream: TcpStream,
        key: &Key,
        preamble: &[u8],
    ) -> Result<Self, HandshakeError> {
        let first = handshake_frame(&mut stream).await?;
        let (answer, agreed) = noise::respond(key, preamble, &first)?;
        stream.write_all(&answer).await?;
        let (sealer, mut opener) = agreed;
        while !opener.open()? {
            if stream.read_buf(opener.room()).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(Self::sealed(stream, (sealer, opener)))
    }

    fn sealed(stream: TcpStream, (sealer, opener): Agreed) -> Self {
        let local_ip = stream.local_addr().ok().map(|address| address.ip());
        let (read, write) = stream.into_split();
        Self {
            local_ip,
            read: ReadHalf::Tcp(SealedRead::new(read, opener)),
            write: WriteHalf::Tcp(SealedWrite::new(write, sealer)),
            peer_uid: rustix::process::geteuid().as_raw(),
        }
    }

    async fn prove(&mut self) -> io::Result<()> {
        match &mut self.write {
            WriteHalf::Unix(_) => Ok(()),
            WriteHalf::Tcp(write) => write.prove().await,
        }
    }
}

impl WriteHalf {
    /// The socket, where the other side is on this host.
    #[must_use]
    pub fn unix(&self) -> Option<&UnixStream> {
        match self {
            Self::Unix(half) => Some(half.as_ref()),
            Self::Tcp(_) => None,
        }
    }
}

impl<W: AsyncWrite + Unpin> SealedWrite<W> {
    async fn prove(&mut self) -> io::Result<()> {
        self.seal_empty().map_err(forged)?;
        self.flush().await
    }
}

async fn handshake_frame(stream: &mut TcpStream) -> io::Result<[u8; HANDSHAKE_FRAME_BYTES]> {
    let mut frame = [0; HANDSHAKE_FRAME_BYTES];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(half) => Pin::new(half).poll_read(context, buffer),
            Self::Tcp(half) => Pin::new(half).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(half) => Pin::new(half).poll_write(context, bytes),
            Self::Tcp(half) => Pin::new(half).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(half) => Pin::new(half).poll_flush(context),
            Self::Tcp(half) => Pin::new(half).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(half) => Pin::new(half).poll_shutdown(context),
            Self::Tcp(half) => Pin::new(half).poll_shutdown(context),
        }
    }
}
