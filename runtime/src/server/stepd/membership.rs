//! Programs of ranks that take part in the step's messages: their memory, and the end of all when one is lost.
//!
//! A rank may run several such programs, one after the other (a shell does). Its n-th belongs together with every other
//! rank's n-th: they are one *turn*, with a memory of its own for each node.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::step::{Step, how};
use crate::ids::Rank;
use crate::transport::segment::{Geometry, Segment};
use crate::wire::launch::NodeRanks;
use crate::wire::rank::FromServer;

/// How long ranks have to end by themselves once one is lost: enough to say why, and the step is over within a second.
const LAST_WORDS_WAIT: Duration = Duration::from_millis(400);

/// A rank that is gone before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// Which.
    pub(super) rank: Rank,
    /// Its node.
    pub(super) node: String,
    /// How it ended, for people.
    pub(super) how: String,
}

impl From<Lost> for FromServer {
    fn from(Lost { rank, node, how }: Lost) -> Self {
        Self::PeerGone { rank, node, how }
    }
}

/// Who takes part, of this step process's ranks.
#[derive(Debug)]
pub(super) struct Membership {
    /// Programs that each rank has had take part.
    turns: RefCell<HashMap<Rank, u64>>,
    /// By turn and index of the node in the launch.
    memories: RefCell<HashMap<(u64, usize), Memory>>,
    /// Programs that take part now.
    present: Cell<usize>,
    lost: watch::Sender<Option<Lost>>,
}

#[derive(Debug)]
struct Memory {
    file: Rc<OwnedFd>,
    segment: Arc<Segment>,
    /// Programs that have it and have not ended.
    users: usize,
}

/// A program that takes part, until this value goes.
#[derive(Debug)]
pub(super) struct Member {
    step: Rc<Step>,
    turn: u64,
    node: usize,
    /// What its node's ranks share.
    pub(super) memory: Rc<OwnedFd>,
}

impl Membership {
    pub(super) fn new() -> Self {
        Self {
            turns: RefCell::default(),
            memories: RefCell::default(),
            present: Cell::new(0),
            lost: watch::Sender::new(None),
        }
    }

    /// Tells of the first rank that is lost, now or later.
    pub(super) fn losses(&self) -> watch::Receiver<Option<Lost>> {
        self.lost.subscribe()
    }
}

impl Step {
    /// A program takes part as one of this step process's ranks.
    ///
    /// # Errors
    /// For people: there is no such rank, or no memory.
    pub(super) fn join(self: &Rc<Self>, rank: Rank) -> Result<Member, String> {
        let unknown = || format!("step {} has no rank {rank} here", self.launch.key);
        let task = *self.by_rank.get(&rank).ok_or_else(unknown)?;
        let node = self.tasks.borrow()[task].node;
        let turn = {
            let mut turns = self.membership.turns.borrow_mut();
            let turn = turns.entry(rank).or_insert(0);
            *turn += 1;
            *turn
        };
        let memory =
            self.memory(turn, node).map_err(|error| format!("cannot make the ranks' memory: {error}"))?;
        self.membership.present.set(self.membership.present.get() + 1);
        Ok(Member { step: Rc::clone(self), turn, node, memory })
    }

    fn memory(&self, turn: u64, node: usize) -> io::Result<Rc<OwnedFd>> {
        let mut memories = self.membership.memories.borrow_mut();
        if let Some(memory) = memories.get_mut(&(turn, node)) {
            memory.users += 1;
            return Ok(Rc::clone(&memory.file));
        }
        let geometry =
            Geometry::new(self.launch.nodes[node].tasks.len() as u32).ok_or(io::ErrorKind::InvalidInput)?;
        let file = Rc::new(Segment::create(geometry)?);
        let segment = Segment::map(&*file, geometry)?;
        memories.insert((turn, node), Memory { file: Rc::clone(&file), segment, users: 1 });
        Ok(file)
    }

    /// Every node of the step with its ranks.
    pub(super) fn node_ranks(&self) -> Vec<NodeRanks> {
        if !self.launch.layout.is_empty() {
            return self.launch.layout.clone();
        }
        let nodes = self.launch.nodes.iter();
        nodes
            .map(|node| {
                NodeRanks::new(node.name.clone(), String::new(), node.tasks.iter().map(|task| task.rank.0))
            })
            .collect()
    }

    /// Whether there are more ranks here than CPUs: none may keep one while it waits.
    pub(super) fn is_crowded(&self) -> bool {
        let ranks: usize = self.launch.nodes.iter().map(|node| node.tasks.len()).sum();
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        ranks > cpus
    }

    /// Name of a rank's node.
    pub(super) fn node_of(&self, rank: Rank) -> String {
        let node = self.by_rank.get(&rank).map(|task| self.tasks.borrow()[*task].node);
        node.map_or_else(String::new, |node| self.launch.nodes[node].name.clone())
    }

    /// How a program of a rank ended that has closed its link: as its task, where it is that and ends at the same time.
    pub(super) async fn how_it_ended(&self, rank: Rank, pid: Option<i32>) -> String {
        /// A link closes before its process can be waited for.
        const REAP_WAIT: Duration = Duration::from_millis(100);
        let Some(&task) = self.by_rank.get(&rank) else { return "is gone".to_owned() };
        let exit = async {
            loop {
                let end = self.ends.notified();
                if let Some(exit) = self.tasks.borrow()[task].exit {
                    return exit;
                }
                end.await;
            }
        };
        match (tokio::time::timeout(REAP_WAIT, exit).await, pid) {
            (Ok(exit), _) => format!("{} without leaving", how(exit)),
            (Err(_), Some(pid)) => format!("is gone: its process {pid} ended without leaving"),
            (Err(_), None) => "is gone: its process ended without leaving".to_owned(),
        }
    }

    /// A rank is lost: every program that takes part is told, and has a moment for its last words.
    pub(super) fn lose(self: &Rc<Self>, lost: Lost) {
        if self.membership.lost.borrow().is_some() {
            return;
        }
        let told = format!("error: rank {} on {} {}", lost.rank, lost.node, lost.how);
        self.membership.lost.send_replace(Some(lost));
        for memory in self.membership.memories.borrow().values() {
            memory.segment.end();
        }
        self.notice(&told);
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(LAST_WORDS_WAIT).await;
            step.terminate(true, None);
        });
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let membership = &self.step.membership;
        membership.present.set(membership.present.get() - 1);
        let mut memories = membership.memories.borrow_mut();
        if let Some(memory) = memories.get_mut(&(self.turn, self.node)) {
            memory.users -= 1;
        }
    }
}
