//! Records on a stream between two ranks of different nodes: a socket of any kind, never waited for.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, sendmsg, shutdown};

use super::envelope::{HEAD_BYTES, Head, Kind};
use super::exchange::{Carrier, Exchange};
use super::failure::Failure;
use crate::ids::Rank;
use crate::limits::STREAM_RECORD_BYTES_MAX;

/// Bytes that are read at once: some of the largest records.
const READ_BYTES: usize = 4 * STREAM_RECORD_BYTES_MAX;

/// A stream to one rank.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: OwnedFd,
    /// The rank at its other end.
    pub(crate) peer: Rank,
    /// What has come and is no whole record yet: `input[read..filled]`.
    input: Vec<u8>,
    read: usize,
    filled: usize,
    /// The rest of a record that the socket has taken a part of.
    rest: Vec<u8>,
    /// Something may be sent: this side has asked for the stream, or has heard from the other one.
    is_open: bool,
    /// The other side will send nothing more.
    pub(crate) has_ended: bool,
}

impl Stream {
    /// Of a socket that is connected to a rank. Who has `dialled` speaks first.
    ///
    /// # Errors
    /// Those of `ioctl(2)`.
    pub(crate) fn new(socket: OwnedFd, peer: Rank, dialled: bool) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        let hello = Head { kind: Kind::Hello, length: 0, context: 0, tag: 0 }.to_bytes();
        let rest = if dialled { hello.to_vec() } else { Vec::new() };
        Ok(Self {
            socket,
            peer,
            input: Vec::new(),
            read: 0,
            filled: 0,
            rest,
            is_open: dialled,
            has_ended: false,
        })
    }

    /// Whether something may be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// To be watched.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether a part of a record waits for room in the socket.
    pub(crate) fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    fn broken(&self, errno: Errno) -> Failure {
        Failure::Unreachable { rank: self.peer, reason: io::Error::from(errno).to_string() }
    }

    /// Hands in what has come, until nothing more is there. Gives whether there was anything.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] for a stream that breaks, and those of [`Exchange::deliver`].
    pub(crate) fn pull(&mut self, exchange: &mut Exchange) -> Result<bool, Failure> {
        let mut any = false;
        while !self.has_ended {
            self.input.resize(READ_BYTES, 0);
            let room = self.input.len() - self.filled;
            match recv(&self.socket, &mut self.input[self.filled..], RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(Errno::CONNRESET) => self.has_ended = true,
                Ok((count, _)) => {
                    self.filled += count;
                    any |= self.deliver(exchange)?;
                    // Less than there was room for: nothing more is there now.
                    if count < room {
                        break;
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.broken(errno)),
            }
        }
        Ok(any)
    }

    /// Hands in every whole record.
    fn deliver(&mut self, exchange: &mut Exchange) -> Result<bool, Failure> {
        let start = self.read;
        while let Some(head) = self.input[self.read..self.filled].first_chunk::<HEAD_BYTES>() {
            let head = Head::from_bytes(*head).ok_or(Failure::Broken(self.peer))?;
            let length = head.length as usize;
            if length > STREAM_RECORD_BYTES_MAX {
                return Err(Failure::Broken(self.peer));
            }
            let body = self.read + HEAD_BYTES;
            if self.filled < body + length {
                break;
            }
            exchange.deliver(self.peer, head, &&self.input[body..body + length])?;
            self.read = body + length;
        }
        let any = self.read != start;
        self.is_open |= any;
        // What is left is less than one record: moved to the front, the next one fits behind it.
        self.input.copy_within(self.read..self.filled, 0);
        self.filled -= self.read;
        self.read = 0;
        Ok(any)
    }

    /// Gives the socket more of a record that it has taken a part of. True when none is left.
    ///
    /// # Errors
    /// [`Failure::Left`] where nobody reads any more, [`Failure::Unreachable`]. The rest is dropped.
    pub(crate) fn flush(&mut self) -> Result<bool, Failure> {
        while !self.rest.is_empty() {
            match self.send(&[IoSlice::new(&self.rest)]) {
                Ok(0) => return Ok(false),
                Ok(count) => drop(self.rest.drain(..count)),
                Err(failure) => {
                    self.rest.clear();
                    return Err(failure);
                }
            }
        }
        Ok(true)
    }

    /// Bytes that the socket has taken.
    fn send(&self, parts: &[IoSlice<'_>]) -> Result<usize, Failure> {
        loop {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.socket, parts, &mut SendAncillaryBuffer::default(), flags) {
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) => return Ok(0),
                Err(Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Failure::Left(self.peer)),
                Err(errno) => return Err(self.broken(errno)),
            }
        }
    }

    /// Whether it goes over a network, and not just to another process of this machine.
    pub(crate) fn is_network(&self) -> bool {
        use rustix::net::AddressFamily;
        !rustix::net::getsockname(&self.socket).is_ok_and(|name| name.address_family() == AddressFamily::UNIX)
    }

    /// Nothing more will be sent. What was sent still arrives.
    pub(crate) fn finish(&self) {
        // One that is broken sends nothing anyway.
        let _ = shutdown(&self.socket, Shutdown::Write);
    }

    /// Throws away what comes after the end of this side. True at the end of the other one.
    pub(crate) fn discard(&mut self) -> bool {
        self.input.resize(READ_BYTES, 0);
        loop {
            match recv(&self.socket, &mut self.input[..], RecvFlags::DONTWAIT) {
                Ok((1.., _)) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                _ => return true,
            }
        }
    }
}

