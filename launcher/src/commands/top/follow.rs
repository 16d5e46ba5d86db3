//! Output that is followed: of a file as it grows, or of a step's logs as `sattach` does it.

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use prun_runtime::ids::{Rank, StepKey};
use prun_runtime::limits::GATHER_MEMORY_BYTES_MAX;
use prun_runtime::net::address::Address;
use prun_runtime::wire::step::{FromStep, Stream, ToStep};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::tail::{Tail, TailError};
use crate::controller::api::{Reply, Request, StepAttach};
use crate::controller::client::{AsyncClient, ClientError};
use crate::fanout::link::{Arrival, Link, News, Stuck};
use crate::fanout::reach::{Door, ReachError, reach};
use crate::gather::label::Labels;
use crate::gather::order::{Merger, Order, OrderError};
use crate::view::top::state::{Event, Source};

/// Arrivals from step processes that wait to be taken in.
const ARRIVALS_MAX: usize = 64;

/// Bytes handed on at once.
const BATCH_BYTES: usize = 64 << 10;

/// Why output cannot be followed.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0}")]
    Refused(&'static str),
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Stuck(#[from] Stuck),
    #[error(transparent)]
    Tail(#[from] TailError),
}

/// Follows one output at a time.
pub(super) struct Follower {
    controller: Address,
    events: mpsc::Sender<Event>,
    task: Option<AbortHandle>,
}

impl Follower {
    pub(super) fn new(controller: Address, events: mpsc::Sender<Event>) -> Self {
        Self { controller, events, task: None }
    }

    /// Follows this output from now on; what comes of it goes to the events.
    pub(super) fn follow(&mut self, source: Source) {
        self.stop();
        let (controller, events) = (self.controller.clone(), self.events.clone());
        let task = tokio::spawn(async move {
            let followed = match source {
                Source::File(path) => file(path, &events).await,
                Source::Step(key) => step(controller, key, &events).await,
            };
            let why = followed.map_or_else(|error| chain(&error), |()| "ended".to_owned());
            // Nobody looks any more: nobody is told.
            let _ = events.send(Event::OutputOver(why)).await;
        });
        self.task = Some(task.abort_handle());
    }

    /// Follows none any more.
    pub(super) fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

async fn file(path: String, events: &mpsc::Sender<Event>) -> Result<(), FollowError> {
    let mut tail = Tail::of(PathBuf::from(path))?;
    loop {
        let bytes = tail.next().await?;
        if events.send(Event::Output(bytes)).await.is_err() {
            return Ok(());
        }
    }
}

/// Both streams of all ranks of a step, in whole lines as they come. It goes on without this onlooker.
async fn step(controller: Address, key: StepKey, events: &mpsc::Sender<Event>) -> Result<(), FollowError> {
    let mut client = AsyncClient::connect_to(&controller).await?;
    let step = match client.call(Request::AttachStep { key }).await? {
        Reply::Step(step) => *step,
        Reply::Error(refusal) => return Err(FollowError::Refused(refusal.code.text())),
        _ => return Err(FollowError::Refused("Unexpected message received")),
    };
    let mut logs = Logs::open(key, &step).await?;
    while !logs.is_over() {
        logs.ask()?;
        let bytes = logs.take();
        if bytes.is_empty() {
            logs.wait().await?;
        } else if events.send(Event::Output(bytes)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The logs of a step, merged.
struct Logs {
    links: Vec<Option<Link>>,
    /// By rank.
    link_of: Vec<usize>,
    arrivals: mpsc::Receiver<Arrival>,
    /// Two streams a rank.
    merger: Merger,
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

impl Logs {
    async fn open(key: StepKey, step: &StepAttach) -> Result<Self, FollowError> {
        let door =
            Door { key, secret: &step.secret, owner: false, plan: &step.plan, addresses: &step.addresses };
        let connections = reach(&door).await?;
        let size = step.plan.size();
        let (tell, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let mut link_of = vec![0; size as usize];
        let mut links = Vec::with_capacity(connections.len());
        for (at, connection) in connections.into_iter().enumerate() {
            connection.ranks.iter().for_each(|rank| link_of[*rank as usize] = at);
            // A request for each stream, and its replacement.
            let waiting_max = 2 * STREAMS.len() * connection.ranks.len() + 1;
            links.push(Some(Link::open(at, connection.stream, waiting_max, tell.clone())));
        }
        let ranks: Vec<u32> = (0..size).flat_map(|rank| [rank; STREAMS.len()]).collect();
        let labels = (size > 1).then(|| Labels::new(size));
        let merger = Merger::new(Order::Line, labels, &ranks, GATHER_MEMORY_BYTES_MAX);
        Ok(Self { links, link_of, arrivals, merger })
    }

    fn is_over(&self) -> bool {
        self.merger.is_finished() || self.links.iter().all(Option::is_none)
    }

    /// Asks for what is wanted.
    fn ask(&mut self) -> Result<(), Stuck> {
        for pull in self.merger.pulls() {
            let rank = pull.source / STREAMS.len();
            let message = ToStep::Pull {
                rank: Rank(rank as u32),
                stream: STREAMS[pull.source % STREAMS.len()],
                offset: pull.offset,
                credit: pull.credit,
            };
            if let Some(link) = &self.links[self.link_of[rank]] {
                link.send(message)?;
            }
        }
        Ok(())
    }

    /// What has come, as far as its turn has.
    fn take(&mut self) -> Bytes {
        let batch = self.merger.take(BATCH_BYTES);
        let mut bytes = BytesMut::new();
        batch.iter().for_each(|piece| bytes.extend_from_slice(piece));
        self.merger.written(bytes.len());
        bytes.freeze()
    }

    /// Waits for more.
    async fn wait(&mut self) -> Result<(), FollowError> {
        let Some(Arrival { link, news }) = self.arrivals.recv().await else { return Ok(()) };
        let source =
            |rank: Rank, stream| rank.0 as usize * STREAMS.len() + usize::from(stream == Stream::Stderr);
        match news {
            News::Message(FromStep::Data { rank, stream, offset }, bytes) => {
                // Its launcher may have had the step forget what had not come here yet.
                self.merger.skip_to(source(rank, stream), offset);
                // Nothing here goes by the time: whole lines are let out when they are there.
                self.merger.data(source(rank, stream), offset, bytes, 0)?;
            }
            News::Message(FromStep::End { rank, stream, offset }, _) => {
                self.merger.skip_to(source(rank, stream), offset);
                self.merger.end(source(rank, stream), offset)?;
            }
            News::Message(..) => {}
            News::Closed(_) => {
                self.links[link] = None;
                for rank in (0..self.link_of.len()).filter(|rank| self.link_of[*rank] == link) {
                    STREAMS.iter().for_each(|stream| self.merger.cut(source(Rank(rank as u32), *stream)));
                }
            }
        }
        Ok(())
    }
}
