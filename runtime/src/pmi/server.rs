//! The server's side: what the ranks of one step process say, and what comes of it.

mod client;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::client::{Client, Phase};
use super::frame::Dialect;
use super::pairs::Pairs;
use super::reply::{self, Reply};
use super::request::Request;
pub use super::space::Pair;
use super::space::Space;
use crate::ids::Rank;

/// What the libraries of a step are told about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Ranks of the whole step.
    pub size: u32,
    /// Name of its key-value space: letters, digits, `_` and `.`.
    pub space_name: String,
    /// [`super::process_mapping`].
    pub mapping: Option<String>,
}

/// A rank that this server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Its number in the step.
    pub rank: Rank,
    /// Its node: any number that only the node's ranks share.
    pub node: u32,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Bytes for a rank, by its place among those served.
    Send {
        /// Its place.
        at: usize,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Every rank served waits at a fence: exchange this with the step's other step processes, then call
    /// [`Server::fenced`].
    Fence {
        /// What was put since the last one.
        pairs: Vec<Pair>,
    },
    /// A rank has asked for what is not served; its library often does not say so, and some hang or crash.
    Refused {
        /// Which.
        rank: Rank,
        /// What it asked for, and why it does not get it, for people.
        why: String,
    },
    /// The step is to be ended: a rank asks for it, or the others would wait for it in vain.
    End {
        /// Whose doing it is.
        rank: Rank,
        /// The step's exit code, where the rank names one.
        code: Option<i32>,
        /// Why, for people.
        why: String,
    },
}

/// Serves the ranks of one step process.
#[derive(Debug)]
pub struct Server {
    facts: Facts,
    clients: Vec<Client>,
    space: Space,
    effects: VecDeque<Effect>,
    /// An end has been asked for: the first reason is the one that counts.
    ended: bool,
}

impl Server {
    /// A server for these ranks, which are told apart by their place from here on.
    #[must_use]
    pub fn new(facts: Facts, served: &[Served]) -> Self {
        Self {
            facts,
            clients: served.iter().map(|served| Client::new(*served)).collect(),
            space: Space::default(),
            effects: VecDeque::new(),
            ended: false,
        }
    }

    /// Whether some rank has ever said anything.
    #[must_use]
    pub fn was_spoken_to(&self) -> bool {
        self.clients.iter().any(|client| client.has_spoken)
    }

    /// Whether some rank has not come to its `finalize`, or has ended the step: its library has not cleared away what
    /// it made.
    #[must_use]
    pub fn ends_badly(&self) -> bool {
        let open = |client: &Client| matches!(client.phase, Phase::Open | Phase::Waiting);
        self.ended || self.clients.iter().any(open)
    }

    /// What is to be done next.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// A rank has sent bytes.
    pub fn hear(&mut self, at: usize, bytes: &[u8]) {
        self.clients[at].inbox.push(bytes);
        loop {
            match self.clients[at].inbox.next() {
                Ok(Some(message)) => self.obey(at, &message),
                Ok(None) => return,
                Err(error) => {
                    return self.end(at, None, format!("sent what is no PMI request: {error}"));
                }
            }
        }
    }

    /// A rank's socket is closed: all of its processes are gone, or have let go of it.
    pub fn closed(&mut self, at: usize) {
        let phase = std::mem::replace(&mut self.clients[at].phase, Phase::Gone);
        match phase {
            Phase::Gone => {}
            Phase::Open | Phase::Waiting => {
                self.end(at, None, "ended without MPI_Finalize".to_owned());
            }
            Phase::Fresh | Phase::Finalized => self.look_for_vain_waits(),
        }
    }

    /// A fence is passed: this is what all step processes have put.
    pub fn fenced(&mut self, pairs: impl IntoIterator<Item = Pair>) {
        self.space.learn(pairs);
        for at in 0..self.clients.len() {
            if self.clients[at].phase != Phase::Waiting {
                continue;
            }
            self.clients[at].phase = Phase::Open;
            let name = self.by_dialect(at, "barrier_out", "kvs-fence-response");
            let thread = self.clients[at].thread.take();
            self.send(at, Reply::new(self.dialect(at), name, thread.as_deref()).ok().bytes());
        }
    }

