//! The controller: the real owner of the real core, on a disk and with a clock that are the world's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::node::ToNode;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::disk::Disk;
use super::random::Random;
use super::wire::{Down, Peer, Up, WireId};
use crate::controller::api::Answer;
use crate::controller::core::config::Config;
use crate::controller::core::event::{ClientId, Event, LinkId};
use crate::controller::serve::keeper::Writing;
use crate::controller::serve::owner::{BATCH_MAX, Inbox, Owner, System};

/// Messages that wait for one peer: fewer than in earnest, so that some seeds see a queue run over.
const QUEUE_MAX: usize = 64;

/// The time that everybody's clock shows, in Unix seconds.
#[derive(Debug, Clone)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn new(now: f64) -> Self {
        Self(Arc::new(AtomicU64::new(now.to_bits())))
    }

    pub(super) fn set(&self, now: f64) {
        self.0.store(now.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

struct Machine {
    clock: Clock,
    random: Random,
}

impl System for Machine {
    fn now(&self) -> f64 {
        self.clock.now()
    }

    fn secret(&mut self) -> Secret {
        Secret(self.random.secret())
    }
}

/// The controller's end of a connection, as its session keeps it.
#[derive(Debug)]
enum End {
    Node(LinkId, mpsc::Receiver<ToNode>),
    Client(ClientId, mpsc::Receiver<Answer>),
}

/// A controller that runs.
pub(super) struct Controller {
    pub(super) owner: Owner<Disk>,
    inbox: VecDeque<(WireId, Up)>,
    ends: BTreeMap<WireId, End>,
    writing: Option<Writing<Disk>>,
}

/// What a controller that was given its turn needs next.
#[derive(Debug, PartialEq)]
pub(super) enum Wants {
    /// The disk, and to be told when it is done.
    Disk,
    /// To be asked again after so many seconds, if nothing comes before.
    Pause(f64),
    /// Nothing before something comes.
    Nothing,
}

impl Controller {
    /// Goes on where the disk says.
    pub(super) fn start(config: Config, disk: Disk, clock: Clock, random: Random) -> Option<Self> {
        let machine = Box::new(Machine { clock, random });
        let owner = Owner::recover_on(machine, config, disk).ok()?;
        Some(Self { owner, inbox: VecDeque::new(), ends: BTreeMap::new(), writing: None })
    }

    /// Something comes from a connection.
    pub(super) fn hears(&mut self, wire: WireId, what: Up) {
        self.inbox.push_back((wire, what));
    }

    /// What it was writing is on the disk.
    pub(super) fn written(&mut self) {
        if let Some(writing) = self.writing.take() {
            self.owner.written(writing.write());
        }
    }

    /// Its end: what it is just writing may have reached the disk, or not.
    pub(super) fn crash(self, random: &mut Random) {
        if let Some(writing) = self.writing
            && random.chance(0.5)
        {
            writing.write();
        }
    }

    /// Time has come for something.
    pub(super) fn timer(&mut self) {
        if self.writing.is_some() {
            return;
        }
        if self.owner.keeper.is_stalled() {
            self.owner.go_on();
        } else {
            self.owner.happens(Event::Timer);
        }
    }

    /// Takes what has come, as far as it goes without the disk.
    pub(super) fn run(&mut self, peer_of: impl Fn(WireId) -> Option<Peer>) -> Wants {
        /// Pause between looks whether there is room again, as the shell's own.
        const RETRY_SECS: f64 = 1.0;
        while self.writing.is_none() {
            self.writing = self.owner.begin_writing();
            if self.writing.is_some() {
                return Wants::Disk;
            }
            if self.inbox.is_empty() || !self.owner.keeper.has_room() {
                let retry = self.owner.keeper.is_stalled().then_some(RETRY_SECS);
                return retry.or(self.owner.pause()).map_or(Wants::Nothing, Wants::Pause);
            }
            self.owner.go_on();
            for _ in 0..BATCH_MAX {
                let Some((wire, what)) = self.inbox.pop_front() else { break };
                self.take(wire, what, peer_of(wire));
            }
        }
        Wants::Nothing
    }

    fn take(&mut self, wire: WireId, what: Up, peer: Option<Peer>) {
        let message = match (what, self.ends.get(&wire)) {
            (Up::Here, None) => return self.meet(wire, peer),
            (Up::Says(message), Some(End::Node(link, _))) => Inbox::NodeSays { link: *link, message },
            (Up::Calls(call), Some(End::Client(client, _))) => Inbox::ClientSays { client: *client, call },
            (Up::Gone, Some(End::Node(link, _))) => Inbox::NodeGone { link: *link },
            (Up::Gone, Some(End::Client(client, _))) => Inbox::ClientGone { client: *client },
            // Of a connection that it has closed itself.
            _ => return,
        };
        if matches!(message, Inbox::NodeGone { .. } | Inbox::ClientGone { .. }) {
            self.ends.remove(&wire);
        }
        self.owner.take(message);
    }

    fn meet(&mut self, wire: WireId, peer: Option<Peer>) {
        let end = match peer {
            None => return,
            Some(Peer::Node(_)) => {
                let (messages, told) = mpsc::channel(QUEUE_MAX);
                let (id, mut number) = mpsc::channel(1);
                self.owner.take(Inbox::NodeHere { messages, id });
                number.try_recv().ok().map(|link| End::Node(link, told))
            }
            Some(Peer::User(_) | Peer::Launcher(_)) => {
                let (answers, answered) = mpsc::channel(QUEUE_MAX);
                let (id, mut number) = mpsc::channel(1);
                let peer = super::users::user();
                self.owner.take(Inbox::ClientHere { answers, peer, id });
                number.try_recv().ok().map(|client| End::Client(client, answered))
            }
        };
        self.ends.extend(end.map(|end| (wire, end)));
    }

    /// What it has put into its queues since the last time; queues that it has closed end with `Gone`.
    pub(super) fn sends(&mut self) -> Vec<(WireId, Down)> {
        let mut out = Vec::new();
        let mut closed = Vec::new();
        for (&wire, end) in &mut self.ends {
            loop {
                let next = match end {
                    End::Node(_, told) => told.try_recv().map(Down::Told),
                    End::Client(_, answered) => {
                        answered.try_recv().map(|answer| Down::Answered(Box::new(answer)))
                    }
                };
                match next {
                    Ok(down) => out.push((wire, down)),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        out.push((wire, Down::Gone));
                        closed.push(wire);
                        break;
                    }
                }
            }
        }
        closed.iter().for_each(|wire| {
            self.ends.remove(wire);
        });
        out
    }
}
