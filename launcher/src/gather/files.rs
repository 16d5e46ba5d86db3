//! `--output`, `--error`, `--input` of a step: where each task's streams go, and which of them the launcher gathers
//! (`srun(1)`, "I/O redirection"). Pure.

use prun_runtime::wire::launch::{Input, Output};
use serde_bytes::ByteBuf;

use super::order::Order;
use crate::layout::plan::Plan;
use crate::script::options::Request;
use crate::script::pattern::{self, Letters};

/// Milliseconds that `auto` holds output back, where `PRUN_ORDER_HOLD` does not say.
const HOLD_MS: u64 = 60_000;

/// What the launcher writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The launcher's own file descriptor 1.
    Stdout,
    /// The launcher's own file descriptor 2.
    Stderr,
    /// A file, against the launcher's working directory.
    File {
        /// Its path, all patterns expanded.
        path: String,
        /// Keep what is there.
        append: bool,
    },
}

/// Where one task's streams go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStreams {
    /// Its input.
    pub stdin: Input,
    /// Its output.
    pub stdout: Output,
    /// Its error output.
    pub stderr: Output,
    /// What gathers its output: index into [`Streams::outputs`].
    pub stdout_to: Option<usize>,
    /// What gathers its error output.
    pub stderr_to: Option<usize>,
}

/// Where the launcher takes the tasks' input from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// Nowhere: no task reads from the launcher.
    Nothing,
    /// Its own file descriptor 0.
    Stdin,
    /// A file, against the launcher's working directory.
    File(String),
}

/// All streams of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streams {
    /// What the launcher writes to, each destination once.
    pub outputs: Vec<Destination>,
    /// By rank.
    pub tasks: Vec<TaskStreams>,
    /// Where input comes from.
    pub feed: Feed,
    /// The only task that gets the input, if not all do.
    pub feed_only: Option<u32>,
}

/// What is known of the launcher's own file descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnStreams {
    /// Nothing can be read from descriptor 0: it is `/dev/null`, or the terminal of another process group.
    pub no_input: bool,
    /// Descriptors 1 and 2 are one file, and no terminal: then both streams of a task are one stream, as they
    /// would be without a launcher, and their order is kept.
    pub joined: bool,
    /// Descriptor 1 is a terminal.
    pub terminal: bool,
}

/// One word of `--output`, `--error` or `--input`.
enum Mode<'a> {
    /// Not given, `all`, or `-`.
    All,
    /// `none`.
    None,
    /// A rank's number.
    Only(u32),
    /// A pattern that names a file for each task or node.
    PerTask(&'a str),
    /// A file.
    File(&'a str),
}

impl<'a> Mode<'a> {
    fn of(word: Option<&'a str>, size: u32) -> Self {
        match word {
            None | Some("all" | "-") => Self::All,
            Some("none") => Self::None,
            // A number that is no rank's is the name of a file.
            Some(word) => match word.parse::<u32>() {
                Ok(rank) if rank < size => Self::Only(rank),
                _ if pattern::is_per_task(word) => Self::PerTask(word),
                _ => Self::File(word),
            },
        }
    }
}

/// Lays out the streams of a step. `letters` holds what is known of the job and step; those of node and task are
/// filled in here.
#[must_use]
pub fn lay_out(request: &Request, plan: &Plan, letters: &Letters, own: OwnStreams) -> Streams {
    let size = plan.size();
    let mut layout = Layout {
        request,
        size,
        letters,
        own,
        streams: Streams { outputs: Vec::new(), tasks: Vec::new(), feed: Feed::Nothing, feed_only: None },
    };
    let mut tasks = Vec::new();
    for (node_id, node) in plan.nodes.iter().enumerate() {
        for task in &node.tasks {
            let letters = Letters {
                task: Some(task.rank),
                node_id: Some(node_id as u32),
                node: Some(node.name.clone()),
                ..letters.clone()
            };
            tasks.push((task.rank, letters));
        }
    }
    tasks.sort_by_key(|(rank, _)| *rank);
    layout.lay_out_feed();
    for (rank, letters) in &tasks {
        let task = if request.step.pty { layout.on_terminal(*rank) } else { layout.task(*rank, letters) };
        layout.streams.tasks.push(task);
    }
    layout.streams
}

struct Layout<'a> {
    request: &'a Request,
    size: u32,
    letters: &'a Letters,
    own: OwnStreams,
    streams: Streams,
}

