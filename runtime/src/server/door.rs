//! The door: what a connection says before it is let in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};

use crate::limits::{ACCEPT_RETRY, PENDING_PEERS_MAX, PREAMBLE_BYTES_MAX, PREAMBLE_WAIT};
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
    /// The frame is none.
    #[error("a peer with a broken preamble")]
    Frame(#[from] FrameError),
}

/// Accepts connections for ever and leads each to whom it wants. Those of other users are refused: a cluster belongs
/// to one.
pub async fn keep<L, F>(listener: UnixListener, lead: L)
where
    L: Fn(UnixStream, Target) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let pending = Arc::new(Semaphore::new(PENDING_PEERS_MAX));
    let left = Arc::new(Notify::new());
    loop {
        // While the house is full, the others wait outside: in the system's queue.
        let Ok(place) = Arc::clone(&pending).acquire_owned().await else { return };
        let mut stream = match listener.accept().await {
            Ok((stream, _)) => stream,
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
            if !same_user(&stream) {
                return tracing::warn!("refused a connection of another user");
            }
            match preamble(&mut stream).await {
                Ok(target) => {
                    drop(place);
                    lead(stream, target).await;
                }
                Err(error) => tracing::warn!(%error, "refused a connection"),
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

fn same_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

/// Reads whom a connection wants, and not a byte more. Takes at most [`PREAMBLE_WAIT`].
///
/// # Errors
/// [`Unwelcome`].
pub async fn preamble(stream: &mut (impl AsyncRead + Unpin)) -> Result<Target, Unwelcome> {
    within(PREAMBLE_WAIT, stream).await
}

async fn within(wait: Duration, stream: &mut (impl AsyncRead + Unpin)) -> Result<Target, Unwelcome> {
    tokio::time::timeout(wait, read(stream)).await.unwrap_or(Err(Unwelcome::Slow))
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
    fn who_says_nothing_is_not_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(async {
            let (mut own, _other) = tokio::io::duplex(8);
            within(Duration::from_millis(5), &mut own).await
        });
        assert!(matches!(outcome, Err(Unwelcome::Slow)));
    }
}
