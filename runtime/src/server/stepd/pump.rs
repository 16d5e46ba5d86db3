//! From a task's pipe or terminal into its log.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, timeout};

use super::step::Step;
use crate::limits::DATA_BYTES_MAX;
use crate::wire::step::Stream;

/// One read's worth: a piece.
const READ_BYTES: usize = DATA_BYTES_MAX;

/// With less room than this in memory, a stream waits for its turn.
const ROOM_BYTES_MIN: usize = 64 << 10;

/// A launcher that takes so many bytes in so long a time keeps up: what is written to a file would only slow it down.
const KEEPS_UP_BYTES: u64 = 256 << 10;
const KEEPS_UP_TIME: Duration = Duration::from_millis(20);

/// How long a stream waits for its turn at most, however fast others are taken.
const TURN_WAIT: Duration = Duration::from_secs(2);

impl Step {
    /// Starts reading a task's output.
    pub(super) fn pump_all(self: &Rc<Self>, task: usize, stdout: Option<OwnedFd>, stderr: Option<OwnedFd>) {
        for (stream, pipe) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
            if let Some(pipe) = pipe {
                let step = Rc::clone(self);
                tokio::task::spawn_local(async move {
                    // A pipe that cannot be read is at its end for all that can be done.
                    let _ = pump(&step, task, stream, pipe).await;
                    step.end_stream(task, stream);
                });
            }
        }
    }
}

async fn pump(step: &Rc<Step>, task: usize, stream: Stream, pipe: OwnedFd) -> io::Result<()> {
    rustix::io::ioctl_fionbio(&pipe, true)?;
    let pipe = Receiver::from_owned_fd_unchecked(pipe)?;
    loop {
        pipe.readable().await?;
        let most = turn(step, task, stream).await;
        let mut piece = step.pieces.take();
        match pipe.try_read_buf(&mut (&mut *piece).limit(most)) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                let bytes = piece.freeze();
                if let Err(error) = step.append(task, stream, &bytes) {
                    wait_for_room(step, task, stream, &bytes, &error).await;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The other side of a terminal is gone.
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Waits for a stream's turn; gives how many bytes to read.
///
/// A stream whose memory is full could go to its file at once. As long as a launcher takes other streams as fast as
/// they come, that would be work for nothing which slows down the one that it waits for: then the stream waits, for a
/// bounded time. A launcher that does not keep up makes nobody wait.
async fn turn(step: &Step, task: usize, stream: Stream) -> usize {
    let end = Instant::now() + TURN_WAIT;
    while step.lacks_room(task, stream, ROOM_BYTES_MIN) && Instant::now() < end {
        let taken = step.taken.get();
        let room = async {
            while step.lacks_room(task, stream, ROOM_BYTES_MIN) {
                step.room.notified().await;
            }
        };
        if timeout(KEEPS_UP_TIME, room).await.is_err() && step.taken.get() < taken + KEEPS_UP_BYTES {
            break;
        }
    }
    match step.room_of(task, stream) {
        room @ ROOM_BYTES_MIN.. => room.min(READ_BYTES),
        _ => READ_BYTES,
    }
}

/// The disk is full: the task waits, with nothing lost, until its readers have made room.
async fn wait_for_room(step: &Rc<Step>, task: usize, stream: Stream, bytes: &Bytes, error: &io::Error) {
    step.notice(&format!("error: no room for the output of a task, which waits for its reader: {error}"));
    loop {
        let room = step.room.notified();
        if step.append(task, stream, bytes).is_ok() {
            return;
        }
        room.await;
    }
}
