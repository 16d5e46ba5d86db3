//! The door: what a connection says before it is let in.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::node::Adopted;
use crate::limits::{ACCEPT_RETRY, PENDING_PEERS_MAX, PREAMBLE_BYTES_MAX, PREAMBLE_WAIT};
use crate::net::key::Key;
use crate::net::link::Link;
use crate::net::visitor::Socket;
use crate::wire::VERSION;
use crate::wire::frame::{FrameError, HEADER_BYTES, Kind, decode, parse_header};
use crate::wire::preamble::{MAGIC, Preamble, Target};

/// Why a connection is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Unwelcome {
    /// Not the first frame of this protocol.
    #[error("not a peer of prun")]
    Stranger,
    /// Another version.
    #[error("a peer of protocol version {0}, this is version {VERSION}")]
    Version(u16),
    /// It took too long to say whom it wants.
    #[error("a peer that said nothing for {} s", PREAMBLE_WAIT.as_secs())]
    Slow,
    /// A process of another user.
    #[error("a process of another user")]
    OtherUser,
    /// The frame is none.
    #[error("a peer with a broken preamble")]
    Frame(#[from] FrameError),
}

/// What is listened at.
#[derive(Debug)]
pub enum Listener {
    /// A socket of this host; those of other users are refused: a cluster belongs to one.
    Unix(UnixListener),
    /// A port; who comes has to prove that it has the key ([`Visitor::enter`]).
    Tcp(TcpListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Socket::Unix(stream)),
            Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| Socket::Tcp(stream)),
        }
    }
}

/// Somebody who has said whom it wants.
#[derive(Debug)]
pub struct Visitor {
    /// Whom it wants.
    pub target: Target,
    /// Its connection; nothing behind the preamble has been read.
    pub socket: Socket,
    /// Its place among those who are not let in yet.
    place: OwnedSemaphorePermit,
}

impl Visitor {
    /// Its target and connection, for the process that examines it.
    #[must_use]
    pub fn hand_over(self) -> Option<Adopted> {
        // A socket that cannot be taken from the runtime closes here.
        self.socket.into_descriptor().ok().map(|descriptor| (self.target, descriptor))
    }

    /// Lets it in when it has the key; `None`, and a line in the log, when it has not.
    pub async fn enter(self, key: Option<&Key>) -> Option<Link> {
        let entered = self.socket.enter(&self.target, key).await;
        drop(self.place);
        match entered {
            Ok(link) => Some(link),
            Err(error) => {
                refuse(&error);
                None
            }
        }
    }
}

/// Accepts connections for ever and leads each to whom it wants.
pub async fn keep<L, F>(listener: Listener, lead: L)
where
    L: Fn(Visitor) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let pending = Arc::new(Semaphore::new(PENDING_PEERS_MAX));
    let left = Arc::new(Notify::new());
    loop {
        // While the house is full, the others wait outside: in the system's queue.
        let Ok(place) = Arc::clone(&pending).acquire_owned().await else { return };
        let mut socket = match listener.accept().await {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Out of descriptors: those of a visitor who leaves can be had, or those of somebody unknown to us.
                let _ = tokio::time::timeout(ACCEPT_RETRY, left.notified()).await;
                continue;
            }
        };
        let (lead, left) = (lead.clone(), Arc::clone(&left));
        tokio::spawn(async move {
            let _leaves = Leaves(left);
            match introduce(&mut socket).await {
                Ok(target) => lead(Visitor { target, socket, place }).await,
                Err(error) => refuse(&error),
            }
        });
    }
}

