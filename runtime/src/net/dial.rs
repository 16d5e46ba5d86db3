//! Connecting to whoever listens at an address.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use super::address::Address;
use super::key::Key;
use super::link::{HandshakeError, Link};
use crate::limits::{DIAL_WAIT, RESTART_WAIT};
use crate::wire::frame::{FrameError, FrameWriter, message_frame};
use crate::wire::preamble::{Preamble, Target};

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody listens there, or the way is blocked.
    #[error("cannot connect to `{address}`")]
    Connect {
        /// Where.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// Another host wants the cluster's key.
    #[error("`{0}` is on the network, where the cluster's key is needed")]
    NoKey(Address),
    /// They do not trust each other.
    #[error("`{address}` and this side do not agree")]
    Handshake {
        /// Who.
        address: Address,
        /// Why not.
        source: HandshakeError,
    },
    /// The first message was not taken.
    #[error("cannot say what for at `{address}`")]
    Preamble {
        /// To whom.
        address: Address,
        /// Why not.
        source: FrameError,
    },
}

/// Connects to `address` and says whom one wants. Over TCP the link is sealed: with a step's secret where the target is
/// a step, else with the cluster's key. Waits for at most [`DIAL_WAIT`].
///
/// # Errors
/// [`DialError`].
pub async fn dial(address: &Address, target: Target, key: Option<&Key>) -> Result<Link, DialError> {
    let late = || DialError::Connect { address: address.clone(), source: io::ErrorKind::TimedOut.into() };
    tokio::time::timeout(DIAL_WAIT, connect(address, target, key)).await.unwrap_or_else(|_| Err(late()))
}

/// The same; but where nobody listens it tries again for [`RESTART_WAIT`]: most likely a rank server is being restarted,
/// whose steps live on.
///
/// # Errors
/// [`DialError`]: the last one.
pub async fn dial_patiently(address: &Address, target: Target, key: Option<&Key>) -> Result<Link, DialError> {
    const PAUSE_MIN: Duration = Duration::from_millis(20);
    const PAUSE_MAX: Duration = Duration::from_secs(1);
    let end = Instant::now() + RESTART_WAIT;
    let mut pause = PAUSE_MIN;
    loop {
        let outcome = dial(address, target.clone(), key).await;
        let absent = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
        };
        match outcome {
            Err(DialError::Connect { source, .. }) if absent(&source) && Instant::now() + pause < end => {
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(PAUSE_MAX);
            }
            outcome => return outcome,
        }
    }
}

async fn connect(address: &Address, target: Target, key: Option<&Key>) -> Result<Link, DialError> {
    let fails = |source| DialError::Connect { address: address.clone(), source };
    let unsaid = |source| DialError::Preamble { address: address.clone(), source };
    match address {
        Address::Unix(path) => {
            let mut link = Link::unix(UnixStream::connect(path).await.map_err(fails)?);
            FrameWriter::new(&mut link.write).message(&Preamble::new(target)).await.map_err(unsaid)?;
            Ok(link)
        }
        Address::Tcp { host, port } => {
            let (target, secret) = target.without_secret();
            let key = secret.or_else(|| key.cloned()).ok_or_else(|| DialError::NoKey(address.clone()))?;
            let preamble = message_frame(&Preamble::new(target)).map_err(unsaid)?;
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(fails)?;
            settle(&stream).map_err(fails)?;
            let distrust = |source| DialError::Handshake { address: address.clone(), source };
            Link::initiate(stream, &key, &preamble).await.map_err(distrust)
        }
    }
}

/// What every TCP link has: no waiting for more to send, and an end when the other host is gone without a word.
pub(super) fn settle(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    settle_keepalive(&SockRef::from(stream))
}

pub(super) fn settle_keepalive(socket: &SockRef<'_>) -> io::Result<()> {
    /// Silence after which the other host is asked.
    const IDLE: Duration = Duration::from_secs(10);
    /// And asked again, until it is given up.
    const AGAIN: Duration = Duration::from_secs(3);
    const TIMES: u32 = 4;
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(AGAIN).with_retries(TIMES);
    socket.set_tcp_keepalive(&keepalive)?;
    // What is sent and not acknowledged for so long will not be.
    socket.set_tcp_user_timeout(Some(IDLE + AGAIN * TIMES))
}
