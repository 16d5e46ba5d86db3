//! PMI on a step's side: a socket for each rank, and what the server of [`crate::pmi`] decides.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;

use serde_bytes::ByteBuf;
use tokio::net::UnixStream;

use super::environment::Environment;
use super::step::Step;
use crate::env;
use crate::ids::Rank;
use crate::pmi::process_mapping;
use crate::pmi::server::{Effect, Facts, Pair, Served, Server};
use crate::wire::frame::{FrameError, decode, encode};
use crate::wire::launch::{MpiKind, NodeRanks, StepLaunch};
use crate::wire::step::FromStep;

/// Bytes read at once: a library sends a line and waits for its answer.
const READ_BYTES: usize = 4 << 10;

/// The server and this process's ends of the sockets, in the order of the step's tasks.
#[derive(Debug)]
pub(super) struct Pmi {
    server: RefCell<Server>,
    sockets: RefCell<Vec<Option<Rc<UnixStream>>>>,
}

impl Pmi {
    /// The server for a launch's tasks, where it wants PMI.
    pub(super) fn of(launch: &StepLaunch) -> Option<Self> {
        launch.mpi.as_ref().filter(|mpi| mpi.kind == MpiKind::Pmi)?;
        let served: Vec<Served> = launch
            .nodes
            .iter()
            .flat_map(|node| node.tasks.iter().map(|task| Served { rank: task.rank, node: node.node_id }))
            .collect();
        let facts = Facts {
            size: launch.size,
            space_name: format!("kvs_{}_{}", launch.key.job, launch.key.step),
            mapping: node_of(&launch.layout, launch.size).and_then(|node_of| process_mapping(&node_of)),
        };
        let sockets = RefCell::new(served.iter().map(|_| None).collect());
        Some(Self { server: RefCell::new(Server::new(facts, &served)), sockets })
    }
}

impl Pmi {
    /// Whether some rank has ever said anything.
    pub(super) fn was_spoken_to(&self) -> bool {
        self.server.borrow().was_spoken_to()
    }

    /// Whether libraries of ranks that ended before their time may have left files in shared memory.
    pub(super) fn ends_badly(&self) -> bool {
        self.server.borrow().ends_badly()
    }
}

/// Each rank's node; `None` where the launch does not say it of all.
fn node_of(layout: &[NodeRanks], size: u32) -> Option<Vec<u32>> {
    let mut node_of = vec![None; size as usize];
    for (number, node) in (0..).zip(layout) {
        for rank in node.ranks() {
            *node_of.get_mut(rank.0 as usize)? = Some(number);
        }
    }
    node_of.into_iter().collect()
}

