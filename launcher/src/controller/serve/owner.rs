//! The task that owns the core.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::node::{FromNode, ToNode};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::keeper::{Happened, Keeper, retry};
use crate::controller::api::{Answer, Call, ErrorCode, Refusal, Reply, Request};
use crate::controller::config_file::{self, LoadError};
use crate::controller::core::Cluster;
use crate::controller::core::config::Config;
use crate::controller::core::event::{Asker, ClientId, Effect, Event, LinkId, Peer};
use crate::controller::journal::{Journal, JournalError, Record, Store};

/// What sessions and links send to the owner.
#[derive(Debug)]
pub(super) enum Inbox {
    /// A client is there; its answers go into this queue.
    ClientHere { answers: mpsc::Sender<Answer>, peer: Peer, id: mpsc::Sender<ClientId> },
    /// A client asks.
    ClientSays { client: ClientId, call: Box<Call> },
    /// A client is gone.
    ClientGone { client: ClientId },
    /// A rank server is there; its messages go into this queue.
    NodeHere { messages: mpsc::Sender<ToNode>, id: mpsc::Sender<LinkId> },
    /// A rank server says something.
    NodeSays { link: LinkId, message: FromNode },
    /// A rank server is gone.
    NodeGone { link: LinkId },
    /// Every job is to end, then the controller.
    Stop,
    /// The controller is to end, and nothing else.
    Leave,
}

/// The number that the shell itself asks under.
const SHELL: ClientId = ClientId(0);

/// Messages handled before their events are kept together and their effects let out.
pub(super) const BATCH_MAX: usize = 256;

/// What the owner asks of the system.
pub(super) trait System: Send {
    /// Unix seconds.
    fn now(&self) -> f64;
    /// Bytes that nobody can guess.
    fn secret(&mut self) -> Secret;
}

/// The system that this process runs on.
struct Machine;

/// The core with all its correspondents.
pub(super) struct Owner<S = Journal> {
    pub(super) cluster: Cluster,
    pub(super) keeper: Keeper<S>,
    system: Box<dyn System>,
    /// What is to be done once all that led to it is kept.
    pub(super) effects: Vec<Effect>,
    clients: HashMap<ClientId, (mpsc::Sender<Answer>, Peer)>,
    links: HashMap<LinkId, mpsc::Sender<ToNode>>,
    last_id: u64,
    pub(super) stopped: bool,
}

impl Owner {
    /// A cluster that begins, and is gone with its controller.
    pub(super) fn new(config: Config) -> Self {
        Self::of(Cluster::new(config), None, Box::new(Machine))
    }

    /// A cluster that goes on where its journal ends.
    pub(super) fn recover(config: Config, journal: Journal) -> Result<Self, JournalError> {
        Self::recover_on(Box::new(Machine), config, journal)
    }
}

impl<S: Store> Owner<S> {
    /// The same on any system, with any store.
    pub(super) fn recover_on(
        system: Box<dyn System>,
        config: Config,
        mut journal: S,
    ) -> Result<Self, JournalError> {
        let cluster = journal.recover(config)?;
        let mut owner = Self::of(cluster, Some(journal), system);
        owner.apply(owner.system.now(), Event::Restarted);
        Ok(owner)
    }

    fn of(cluster: Cluster, journal: Option<S>, system: Box<dyn System>) -> Self {
        Self {
            last_id: cluster.last_correspondent(),
            keeper: Keeper::new(journal, &cluster),
            cluster,
            system,
            effects: Vec::new(),
            clients: HashMap::new(),
            links: HashMap::new(),
            stopped: false,
        }
    }

