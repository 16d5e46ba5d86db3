//! Programs of ranks that take part in the step's messages: their memory, and the end of all when one is lost.
//!
//! The first such program of each rank, the second one of each and so on are one *turn*, with a memory of its own for
//! each node. Whom a rank is lost to is decided where the step's first node is ([`super::turns`]); the other step
//! processes watch for that.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::{Notify, watch};

use super::children::how;
use super::introductions::Introduction;
use super::step::Step;
use super::turns::{Lost, Turns};
use crate::ids::Rank;
use crate::transport::segment::{Geometry, Segment};
use crate::wire::launch::NodeRanks;
use crate::wire::rank::{FromServer, ToServer};

/// How long ranks have to end by themselves once one is lost: enough to say why, and the step is over within a second.
const LAST_WORDS_WAIT: Duration = Duration::from_millis(400);

impl From<Lost> for FromServer {
    fn from(Lost { rank, node, how }: Lost) -> Self {
        Self::PeerGone { rank, node, how }
    }
}

/// Who takes part, of this step process's ranks.
#[derive(Debug)]
pub(super) struct Membership {
    /// Of the whole step, where that is known.
    turns: RefCell<Turns>,
    /// Programs that each rank has had take part, and whether one does now.
    programs: RefCell<HashMap<Rank, (u64, bool)>>,
    /// By turn and index of the node in the launch, as long as a program has it.
    memories: RefCell<HashMap<(u64, usize), Memory>>,
    lost: watch::Sender<Option<Lost>>,
    /// Connections to other nodes, for a rank's program of a turn.
    pub(super) introductions: RefCell<HashMap<(Rank, u64), VecDeque<Introduction>>>,
    /// There is a new one.
    pub(super) introduced: Notify,
}

/// What the ranks of a node share.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) file: Rc<OwnedFd>,
    /// One for each rank of the node, where the step has several nodes.
    pub(super) bells: Rc<Vec<OwnedFd>>,
    segment: Arc<Segment>,
    /// Programs that have it.
    users: usize,
}

/// A program that takes part, until this value goes.
#[derive(Debug)]
pub(super) struct Member {
    step: Rc<Step>,
    pub(super) rank: Rank,
    pub(super) turn: u64,
    node: usize,
    pub(super) memory: Memory,
}

impl Membership {
    pub(super) fn new() -> Self {
        Self {
            turns: RefCell::default(),
            programs: RefCell::default(),
            memories: RefCell::default(),
            lost: watch::Sender::new(None),
            introductions: RefCell::default(),
            introduced: Notify::new(),
        }
    }

    /// Tells of the first rank that is lost, now or later.
    pub(super) fn losses(&self) -> watch::Receiver<Option<Lost>> {
        self.lost.subscribe()
    }

    /// Whether a rank's program of a turn takes part, or may still come.
    pub(super) fn awaits(&self, rank: Rank, turn: u64) -> bool {
        let (had, now) = self.programs.borrow().get(&rank).copied().unwrap_or_default();
        had < turn || (had == turn && now)
    }

    /// Programs that a rank has had take part.
    pub(super) fn turns_of(&self, rank: Rank) -> u64 {
        self.programs.borrow().get(&rank).map_or(0, |programs| programs.0)
    }
}

impl Step {
    /// A program takes part as one of this step process's ranks.
    ///
    /// # Errors
    /// For people: there is no such rank, one of its programs takes part already, or no memory.
    pub(super) fn join(self: &Rc<Self>, rank: Rank) -> Result<Member, String> {
        let unknown = || format!("step {} has no rank {rank} here", self.launch.key);
        let task = *self.by_rank.get(&rank).ok_or_else(unknown)?;
        let node = self.tasks.borrow()[task].node;
        if let Some(lost) = &*self.membership.lost.borrow() {
            return Err(lost.report());
        }
        let turn = {
            let mut programs = self.membership.programs.borrow_mut();
            let (turns, now) = programs.entry(rank).or_default();
            if *now {
                return Err(format!("another process takes part as rank {rank}"));
            }
            *turns += 1;
            *now = true;
            *turns
        };
        let memory =
            self.memory(turn, node).map_err(|error| format!("cannot make the ranks' memory: {error}"));
        if memory.is_err() {
            self.membership.programs.borrow_mut().insert(rank, (turn, false));
        }
        let member = Member { step: Rc::clone(self), rank, turn, node, memory: memory? };
        self.begin(turn);
        Ok(member)
    }

    fn memory(&self, turn: u64, node: usize) -> io::Result<Memory> {
        let mut memories = self.membership.memories.borrow_mut();
        if let Some(memory) = memories.get_mut(&(turn, node)) {
            memory.users += 1;
            return Ok(memory.clone());
        }
        let ranks = self.launch.nodes[node].tasks.len();
        let geometry = Geometry::new(ranks as u32).ok_or(io::ErrorKind::InvalidInput)?;
        let file = Rc::new(Segment::create(geometry)?);
        let segment = Segment::map(&*file, geometry)?;
        let bell = |_| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let bells = if self.node_ranks().len() > 1 { ranks } else { 0 };
        let bells = Rc::new((0..bells).map(bell).collect::<Result<_, _>>()?);
        let memory = Memory { file, bells, segment, users: 1 };
        memories.insert((turn, node), memory.clone());
        Ok(memory)
    }

    /// Whether the program of a rank that takes part here does not sleep, whatever it has said.
    pub(super) fn is_woken(&self, rank: Rank) -> bool {
        let Some(&task) = self.by_rank.get(&rank) else { return false };
        let (node, local) = {
            let task = &self.tasks.borrow()[task];
            (task.node, task.local)
        };
        let (turn, takes_part) = self.membership.programs.borrow().get(&rank).copied().unwrap_or_default();
        let memories = self.membership.memories.borrow();
        let memory = memories.get(&(turn, node)).filter(|_| takes_part);
        memory.is_some_and(|memory| !memory.segment.seat(local).waker.is_asleep())
    }

