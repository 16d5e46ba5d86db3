//! A rank's link to its step process: it comes with the memory, and tells of the step's end.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::failure::Failure;
use crate::ids::Rank;
use crate::wire::descriptors;
use crate::wire::frame::{FrameError, read_message, write_message};
use crate::wire::preamble::{Preamble, Target};
use crate::wire::rank::{FromServer, ToServer};

/// The link.
#[derive(Debug)]
pub(crate) struct StepLink {
    stream: UnixStream,
    /// Descriptors that have come beside messages.
    descriptors: VecDeque<OwnedFd>,
}

/// What the step process says.
#[derive(Debug)]
pub(crate) enum News {
    /// A connection to a rank of another node.
    Peer {
        /// Which rank.
        rank: Rank,
        /// This rank has asked for it.
        dialled: bool,
        /// The connection.
        socket: OwnedFd,
    },
    /// A rank of another node that was asked for cannot be reached.
    NoPeer {
        /// Which rank.
        rank: Rank,
        /// Why.
        failure: Failure,
    },
    /// Nothing can be sent or received any more.
    Over(Failure),
    /// Nothing for a rank.
    Nothing,
}

/// Reads of the stream take descriptors in, too.
struct Reader<'a>(&'a mut StepLink);

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        descriptors::receive(&self.0.stream, buffer, &mut self.0.descriptors)
    }
}

impl StepLink {
    /// Connects to the node's door and says who it is. Blocks.
    ///
    /// # Errors
    /// Those of connecting and of the first write.
    pub(crate) fn connect(path: &Path, target: Target) -> Result<Self, FrameError> {
        let mut stream = UnixStream::connect(path)?;
        write_message(&mut stream, &Preamble::new(target))?;
        Ok(Self { stream, descriptors: VecDeque::new() })
    }

    /// Says something.
    ///
    /// # Errors
    /// Those of the stream.
    pub(crate) fn tell(&mut self, message: &ToServer) -> Result<(), FrameError> {
        write_message(&mut self.stream, message)
    }

    /// The next message. Blocks.
    ///
    /// # Errors
    /// Those of the stream and of the frame.
    pub(crate) fn hear(&mut self) -> Result<FromServer, FrameError> {
        read_message(&mut Reader(self))
    }

    /// The descriptor that came with the message just heard.
    pub(crate) fn descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    /// To be watched.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Why the step is over for this rank. The memory may say so first: blocks for a moment at most.
    pub(crate) fn verdict(&mut self) -> Failure {
        loop {
            if let News::Over(failure) = self.news() {
                return failure;
            }
        }
    }

    /// What the step process says. Blocks.
    pub(crate) fn news(&mut self) -> News {
        match self.hear() {
            Ok(FromServer::PeerGone { rank, node, how }) => News::Over(Failure::Lost { rank, node, how }),
            Ok(FromServer::Refused { reason }) => News::Over(Failure::StepGone(reason)),
            Ok(FromServer::NoPeer { rank, reason, has_left }) => {
                let failure =
                    if has_left { Failure::Left(rank) } else { Failure::Unreachable { rank, reason } };
                News::NoPeer { rank, failure }
            }
            Ok(FromServer::Peer { rank, dialled }) => match self.descriptor() {
                Some(socket) => News::Peer { rank, dialled, socket },
                None => News::Over(Failure::StepGone("a connection is missing".to_owned())),
            },
            Ok(_) => News::Nothing,
            Err(error) => News::Over(Failure::StepGone(error.to_string())),
        }
    }

    /// The rank ends the step. Blocks until the step process has heard that: this process's end, which it may see
    /// sooner than it reads, must not be taken for the cause.
    pub(crate) fn abort(&mut self, code: i32) {
        // Who cannot be told has ended it already.
        if self.tell(&ToServer::Abort { code }).is_ok() {
            while !matches!(self.news(), News::Over(_)) {}
        }
    }

    /// The rank leaves in good order.
    pub(crate) fn leave(&mut self) {
        // A step process that is gone has nobody to tell.
        let _ = self.tell(&ToServer::Leave);
    }
}