/// Tells of a visitor's leaving, however it leaves.
struct Leaves(Arc<Notify>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Lets a visitor say whom it wants.
async fn introduce(socket: &mut Socket) -> Result<Target, Unwelcome> {
    match socket {
        Socket::Unix(stream) if !same_user(stream) => Err(Unwelcome::OtherUser),
        Socket::Unix(stream) => preamble(stream).await,
        Socket::Tcp(stream) => preamble(stream).await,
    }
}

fn same_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

/// A line in the log for one who was refused; of a crowd, one line a while that counts them.
fn refuse(why: &(dyn Error + 'static)) {
    static REFUSALS: Mutex<Refusals> = Mutex::new(Refusals { last: None, unsaid: 0 });
    let mut refusals = REFUSALS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(unsaid) = refusals.next(Instant::now()) {
        tracing::warn!(error = why, unsaid, "refused a connection");
    }
}

/// Refusals since the last line about them.
#[derive(Debug)]
struct Refusals {
    last: Option<Instant>,
    unsaid: u64,
}

impl Refusals {
    /// One more: how many before it were not told of, if it is time for a line.
    fn next(&mut self, now: Instant) -> Option<u64> {
        /// Whoever knocks all the time does not fill a disk.
        const PAUSE: Duration = Duration::from_secs(5);
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// Reads whom a connection wants, and not a byte more. Takes at most [`PREAMBLE_WAIT`].
///
/// # Errors
/// [`Unwelcome`].
pub async fn preamble(stream: &mut (impl AsyncRead + Unpin)) -> Result<Target, Unwelcome> {
    within(PREAMBLE_WAIT, stream).await
}

async fn within(wait: Duration, stream: &mut (impl AsyncRead + Unpin)) -> Result<Target, Unwelcome> {
    /// This process itself may have been stopped for that long: what has come meanwhile is seen a moment later, since the
    /// system interrupts who waits for it (`epoll_wait(2)`) when a process goes on.
    const LAST_LOOK: Duration = Duration::from_millis(100);
    let reading = read(stream);
    tokio::pin!(reading);
    for wait in [wait, LAST_LOOK] {
        if let Ok(target) = tokio::time::timeout(wait, &mut reading).await {
            return target;
        }
    }
    Err(Unwelcome::Slow)
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Target, Unwelcome> {
    let broken = |error: io::Error| Unwelcome::Frame(error.into());
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).await.map_err(broken)?;
    let (kind, length) = parse_header(head, PREAMBLE_BYTES_MAX)?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.map_err(broken)?;
    let preamble: Preamble = decode(&payload)?;
    match preamble {
        Preamble { magic, .. } if magic != MAGIC || kind != Kind::Message => Err(Unwelcome::Stranger),
        Preamble { version, .. } if version != VERSION => Err(Unwelcome::Version(version)),
        Preamble { target, .. } => Ok(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::message_frame;

    fn knock(bytes: &[u8]) -> Result<Target, Unwelcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(within(Duration::from_millis(20), &mut &*bytes))
    }

    #[test]
    fn a_peer_is_let_in_and_nothing_after_its_preamble_is_read() {
        let mut bytes = message_frame(&Preamble::new(Target::Controller)).unwrap();
        bytes.extend_from_slice(b"more");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut rest = bytes.as_slice();
        assert_eq!(runtime.block_on(preamble(&mut rest)).unwrap(), Target::Controller);
        assert_eq!(rest, b"more");
    }

    #[test]
    fn strangers_stay_outside() {
        let other = Preamble { version: 99, ..Preamble::new(Target::Node) };
        assert!(matches!(knock(&message_frame(&other).unwrap()), Err(Unwelcome::Version(99))));
        let other = Preamble { magic: "http".into(), ..Preamble::new(Target::Node) };
        assert!(matches!(knock(&message_frame(&other).unwrap()), Err(Unwelcome::Stranger)));
        assert!(matches!(
            knock(b"GET / HTTP/1.1\r\n\r\n"),
            Err(Unwelcome::Frame(FrameError::TooLong { .. }))
        ));
        assert!(matches!(knock(b"\x01\0"), Err(Unwelcome::Frame(FrameError::Io(_)))));
    }

    #[test]
    fn a_crowd_of_strangers_makes_few_lines() {
        let begin = Instant::now();
        let mut refusals = Refusals { last: None, unsaid: 0 };
        let lines: Vec<u64> =
            (0..100).filter_map(|at| refusals.next(begin + Duration::from_millis(100 * at))).collect();
        assert_eq!(lines, [0, 49]);
    }

    #[test]
    fn who_says_nothing_is_not_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(async {
            let (mut own, _other) = tokio::io::duplex(8);
            within(Duration::from_millis(5), &mut own).await
        });
        assert!(matches!(outcome, Err(Unwelcome::Slow)));
    }
}
