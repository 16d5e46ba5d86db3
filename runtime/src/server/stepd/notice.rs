//! What the step process itself has to say, in the place where a user looks for it.

use std::os::fd::OwnedFd;

use super::step::Step;
use crate::ids::Rank;
use crate::wire::launch::Output;
use crate::wire::step::{FromStep, Stream};

impl Step {
    /// A line about the step for whoever reads its error output: the script's own stderr, or the launcher's.
    pub(super) fn notice(&self, text: &str) {
        let node = self.launch.nodes.first().map_or_else(String::new, |node| node.name.clone());
        if !self.launch.key.step.is_batch() {
            return self.announce(FromStep::Warning { node, text: text.to_owned() });
        }
        let file = self.tasks.borrow().first().and_then(|task| task.stderr.clone());
        if let Some(file) = file {
            self.say(0, &file, text);
        }
    }

    /// A line on a task's error output, which is `file` where it is not logged.
    pub(super) fn say(&self, task: usize, file: &OwnedFd, text: &str) {
        self.write_as(task, Stream::Stderr, file, format!("slurmstepd: {text}\n").as_bytes());
    }

    /// Bytes in a task's output that the task has not written. A logged stream gets them directly: its pipe may be
    /// full, and who empties it is this process. A line that the task has half written is ended first.
    pub(super) fn write_as(&self, task: usize, stream: Stream, file: &OwnedFd, bytes: &[u8]) {
        let stream = self.stream_read(task, stream);
        let logged = self.tasks.borrow_mut()[task].log(stream).is_some_and(|log| !log.has_ended());
        if logged {
            self.append_aside(task, stream, bytes);
        } else {
            // An output that is full or gone leaves nowhere else to write to.
            let _ = rustix::io::write(file, bytes);
        }
    }

    /// The stream in whose place a task's stream is read: both may be one.
    fn stream_read(&self, task: usize, stream: Stream) -> Stream {
        let (rank, launch) = {
            let tasks = self.tasks.borrow();
            let task = &tasks[task];
            (task.rank, &self.launch.nodes[task.node].tasks[task.local])
        };
        let on_terminal = self.launch.pty.is_some() && rank == Rank(0);
        if on_terminal || launch.stderr == Output::Stdout { Stream::Stdout } else { stream }
    }
}
