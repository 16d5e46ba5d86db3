//! The link between a rank server and one of its step processes: frames, and descriptors beside them.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::limits::MESSAGE_BYTES_MAX;
use crate::wire::descriptors;
use crate::wire::frame::{FrameError, HEADER_BYTES, Kind, decode, message_frame, parse_header};

/// The two directions of a link.
///
/// # Errors
/// Where the socket cannot be watched by the current tokio runtime.
pub fn split(socket: std::os::unix::net::UnixStream) -> io::Result<(Sender, Receiver)> {
    socket.set_nonblocking(true)?;
    let stream = Arc::new(UnixStream::from_std(socket)?);
    let receiver =
        Receiver { stream: Arc::clone(&stream), buffer: BytesMut::new(), descriptors: VecDeque::new() };
    Ok((Sender { stream }, receiver))
}

/// Sends messages. Not to be used by two tasks at once.
#[derive(Debug)]
pub struct Sender {
    stream: Arc<UnixStream>,
}

impl Sender {
    /// Sends a message, and a descriptor with it. Waits while the link is full. Not cancel-safe.
    ///
    /// # Errors
    /// Those of the message and of the socket.
    pub async fn send<T: Serialize>(
        &self,
        message: &T,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<(), FrameError> {
        let frame = message_frame(message)?;
        let (mut rest, mut descriptor) = (frame.as_slice(), descriptor);
        while !rest.is_empty() {
            let sent = self
                .stream
                .async_io(Interest::WRITABLE, || descriptors::send(&*self.stream, rest, descriptor))
                .await?;
            rest = &rest[sent..];
            descriptor = None;
        }
        Ok(())
    }
}

/// Receives messages.
#[derive(Debug)]
pub struct Receiver {
    stream: Arc<UnixStream>,
    buffer: BytesMut,
    /// Descriptors whose messages have not been read yet, in the order sent.
    descriptors: VecDeque<OwnedFd>,
}

impl Receiver {
    /// The next message, or `None` at the end. Cancelling it loses nothing.
    ///
    /// # Errors
    /// Those of the socket and of the frame.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        loop {
            if let Some(payload) = self.whole_frame()? {
                return decode(&payload).map(Some);
            }
            self.stream.readable().await?;
            match self.receive_some() {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes what is there, without waiting, so that nothing can be cancelled half-way.
    fn receive_some(&mut self) -> io::Result<usize> {
        /// Enough for most messages.
        const PIECE_BYTES: usize = 16 << 10;
        let Self { stream, buffer, descriptors } = self;
        let filled = buffer.len();
        buffer.resize(filled + PIECE_BYTES, 0);
        let room = &mut buffer[filled..];
        let received =
            stream.try_io(Interest::READABLE, || descriptors::receive(&**stream, room, descriptors));
        buffer.truncate(filled + received.as_ref().unwrap_or(&0));
        received
    }

    /// The descriptor that came with the message just received.
    pub fn descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    fn whole_frame(&mut self) -> Result<Option<BytesMut>, FrameError> {
        let Some(head) = self.buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let (kind, length) = parse_header(*head, MESSAGE_BYTES_MAX)?;
        if kind != Kind::Message {
            return Err(FrameError::OutOfTurn);
        }
        if self.buffer.len() < HEADER_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        Ok(Some(self.buffer.split_to(length)))
    }
}
