//! What the tasks are to read: chunks of a descriptor, read by a thread of its own, since a terminal or a pipe may keep
//! its reader waiting for ever.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks read before they are asked for.
const CHUNKS_AHEAD: usize = 2;

/// An open input.
#[derive(Debug)]
pub struct Input {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
}

impl Input {
    /// Takes over a descriptor. The thread that reads it ends with the process, or once nobody wants its chunks.
    ///
    /// # Errors
    /// That of starting a thread.
    pub fn read(descriptor: OwnedFd) -> io::Result<Self> {
        let (to, chunks) = mpsc::channel(CHUNKS_AHEAD);
        std::thread::Builder::new().name("input".to_owned()).spawn(move || {
            let mut file = File::from(descriptor);
            loop {
                let chunk = read_chunk(&mut file);
                let last = !matches!(&chunk, Ok(bytes) if !bytes.is_empty());
                if to.blocking_send(chunk).is_err() || last {
                    return;
                }
            }
        })?;
        Ok(Self { chunks })
    }

    /// The next chunk; `None` at the end. Cancelling it loses nothing.
    ///
    /// # Errors
    /// Those of reading; nothing more comes after one.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self.chunks.recv().await {
            Some(Ok(bytes)) if !bytes.is_empty() => Ok(Some(bytes)),
            Some(Err(error)) => Err(error),
            _ => Ok(None),
        }
    }
}

/// What there is, at most one chunk; nothing at the end.
fn read_chunk(file: &mut File) -> io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(CHUNK_BYTES);
    loop {
        match file.read(&mut chunk) {
            Ok(length) => {
                chunk.truncate(length);
                return Ok(chunk.freeze());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut poll = [rustix::event::PollFd::new(&*file, rustix::event::PollFlags::IN)];
                // Where polling fails, the next read tells why.
                let _ = rustix::event::poll(&mut poll, None);
            }
            // The end of a terminal whose other side is gone.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                return Ok(Bytes::new());
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn chunks_come_in_order_and_then_the_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut input = Input::read(reader.into()).unwrap();
        writer.write_all(b"one").unwrap();
        assert_eq!(input.next().await.unwrap(), Some("one".into()));
        writer.write_all(b"two").unwrap();
        drop(writer);
        assert_eq!(input.next().await.unwrap(), Some("two".into()));
        assert_eq!(input.next().await.unwrap(), None);
        assert_eq!(input.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_an_error() {
        let directory = File::open("/").unwrap();
        let mut input = Input::read(directory.into()).unwrap();
        assert!(input.next().await.is_err());
        assert_eq!(input.next().await.unwrap(), None);
    }
}
