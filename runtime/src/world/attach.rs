//! How a process becomes a rank: by its environment, through the node's door, to its step process.

use std::env;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use super::communicator::Communicator;
use crate::env::{JOB, RANK, SOCKET, STEP, STEP_SECRET, STEP_SOCKET};
use crate::ids::{JobId, Rank, StepId, StepKey};
use crate::transport::engine::{Engine, Place};
use crate::transport::far::Far;
use crate::transport::neighbours::{Bells, Neighbours};
use crate::transport::port::Port;
use crate::transport::segment::{Geometry, Segment};
use crate::transport::step_link::StepLink;
use crate::wire::frame::FrameError;
use crate::wire::launch::{NodeRanks, Secret};
use crate::wire::preamble::Target;
use crate::wire::rank::{FromServer, ToServer};

/// Why a process cannot join its step. Its `Debug` form is for people too, with the causes: a `main` that returns it
/// prints that.
#[derive(thiserror::Error)]
pub enum InitError {
    /// A variable is missing beside others that are there, or does not hold what prun sets it to.
    #[error("`{0}` does not hold what prun sets it to")]
    Variable(&'static str),
    /// The step process cannot be reached, or has closed the link.
    #[error("cannot join the step through `{}`", path.display())]
    Link {
        /// The node's door.
        path: PathBuf,
        /// Why.
        source: FrameError,
    },
    /// The step does not let this process in.
    #[error("{0}")]
    Refused(String),
    /// The ranks' memory cannot be mapped.
    #[error("cannot map the memory of the node's ranks")]
    Memory(#[from] std::io::Error),
}

impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Joins the step of this process, or makes a world of one.
pub(super) fn attach() -> Result<Communicator, InitError> {
    let Some(socket) = env::var_os(STEP_SOCKET).or_else(|| env::var_os(SOCKET)) else { return alone() };
    let (path, rank) = (PathBuf::from(socket), Rank(number(RANK)?));
    let target = Target::Rank {
        key: StepKey { job: JobId(number(JOB)?), step: StepId(number(STEP)?) },
        secret: Secret::from_hex(&text(STEP_SECRET)?).ok_or(InitError::Variable(STEP_SECRET))?,
        rank,
    };
    let join = || {
        let mut step = StepLink::connect(&path, target)?;
        step.tell(&ToServer::Attach)?;
        let answer = step.hear()?;
        Ok((step, answer))
    };
    let (mut step, answer) = join().map_err(|source| InitError::Link { path: path.clone(), source })?;
    let (nodes, node, crowded, bells, deadlock_ms) = match answer {
        FromServer::Attached { nodes, node, crowded, bells, deadlock_ms, .. } => {
            (nodes, node, crowded, bells, deadlock_ms)
        }
        FromServer::Refused { reason } => return Err(InitError::Refused(reason)),
        FromServer::PeerGone { rank, node, how } => {
            return Err(InitError::Refused(format!("rank {rank} on {node} {how}")));
        }
        _ => return Err(nonsense()),
    };
    let places = places(&nodes).ok_or_else(nonsense)?;
    let ranks: Vec<Rank> = nodes.get(node as usize).ok_or_else(nonsense)?.ranks().collect();
    let me = ranks.iter().position(|local| *local == rank).ok_or_else(nonsense)?;
    let geometry = Geometry::new(ranks.len() as u32).ok_or_else(nonsense)?;
    let memory = step.descriptor().ok_or_else(nonsense)?;
    let bells = hear_bells(&mut step, bells).map_err(|source| InitError::Link { path, source })?;
    let far = match bells.get(me) {
        Some(bell) => Some(Far::new(bell.try_clone()?)),
        None => None,
    };
    let neighbours = Neighbours::new(Segment::map(memory, geometry)?, me, ranks, Bells(bells));
    let mut engine = Engine::new(rank, places, neighbours, far, Some(step), crowded);
    if deadlock_ms > 0 {
        engine.set_patience(Duration::from_millis(deadlock_ms));
    }
    Ok(Communicator::all(Port::new(engine), nodes.into_iter().map(|node| node.name).collect()))
}

/// What wakes each rank of the node, where the step has several nodes.
fn hear_bells(step: &mut StepLink, count: u32) -> Result<Vec<OwnedFd>, FrameError> {
    let mut bells = Vec::new();
    while bells.len() < count as usize {
        match step.hear()? {
            FromServer::Bell => bells.push(step.descriptor().ok_or(FrameError::OutOfTurn)?),
            _ => return Err(FrameError::OutOfTurn),
        }
    }
    Ok(bells)
}

/// The only rank of its world.
fn alone() -> Result<Communicator, InitError> {
    let segment = Geometry::new(1)
        .and_then(Segment::own)
        .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
    let neighbours = Neighbours::new(segment, 0, vec![Rank(0)], Bells::default());
    let engine = Engine::new(Rank(0), vec![Place { node: 0, local: 0 }], neighbours, None, None, true);
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Ok(Communicator::all(Port::new(engine), vec![name]))
}

fn nonsense() -> InitError {
    InitError::Refused("the step process gives an answer that makes no sense".to_owned())
}

/// By rank its place; `None` where they are not each of 0, 1, 2, … once.
fn places(nodes: &[NodeRanks]) -> Option<Vec<Place>> {
    let count: u64 = nodes.iter().flat_map(|node| &node.runs).map(|run| u64::from(run.1)).sum();
    if count > u64::from(crate::limits::RANKS_MAX) {
        return None;
    }
    let mut places = vec![None; count as usize];
    for (node, on_node) in (0..).zip(nodes) {
        for (local, rank) in (0..).zip(on_node.ranks()) {
            let place = places.get_mut(rank.0 as usize)?;
            if place.replace(Place { node, local }).is_some() {
                return None;
            }
        }
    }
    places.into_iter().collect()
}

fn text(name: &'static str) -> Result<String, InitError> {
    env::var(name).map_err(|_| InitError::Variable(name))
}

fn number(name: &'static str) -> Result<u32, InitError> {
    text(name)?.parse().map_err(|_| InitError::Variable(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_an_error_prints_what_happened() {
        let refused = InitError::Refused("step 7.0 has no rank 9".to_owned());
        assert_eq!(format!("{refused:?}"), "step 7.0 has no rank 9");
        let memory = InitError::Memory(std::io::ErrorKind::OutOfMemory.into());
        assert_eq!(format!("{memory:?}"), "cannot map the memory of the node's ranks: out of memory");
    }

    #[test]
    fn places_follow_the_runs_and_every_rank_has_one() {
        let node = |ranks: &[u32]| NodeRanks::new("n".into(), "a".into(), ranks.iter().copied());
        let place = |node, local| Place { node, local };
        assert_eq!(places(&[node(&[0, 2]), node(&[1])]), Some(vec![place(0, 0), place(1, 0), place(0, 1)]));
        assert_eq!(places(&[node(&[0, 1]), node(&[1])]), None);
        assert_eq!(places(&[node(&[0, 3])]), None);
        let mut endless = node(&[0]);
        endless.runs = vec![(0, u32::MAX)];
        assert_eq!(places(&[endless]), None);
    }
}
