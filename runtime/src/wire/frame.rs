//! Frames: `u32` length (little endian), one byte of kind, payload. The length counts kind and payload.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

use crate::limits::{DATA_BYTES_MAX, MESSAGE_BYTES_MAX};

/// A frame as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A MessagePack map with named fields.
    Message = 0,
    /// Raw bytes that belong to the message before.
    Data = 1,
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length is over the limit of this link.
    #[error("a frame of {length} bytes, at most {limit} are allowed")]
    TooLong {
        /// As announced.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// Neither message nor data.
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    /// A message was wanted and data came, or the other way round.
    #[error("a frame out of turn")]
    OutOfTurn,
    /// The payload is not the message that was expected.
    #[error("a message that cannot be read")]
    Decode(#[from] rmp_serde::decode::Error),
    /// The message cannot be written.
    #[error("a message that cannot be written")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The link failed.
    #[error("the link failed")]
    Io(#[from] io::Error),
}

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 5;

/// The frame header for a payload.
///
/// # Errors
/// [`FrameError::TooLong`] past [`MESSAGE_BYTES_MAX`].
pub fn header(kind: Kind, payload: usize) -> Result<[u8; HEADER_BYTES], FrameError> {
    let length = payload + 1;
    if length > MESSAGE_BYTES_MAX {
        return Err(FrameError::TooLong { length, limit: MESSAGE_BYTES_MAX });
    }
    let [a, b, c, d] = (length as u32).to_le_bytes();
    Ok([a, b, c, d, kind as u8])
}

/// Reads a header: kind and length of the payload.
///
/// # Errors
/// [`FrameError::TooLong`] past `limit`, [`FrameError::Kind`].
pub fn parse_header(header: [u8; HEADER_BYTES], limit: usize) -> Result<(Kind, usize), FrameError> {
    let [a, b, c, d, kind] = header;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length == 0 || length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    match kind {
        0 => Ok((Kind::Message, length - 1)),
        1 => Ok((Kind::Data, length - 1)),
        other => Err(FrameError::Kind(other)),
    }
}

/// A message as payload bytes.
///
/// # Errors
/// [`FrameError::Encode`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    Ok(rmp_serde::to_vec_named(message)?)
}

/// A message from payload bytes.
///
/// # Errors
/// [`FrameError::Decode`].
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, FrameError> {
    Ok(rmp_serde::from_slice(payload)?)
}

/// A message as one whole frame.
///
/// # Errors
/// [`FrameError::Encode`], [`FrameError::TooLong`].
pub fn message_frame<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let payload = encode(message)?;
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&header(Kind::Message, payload.len())?);
    frame.extend_from_slice(&payload);
    Ok(frame)
}

/// Writes one message to a blocking stream.
///
/// # Errors
/// As [`message_frame`], and those of the stream.
pub fn write_message<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), FrameError> {
    Ok(stream.write_all(&message_frame(message)?)?)
}

/// Writes a payload to a blocking stream, in as many data frames as it takes, none for none.
///
/// # Errors
/// Those of the stream.
pub fn write_payload(stream: &mut impl Write, payload: &[u8]) -> Result<(), FrameError> {
    for piece in payload.chunks(DATA_BYTES_MAX) {
        stream.write_all(&header(Kind::Data, piece.len())?)?;
        stream.write_all(piece)?;
    }
    Ok(())
}

/// Reads a payload of so many bytes from a blocking stream.
///
/// # Errors
/// Those of the stream and of its frames, and [`FrameError::OutOfTurn`] where frames hold more.
pub fn read_payload(stream: &mut impl Read, bytes: u64) -> Result<Vec<u8>, FrameError> {
    let mut payload = Vec::new();
    let mut left = bytes;
    while left > 0 {
        let mut head = [0; HEADER_BYTES];
        stream.read_exact(&mut head)?;
        let (kind, length) = parse_header(head, MESSAGE_BYTES_MAX)?;
        left = left.checked_sub(length as u64).filter(|_| kind == Kind::Data).ok_or(FrameError::OutOfTurn)?;
        let start = payload.len();
        payload.resize(start + length, 0);
        stream.read_exact(&mut payload[start..])?;
    }
    Ok(payload)
}

/// Reads one message from a blocking stream.
///
/// # Errors
/// Those of the stream (`UnexpectedEof` where it ended), and of the frame.
pub fn read_message<T: DeserializeOwned>(stream: &mut impl Read) -> Result<T, FrameError> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head)?;
    let (kind, length) = parse_header(head, MESSAGE_BYTES_MAX)?;
    if kind != Kind::Message {
        return Err(FrameError::OutOfTurn);
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    decode(&payload)
}

#[cfg(feature = "server")]
pub use stream::{FrameReader, FrameWriter};

#[cfg(feature = "server")]
mod stream;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back() {
        let mut bytes = Vec::new();
        write_message(&mut bytes, &("hello", 7)).unwrap();
        let back: (String, i32) = read_message(&mut bytes.as_slice()).unwrap();
        assert_eq!(back, ("hello".to_owned(), 7));
    }

    #[test]
    fn a_payload_comes_back_in_as_many_frames_as_it_takes() {
        for (bytes, frames) in [(0, 0), (1, 1), (DATA_BYTES_MAX, 1), (2 * DATA_BYTES_MAX + 1, 3)] {
            let payload: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
            let mut written = Vec::new();
            write_payload(&mut written, &payload).unwrap();
            assert_eq!(written.len(), bytes + frames * HEADER_BYTES);
            assert_eq!(read_payload(&mut written.as_slice(), bytes as u64).unwrap(), payload);
            if bytes == DATA_BYTES_MAX {
                // A frame that goes past the end that was told.
                let short = read_payload(&mut written.as_slice(), bytes as u64 - 1);
                assert!(matches!(short, Err(FrameError::OutOfTurn)));
            }
        }
    }

    #[test]
    fn a_length_past_the_limit_is_refused_before_anything_is_kept() {
        let mut head = header(Kind::Data, 10).unwrap();
        head[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read_message::<u8>(&mut head.as_slice()), Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn unknown_kinds_and_empty_frames_are_refused() {
        assert!(matches!(parse_header([1, 0, 0, 0, 9], 100), Err(FrameError::Kind(9))));
        assert!(matches!(parse_header([0, 0, 0, 0, 0], 100), Err(FrameError::TooLong { length: 0, .. })));
    }
}