impl Step {
    /// Makes a task's socket and says in its environment where it is: the task's end, to be inherited.
    ///
    /// # Errors
    /// Those of `socketpair(2)`.
    pub(super) fn open_pmi(
        self: &Rc<Self>,
        at: usize,
        environment: &mut Environment,
    ) -> io::Result<Option<OwnedFd>> {
        let Some(pmi) = &self.pmi else { return Ok(None) };
        let (own, other) = StdStream::pair()?;
        own.set_nonblocking(true)?;
        let socket = Rc::new(UnixStream::from_std(own)?);
        pmi.sockets.borrow_mut()[at] = Some(Rc::clone(&socket));
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move { step.serve_pmi(at, &socket).await });
        let (task, local_size) = {
            let tasks = self.tasks.borrow();
            let node = &self.launch.nodes[tasks[at].node];
            (node.tasks[tasks[at].local].clone(), node.tasks.len())
        };
        for (key, value) in [
            (env::PMI_FD, other.as_raw_fd().to_string()),
            (env::PMI_RANK, task.rank.to_string()),
            (env::PMI_SIZE, self.launch.size.to_string()),
            (env::PMI_JOBID, format!("{}_{}", self.launch.key.job, self.launch.key.step)),
            (env::MPI_LOCALRANKID, task.local_rank.to_string()),
            (env::MPI_LOCALNRANKS, local_size.to_string()),
        ] {
            environment.set(key.as_bytes(), value.as_bytes());
        }
        Ok(Some(other.into()))
    }

    /// Hears a rank until its socket closes.
    async fn serve_pmi(self: &Rc<Self>, at: usize, socket: &UnixStream) {
        let Some(pmi) = &self.pmi else { return };
        let mut buffer = [0; READ_BYTES];
        while socket.readable().await.is_ok() {
            match socket.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => pmi.server.borrow_mut().hear(at, &buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            }
            self.act_for_pmi(pmi);
        }
        pmi.sockets.borrow_mut()[at] = None;
        pmi.server.borrow_mut().closed(at);
        self.act_for_pmi(pmi);
    }

    fn act_for_pmi(self: &Rc<Self>, pmi: &Pmi) {
        while let Some(effect) = { pmi.server.borrow_mut().next_effect() } {
            match effect {
                Effect::Send { at, bytes } => self.send_to_rank(pmi, at, &bytes),
                Effect::Fence { pairs } => {
                    let step = Rc::clone(self);
                    tokio::task::spawn_local(async move { step.fence(pairs).await });
                }
                Effect::Refused { rank, why } => self.notice(&format!("warning: rank {rank} {why}")),
                Effect::End { rank, code, why } => self.abort(rank, code, why),
            }
        }
    }

    /// A library waits for each answer, which is why there is always room for it; one that does not is closed.
    fn send_to_rank(&self, pmi: &Pmi, at: usize, bytes: &[u8]) {
        let mut sockets = pmi.sockets.borrow_mut();
        let sent = sockets[at].as_ref().map(|socket| rustix::io::write(socket, bytes));
        if sent.is_some_and(|sent| sent != Ok(bytes.len()))
            && let Some(socket) = sockets[at].take()
        {
            // Its end is read by the task that hears it.
            let _ = rustix::net::shutdown(&*socket, rustix::net::Shutdown::Both);
        }
    }

    /// Exchanges what was put with the other step processes.
    async fn fence(self: Rc<Self>, pairs: Vec<Pair>) {
        let Some(pmi) = &self.pmi else { return };
        let ranks = self.tasks.borrow().iter().map(|task| task.rank).collect();
        let outcome = match pack(pairs) {
            Ok(data) => self.exchange(Vec::new(), ranks, data).await.and_then(|parts| {
                unpack(&parts).map_err(|error| format!("cannot read what another node has put: {error}"))
            }),
            Err(error) => Err(format!("cannot send what its node has put: {error}")),
        };
        match outcome {
            Ok(pairs) => pmi.server.borrow_mut().fenced(pairs),
            Err(why) => pmi.server.borrow_mut().fence_failed(why),
        }
        self.act_for_pmi(pmi);
    }

    /// Has the launcher end the step, unless it ends already.
    pub(super) fn abort(&self, rank: Rank, code: Option<i32>, why: String) {
        if !self.is_ending() {
            self.announce(FromStep::Aborted { rank, code, why });
        }
    }
}

/// Pairs as they travel.
fn pack(pairs: Vec<Pair>) -> Result<ByteBuf, FrameError> {
    let pairs: Vec<(ByteBuf, ByteBuf)> =
        pairs.into_iter().map(|(key, value)| (ByteBuf::from(key), ByteBuf::from(value))).collect();
    encode(&pairs).map(ByteBuf::from)
}

fn unpack(parts: &[ByteBuf]) -> Result<Vec<Pair>, FrameError> {
    let mut all = Vec::new();
    for part in parts {
        let pairs: Vec<(ByteBuf, ByteBuf)> = decode(part)?;
        all.extend(pairs.into_iter().map(|(key, value)| (key.into_vec(), value.into_vec())));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_has_a_node_or_none_has() {
        let node =
            |name: &str, ranks: &[u32]| NodeRanks::new(name.into(), String::new(), ranks.iter().copied());
        let layout = [node("a", &[0, 2]), node("b", &[1])];
        assert_eq!(node_of(&layout, 3), Some(vec![0, 1, 0]));
        assert_eq!(node_of(&layout, 4), None);
        assert_eq!(node_of(&layout, 2), None);
    }

    #[test]
    fn pairs_come_back_from_all_parts() {
        let pair = |key: &str| (key.as_bytes().to_vec(), vec![0, 255]);
        let parts = [pack(vec![pair("a"), pair("b")]).unwrap(), pack(vec![pair("c")]).unwrap()];
        assert_eq!(unpack(&parts).unwrap(), [pair("a"), pair("b"), pair("c")]);
        assert!(unpack(&[ByteBuf::from("nonsense")]).is_err());
    }
}
