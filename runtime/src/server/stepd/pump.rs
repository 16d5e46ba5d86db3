//! From a task's pipe or terminal into its log.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;

use super::step::Step;
use crate::wire::step::Stream;

/// One read's worth.
const READ_BYTES: usize = 256 << 10;

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
        let read = step.with_scratch(READ_BYTES, |scratch| match pipe.try_read(scratch) {
            Ok(0) => Ok(Read::End),
            Ok(count) => match step.append(task, stream, &scratch[..count]) {
                Ok(()) => Ok(Read::Some),
                Err(error) => Ok(Read::NoRoom(scratch[..count].to_vec(), error)),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Some),
            // The other side of a terminal is gone.
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Ok(Read::End),
            Err(error) => Err(error),
        })?;
        match read {
            Read::Some => {}
            Read::End => return Ok(()),
            Read::NoRoom(bytes, error) => wait_for_room(step, task, stream, &bytes, &error).await,
        }
    }
}

enum Read {
    Some,
    End,
    NoRoom(Vec<u8>, io::Error),
}

/// The disk is full: the task waits, with nothing lost, until its readers have made room.
async fn wait_for_room(step: &Rc<Step>, task: usize, stream: Stream, bytes: &[u8], error: &io::Error) {
    step.notice(&format!("error: no room for the output of a task, which waits for its reader: {error}"));
    loop {
        let room = step.room.notified();
        if step.append(task, stream, bytes).is_ok() {
            return;
        }
        room.await;
    }
}
