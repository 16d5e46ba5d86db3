//! Copies a file to nodes (`sbcast`, `srun --bcast`): to each distinct address once, side by side, in bounded chunks
//! with checksums.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use prun_runtime::limits::DATA_BYTES_MAX;
use prun_runtime::wire::file::{FileStart, FileTimes, FromFile, ToFile};
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter};
use prun_runtime::wire::preamble::Target;
use serde_bytes::ByteBuf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::link::{connect, into_io};

/// Nodes that are sent to at the same time (`--fanout`).
pub const FANOUT: usize = 32;

/// A file to be copied, and how.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The file here.
    pub source: PathBuf,
    /// Where it is to stand on the nodes, absolute.
    pub destination: ByteBuf,
    /// The node's name is put behind it, so that nodes that share their files get one each.
    pub per_node: bool,
    /// Replace what stands there.
    pub force: bool,
    /// Keep its times.
    pub preserve: bool,
    /// Make the directories above it.
    pub make_parents: bool,
    /// Bytes sent at a time; at most one frame's worth.
    pub chunk_bytes: usize,
    /// Nodes sent to at the same time.
    pub fanout: usize,
}

impl Copy {
    /// A plain copy.
    #[must_use]
    pub fn new(source: PathBuf, destination: ByteBuf) -> Self {
        Self {
            source,
            destination,
            per_node: false,
            force: false,
            preserve: false,
            make_parents: false,
            chunk_bytes: DATA_BYTES_MAX,
            fanout: FANOUT,
        }
    }
}

impl Copy {
    /// Where it stands on this node.
    #[must_use]
    pub fn on(&self, node: &str) -> ByteBuf {
        let mut path = self.destination.clone();
        if self.per_node {
            path.extend_from_slice(format!("_{node}").as_bytes());
        }
        path
    }
}

/// The source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("Can't open `{path}`")]
    Open {
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is no regular file.
    #[error("`{0}` is not a regular file")]
    NoFile(String),
}

/// An open source.
#[derive(Debug)]
pub struct Source {
    file: File,
    /// Bytes.
    pub size: u64,
    /// Permission bits and kind, as `stat(2)` gives them.
    pub mode: u32,
    times: FileTimes,
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| file.metadata().map(|facts| (file, facts)));
        let (file, facts) = opened.map_err(|source| SourceError::Open { path: name.clone(), source })?;
        if facts.is_dir() {
            return Err(SourceError::NoFile(name));
        }
        let nanos = |nanos: i64| u32::try_from(nanos).unwrap_or(0);
        let times = FileTimes {
            accessed: (facts.atime(), nanos(facts.atime_nsec())),
            modified: (facts.mtime(), nanos(facts.mtime_nsec())),
        };
        Ok(Self { file, size: if facts.is_file() { facts.len() } else { 0 }, mode: facts.mode(), times })
    }
}

/// A node that did not get the file.
#[derive(Debug)]
pub struct NotSent {
    /// The node.
    pub node: String,
    /// Why.
    pub error: io::Error,
}

/// Sends a file to these nodes (name, address). Gives those that did not get it, in their order.
pub async fn broadcast(copy: &Copy, source: Source, nodes: &[(String, String)]) -> Vec<NotSent> {
    let mut targets: Vec<(usize, String, String)> = Vec::new();
    for (at, (node, address)) in nodes.iter().enumerate() {
        if copy.per_node || !targets.iter().any(|(_, _, known)| known == address) {
            targets.push((at, node.clone(), address.clone()));
        }
    }
    let source = std::sync::Arc::new(source);
    let mut waiting = targets.into_iter();
    let mut sending = JoinSet::new();
    let mut not_sent = Vec::new();
    loop {
        while sending.len() < copy.fanout.max(1)
            && let Some((at, node, address)) = waiting.next()
        {
            let copy = Copy { destination: copy.on(&node), ..copy.clone() };
            let source = source.clone();
            sending.spawn(async move {
                let outcome = match connect(&address, Target::Node).await {
                    Ok(link) => send(&copy, &source, link.read, link.write).await,
                    Err(error) => Err(error.into_io()),
                };
                outcome.err().map(|error| (at, NotSent { node, error }))
            });
        }
        match sending.join_next().await {
            None => break,
            Some(Ok(Some(failure))) => not_sent.push(failure),
            // A task of ours neither panics nor is it aborted.
            Some(Ok(None) | Err(_)) => {}
        }
    }
    not_sent.sort_by_key(|(at, _)| *at);
    not_sent.into_iter().map(|(_, failure)| failure).collect()
}

/// Sends a file over one connection, and waits until it stands under its name.
///
/// # Errors
/// Those of the source, the link, and the receiver (`EEXIST` without `force`).
pub async fn send<R, W>(copy: &Copy, source: &Source, read: R, write: W) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    let start = FileStart {
        path: copy.destination.clone(),
        force: copy.force,
        make_parents: copy.make_parents,
        mode: source.mode,
        times: copy.preserve.then_some(source.times),
        size: source.size,
    };
    writer.message(&ToFile::Start(start)).await.map_err(into_io)?;
    answer(&mut reader, &FromFile::Ready).await?;
    // An answer before the end is a failure: what is not sent yet need not be.
    tokio::select! {
        biased;
        early = answer(&mut reader, &FromFile::Written) => early,
        sent = send_content(copy, source, &mut writer) => match sent {
            Ok(()) => answer(&mut reader, &FromFile::Written).await,
            // The receiver may have said why before it hung up.
            Err(Unsent::Link(error)) => match answer(&mut reader, &FromFile::Written).await {
                Err(why) if why.kind() != io::ErrorKind::UnexpectedEof => Err(why),
                _ => Err(into_io(error)),
            },
            Err(Unsent::Source(error)) => Err(error),
        },
    }
}