impl Carrier for Stream {
    fn record_bytes_max(&self) -> usize {
        STREAM_RECORD_BYTES_MAX
    }

    fn push(&mut self, head: Head, parts: [&[u8]; 2]) -> Result<bool, Failure> {
        if !self.is_open || !self.flush()? {
            return Ok(false);
        }
        let head = head.to_bytes();
        let all = [&head[..], parts[0], parts[1]];
        let mut taken = self.send(&all.map(IoSlice::new))?;
        if taken == 0 {
            return Ok(false);
        }
        for part in all {
            let skipped = taken.min(part.len());
            self.rest.extend_from_slice(&part[skipped..]);
            taken -= skipped;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::transport::lent::{Incoming, Outgoing};
    use crate::transport::mailbox::Wanted;

    fn pair() -> [(Stream, Exchange); 2] {
        let (one, other) = UnixStream::pair().unwrap();
        let end = |socket: UnixStream, peer, dialled| {
            (Stream::new(socket.into(), Rank(peer), dialled).unwrap(), Exchange::new())
        };
        [end(one, 1, true), end(other, 0, false)]
    }

    #[test]
    fn whole_and_offered_messages_cross_a_socket_that_takes_little_at_once() {
        let [(mut to, mut sender), (mut from, mut receiver)] = pair();
        let (small, large) = (vec![1_u8; 50_000], (0..3_000_000_u32).map(|n| n as u8).collect::<Vec<_>>());
        let sends = [(small.clone(), true), (large.clone(), false), (Vec::new(), true)]
            .map(|(bytes, whole)| sender.send(Rank(1), 0, 4, Outgoing::Own(bytes), whole));
        let wanted = Wanted { from: Some(Rank(0)), context: 0, tag: None };
        let receives =
            [50_000, 3_000_000, 9].map(|room| receiver.receive(wanted, Incoming::Own(vec![0; room])));
        while !receives.iter().all(|receive| receiver.is_over(*receive)) {
            sender.pump(Rank(1), &mut to).unwrap();
            to.flush().unwrap();
            from.pull(&mut receiver).unwrap();
            while let Some(fetch) = receiver.fetches.pop_front() {
                receiver.grant(&fetch);
            }
            receiver.pump(Rank(0), &mut from).unwrap();
            to.pull(&mut sender).unwrap();
        }
        assert!(sends.iter().all(|send| sender.is_over(*send)));
        for (receive, expected) in receives.into_iter().zip([small, large, Vec::new()]) {
            let crate::transport::exchange::Outcome::Received(_, Some(bytes)) =
                receiver.finish(receive).unwrap()
            else {
                panic!("it has its own room")
            };
            assert!(bytes == expected);
        }
        to.finish();
        from.pull(&mut receiver).unwrap();
        assert!(from.has_ended);
    }

    #[test]
    fn what_is_no_record_is_told_of() {
        let [(to, _), (mut from, mut receiver)] = pair();
        rustix::io::write(to.socket(), &[0xee; 40]).unwrap();
        assert_eq!(from.pull(&mut receiver), Err(Failure::Broken(Rank(0))));
    }
}
