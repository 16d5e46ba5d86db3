//! All outputs of a launcher: bytes from the links go to the merger of their output, and from there out.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use prun_runtime::ids::Rank;
use prun_runtime::limits::GATHER_MEMORY_BYTES_MAX;
use prun_runtime::wire::step::Stream;
use tokio::sync::mpsc;

use super::files::{Destination, Streams};
use super::label::Labels;
use super::order::{Merger, Order, OrderError};
use super::sink::{Sink, Written};

/// Bytes handed to an output at once.
const BATCH_BYTES: usize = 1 << 20;

/// A request for bytes, as a link sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPull {
    /// Whose.
    pub rank: Rank,
    /// Which.
    pub stream: Stream,
    /// First byte wanted.
    pub offset: u64,
    /// How many bytes may come.
    pub credit: u64,
}

/// An output that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open `{path}`")]
pub struct OpenError {
    /// Its path.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// Where a stream goes: output, and number among its sources.
type Route = Option<(usize, usize)>;

/// All outputs of a launcher.
#[derive(Debug)]
pub struct Outputs {
    outputs: Vec<One>,
    /// By rank: of stdout and of stderr.
    routes: Vec<[Route; 2]>,
    /// The output that messages go to.
    messages: usize,
    written: mpsc::Receiver<Written>,
}

/// One output.
#[derive(Debug)]
struct One {
    name: String,
    merger: Merger,
    sink: Sink,
    /// A batch is on its way.
    busy: bool,
    /// The stream of each source.
    sources: Vec<(Rank, Stream)>,
}

impl Outputs {
    /// Opens all outputs of a step. `orders` are those of the launcher's stdout, stderr, and of files.
    ///
    /// # Errors
    /// [`OpenError`] of a file.
    pub fn open(
        streams: &Streams,
        labels: Option<Labels>,
        orders: [Order; 3],
        joined: bool,
    ) -> Result<Self, OpenError> {
        let mut destinations = streams.outputs.clone();
        let own = if joined { Destination::Stdout } else { Destination::Stderr };
        let messages = destinations.iter().position(|known| *known == own).unwrap_or_else(|| {
            destinations.push(Destination::Stderr);
            destinations.len() - 1
        });
        let (tell, written) = mpsc::channel(destinations.len());
        let mut sources = vec![Vec::new(); destinations.len()];
        let mut routes = Vec::with_capacity(streams.tasks.len());
        for (rank, task) in streams.tasks.iter().enumerate() {
            let rank = Rank(rank as u32);
            let mut route = |to: Option<usize>, stream| {
                let output = to?;
                sources[output].push((rank, stream));
                Some((output, sources[output].len() - 1))
            };
            routes.push([route(task.stdout_to, Stream::Stdout), route(task.stderr_to, Stream::Stderr)]);
        }
        let memory = GATHER_MEMORY_BYTES_MAX / destinations.len();
        let mut outputs = Vec::with_capacity(destinations.len());
        for (at, (destination, sources)) in destinations.iter().zip(sources).enumerate() {
            let (name, order) = describe(destination, orders);
            let failed = |source| OpenError { path: name.clone(), source };
            let sink = open(destination).and_then(|file| Sink::new(at, file, &tell)).map_err(failed)?;
            let ranks: Vec<u32> = sources.iter().map(|(rank, _)| rank.0).collect();
            let merger = Merger::new(order, labels, &ranks, memory);
            outputs.push(One { name, merger, sink, busy: false, sources });
        }
        Ok(Self { outputs, routes, messages, written })
    }

    /// Bytes of a stream have come, at this time in milliseconds.
    ///
    /// # Errors
    /// [`OrderError`]: the step process did not keep to what was asked.
    pub fn data(
        &mut self,
        rank: Rank,
        stream: Stream,
        offset: u64,
        bytes: Bytes,
        now: u64,
    ) -> Result<(), OrderError> {
        match self.route(rank, stream) {
            Some((output, source)) => self.outputs[output].merger.data(source, offset, bytes, now),
            None => Err(OrderError::Overrun { rank: rank.0 }),
        }
    }

    /// A stream goes on at this offset, whatever has come of it: only for an onlooker ([`Merger::skip_to`]).
    pub fn skip_to(&mut self, rank: Rank, stream: Stream, offset: u64) {
        if let Some((output, source)) = self.route(rank, stream) {
            self.outputs[output].merger.skip_to(source, offset);
        }
    }

    /// A stream has ended.
    ///
    /// # Errors
    /// [`OrderError::Hole`].
    pub fn end(&mut self, rank: Rank, stream: Stream, offset: u64) -> Result<(), OrderError> {
        match self.route(rank, stream) {
            Some((output, source)) => self.outputs[output].merger.end(source, offset),
            None => Ok(()),
        }
    }