    /// Runs until the core says that it has ended, or nobody is left who could say anything.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Inbox>, end: watch::Sender<bool>) {
        while !self.stopped {
            self.let_out().await;
            let pause = self.pause();
            tokio::select! {
                message = inbox.recv(), if self.keeper.has_room() => match message {
                    Some(message) => {
                        self.go_on();
                        self.take(message);
                    }
                    None => break,
                },
                () = pass(pause) => self.happens(Event::Timer),
                () = retry(self.keeper.is_stalled()) => self.go_on(),
            }
            // What has come meanwhile goes to the disk together with it.
            for _ in 1..BATCH_MAX {
                if !self.keeper.has_room() {
                    break;
                }
                let Ok(message) = inbox.try_recv() else { break };
                self.take(message);
            }
            self.let_out().await;
        }
        end.send_replace(true);
    }

    pub(super) fn take(&mut self, message: Inbox) {
        match message {
            Inbox::ClientHere { answers, peer, id } => {
                let client = ClientId(self.next_id());
                // A session that is gone already is found out when it is answered.
                let _ = id.try_send(client);
                self.clients.insert(client, (answers, peer));
            }
            Inbox::ClientSays { client, call } => {
                if matches!(call.request, Request::Reconfigure) && self.clients.contains_key(&client) {
                    self.reconfigure(Asker { client, call: call.id });
                } else if let Some((_, peer)) = self.clients.get(&client) {
                    let peer = peer.clone();
                    self.happens(Event::Call { client, peer, call });
                }
            }
            Inbox::ClientGone { client } => self.drop_client(client),
            Inbox::NodeHere { messages, id } => {
                let link = LinkId(self.next_id());
                let _ = id.try_send(link);
                self.links.insert(link, messages);
            }
            Inbox::NodeSays { link, message } => {
                if self.links.contains_key(&link) {
                    self.happens(Event::Node { link, message });
                }
            }
            Inbox::NodeGone { link } => self.drop_link(link),
            Inbox::Leave => self.stopped = true,
            // What cannot be kept cannot be ended either: the next controller does.
            Inbox::Stop if self.keeper.is_stalled() => self.stopped = true,
            Inbox::Stop => {
                let peer = Peer { uid: rustix::process::getuid().as_raw(), user: String::new() };
                let call = Box::new(Call { id: 0, request: Request::Shutdown });
                self.happens(Event::Call { client: SHELL, peer, call });
            }
        }
    }

    /// Seconds until something has to be looked at: never very many, so that a clock that is set is noticed.
    pub(super) fn pause(&self) -> Option<f64> {
        const SECS_MAX: f64 = 60.0;
        let deadline = self.cluster.next_deadline().filter(|_| !self.keeper.is_stalled());
        deadline.map(|deadline| (deadline - self.system.now()).clamp(0.0, SECS_MAX))
    }

    /// Reads the configuration file again. A file that is wrong changes nothing.
    fn reconfigure(&mut self, asker: Asker) {
        let Asker { client, call: id } = asker;
        let refusal = match read_again(self.cluster.config()) {
            Ok(config) if !self.keeper.is_stalled() => {
                return self.happens(Event::Reconfigured { asker, config: Box::new(config) });
            }
            Ok(_) => ErrorCode::Journal.into(),
            Err(error) => {
                let mut detail: Vec<String> = vec![error.to_string()];
                detail.extend(std::error::Error::source(&error).map(ToString::to_string));
                Refusal { code: ErrorCode::Configuration, detail }
            }
        };
        self.answer(client, Answer { id, reply: Reply::Error(refusal) });
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn drop_client(&mut self, client: ClientId) {
        if self.clients.remove(&client).is_some() {
            self.happens(Event::ClientGone { client });
        }
    }

    fn drop_link(&mut self, link: LinkId) {
        if self.links.remove(&link).is_some() {
            self.happens(Event::NodeGone { link });
        }
    }

    /// Something happens: now, or as far as the rest of the world is concerned, later.
    pub(super) fn happens(&mut self, event: Event) {
        let now = self.system.now();
        if self.keeper.is_stalled() && self.cluster.is_changed_by(&event) {
            self.put_off(now, event);
        } else {
            self.apply(now, event);
        }
    }

    /// One event through the core.
    pub(super) fn apply(&mut self, now: f64, event: Event) {
        let mut happened = self.keeper.wants_events().then(|| Happened {
            changes: self.cluster.is_changed_by(&event),
            record: Record { now, event: event.clone(), secrets: Vec::new() },
        });
        let system = &mut self.system;
        let mut draw = || {
            let secret = system.secret();
            if let Some(happened) = &mut happened {
                happened.record.secrets.push(secret.clone());
            }
            secret
        };
        self.effects.extend(self.cluster.apply(event, now, &mut draw));
        self.keeper.add(happened);
    }

    pub(super) fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Answer { client, answer } => self.answer(client, *answer),
            Effect::Tell { link, message } => self.tell(link, message),
            Effect::Backup { asker, path } => self.keeper.back_up(asker, path),
            Effect::Stop => self.stopped = true,
        }
    }

    /// A client that does not read its answers is cut off: the core waits for nobody. States of a job that it
    /// watches may be missed: the next one tells all that they told.
    pub(super) fn answer(&mut self, client: ClientId, answer: Answer) {
        let Some((answers, _)) = self.clients.get(&client) else { return };
        match answers.try_send(answer) {
            Ok(()) => {}
            Err(TrySendError::Full(Answer { reply: Reply::Job(_), .. })) => {}
            Err(_) => self.drop_client(client),
        }
    }

    /// The same for a rank server: it joins again when it can.
    fn tell(&mut self, link: LinkId, message: ToNode) {
        let Some(messages) = self.links.get(&link) else { return };
        if messages.try_send(message).is_err() {
            self.drop_link(link);
        }
    }
}

/// The configuration as its file says it now; without a file as it is. Blocks on the disk.
fn read_again(config: &Config) -> Result<Config, LoadError> {
    let Some(file) = &config.file else { return Ok(config.clone()) };
    config_file::load(Path::new(file), Config::of_this_machine()).map(|loaded| loaded.config)
}

impl System for Machine {
    fn now(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    fn secret(&mut self) -> Secret {
        let mut bytes = [0; 32];
        // Linux has them once it is up; a secret of zeros would be refused by nobody, so rather end here.
        if let Err(error) = getrandom::fill(&mut bytes) {
            panic!("no random bytes for a step's secret: {error}");
        }
        Secret(bytes)
    }
}

/// For so many seconds; for ever where there is no deadline.
async fn pass(seconds: Option<f64>) {
    let Some(seconds) = seconds else { return std::future::pending().await };
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