impl Layout<'_> {
    /// Decides where the launcher reads.
    fn lay_out_feed(&mut self) {
        (self.streams.feed, self.streams.feed_only) = match self.stdin_mode() {
            _ if self.request.step.pty => (Feed::Stdin, Some(0)),
            Mode::None | Mode::PerTask(_) => (Feed::Nothing, None),
            Mode::All | Mode::Only(_) if self.own.no_input => (Feed::Nothing, None),
            Mode::All => (Feed::Stdin, None),
            Mode::Only(rank) => (Feed::Stdin, Some(rank)),
            Mode::File(path) => (Feed::File(pattern::expand(path, self.letters)), None),
        };
    }

    fn stdin_mode(&self) -> Mode<'_> {
        Mode::of(self.request.job.stdin.as_deref(), self.size)
    }

    fn task(&mut self, rank: u32, letters: &Letters) -> TaskStreams {
        let stdin = match self.stdin_mode() {
            Mode::PerTask(path) => Input::File(ByteBuf::from(pattern::expand(path, letters))),
            _ if self.streams.feed == Feed::Nothing => Input::Null,
            _ if self.streams.feed_only.is_some_and(|only| only != rank) => Input::Null,
            _ => Input::Launcher,
        };
        let job = &self.request.job;
        let (out, err) = (job.stdout.as_deref(), job.stderr.as_deref());
        let (stdout, stdout_to) = self.output(out, Destination::Stdout, rank, letters);
        // Without a place of its own, and with the same place, error output goes where output goes.
        let together = match (out, err) {
            (None | Some("all" | "-"), None | Some("all" | "-")) => self.own.joined,
            (_, None) => true,
            (out, err) => out == err,
        };
        let (stderr, stderr_to) = match (together, &stdout) {
            (true, Output::Null) => (Output::Null, None),
            (true, _) => (Output::Stdout, None),
            (false, _) => self.output(err, Destination::Stderr, rank, letters),
        };
        TaskStreams { stdin, stdout, stderr, stdout_to, stderr_to }
    }

    /// `--pty`: task 0 has the terminal, the others have nothing.
    fn on_terminal(&mut self, rank: u32) -> TaskStreams {
        if rank == 0 {
            let stdout_to = Some(self.gather(Destination::Stdout));
            TaskStreams {
                stdin: Input::Launcher,
                stdout: Output::Log,
                stderr: Output::Stdout,
                stdout_to,
                stderr_to: None,
            }
        } else {
            TaskStreams {
                stdin: Input::Null,
                stdout: Output::Null,
                stderr: Output::Null,
                stdout_to: None,
                stderr_to: None,
            }
        }
    }

    fn output(
        &mut self,
        word: Option<&str>,
        own: Destination,
        rank: u32,
        letters: &Letters,
    ) -> (Output, Option<usize>) {
        let append = self.request.job.append.unwrap_or(false);
        let destination = match Mode::of(word, self.size) {
            Mode::None => return (Output::Null, None),
            Mode::Only(only) if only != rank => return (Output::Null, None),
            Mode::All | Mode::Only(_) => own,
            // Labels are put on by the launcher, so labelled files are written by it.
            Mode::PerTask(path) if !self.request.step.label => {
                let path = ByteBuf::from(pattern::expand(path, letters));
                return (Output::File { path, append }, None);
            }
            Mode::PerTask(path) => Destination::File { path: pattern::expand(path, letters), append },
            Mode::File(path) => Destination::File { path: pattern::expand(path, self.letters), append },
        };
        (Output::Log, Some(self.gather(destination)))
    }

    /// The index of a destination, which is new or known.
    fn gather(&mut self, destination: Destination) -> usize {
        let outputs = &mut self.streams.outputs;
        // Ranks that share a destination mostly follow one another.
        outputs.iter().rposition(|known| *known == destination).unwrap_or_else(|| {
            outputs.push(destination);
            outputs.len() - 1
        })
    }
}

/// The order of an output's streams: what the user asks for (`--order`, `PRUN_ORDER`); else whole lines on a
/// terminal and for `--unbuffered`, and elsewhere by rank as long as that keeps nobody waiting.
#[must_use]
pub fn order(request: &Request, variable: &dyn Fn(&str) -> Option<String>, terminal: bool) -> Order {
    let hold_ms = variable(prun_runtime::env::ORDER_HOLD)
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|seconds| *seconds >= 0.0)
        .map_or(HOLD_MS, |seconds| (seconds * 1000.0) as u64);
    let asked = request.step.order.clone().or_else(|| variable(prun_runtime::env::ORDER));
    match asked.as_deref() {
        Some("rank") => Order::Rank,
        Some("auto") => Order::Auto { hold_ms },
        Some("line") => Order::Line,
        Some("none") => Order::None,
        _ if terminal || request.step.unbuffered => Order::Line,
        _ => Order::Auto { hold_ms },
    }
}

#[cfg(test)]
mod tests;
