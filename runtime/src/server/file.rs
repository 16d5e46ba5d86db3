//! Receives files (`sbcast`, `srun --bcast`).
//!
//! A file is written where nobody sees it and gets its name when it is whole: a reader finds the old file, none, or
//! the new one. Where the file system has unnamed files (`O_TMPFILE`), a receiver that is killed leaves nothing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire::file::{FileStart, FromFile, ToFile};
use crate::wire::frame::{FrameError, FrameReader, FrameWriter};

/// Permission bits that a file may have; set-user-id and the like are not carried (as Slurm does it).
const MODE_BITS: u32 = 0o777;

/// How long a sender may take to notice that it has failed.
const FAREWELL_WAIT: Duration = Duration::from_secs(5);

/// Names tried for a file that has none yet, where the file system has no unnamed ones.
const NAMES_MAX: u32 = 100;

/// Receives one file over a connection whose preamble (`Target::Node`) has been read. Failures are told to the sender.
pub async fn serve<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(read: R, write: W) {
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    let outcome = receive(&mut reader, &mut writer).await;
    let last = match outcome {
        Ok(()) => FromFile::Written,
        Err(Unreceived::Failed { errno, what }) => FromFile::Failed { errno, what },
        // Nobody is left to be told.
        Err(Unreceived::Link(error)) => {
            tracing::debug!(%error, "a sender of a file went away");
            return;
        }
    };
    if writer.message(&last).await.is_ok() {
        // What the sender has still on its way must be read, or closing would take our answer from it.
        let drain = async { while let Ok(Some(_)) = reader.frame().await {} };
        let _ = tokio::time::timeout(FAREWELL_WAIT, drain).await;
    }
}

/// Why a file was not received.
#[derive(Debug)]
enum Unreceived {
    Failed { errno: i32, what: String },
    Link(FrameError),
}

impl From<FrameError> for Unreceived {
    fn from(error: FrameError) -> Self {
        Self::Link(error)
    }
}

fn failed(what: &str, error: impl Into<io::Error>) -> Unreceived {
    let errno = error.into().raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    Unreceived::Failed { errno, what: what.to_owned() }
}

async fn receive<R, W>(reader: &mut FrameReader<R>, writer: &mut FrameWriter<W>) -> Result<(), Unreceived>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let gone = || FrameError::Io(io::ErrorKind::UnexpectedEof.into());
    let Some(ToFile::Start(start)) = reader.message().await? else {
        return Err(failed("a file was expected", Errno::PROTO));
    };
    let mut incoming = beside(move || Incoming::begin(start)).await?;
    writer.message(&FromFile::Ready).await?;
    loop {
        match reader.message().await?.ok_or_else(gone)? {
            ToFile::Chunk { offset, crc32 } => {
                let bytes = reader.data().await?;
                incoming = beside(move || incoming.take(offset, crc32, bytes)).await?;
            }
            ToFile::End { crc32 } => return beside(move || incoming.finish(crc32)).await,
            ToFile::Start(_) => return Err(failed("one file at a time", Errno::PROTO)),
        }
    }
}

/// Does what may wait for a disk beside the event loop.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unreceived> + Send + 'static,
) -> Result<T, Unreceived> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(failed("writing a file", Errno::IO)),
    }
}

/// A file that is being received. Dropped before its end, it leaves nothing.
#[derive(Debug)]
struct Incoming {
    start: FileStart,
    directory: OwnedFd,
    name: OsString,
    file: File,
    /// The name it has for now, where the file system has no unnamed files.
    provisional: Option<OsString>,
    received: u64,
    crc: crc32fast::Hasher,
}

impl Incoming {
    fn begin(start: FileStart) -> Result<Self, Unreceived> {
        let path = Path::new(OsStr::from_bytes(&start.path)).to_owned();
        let what = format!("writing `{}`", path.display());
        let (Some(parent), Some(name)) = (path.parent().filter(|_| path.is_absolute()), path.file_name())
        else {
            return Err(failed(&what, Errno::INVAL));
        };
        match std::fs::metadata(&path) {
            Ok(_) if !start.force => return Err(failed(&what, Errno::EXIST)),
            Ok(there) if there.is_dir() => return Err(failed(&what, Errno::ISDIR)),
            _ => {}
        }
        if start.make_parents {
            std::fs::create_dir_all(parent).map_err(|error| failed(&what, error))?;
        }
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let directory =
            rustix::fs::open(parent, flags, Mode::empty()).map_err(|error| failed(&what, error))?;
        let (file, provisional) = unseen(&directory, name).map_err(|error| failed(&what, error))?;
        Ok(Self {
            name: name.to_owned(),
            start,
            directory,
            file: file.into(),
            provisional,
            received: 0,
            crc: crc32fast::Hasher::new(),
        })
    }

