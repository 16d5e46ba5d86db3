//! Messages from one rank to another (MPI 4.1, chapter 3).

use bytemuck::Pod;

use super::communicator::Communicator;
use super::error::Error;
use crate::transport::exchange::Received;
use crate::transport::failure::Failure;
use crate::transport::mailbox::Wanted;

/// Stands for any source or any tag of a receive (`MPI_ANY_SOURCE`, `MPI_ANY_TAG`).
pub const ANY: Any = Any;

/// See [`ANY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Any;

/// From whom to receive: a rank of the communicator, or [`ANY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This one.
    Rank(usize),
    /// Whoever comes first.
    Any,
}

/// With which tag to receive: a number, or [`ANY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// This one.
    Number(i32),
    /// Whichever comes first.
    Any,
}

impl From<usize> for Source {
    fn from(rank: usize) -> Self {
        Self::Rank(rank)
    }
}

impl From<Any> for Source {
    fn from(_: Any) -> Self {
        Self::Any
    }
}

impl From<i32> for Tag {
    fn from(tag: i32) -> Self {
        Self::Number(tag)
    }
}

impl From<Any> for Tag {
    fn from(_: Any) -> Self {
        Self::Any
    }
}

/// What a receive or a probe has found (`MPI_Status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Who has sent it, as a rank of the communicator.
    pub source: usize,
    /// With which tag.
    pub tag: i32,
    /// Its length in bytes.
    pub bytes: usize,
}

impl Status {
    /// Its length in elements (`MPI_Get_count`); `None` where that is no whole number of them.
    #[must_use]
    pub fn count<T>(&self) -> Option<usize> {
        let element = size_of::<T>();
        (element != 0 && self.bytes.is_multiple_of(element)).then(|| self.bytes / element)
    }
}

impl Communicator {
    /// Sends elements to a rank (`MPI_Send`). Returns when they are the caller's again: a small message is buffered, a
    /// large one waits for its receive, so that two ranks that send each other large messages before either receives wait
    /// for ever (MPI 4.1, section 3.5); [`Self::send_recv`] does not. Messages of one rank arrive in order.
    ///
    /// # Errors
    /// [`Failure::NoSuchRank`], [`Failure::NegativeTag`], [`Failure::Lost`], [`Failure::Left`].
    #[track_caller]
    pub fn send<T: Pod>(&self, data: &[T], to: usize, tag: i32) -> Result<(), Error> {
        let call = self.call("send");
        self.send_bytes(bytemuck::cast_slice(data), to, tag).map_err(self.failed(call))
    }

    /// Receives elements from a rank, or from any (`MPI_Recv`): as many as the message has, into the first places of
    /// `room`. Blocks until it is there.
    ///
    /// # Errors
    /// [`Failure::Truncated`] where the message has more elements than `room` (it is gone then, and `room` is as it was),
    /// [`Failure::WrongType`], and those of [`Self::send`].
    #[track_caller]
    pub fn recv<T: Pod>(
        &self,
        room: &mut [T],
        from: impl Into<Source>,
        tag: impl Into<Tag>,
    ) -> Result<Status, Error> {
        let call = self.call("recv");
        let receive = || {
            let wanted = self.wanted(from.into(), tag.into())?;
            let received = self.port().receive(wanted, bytemuck::cast_slice_mut(room))?;
            self.status::<T>(received)
        };
        receive().map_err(self.failed(call))
    }

    /// Receives a message of any number of elements (`MPI_Mprobe`, `MPI_Mrecv`). Blocks until it is there.
    ///
    /// # Errors
    /// As [`Self::recv`], but for [`Failure::Truncated`].
    #[track_caller]
    pub fn recv_vec<T: Pod>(
        &self,
        from: impl Into<Source>,
        tag: impl Into<Tag>,
    ) -> Result<(Vec<T>, Status), Error> {
        let call = self.call("recv_vec");
        let receive = || {
            let (found, exactly) = self.port().probe(&self.wanted(from.into(), tag.into())?)?;
            let status = self.status::<T>(found)?;
            let mut data = vec![T::zeroed(); status.count::<T>().unwrap_or_default()];
            self.port().receive(exactly, bytemuck::cast_slice_mut(&mut data))?;
            Ok((data, status))
        };
        receive().map_err(self.failed(call))
    }