    /// Nothing more comes of a rank: its step process is lost.
    pub fn cut(&mut self, rank: Rank) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some((output, source)) = self.route(rank, stream) {
                self.outputs[output].merger.cut(source);
            }
        }
    }

    /// Whether all that a rank writes has come.
    #[must_use]
    pub fn has_ended(&self, rank: Rank) -> bool {
        let mut routes =
            [Stream::Stdout, Stream::Stderr].into_iter().filter_map(|stream| self.route(rank, stream));
        routes.all(|(output, source)| self.outputs[output].merger.has_ended(source))
    }

    /// The link to a rank's step process was made anew: what was asked for and has not come is asked for again.
    pub fn resume(&mut self, rank: Rank) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some((output, source)) = self.route(rank, stream) {
                self.outputs[output].merger.resume(source);
            }
        }
    }

    fn route(&self, rank: Rank, stream: Stream) -> Route {
        let [stdout, stderr] = self.routes.get(rank.0 as usize)?;
        match stream {
            Stream::Stdout => *stdout,
            Stream::Stderr => *stderr,
        }
    }

    /// Writes a line of the launcher's own on its stderr, after what has come so far.
    pub fn say(&mut self, line: &str) {
        self.outputs[self.messages].merger.say(Bytes::from(format!("{line}\n")));
    }

    /// What is to be asked of the step processes now.
    pub fn pulls(&mut self) -> Vec<StreamPull> {
        let of = |one: &mut One| {
            let sources = &one.sources;
            let pull = |pull: super::order::Pull| {
                let (rank, stream) = sources[pull.source];
                StreamPull { rank, stream, offset: pull.offset, credit: pull.credit }
            };
            one.merger.pulls().map(pull).collect::<Vec<_>>()
        };
        self.outputs.iter_mut().flat_map(of).collect()
    }

    /// Writes what can be written now; gives the errors of outputs that cannot be written to, each once. A reader
    /// that went away is no error.
    pub fn write(&mut self) -> Vec<String> {
        self.outputs.iter_mut().filter_map(One::write).collect()
    }

    /// Waits until an output has taken a batch, and gives its error as [`Outputs::write`] does. Waits for ever
    /// when none is on its way. Cancelling it loses nothing.
    pub async fn wait(&mut self) -> Option<String> {
        match self.written.recv().await {
            Some(Written { output, result }) => {
                self.outputs[output].busy = false;
                self.outputs[output].settle(result)
            }
            None => std::future::pending().await,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u64) {
        for one in &mut self.outputs {
            one.merger.tick(now);
        }
    }

    /// When [`Outputs::tick`] is to be called, in milliseconds.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.outputs.iter().filter_map(|one| one.merger.deadline()).min()
    }

    /// All streams are over and written.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.outputs.iter().all(|one| !one.busy && one.merger.is_finished())
    }

    /// A batch is on its way somewhere.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.outputs.iter().any(|one| one.busy)
    }
}

impl One {
    fn write(&mut self) -> Option<String> {
        let mut complaint = None;
        while !self.busy {
            let batch = self.merger.take(BATCH_BYTES);
            if batch.is_empty() {
                break;
            }
            match self.sink.write(batch) {
                Some(result) => complaint = self.settle(result).or(complaint),
                None => self.busy = true,
            }
        }
        complaint
    }

    /// Notes what became of a batch; an output that fails takes nothing more.
    fn settle(&mut self, result: Result<usize, (usize, io::Error)>) -> Option<String> {
        match result {
            Ok(bytes) => {
                self.merger.written(bytes);
                None
            }
            Err((bytes, error)) => {
                self.merger.written(bytes);
                self.sink = Sink::Closed;
                let gone = error.kind() == io::ErrorKind::BrokenPipe;
                (!gone).then(|| format!("cannot write to {}: {}", self.name, describe_error(&error)))
            }
        }
    }
}

/// The system's text for an error, as Slurm shows it: without the number.
#[must_use]
pub fn describe_error(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn describe(destination: &Destination, [stdout, stderr, file]: [Order; 3]) -> (String, Order) {
    match destination {
        Destination::Stdout => ("stdout".to_owned(), stdout),
        Destination::Stderr => ("stderr".to_owned(), stderr),
        Destination::File { path, .. } => (path.clone(), file),
    }
}

fn open(destination: &Destination) -> io::Result<OwnedFd> {
    match destination {
        Destination::Stdout => io::stdout().as_fd().try_clone_to_owned(),
        Destination::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        Destination::File { path, append } => {
            let mut options = OpenOptions::new();
            options.create(true).write(true).append(*append).truncate(!append);
            Ok(options.open(path)?.into())
        }
    }
}
