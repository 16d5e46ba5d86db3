//! Frames on asynchronous streams.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{FrameError, HEADER_BYTES, Kind, MESSAGE_BYTES_MAX, decode, header, message_frame, parse_header};
use crate::limits::DATA_BYTES_MAX;
use crate::wire::pieces::{Piece, Pieces};

/// Reads frames from an asynchronous stream. Cancelling a read loses nothing: what has come so far stays
/// in the reader.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
    limit: usize,
    pieces: Pieces,
    /// The payload of a large data frame that is being read, and its length.
    bulk: Option<(Piece, usize)>,
}

/// A payload of so many bytes is read straight to where it stays.
const BULK_BYTES_MIN: usize = 64 << 10;

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader that allows frames up to [`MESSAGE_BYTES_MAX`].
    pub fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            limit: MESSAGE_BYTES_MAX,
            pieces: Pieces::default(),
            bulk: None,
        }
    }

    /// The next frame, or `None` where the stream ended between two frames.
    ///
    /// # Errors
    /// Those of the stream (`UnexpectedEof` inside a frame), and of the frame.
    pub async fn frame(&mut self) -> Result<Option<(Kind, Bytes)>, FrameError> {
        loop {
            if self.bulk.is_some() {
                return self.read_bulk().await.map(|payload| Some((Kind::Data, payload)));
            }
            if let Some(head) = self.buffer.first_chunk::<HEADER_BYTES>() {
                let (kind, length) = parse_header(*head, self.limit)?;
                let whole = HEADER_BYTES + length;
                if self.buffer.len() >= whole {
                    let mut frame = self.buffer.split_to(whole);
                    return Ok(Some((kind, frame.split_off(HEADER_BYTES).freeze())));
                }
                if kind == Kind::Data && (BULK_BYTES_MIN..=DATA_BYTES_MAX).contains(&length) {
                    self.begin_bulk(length);
                    continue;
                }
                self.buffer.reserve(whole - self.buffer.len());
            } else {
                self.buffer.reserve(8 << 10);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
                };
            }
        }
    }

    /// Takes what has come of a payload over to where the rest will be read.
    fn begin_bulk(&mut self, length: usize) {
        self.buffer.advance(HEADER_BYTES);
        let mut piece = self.pieces.take();
        piece.extend_from_slice(&self.buffer.split());
        self.bulk = Some((piece, length));
    }

    async fn read_bulk(&mut self) -> Result<Bytes, FrameError> {
        while let Some((piece, length)) = &mut self.bulk
            && piece.len() < *length
        {
            let left = *length - piece.len();
            if self.stream.read_buf(&mut (&mut **piece).limit(left)).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(self.bulk.take().map_or_else(Bytes::new, |(piece, _)| piece.freeze()))
    }

    /// The stream behind it; `None` where more of it has been read than frames were taken.
    pub fn into_stream(self) -> Option<R> {
        (self.buffer.is_empty() && self.bulk.is_none()).then_some(self.stream)
    }

    /// The next message, or `None` where the stream ended.
    ///
    /// # Errors
    /// As [`Self::frame`], and [`FrameError::OutOfTurn`] for a data frame.
    pub async fn message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        match self.frame().await? {
            None => Ok(None),
            Some((Kind::Message, payload)) => decode(&payload).map(Some),
            Some((Kind::Data, _)) => Err(FrameError::OutOfTurn),
        }
    }

    /// The data frame that belongs to the message just read.
    ///
    /// # Errors
    /// As [`Self::frame`], and [`FrameError::OutOfTurn`] for a message.
    pub async fn data(&mut self) -> Result<Bytes, FrameError> {
        match self.frame().await? {
            Some((Kind::Data, payload)) => Ok(payload),
            Some((Kind::Message, _)) => Err(FrameError::OutOfTurn),
            None => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Data frames of so many bytes in all.
    ///
    /// # Errors
    /// As [`Self::data`], and [`FrameError::OutOfTurn`] where frames hold more.
    pub async fn payload(&mut self, bytes: u64) -> Result<Bytes, FrameError> {
        let mut payload = BytesMut::new();
        self.each_piece(bytes, |piece| payload.extend_from_slice(piece)).await?;
        Ok(payload.freeze())
    }

    /// Reads data frames of so many bytes in all, and keeps nothing of them.
    ///
    /// # Errors
    /// As [`Self::payload`].
    pub async fn skip_payload(&mut self, bytes: u64) -> Result<(), FrameError> {
        self.each_piece(bytes, |_| ()).await
    }

    async fn each_piece(&mut self, bytes: u64, mut take: impl FnMut(&[u8])) -> Result<(), FrameError> {
        let mut left = bytes;
        while left > 0 {
            let piece = self.data().await?;
            left = left.checked_sub(piece.len() as u64).ok_or(FrameError::OutOfTurn)?;
            take(&piece);
        }
        Ok(())
    }
}

/// Writes frames to an asynchronous stream, and flushes after each. Not cancel-safe: await each call to its end.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// A writer.
    pub fn new(stream: W) -> Self {
        Self { stream }
    }

    /// The stream behind it.
    pub fn into_stream(self) -> W {
        self.stream
    }

    /// The same, to look at.
    pub fn stream(&self) -> &W {
        &self.stream
    }

    /// Writes one message.
    ///
    /// # Errors
    /// Those of the message and of the stream.
    pub async fn message<T: Serialize>(&mut self, message: &T) -> Result<(), FrameError> {
        self.stream.write_all(&message_frame(message)?).await?;
        Ok(self.stream.flush().await?)
    }

    /// Writes one message if all of it is taken at once: whether it was. Afterwards nothing may be written to a stream
    /// that has not taken it.
    ///
    /// # Errors
    /// Those of the message and of the stream.
    pub fn try_message<T: Serialize>(&mut self, message: &T) -> Result<bool, FrameError> {
        let frame = message_frame(message)?;
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_write(&mut context, &frame) {
            Poll::Ready(written) => Ok(written? == frame.len()),
            Poll::Pending => Ok(false),
        }
    }

    /// Writes a message and the data that belongs to it.
    ///
    /// # Errors
    /// Those of the message and of the stream.
    pub async fn message_with_data<T: Serialize>(
        &mut self,
        message: &T,
        data: &[u8],
    ) -> Result<(), FrameError> {
        /// Up to here a copy is cheaper than a second system call.
        const COPIED_BYTES_MAX: usize = 16 << 10;
        let mut frames = message_frame(message)?;
        frames.extend_from_slice(&header(Kind::Data, data.len())?);
        if data.len() <= COPIED_BYTES_MAX {
            frames.extend_from_slice(data);
            self.stream.write_all(&frames).await?;
        } else {
            self.stream.write_all(&frames).await?;
            self.stream.write_all(data).await?;
        }
        Ok(self.stream.flush().await?)
    }

    /// Writes a message and a payload in as many data frames as it takes, none for none.
    ///
    /// # Errors
    /// Those of the message and of the stream.
    pub async fn message_with_payload<T: Serialize>(
        &mut self,
        message: &T,
        payload: &[u8],
    ) -> Result<(), FrameError> {
        let mut pieces = payload.chunks(DATA_BYTES_MAX);
        match pieces.next() {
            None => self.message(message).await?,
            Some(first) => self.message_with_data(message, first).await?,
        }
        for piece in pieces {
            self.stream.write_all(&header(Kind::Data, piece.len())?).await?;
            self.stream.write_all(piece).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use tokio::io::ReadBuf;

    use super::*;

    /// A stream that gives a few bytes at a time, and is not ready between them.
    struct Trickle(io::Cursor<Vec<u8>>, bool);

    impl AsyncRead for Trickle {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.1 = !self.1;
            if self.1 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut bytes = [0; 10_007];
            let most = buffer.remaining().min(bytes.len());
            let count = Read::read(&mut self.0, &mut bytes[..most])?;
            buffer.put_slice(&bytes[..count]);
            Poll::Ready(Ok(()))
        }
    }

    /// Polls a read once and gives it up, again and again: each frame comes whole all the same.
    #[test]
    fn reads_that_are_given_up_lose_nothing() {
        let sizes = [3, 70_000, 0, 256 << 10, (256 << 10) + 1, 65_536, 8];
        let payload = |at: usize| vec![at as u8 + 1; sizes[at]];
        let mut stream = Vec::new();
        for (at, &size) in sizes.iter().enumerate() {
            stream.extend_from_slice(&message_frame(&at).unwrap());
            stream.extend_from_slice(&header(Kind::Data, size).unwrap());
            stream.extend_from_slice(&payload(at));
        }
        let mut reader = FrameReader::new(Trickle(io::Cursor::new(stream), false));
        let mut frames = Vec::new();
        loop {
            let polled = pin!(reader.frame()).poll(&mut Context::from_waker(Waker::noop()));
            match polled.map(Result::unwrap) {
                Poll::Pending => {}
                Poll::Ready(None) => break,
                Poll::Ready(Some((Kind::Data, bytes))) => frames.push(bytes),
                Poll::Ready(Some((Kind::Message, bytes))) => {
                    assert_eq!(decode::<usize>(&bytes).unwrap(), frames.len());
                }
            }
        }
        assert_eq!(frames, (0..sizes.len()).map(payload).collect::<Vec<_>>());
    }
}
