//! A communicator: ranks that speak to each other in a message space of their own.

use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::collectives::Calls;
use super::error::{Call, Error};
use super::group::Group;
use crate::ids::Rank;
use crate::transport::engine::Engine;
use crate::transport::failure::Failure;
use crate::transport::port::Port;
use crate::transport::team::Team;

/// An ordered group of ranks with its own message space (MPI 4.1, chapter 7). Cloning gives another handle of the same
/// one, not a new message space.
#[derive(Debug, Clone)]
pub struct Communicator {
    session: Rc<Session>,
    group: Rc<Group>,
    /// This rank's number in the group.
    me: usize,
    /// Messages between ranks; those of collectives have the next one.
    context: u32,
    calls: Rc<Calls>,
    /// Its ranks share memory.
    team: Option<Rc<Team>>,
}

/// All ranks of a world that has one node.
fn team(engine: &mut Engine) -> Option<Team> {
    /// The slot that every memory has for the communicator of all.
    const SLOT: usize = 0;
    let size = engine.places().len();
    let neighbours = engine.neighbours();
    let members: Vec<_> = neighbours.ranks().iter().copied().zip(0..).collect();
    let is_whole = members.len() == size && size > 1;
    is_whole.then(|| Team::new(Arc::clone(neighbours.segment()), SLOT, members, neighbours.me()))
}

/// What all communicators of a process share.
#[derive(Debug)]
pub(super) struct Session {
    port: Port,
    /// Names of the step's nodes.
    nodes: Vec<String>,
    begin: Instant,
    /// The next message space that no communicator of this process has.
    next_context: Cell<u32>,
}

/// Message spaces of a communicator: of its messages, and of its collectives.
const CONTEXTS: u32 = 2;

impl Communicator {
    /// That of all ranks.
    pub(super) fn all(port: Port, nodes: Vec<String>) -> Self {
        let (me, size, team) = {
            let mut engine = port.engine();
            (engine.me(), engine.places().len(), team(&mut engine))
        };
        let session = Session { port, nodes, begin: Instant::now(), next_context: Cell::new(CONTEXTS) };
        Self {
            session: Rc::new(session),
            group: Rc::new(Group::All(size)),
            me: me.0 as usize,
            context: 0,
            calls: Rc::default(),
            team: team.map(Rc::new),
        }
    }

    /// One of some of its ranks, this one among them, in a message space that none of them has.
    pub(super) fn derive(&self, ranks: Vec<Rank>, context: u32) -> Self {
        let group = Group::of(ranks);
        let me = group.number(self.port().engine().me()).unwrap_or(0);
        Self {
            session: Rc::clone(&self.session),
            group: Rc::new(group),
            me,
            context,
            calls: Rc::default(),
            team: None,
        }
    }

    /// The first message space that no communicator of this rank has.
    pub(super) fn next_context(&self) -> u32 {
        self.session.next_context.get()
    }

    /// A communicator gets this message space.
    pub(super) fn take_context(&self, context: u32) {
        self.session.next_context.set(context.saturating_add(CONTEXTS));
    }

    /// This rank, from 0 to [`Self::size`] - 1 (`MPI_Comm_rank`).
    #[must_use]
    pub fn rank(&self) -> usize {
        self.me
    }

    /// Ranks of this communicator (`MPI_Comm_size`).
    #[must_use]
    pub fn size(&self) -> usize {
        self.group.size()
    }

    /// This rank's place among the step's ranks on its node, from 0 (`SLURM_LOCALID`).
    #[must_use]
    pub fn local_rank(&self) -> usize {
        self.port().engine().neighbours().me()
    }

    /// Ranks of the step on this node.
    #[must_use]
    pub fn local_size(&self) -> usize {
        self.port().engine().neighbours().ranks().len()
    }

    /// Name of this rank's node (`MPI_Get_processor_name`).
    #[must_use]
    pub fn node(&self) -> &str {
        let engine = self.port().engine();
        let place = engine.places()[engine.me().0 as usize];
        self.session.nodes.get(place.node as usize).map_or("", String::as_str)
    }

    /// Time since this rank has joined (`MPI_Wtime`). Clocks of different ranks have nothing to do with each other.
    #[must_use]
    pub fn wtime(&self) -> Duration {
        self.session.begin.elapsed()
    }

    /// Where bytes go and come.
    pub(crate) fn port(&self) -> &Port {
        &self.session.port
    }

    /// Message space of point-to-point messages.
    pub(crate) fn context(&self) -> u32 {
        self.context
    }

    /// Message space of collectives.
    pub(crate) fn collective_context(&self) -> u32 {
        self.context + 1
    }

    /// Its collective calls.
    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Its ranks, where all of them share memory and it is the communicator of all.
    pub(super) fn team(&self) -> Option<&Team> {
        self.team.as_deref()
    }

    /// Which ranks it has.
    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    /// The rank of the world behind a number of this communicator.
    ///
    /// # Errors
    /// [`Failure::NoSuchRank`].
    pub(crate) fn world_rank(&self, number: usize) -> Result<Rank, Failure> {
        let missing = || Failure::NoSuchRank {
            rank: u32::try_from(number).unwrap_or(u32::MAX),
            size: self.size() as u32,
        };
        self.group.rank(number).ok_or_else(missing)
    }

    /// What a call of the library is known by in errors. To be made first thing in every public call, which is
    /// `#[track_caller]`.
    #[track_caller]
    pub(crate) fn call(&self, name: &'static str) -> Call {
        let call = Call { name, place: Location::caller() };
        self.port().called(call);
        call
    }

    /// A failed call.
    pub(crate) fn failed(&self, call: Call) -> impl Fn(Failure) -> Error {
        let rank = self.port().engine().me().0 as usize;
        move |failure| Error::new(rank, call, failure)
    }
}