    /// A fence will never be passed.
    pub fn fence_failed(&mut self, why: String) {
        if let Some(at) = self.clients.iter().position(|client| client.phase == Phase::Waiting) {
            self.end(at, None, why);
        }
    }

    fn obey(&mut self, at: usize, message: &[u8]) {
        let dialect = self.dialect(at);
        let pairs = Pairs::read(dialect, message);
        let thread = pairs.get("thrid");
        let request = Request::read(dialect, &pairs);
        self.clients[at].has_spoken = true;
        let named = |name: &str| Reply::new(dialect, name, thread);
        let value_name = |two| if dialect == Dialect::V1 { "get_result" } else { two };
        let bytes = match request {
            Request::Init { version } => return self.init(at, version),
            Request::FullInit => self.full_init(at, named("fullinit-response")),
            Request::Maxes => reply::maxes(),
            Request::Appnum => named("appnum").number("appnum", 0).ok().bytes(),
            Request::SpaceName => {
                let (name, key) = match dialect {
                    Dialect::V1 => ("my_kvsname", "kvsname"),
                    Dialect::V2 => ("job-getid-response", "jobid"),
                };
                named(name).with(key, self.facts.space_name.as_bytes()).ok().bytes()
            }
            Request::UniverseSize => named("universe_size").number("size", self.facts.size).ok().bytes(),
            Request::Put { key, value } => {
                let reply = named(if dialect == Dialect::V1 { "put_result" } else { "kvs-put-response" });
                match self.space.put(key, value) {
                    Ok(()) if dialect == Dialect::V1 => reply.ok().with("msg", b"success").bytes(),
                    Ok(()) => reply.ok().bytes(),
                    Err(error) => reply.failed(&error.to_string()).bytes(),
                }
            }
            Request::Get { key } | Request::JobGet { key } => {
                let two = if matches!(request, Request::Get { .. }) { "kvs-get" } else { "info-getjobattr" };
                reply::value(dialect, value_name(&format!("{two}-response")), thread, key, self.find(key))
            }
            Request::NodePut { key, value } => return self.put_for_node(at, key, value, thread),
            Request::NodeGet { key, wait } => return self.get_of_node(at, key, wait, thread),
            Request::Fence => return self.reach_fence(at, thread),
            Request::Finalize => {
                self.clients[at].phase = Phase::Finalized;
                // The rank's next program opens with a line again.
                self.clients[at].inbox.dialect = Dialect::V1;
                named(if dialect == Dialect::V1 { "finalize_ack" } else { "finalize-response" }).ok().bytes()
            }
            Request::Abort { code, message } => {
                return self.end(at, code, abort_text(message));
            }
            Request::Refused { answer, why } => {
                let words = format!("has asked for what is not served: {}", why.replace('_', " "));
                let rank = self.clients[at].served.rank;
                self.effects.push_back(Effect::Refused { rank, why: words });
                named(answer).failed(why).bytes()
            }
            Request::Unknown { command } => {
                let name = format!("{}_result", String::from_utf8_lossy(command));
                named(&name).failed("unknown_command").bytes()
            }
        };
        self.send(at, bytes);
    }

    /// The opening. A program may follow another one in the same rank, and opens anew.
    fn init(&mut self, at: usize, version: u32) {
        self.clients[at].phase = Phase::Open;
        self.clients[at].programs = self.clients[at].programs.saturating_add(1);
        let (version, subversion, dialect) =
            if version == 2 { (2, 0, Dialect::V2) } else { (1, 1, Dialect::V1) };
        self.send(at, reply::init(version, subversion));
        self.clients[at].inbox.dialect = dialect;
        self.look_for_vain_waits();
    }

    fn full_init(&self, at: usize, reply: Reply) -> Vec<u8> {
        reply
            .number("pmi-version", 2)
            .number("pmi-subversion", 0)
            .number("rank", self.clients[at].served.rank)
            .number("size", self.facts.size)
            .number("appnum", 0)
            .with("debugged", b"FALSE")
            .with("pmiverbose", b"FALSE")
            .ok()
            .bytes()
    }

