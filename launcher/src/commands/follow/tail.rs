//! A file as it grows: its last part, then whatever is added. The kernel tells (`inotify(7)`), so nothing is asked
//! again and again, except on file systems that other machines write to, of which the kernel here hears nothing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

/// Bytes of a file that was there before, which are shown first.
const LAST_BYTES: u64 = 64 << 10;

/// Bytes read at once.
const PIECE_BYTES: usize = 64 << 10;

/// How often a file is looked at whose writers the kernel does not hear of.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A file that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`", path.display())]
pub(crate) struct TailError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// A file that is followed, from before it is there.
pub(crate) struct Tail {
    path: PathBuf,
    name: OsString,
    watch: AsyncFd<OwnedFd>,
    /// Other machines write here too.
    shared: bool,
    file: Option<Open>,
}

/// The file as it is now.
struct Open {
    file: File,
    /// Device and number.
    identity: (u64, u64),
    offset: u64,
}

impl Tail {
    /// Watches a file and its directory. Needs a tokio runtime.
    pub(crate) fn of(path: PathBuf) -> Result<Self, TailError> {
        let fails = |verb| {
            let path = path.clone();
            move |error: rustix::io::Errno| TailError { verb, path, source: error.into() }
        };
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map_err(fails("watch"))?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        let wanted = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::MODIFY;
        inotify::add_watch(&watch, directory, wanted).map_err(fails("watch the directory of"))?;
        let shared = is_shared(directory).map_err(fails("look at the file system of"))?;
        let watch = register(watch);
        let watch = watch.map_err(|source| TailError { verb: "watch", path: path.clone(), source })?;
        let name = path.file_name().unwrap_or_default().to_owned();
        let mut tail = Self { path, name, watch, shared, file: None };
        tail.open(true)?;
        Ok(tail)
    }

    /// Waits for bytes. Cancelling it loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Bytes, TailError> {
        loop {
            let bytes = self.read()?;
            if !bytes.is_empty() {
                return Ok(bytes);
            }
            self.wait().await?;
        }
    }

    /// Opens the file that goes by the name now, unless it is open already.
    fn open(&mut self, first: bool) -> Result<(), TailError> {
        let fails = |source| TailError { verb: "open", path: self.path.clone(), source };
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fails(error)),
        };
        let state = file.metadata().map_err(fails)?;
        let identity = (state.dev(), state.ino());
        if self.file.as_ref().is_some_and(|open| open.identity == identity) {
            return Ok(());
        }
        // Of what was written before anybody looked, the last part will do.
        let offset = if first { state.len().saturating_sub(LAST_BYTES) } else { 0 };
        file.seek(SeekFrom::Start(offset)).map_err(fails)?;
        self.file = Some(Open { file, identity, offset });
        Ok(())
    }

    /// What is there to be read now.
    fn read(&mut self) -> Result<Bytes, TailError> {
        let Some(open) = &mut self.file else { return Ok(Bytes::new()) };
        open.read().map_err(|source| TailError { verb: "read", path: self.path.clone(), source })
    }

    async fn wait(&mut self) -> Result<(), TailError> {
        let fails = |source| TailError { verb: "watch", path: self.path.clone(), source };
        let again = if self.shared { LOOK_AGAIN } else { Duration::MAX };
        let replaced = match tokio::time::timeout(again, self.watch.readable()).await {
            // Another machine may have put a new file there.
            Err(_) => true,
            Ok(ready) => {
                let mut ready = ready.map_err(fails)?;
                let replaced = drain(self.watch.get_ref(), &self.name).map_err(fails)?;
                ready.clear_ready();
                replaced
            }
        };
        if replaced { self.open(false) } else { Ok(()) }
    }
}

impl Open {
    fn read(&mut self) -> io::Result<Bytes> {
        if self.file.metadata()?.len() < self.offset {
            // It was emptied: a job that runs again begins its output anew.
            self.offset = 0;
            self.file.rewind()?;
        }
        let mut piece = vec![0; PIECE_BYTES];
        let read = self.file.read(&mut piece)?;
        self.offset += read as u64;
        piece.truncate(read);
        Ok(Bytes::from(piece))
    }
}

#[expect(
    deprecated,
    reason = "the new name is unsafe, for descriptors that others may close; an owned one is not"
)]
fn register(watch: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(watch)
}

/// Takes all that the kernel tells; whether a file of this name has come to be.
fn drain(watch: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut told = inotify::Reader::new(watch, &mut space);
    let mut replaced = false;
    loop {
        match told.next() {
            Ok(event) => {
                let named = event.file_name().is_some_and(|told| told.to_bytes() == name.as_bytes());
                let lost = event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
                let new = inotify::ReadFlags::CREATE | inotify::ReadFlags::MOVED_TO;
                replaced |= lost || (named && event.events().intersects(new));
            }
            Err(rustix::io::Errno::AGAIN) => return Ok(replaced),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a file system is one that other machines write to (`statfs(2)`, magic numbers).
fn is_shared(directory: &Path) -> rustix::io::Result<bool> {
    /// NFS, CIFS, SMB2, 9P, FUSE, Ceph, Lustre, GPFS, BeeGFS, AFS.
    const SHARED: [u32; 10] = [
        0x6969,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x6573_5546,
        0x00c3_6400,
        0x0bd0_0bd0,
        0x4750_4653,
        0x1983_0326,
        0x5346_414f,
    ];
    let kind = rustix::fs::statfs(directory)?.f_type;
    // The number is 32 bits wide whatever the field is.
    Ok(SHARED.contains(&(kind as u32)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Reads until so many bytes have come.
    async fn take(tail: &mut Tail, bytes: usize) -> String {
        let mut text = Vec::new();
        while text.len() < bytes {
            let next = tokio::time::timeout(Duration::from_secs(10), tail.next()).await;
            text.extend_from_slice(&next.unwrap().unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    fn append(path: &Path, text: &str) {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn what_is_added_comes_as_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        append(&path, "before\n");
        let mut tail = Tail::of(path.clone()).unwrap();
        assert_eq!(take(&mut tail, 7).await, "before\n");
        append(&path, "after\n");
        assert_eq!(take(&mut tail, 6).await, "after\n");
    }

    #[tokio::test]
    async fn a_file_is_waited_for_and_others_beside_it_are_not_taken_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let mut tail = Tail::of(path.clone()).unwrap();
        append(&directory.path().join("other"), "no\n");
        append(&path, "yes\n");
        assert_eq!(take(&mut tail, 4).await, "yes\n");
    }

    #[tokio::test]
    async fn a_file_that_begins_anew_is_read_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        append(&path, "the first run\n");
        let mut tail = Tail::of(path.clone()).unwrap();
        take(&mut tail, 14).await;
        std::fs::write(&path, "again\n").unwrap();
        assert_eq!(take(&mut tail, 6).await, "again\n");
        let other = directory.path().join("other");
        append(&other, "another file\n");
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(take(&mut tail, 13).await, "another file\n");
    }

    #[tokio::test]
    async fn of_a_long_file_only_the_last_part_comes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        append(&path, &"x".repeat(3 * LAST_BYTES as usize));
        append(&path, "end");
        let mut tail = Tail::of(path).unwrap();
        let text = take(&mut tail, LAST_BYTES as usize).await;
        assert!(text.len() == LAST_BYTES as usize && text.ends_with("xend"));
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_an_error() {
        let error = Tail::of(PathBuf::from("/no/such/out")).err().unwrap();
        assert_eq!(error.to_string(), "cannot watch the directory of `/no/such/out`");
    }
}