    /// Every node of the step with its ranks.
    pub(super) fn node_ranks(&self) -> Vec<NodeRanks> {
        if !self.launch.layout.is_empty() {
            return self.launch.layout.clone();
        }
        let own = |node: &crate::wire::launch::NodeTasks| {
            NodeRanks::new(node.name.clone(), String::new(), node.tasks.iter().map(|task| task.rank.0))
        };
        self.launch.nodes.iter().map(own).collect()
    }

    /// Name of a rank's node.
    pub(super) fn node_of(&self, rank: Rank) -> String {
        let node = self.by_rank.get(&rank).map(|task| self.tasks.borrow()[*task].node);
        node.map_or_else(String::new, |node| self.launch.nodes[node].name.clone())
    }

    /// Whether there are more ranks here than CPUs: none may keep one while it waits.
    pub(super) fn is_crowded(&self) -> bool {
        let ranks: usize = self.launch.nodes.iter().map(|node| node.tasks.len()).sum();
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        ranks > cpus
    }

    /// A turn has begun for a rank of this step process.
    fn begin(self: &Rc<Self>, turn: u64) {
        let lost = self.membership.turns.borrow_mut().begin(turn);
        if let Some(lost) = lost {
            self.lose(lost);
        }
        if !self.is_root() {
            let step = Rc::clone(self);
            tokio::task::spawn_local(async move { step.watch(turn).await });
        }
    }

    /// A turn has begun for a rank of another step process.
    pub(super) fn begun_elsewhere(self: &Rc<Self>, turn: u64) {
        let lost = self.membership.turns.borrow_mut().begin(turn);
        if let Some(lost) = lost {
            self.lose(lost);
        }
    }

    /// Hears from the step's first node of a rank that is lost.
    async fn watch(self: &Rc<Self>, turn: u64) {
        let Some(&rank) = self.by_rank.keys().next() else { return };
        let mut losses = self.membership.losses();
        let question = ToServer::Watch { turn };
        let known = async { losses.wait_for(Option::is_some).await.is_ok() };
        let lost = tokio::select! {
            answer = self.ask_root(rank, &question, &[]) => match answer.message {
                FromServer::PeerGone { rank, node, how } => Lost { rank, node, how },
                _ => {
                    let first = self.node_ranks().into_iter().next();
                    let node = first.as_ref().map_or_else(String::new, |first| first.name.clone());
                    let rank = first.and_then(|first| first.ranks().next()).unwrap_or(Rank(0));
                    Lost { rank, node, how: "is gone with its node".to_owned() }
                }
            },
            _ = known => return,
        };
        self.lose(lost);
    }

    /// A rank, here or elsewhere, has ended after so many turns.
    pub(super) fn missed(self: &Rc<Self>, turns: u64, rank: Lost) {
        let lost = self.membership.turns.borrow_mut().end(turns, rank);
        let first = self.membership.lost.borrow().is_none();
        if let Some(lost) = lost.filter(|_| first) {
            self.notice(&format!("error: {}", lost.report()));
            self.lose(lost);
        }
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

    /// The last lines of a rank's error output.
    fn last_words(&self, rank: Rank) -> Vec<String> {
        const LINES_MAX: usize = 5;
        let Some(&task) = self.by_rank.get(&rank) else { return Vec::new() };
        let tail = String::from_utf8_lossy(&self.tasks.borrow()[task].tail).into_owned();
        let lines: Vec<String> = tail.lines().map(str::to_owned).collect();
        lines[lines.len().saturating_sub(LINES_MAX)..].to_vec()
    }

    /// A rank of this step process is lost: it is said here, and the step's first node is told.
    pub(super) fn lose_own(self: &Rc<Self>, lost: Lost) {
        if self.membership.lost.borrow().is_some() {
            return;
        }
        self.notice(&format!("error: {}", lost.report()));
        for line in self.last_words(lost.rank) {
            self.notice(&format!("rank {}: {line}", lost.rank));
        }
        if !self.is_root() {
            let (step, lost) = (Rc::clone(self), lost.clone());
            tokio::task::spawn_local(async move {
                let Lost { rank, node, how } = lost;
                step.say_to_root(rank, &ToServer::Lost { node, how }).await;
            });
        }
        self.lose(lost);
    }

    /// A rank is lost: every program that takes part here is told, and has a moment for its last words.
    pub(super) fn lose(self: &Rc<Self>, lost: Lost) {
        if self.membership.lost.borrow().is_some() {
            return;
        }
        self.membership.lost.send_replace(Some(lost));
        for memory in self.membership.memories.borrow().values() {
            memory.segment.end();
        }
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(LAST_WORDS_WAIT).await;
            step.terminate(true, None);
        });
    }
}

impl Lost {
    fn report(&self) -> String {
        format!("rank {} on {} {}", self.rank, self.node, self.how)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let membership = &self.step.membership;
        membership.programs.borrow_mut().insert(self.rank, (self.turn, false));
        membership.introductions.borrow_mut().remove(&(self.rank, self.turn));
        let mut memories = membership.memories.borrow_mut();
        let Some(memory) = memories.get_mut(&(self.turn, self.node)) else { return };
        memory.users -= 1;
        // Neighbours whose programs come later still need it.
        let mut ranks = self.step.launch.nodes[self.node].tasks.iter().map(|task| task.rank);
        if memory.users == 0 && !ranks.any(|rank| membership.awaits(rank, self.turn)) {
            memories.remove(&(self.turn, self.node));
        }
    }
}
