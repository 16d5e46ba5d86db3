//! The two directions of a sealed link as asynchronous streams.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::noise::{NoiseError, Opener, Sealer};

/// Bytes that are sealed before any of them are sent: a data frame of task output.
const BATCH_BYTES_MAX: usize = crate::limits::DATA_BYTES_MAX;

/// What the other side sends, opened.
pub struct SealedRead<R> {
    stream: R,
    opener: Opener,
}

/// What is written, sealed for the other side. To be flushed: what was taken may not have been sent yet.
pub struct SealedWrite<W> {
    stream: W,
    sealer: Sealer,
    /// Sealed, not yet sent.
    waiting: BytesMut,
}

impl<R> SealedRead<R> {
    pub(super) fn new(stream: R, opener: Opener) -> Self {
        Self { stream, opener }
    }

    /// The stream behind it.
    pub(super) fn into_stream(self) -> R {
        self.stream
    }
}

impl<W> SealedWrite<W> {
    pub(super) fn new(stream: W, sealer: Sealer) -> Self {
        Self { stream, sealer, waiting: BytesMut::new() }
    }

    /// The stream behind it.
    pub(super) fn into_stream(self) -> W {
        self.stream
    }

    /// Seals a message that carries nothing, to be flushed.
    pub(super) fn seal_empty(&mut self) -> Result<(), NoiseError> {
        self.sealer.seal(&[], &mut self.waiting)
    }
}

impl<R> fmt::Debug for SealedRead<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedRead")
    }
}

impl<W> fmt::Debug for SealedWrite<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedWrite")
    }
}

pub(super) fn forged(error: NoiseError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<R: AsyncRead + Unpin> AsyncRead for SealedRead<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, opener } = self.get_mut();
        // An empty message carries nothing and must not look like the end.
        while opener.plain.is_empty() {
            if opener.open().map_err(forged)? {
                continue;
            }
            if ready!(poll_fill(Pin::new(&mut *stream), context, opener.room()))? == 0 {
                // Cut off between two messages is not told from closed: frames have their ends, streams say theirs.
                return Poll::Ready(if opener.may_end() {
                    Ok(())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                });
            }
        }
        let count = opener.plain.len().min(buffer.remaining());
        buffer.put_slice(&opener.plain.split_to(count));
        Poll::Ready(Ok(()))
    }
}

/// Reads what is there behind `buffer`.
fn poll_fill<R: AsyncRead>(
    stream: Pin<&mut R>,
    context: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    tokio_util::io::poll_read_buf(stream, context, buffer)
}

impl<W: AsyncWrite + Unpin> SealedWrite<W> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.waiting))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for SealedWrite<W> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // Bounded: nothing new is taken before the last batch has gone.
        ready!(this.poll_send(context))?;
        let taken = bytes.len().min(BATCH_BYTES_MAX);
        if taken == 0 {
            return Poll::Ready(Ok(0));
        }
        this.sealer.seal(&bytes[..taken], &mut this.waiting).map_err(forged)?;
        match this.poll_send(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}