    /// Sends to one rank and receives from another (or the same), whatever the order in which they do it
    /// (`MPI_Sendrecv`). Blocks until both are done.
    ///
    /// # Errors
    /// As [`Self::send`] and [`Self::recv`].
    #[track_caller]
    pub fn send_recv<T: Pod, U: Pod>(
        &self,
        data: &[T],
        to: usize,
        room: &mut [U],
        from: impl Into<Source>,
        tag: i32,
    ) -> Result<Status, Error> {
        let call = self.call("send_recv");
        let exchange = || {
            let wanted = self.wanted(from.into(), tag.into())?;
            let (to, tag) = (self.world_rank(to)?, check_tag(tag)?);
            let received = self.port().scope::<_, Failure>(|scope| {
                let sent = scope.send(to, self.context(), tag, bytemuck::cast_slice(data))?;
                let received = self.port().receive(wanted, bytemuck::cast_slice_mut(room))?;
                sent.wait()?;
                Ok(received)
            })?;
            self.status::<U>(received)
        };
        exchange().map_err(self.failed(call))
    }

    /// Waits for a message and leaves it where it is (`MPI_Probe`). Blocks.
    ///
    /// # Errors
    /// As [`Self::recv`], but for what is wrong with the message.
    #[track_caller]
    pub fn probe(&self, from: impl Into<Source>, tag: impl Into<Tag>) -> Result<Status, Error> {
        let call = self.call("probe");
        let probe = || {
            let (found, _) = self.port().probe(&self.wanted(from.into(), tag.into())?)?;
            self.status::<u8>(found)
        };
        probe().map_err(self.failed(call))
    }

    /// The first message that is here, left where it is (`MPI_Iprobe`); `None` where there is none yet. Does not block.
    ///
    /// # Errors
    /// As [`Self::probe`].
    #[track_caller]
    pub fn iprobe(&self, from: impl Into<Source>, tag: impl Into<Tag>) -> Result<Option<Status>, Error> {
        let call = self.call("iprobe");
        let probe = || {
            let wanted = self.wanted(from.into(), tag.into())?;
            let found = self.port().engine().probe(&wanted)?;
            found.map(|found| self.status::<u8>(found)).transpose()
        };
        probe().map_err(self.failed(call))
    }

    pub(super) fn send_bytes(&self, bytes: &[u8], to: usize, tag: i32) -> Result<(), Failure> {
        self.port().send(self.world_rank(to)?, self.context(), check_tag(tag)?, bytes)
    }

    /// What a receive of this communicator wants.
    pub(super) fn wanted(&self, from: Source, tag: Tag) -> Result<Wanted, Failure> {
        let from = match from {
            Source::Rank(rank) => Some(self.world_rank(rank)?),
            Source::Any => None,
        };
        let tag = match tag {
            Tag::Number(tag) => Some(check_tag(tag)?),
            Tag::Any => None,
        };
        Ok(Wanted { from, context: self.context(), tag })
    }

    /// What has been received, in the numbers of this communicator.
    pub(super) fn status<T>(&self, received: Received) -> Result<Status, Failure> {
        let Received { from, tag, length } = received;
        let source = self.group().number(from).ok_or(Failure::Broken(from))?;
        let status = Status { source, tag, bytes: length };
        let element = size_of::<T>();
        match status.count::<T>() {
            Some(_) => Ok(status),
            None if element == 0 && length == 0 => Ok(status),
            None => Err(Failure::WrongType { from, tag, sent: length, element }),
        }
    }
}

/// # Errors
/// [`Failure::NegativeTag`].
pub(super) fn check_tag(tag: i32) -> Result<i32, Failure> {
    if tag < 0 { Err(Failure::NegativeTag(tag)) } else { Ok(tag) }
}