    fn failed(&self, error: impl Into<io::Error>) -> Unreceived {
        failed(&format!("writing `{}`", String::from_utf8_lossy(&self.start.path)), error)
    }

    fn take(mut self, offset: u64, crc32: u32, bytes: Bytes) -> Result<Self, Unreceived> {
        let end = offset + bytes.len() as u64;
        if offset != self.received || end > self.start.size || crc32fast::hash(&bytes) != crc32 {
            return Err(self.failed(Errno::BADMSG));
        }
        self.crc.update(&bytes);
        self.file.write_all(&bytes).map_err(|error| self.failed(error))?;
        self.received = end;
        Ok(self)
    }

    /// Gives the file its mode, its times and its name.
    fn finish(mut self, crc32: u32) -> Result<(), Unreceived> {
        if self.received != self.start.size || self.crc.clone().finalize() != crc32 {
            return Err(self.failed(Errno::BADMSG));
        }
        let mode = Mode::from_raw_mode(self.start.mode & MODE_BITS);
        rustix::fs::fchmod(&self.file, mode).map_err(|error| self.failed(error))?;
        if let Some(times) = self.start.times {
            let spec = |(secs, nanos): (i64, u32)| Timespec { tv_sec: secs, tv_nsec: nanos.into() };
            let times =
                Timestamps { last_access: spec(times.accessed), last_modification: spec(times.modified) };
            rustix::fs::futimens(&self.file, &times).map_err(|error| self.failed(error))?;
        }
        self.publish().map_err(|error| self.failed(error))
    }

    fn publish(&mut self) -> rustix::io::Result<()> {
        if !self.start.force && self.provisional.is_none() {
            return link(&self.file, &self.directory, &self.name);
        }
        if self.provisional.is_none() {
            // A link cannot replace a file, but a name can: the whole file has a second one for a moment.
            let linked = provisional_name(&self.name, |name| link(&self.file, &self.directory, name))?;
            self.provisional = Some(linked.1);
        }
        let Some(from) = &self.provisional else { return Ok(()) };
        let flags = if self.start.force { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        rustix::fs::renameat_with(&self.directory, from, &self.directory, &self.name, flags)?;
        self.provisional = None;
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(name) = &self.provisional {
            // It may be gone already; there is no other way to clean up.
            let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
        }
    }
}

/// Gives an unnamed file a name that is free.
fn link(file: &File, directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, unnamed, directory, name, AtFlags::SYMLINK_FOLLOW)
}

/// A file in this directory that nobody sees, or sees only under a name of ours.
fn unseen(directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<(OwnedFd, Option<OsString>)> {
    let private = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, ".", flags | OFlags::TMPFILE, private) {
        Ok(file) => Ok((file, None)),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let open = |name: &OsStr| {
                rustix::fs::openat(directory, name, flags | OFlags::CREATE | OFlags::EXCL, private)
            };
            provisional_name(name, open).map(|(file, name)| (file, Some(name)))
        }
        Err(error) => Err(error),
    }
}

