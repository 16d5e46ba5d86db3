//! What an output is written to. Regular files are written on the spot; everything else, which may keep its writer
//! waiting, by a thread of its own.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::fs::FileType;
use tokio::sync::mpsc;

/// Pieces in one system call (`IOV_MAX` of Linux).
const PIECES_MAX: usize = 1024;

/// An open output.
#[derive(Debug)]
pub enum Sink {
    /// A regular file, or `/dev/null`.
    Plain(File),
    /// A pipe, a terminal, a socket: a thread writes.
    Slow {
        /// To the thread.
        batches: mpsc::Sender<Vec<Bytes>>,
    },
    /// Nobody reads any more, or the disk is full: what comes is dropped, so that no rank ever waits for it.
    Closed,
}

/// What became of a batch that a thread has written.
#[derive(Debug)]
pub struct Written {
    /// Which output, as given to [`Sink::new`].
    pub output: usize,
    /// Its size, or why it could not be written.
    pub result: Result<usize, (usize, io::Error)>,
}

impl Sink {
    /// Takes over a descriptor. News of batches that could not be written at once goes to `written`.
    ///
    /// # Errors
    /// Those of `fstat(2)` and of starting a thread.
    pub fn new(output: usize, descriptor: OwnedFd, written: &mpsc::Sender<Written>) -> io::Result<Self> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&descriptor)?.st_mode);
        if kind == FileType::RegularFile || is_null_device(&descriptor) {
            return Ok(Self::Plain(File::from(descriptor)));
        }
        // One batch is written while the next is gathered.
        let (batches, mut from) = mpsc::channel::<Vec<Bytes>>(1);
        let written = written.clone();
        std::thread::Builder::new().name("output".to_owned()).spawn(move || {
            let mut file = File::from(descriptor);
            while let Some(batch) = from.blocking_recv() {
                let result = write_all(&mut file, batch);
                if written.blocking_send(Written { output, result }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self::Slow { batches })
    }

    /// Writes a batch. `None`: it is on its way, and [`Written`] will tell.
    pub fn write(&mut self, batch: Vec<Bytes>) -> Option<Result<usize, (usize, io::Error)>> {
        match self {
            Self::Plain(file) => Some(write_all(file, batch)),
            Self::Closed => Some(Ok(size(&batch))),
            Self::Slow { batches } => match batches.try_send(batch) {
                Ok(()) => None,
                // The caller sends the next batch only after the last was written, so the thread is gone.
                Err(error) => {
                    let bytes = size(&error.into_inner());
                    Some(Err((bytes, io::ErrorKind::BrokenPipe.into())))
                }
            },
        }
    }
}

/// Whether what is written here goes nowhere, at once.
fn is_null_device(descriptor: &OwnedFd) -> bool {
    is_device(descriptor, 1, 3)
}

/// Whether a descriptor is this character device.
pub(crate) fn is_device(descriptor: &impl AsFd, major: u32, minor: u32) -> bool {
    rustix::fs::fstat(descriptor).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == (major, minor)
    })
}

fn size(batch: &[Bytes]) -> usize {
    batch.iter().map(Bytes::len).sum()
}

/// Writes a batch with as few system calls as there can be. Fails with the size of the whole batch.
fn write_all(file: &mut File, batch: Vec<Bytes>) -> Result<usize, (usize, io::Error)> {
    let bytes = size(&batch);
    for pieces in batch.chunks(PIECES_MAX) {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err((bytes, io::ErrorKind::WriteZero.into())),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_writable(file),
                Err(error) => return Err((bytes, error)),
            }
        }
    }
    Ok(bytes)
}

/// Somebody else may have made our descriptor non-blocking: waits as a blocking one would.
fn wait_writable(file: &File) {
    let mut poll = [rustix::event::PollFd::new(file, rustix::event::PollFlags::OUT)];
    // Where polling fails, the next write tells why.
    let _ = rustix::event::poll(&mut poll, None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    #[test]
    fn a_batch_of_more_pieces_than_one_call_takes_is_written_in_order() {
        let mut file = tempfile::tempfile().unwrap();
        let batch: Vec<Bytes> = (0..3000).map(|n| Bytes::from(format!("{n}\n"))).collect();
        let expected: String = (0..3000).map(|n| format!("{n}\n")).collect();
        assert_eq!(write_all(&mut file, batch).unwrap(), expected.len());
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut file = File::options().write(true).open("/dev/full").unwrap();
        let (bytes, error) = write_all(&mut file, vec!["abc".into()]).unwrap_err();
        assert_eq!((bytes, error.kind()), (3, io::ErrorKind::StorageFull));
    }

    #[tokio::test]
    async fn a_pipe_is_written_beside_the_caller() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (tell, mut told) = mpsc::channel(1);
        let mut sink = Sink::new(3, writer.into(), &tell).unwrap();
        assert!(sink.write(vec!["ab".into(), "c".into()]).is_none());
        let written = told.recv().await.unwrap();
        assert_eq!((written.output, written.result.unwrap()), (3, 3));
        drop(sink);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    }

    #[tokio::test]
    async fn a_reader_that_went_away_is_told() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (tell, mut told) = mpsc::channel(1);
        let mut sink = Sink::new(0, writer.into(), &tell).unwrap();
        assert!(sink.write(vec!["ab".into()]).is_none());
        let (bytes, error) = told.recv().await.unwrap().result.unwrap_err();
        assert_eq!((bytes, error.kind()), (2, io::ErrorKind::BrokenPipe));
    }
}
