//! From the launcher's input to the tasks that take it.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;
use tokio::sync::mpsc;

use super::link::Link;
use crate::ids::Rank;
use crate::limits::QUEUE_MESSAGES_MAX;

/// Feeds the tasks of a step, one piece after the other. A task that does not read holds up the others and at last
/// the launcher, which has only so much under way; one that has ended does not.
#[derive(Debug, Default)]
pub(super) struct Feeder {
    pipes: HashMap<Rank, OwnedFd>,
    queue: Option<mpsc::Sender<Piece>>,
}

/// A piece of input, or its end.
#[derive(Debug)]
pub(super) struct Piece {
    /// One task, or all.
    pub(super) rank: Option<Rank>,
    /// Nothing at the end.
    pub(super) bytes: Option<Bytes>,
    /// Who is told when it has been taken.
    pub(super) from: Rc<Link>,
}

impl Feeder {
    /// A task takes input through this pipe.
    pub(super) fn add(&mut self, rank: Rank, pipe: &OwnedFd) {
        // A task whose pipe cannot be kept sees the end of its input at once.
        if let Ok(pipe) = rustix::io::fcntl_dupfd_cloexec(pipe, 3) {
            self.pipes.insert(rank, pipe);
        }
    }

    /// Starts feeding.
    pub(super) fn start(&mut self) {
        let (queue, pieces) = mpsc::channel(QUEUE_MESSAGES_MAX);
        self.queue = Some(queue);
        let pipes = std::mem::take(&mut self.pipes);
        tokio::task::spawn_local(feed(pipes, pieces));
    }

    /// Where pieces go. Full while tasks do not read.
    pub(super) fn queue(&self) -> Option<mpsc::Sender<Piece>> {
        self.queue.clone()
    }
}

async fn feed(pipes: HashMap<Rank, OwnedFd>, mut pieces: mpsc::Receiver<Piece>) {
    let mut pipes: HashMap<Rank, Sender> = pipes
        .into_iter()
        .filter_map(|(rank, pipe)| {
            rustix::io::ioctl_fionbio(&pipe, true).ok()?;
            Some((rank, Sender::from_owned_fd_unchecked(pipe).ok()?))
        })
        .collect();
    while let Some(piece) = pieces.recv().await {
        let ranks: VecDeque<Rank> = match piece.rank {
            Some(rank) => VecDeque::from([rank]),
            None => pipes.keys().copied().collect(),
        };
        for rank in ranks {
            let Some(pipe) = pipes.get_mut(&rank) else { continue };
            let keep = match &piece.bytes {
                Some(bytes) => pipe.write_all(bytes).await.is_ok(),
                None => false,
            };
            if !keep {
                pipes.remove(&rank);
            }
        }
        piece.from.taken(piece.bytes.map_or(0, |bytes| bytes.len()));
    }
}