/// Tries names such as `.prog.prun-4711-0` until one is free.
fn provisional_name<T>(
    name: &OsStr,
    make: impl Fn(&OsStr) -> rustix::io::Result<T>,
) -> rustix::io::Result<(T, OsString)> {
    let mut last = Errno::EXIST;
    for attempt in 0..NAMES_MAX {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".prun-{}-{attempt}", std::process::id()));
        match make(&hidden) {
            Ok(made) => return Ok((made, hidden)),
            Err(Errno::EXIST) => last = Errno::EXIST,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use serde_bytes::ByteBuf;

    use super::*;
    use crate::wire::file::FileTimes;

    fn start(path: &Path, content: &[u8]) -> FileStart {
        FileStart {
            path: ByteBuf::from(path.as_os_str().as_bytes()),
            force: false,
            make_parents: false,
            mode: 0o4640,
            times: Some(FileTimes { accessed: (1_000, 5), modified: (2_000, 7) }),
            size: content.len() as u64,
        }
    }

    /// Sends a file in chunks, the last of them perhaps damaged; gives the receiver's last word.
    async fn send(start: FileStart, chunks: &[&[u8]], damage: bool) -> FromFile {
        let (own, other) = tokio::io::duplex(1 << 10);
        let (read, write) = tokio::io::split(other);
        let served = serve(read, write);
        let sent = async {
            let (read, write) = tokio::io::split(own);
            let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
            writer.message(&ToFile::Start(start)).await.unwrap();
            let first: FromFile = reader.message().await.unwrap().unwrap();
            if first != FromFile::Ready {
                return first;
            }
            let (mut offset, mut crc) = (0, crc32fast::Hasher::new());
            for chunk in chunks {
                let crc32 = crc32fast::hash(chunk) + u32::from(damage);
                writer.message_with_data(&ToFile::Chunk { offset, crc32 }, chunk).await.unwrap();
                crc.update(chunk);
                offset += chunk.len() as u64;
            }
            writer.message(&ToFile::End { crc32: crc.finalize() }).await.unwrap();
            reader.message().await.unwrap().unwrap()
        };
        tokio::join!(sent, served).0
    }

    fn entries(directory: &Path) -> Vec<OsString> {
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    fn errno(answer: FromFile) -> i32 {
        let FromFile::Failed { errno, .. } = answer else { panic!("{answer:?}") };
        errno
    }

    #[tokio::test]
    async fn a_file_arrives_with_mode_and_times() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prog");
        assert_eq!(send(start(&path, b"abcdef"), &[b"abc", b"def"], false).await, FromFile::Written);
        let there = std::fs::metadata(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abcdef");
        assert_eq!(there.permissions().mode() & 0o7777, 0o640, "no set-user-id");
        assert_eq!((there.atime(), there.mtime(), there.mtime_nsec()), (1_000, 2_000, 7));
        assert_eq!(entries(directory.path()), ["prog"]);
    }

    #[tokio::test]
    async fn what_is_there_stays_unless_force_replaces_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prog");
        std::fs::write(&path, "old").unwrap();
        assert_eq!(errno(send(start(&path, b"new"), &[b"new"], false).await), Errno::EXIST.raw_os_error());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let force = FileStart { force: true, ..start(&path, b"new") };
        assert_eq!(send(force, &[b"new"], false).await, FromFile::Written);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(entries(directory.path()), ["prog"]);
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_file_that_fails() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prog");
        let bad = Errno::BADMSG.raw_os_error();
        assert_eq!(errno(send(start(&path, b"abc"), &[b"abc"], true).await), bad);
        assert_eq!(errno(send(start(&path, b"abcd"), &[b"abc"], false).await), bad, "too short");
        assert_eq!(errno(send(start(&path, b"ab"), &[b"abc"], false).await), bad, "too long");
        assert!(entries(directory.path()).is_empty());
    }

    #[tokio::test]
    async fn directories_are_no_place_and_missing_ones_are_made_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let force = FileStart { force: true, ..start(directory.path(), b"") };
        assert_eq!(errno(send(force, &[], false).await), Errno::ISDIR.raw_os_error());
        let path = directory.path().join("a/b/lib");
        assert_eq!(errno(send(start(&path, b""), &[], false).await), Errno::NOENT.raw_os_error());
        let made = FileStart { make_parents: true, ..start(&path, b"") };
        assert_eq!(send(made, &[], false).await, FromFile::Written);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let relative = start(Path::new("x"), b"");
        assert_eq!(errno(send(relative, &[], false).await), Errno::INVAL.raw_os_error());
    }

    #[tokio::test]
    async fn a_sender_that_goes_away_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (own, other) = tokio::io::duplex(1 << 10);
        let go = async {
            let (read, write) = tokio::io::split(own);
            let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
            let start = start(&directory.path().join("prog"), b"abc");
            writer.message(&ToFile::Start(start)).await.unwrap();
            let ready: FromFile = reader.message().await.unwrap().unwrap();
            assert_eq!(ready, FromFile::Ready);
            let chunk = ToFile::Chunk { offset: 0, crc32: crc32fast::hash(b"ab") };
            writer.message_with_data(&chunk, b"ab").await.unwrap();
        };
        let (read, write) = tokio::io::split(other);
        tokio::join!(go, serve(read, write));
        assert!(entries(directory.path()).is_empty());
    }

    /// The way of file systems without unnamed files.
    #[test]
    fn a_provisional_name_goes_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let named = |force: bool| {
            let mut incoming =
                Incoming::begin(FileStart { force, ..start(&directory.path().join("prog"), b"") }).unwrap();
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
            let open = |name: &OsStr| rustix::fs::openat(&incoming.directory, name, flags, Mode::RWXU);
            let (file, name) = provisional_name(&incoming.name, open).unwrap();
            (incoming.file, incoming.provisional) = (file.into(), Some(name));
            incoming
        };
        let dropped = named(false);
        assert_eq!(entries(directory.path()).len(), 1);
        drop(dropped);
        assert!(entries(directory.path()).is_empty());
        named(false).finish(0).unwrap();
        assert_eq!(entries(directory.path()), ["prog"]);
        named(true).finish(0).unwrap();
        assert_eq!(entries(directory.path()), ["prog"]);
    }
}