enum Unsent {
    Link(FrameError),
    Source(io::Error),
}

async fn send_content<W: AsyncWrite + Unpin>(
    copy: &Copy,
    source: &Source,
    writer: &mut FrameWriter<W>,
) -> Result<(), Unsent> {
    let chunk_bytes = copy.chunk_bytes.clamp(1, DATA_BYTES_MAX) as u64;
    let mut all = crc32fast::Hasher::new();
    let mut offset = 0;
    while offset < source.size {
        let chunk = read(source, offset, chunk_bytes.min(source.size - offset)).map_err(Unsent::Source)?;
        let message = ToFile::Chunk { offset, crc32: crc32fast::hash(&chunk) };
        writer.message_with_data(&message, &chunk).await.map_err(Unsent::Link)?;
        all.update(&chunk);
        offset += chunk.len() as u64;
    }
    writer.message(&ToFile::End { crc32: all.finalize() }).await.map_err(Unsent::Link)
}

fn read(source: &Source, offset: u64, bytes: u64) -> io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(bytes as usize);
    source.file.read_exact_at(&mut chunk, offset)?;
    Ok(chunk.freeze())
}

/// Waits for the receiver to say this. Cancelling it loses nothing.
async fn answer<R: AsyncRead + Unpin>(reader: &mut FrameReader<R>, expected: &FromFile) -> io::Result<()> {
    match reader.message::<FromFile>().await.map_err(into_io)? {
        Some(said) if said == *expected => Ok(()),
        Some(FromFile::Failed { errno, .. }) => Err(io::Error::from_raw_os_error(errno)),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the node speaks out of turn")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source of this content, and a directory for its copy.
    fn scene(content: &[u8]) -> (tempfile::TempDir, Copy) {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("source");
        std::fs::write(&source, content).unwrap();
        let destination = directory.path().join("copy").into_os_string().into_encoded_bytes();
        (directory, Copy { chunk_bytes: 1000, ..Copy::new(source, ByteBuf::from(destination)) })
    }

    async fn send_once(copy: &Copy) -> io::Result<()> {
        let (own, other) = tokio::io::duplex(1 << 12);
        let source = Source::open(&copy.source).unwrap();
        let ((read, write), (other_read, other_write)) = (tokio::io::split(own), tokio::io::split(other));
        let serve = prun_runtime::server::file::serve(other_read, other_write);
        tokio::join!(send(copy, &source, read, write), serve).0
    }

    #[tokio::test]
    async fn a_file_arrives_as_it_was() {
        let content: Vec<u8> = (0..123_456_u32).map(|n| (n % 253) as u8).collect();
        let (directory, copy) = scene(&content);
        let copy = Copy { preserve: true, ..copy };
        send_once(&copy).await.unwrap();
        let there = directory.path().join("copy");
        assert!(std::fs::read(&there).unwrap() == content);
        let modified = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(modified(&there), modified(&copy.source));
    }

    #[tokio::test]
    async fn the_receivers_error_is_told() {
        let (_directory, copy) = scene(b"abc");
        send_once(&copy).await.unwrap();
        assert_eq!(send_once(&copy).await.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        send_once(&Copy { force: true, ..copy }).await.unwrap();
    }

    #[tokio::test]
    async fn each_address_is_sent_to_once_and_failures_are_named() {
        let (directory, copy) = scene(b"abc");
        let socket = directory.path().join("socket");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut preamble = [0; 5];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut preamble).await.unwrap();
            let length =
                u32::from_le_bytes([preamble[0], preamble[1], preamble[2], preamble[3]]) as usize - 1;
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut vec![0; length]).await.unwrap();
            let (read, write) = stream.into_split();
            prun_runtime::server::file::serve(read, write).await;
        };
        let address = format!("unix:{}", socket.display());
        let nodes: Vec<(String, String)> =
            [("n1", address.as_str()), ("n2", address.as_str()), ("n3", "unix:/no/such")]
                .map(|(node, address)| (node.to_owned(), address.to_owned()))
                .into();
        let source = Source::open(&copy.source).unwrap();
        let (not_sent, ()) = tokio::join!(broadcast(&copy, source, &nodes), serve);
        assert_eq!(not_sent.iter().map(|n| n.node.as_str()).collect::<Vec<_>>(), ["n3"]);
        assert_eq!(std::fs::read(directory.path().join("copy")).unwrap(), b"abc");
    }

    #[test]
    fn nodes_have_one_copy_or_one_each() {
        let copy = Copy::new(PathBuf::from("/s"), ByteBuf::from("/d"));
        assert_eq!(copy.on("n1"), "/d");
        assert_eq!(Copy { per_node: true, ..copy }.on("n1"), "/d_n1");
    }

    #[test]
    fn what_is_no_file_is_no_source() {
        assert!(matches!(Source::open(Path::new("/no/such")), Err(SourceError::Open { .. })));
        assert!(matches!(Source::open(Path::new("/")), Err(SourceError::NoFile(_))));
        assert_eq!(Source::open(Path::new("/dev/null")).unwrap().size, 0);
    }
}
