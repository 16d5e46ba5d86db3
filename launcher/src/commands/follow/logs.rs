//! The logs of a step's ranks, pulled beside its launcher, in whole lines as they come.

use bytes::{Bytes, BytesMut};
use prun_runtime::ids::{Rank, StepKey};
use prun_runtime::limits::GATHER_MEMORY_BYTES_MAX;
use prun_runtime::wire::step::{FromStep, Stream, ToStep};
use tokio::sync::mpsc;

use super::FollowError;
use crate::controller::api::StepAttach;
use crate::fanout::link::{Arrival, Link, News, Stuck};
use crate::fanout::reach::{Door, reach};
use crate::gather::label::Labels;
use crate::gather::order::{Merger, Order};

/// Arrivals from step processes that wait to be taken in.
const ARRIVALS_MAX: usize = 64;

/// Bytes handed on at once.
const BATCH_BYTES: usize = 64 << 10;

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

/// Both streams of some of the ranks of a step, merged. The step goes on without this onlooker.
pub(crate) struct Logs {
    links: Vec<Option<Link>>,
    /// By rank.
    link_of: Vec<usize>,
    arrivals: mpsc::Receiver<Arrival>,
    /// The first rank that is looked at; the others follow it.
    first: u32,
    /// Two streams a rank.
    merger: Merger,
}

impl Logs {
    /// Connects to the step; `only` one rank, or all of them with labels.
    pub(super) async fn open(
        key: StepKey,
        step: &StepAttach,
        only: Option<Rank>,
    ) -> Result<Self, FollowError> {
        let size = step.plan.size();
        let (first, ranks) = match only {
            Some(Rank(rank)) if rank >= size => return Err(FollowError::NoRank { key, rank, size }),
            Some(Rank(rank)) => (rank, rank..rank + 1),
            None => (0, 0..size),
        };
        let door = Door::of(step, false);
        let connections = reach(&door).await?;
        let (tell, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let mut link_of = vec![0; size as usize];
        let mut links = Vec::with_capacity(connections.len());
        for (at, connection) in connections.into_iter().enumerate() {
            connection.ranks.iter().for_each(|rank| link_of[*rank as usize] = at);
            // A request for each stream, and its replacement.
            let waiting_max = 2 * STREAMS.len() * connection.ranks.len() + 1;
            links.push(Some(Link::open(at, connection.stream, waiting_max, tell.clone())));
        }
        let labels = (ranks.len() > 1).then(|| Labels::new(size));
        let ranks: Vec<u32> = ranks.flat_map(|rank| [rank; STREAMS.len()]).collect();
        let merger = Merger::new(Order::Line, labels, &ranks, GATHER_MEMORY_BYTES_MAX);
        Ok(Self { links, link_of, arrivals, first, merger })
    }

    /// Waits for bytes; `None` once there will be no more. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FollowError> {
        loop {
            let bytes = self.take();
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            if self.is_over() {
                return Ok(None);
            }
            self.ask()?;
            self.wait().await?;
        }
    }

    fn is_over(&self) -> bool {
        self.merger.is_finished() || self.links.iter().all(Option::is_none)
    }

    /// Asks for what is wanted.
    fn ask(&mut self) -> Result<(), Stuck> {
        for pull in self.merger.pulls() {
            let rank = self.first + (pull.source / STREAMS.len()) as u32;
            let message = ToStep::Pull {
                rank: Rank(rank),
                stream: STREAMS[pull.source % STREAMS.len()],
                offset: pull.offset,
                credit: pull.credit,
            };
            if let Some(link) = &self.links[self.link_of[rank as usize]] {
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

    /// The streams that are looked at.
    fn sources(&self, rank: Rank) -> Option<usize> {
        rank.0.checked_sub(self.first).map(|at| at as usize * STREAMS.len())
    }

    /// Waits for more.
    async fn wait(&mut self) -> Result<(), FollowError> {
        let Some(Arrival { link, news }) = self.arrivals.recv().await else { return Ok(()) };
        let nth = |stream| usize::from(stream == Stream::Stderr);
        match news {
            News::Message(FromStep::Data { rank, stream, offset }, bytes) => {
                let Some(source) = self.sources(rank).map(|first| first + nth(stream)) else { return Ok(()) };
                // Its launcher may have had the step forget what had not come here yet.
                self.merger.skip_to(source, offset);
                // Nothing here goes by the time: whole lines are let out when they are there.
                self.merger.data(source, offset, bytes, 0)?;
            }
            News::Message(FromStep::End { rank, stream, offset }, _) => {
                let Some(source) = self.sources(rank).map(|first| first + nth(stream)) else { return Ok(()) };
                self.merger.skip_to(source, offset);
                self.merger.end(source, offset)?;
            }
            // Links of one who only looks on are not made again.
            News::Message(..) | News::Again(_) => {}
            News::Closed(_) => {
                self.links[link] = None;
                let cut = (0..self.link_of.len()).filter(|rank| self.link_of[*rank] == link);
                for first in cut.filter_map(|rank| self.sources(Rank(rank as u32))).collect::<Vec<_>>() {
                    (0..STREAMS.len()).for_each(|stream| self.merger.cut(first + stream));
                }
            }
        }
        Ok(())
    }
}