    /// A key's value, the server's own keys first.
    fn find(&self, key: &[u8]) -> Option<&[u8]> {
        match key {
            b"PMI_process_mapping" => self.facts.mapping.as_deref().map(str::as_bytes),
            _ => self.space.get(key),
        }
    }

    fn put_for_node(&mut self, at: usize, key: &[u8], value: &[u8], thread: Option<&[u8]>) {
        let node = self.clients[at].served.node;
        let reply = Reply::new(self.dialect(at), "info-putnodeattr-response", thread);
        match self.space.put_for_node(node, key, value) {
            Ok(()) => self.send(at, reply.ok().bytes()),
            Err(error) => return self.send(at, reply.failed(&error.to_string()).bytes()),
        }
        for other in 0..self.clients.len() {
            let client = &mut self.clients[other];
            if client.served.node == node && client.wants.as_ref().is_some_and(|(wanted, _)| wanted == key) {
                let thread = client.wants.take().and_then(|(_, thread)| thread);
                self.send_of_node(other, key, Some(value), thread.as_deref());
            }
        }
    }

    fn get_of_node(&mut self, at: usize, key: &[u8], wait: bool, thread: Option<&[u8]>) {
        let found = self.space.get_of_node(self.clients[at].served.node, key).map(<[u8]>::to_vec);
        if found.is_none() && wait {
            self.clients[at].wants = Some((key.to_vec(), thread.map(<[u8]>::to_vec)));
        } else {
            self.send_of_node(at, key, found.as_deref(), thread);
        }
    }

    fn send_of_node(&mut self, at: usize, key: &[u8], found: Option<&[u8]>, thread: Option<&[u8]>) {
        let bytes = reply::value(self.dialect(at), "info-getnodeattr-response", thread, key, found);
        self.send(at, bytes);
    }

    fn reach_fence(&mut self, at: usize, thread: Option<&[u8]>) {
        self.clients[at].phase = Phase::Waiting;
        self.clients[at].thread = thread.map(<[u8]>::to_vec);
        if self.clients.iter().all(|client| client.phase == Phase::Waiting) {
            let pairs = self.space.take_fresh();
            self.effects.push_back(Effect::Fence { pairs });
        } else {
            self.look_for_vain_waits();
        }
    }

    /// A rank that is gone comes to no fence: who waits at one would wait for ever. Nor does it come to a program that
    /// others have begun, whose libraries may wait for it in shared memory, without a word here.
    fn look_for_vain_waits(&mut self) {
        let inside = |client: &&Client| matches!(client.phase, Phase::Open | Phase::Waiting);
        let most = self.clients.iter().filter(inside).max_by_key(|client| client.programs);
        let waiting = self.clients.iter().find(|client| client.phase == Phase::Waiting);
        let gone = (0..self.clients.len())
            .filter(|&at| self.clients[at].phase == Phase::Gone)
            .min_by_key(|&at| self.clients[at].programs);
        let Some(gone) = gone else { return };
        let ahead = most.filter(|most| self.clients[gone].programs < most.programs);
        if let Some(waits) = waiting.or(ahead) {
            let why = format!("has ended, and rank {} waits for it in MPI_Init", waits.served.rank);
            self.end(gone, None, why);
        }
    }

    fn end(&mut self, at: usize, code: Option<i32>, why: String) {
        if !std::mem::replace(&mut self.ended, true) {
            let rank = self.clients[at].served.rank;
            self.effects.push_back(Effect::End { rank, code, why });
        }
    }

    fn send(&mut self, at: usize, bytes: Vec<u8>) {
        self.effects.push_back(Effect::Send { at, bytes });
    }

    fn dialect(&self, at: usize) -> Dialect {
        self.clients[at].inbox.dialect
    }

    fn by_dialect(&self, at: usize, one: &'static str, two: &'static str) -> &'static str {
        if self.dialect(at) == Dialect::V1 { one } else { two }
    }
}

/// What is said of a rank that aborts: the library's own words, where they say more than that.
fn abort_text(message: &[u8]) -> String {
    match String::from_utf8_lossy(message).trim() {
        "" | "abort" => "called MPI_Abort".to_owned(),
        message => format!("called MPI_Abort: {message}"),
    }
}
