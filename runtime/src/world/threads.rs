//! Ranks as threads of one process, over one segment: for tests.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::communicator::Communicator;
use crate::ids::Rank;
use crate::transport::engine::{Engine, Place};
use crate::transport::neighbours::{Bells, Neighbours};
use crate::transport::port::Port;
use crate::transport::segment::{Geometry, Segment};

/// Runs so many ranks to their ends, each as a thread; gives what they give, by rank. A rank that panics fails the test.
pub(crate) fn run<R: Send>(size: u32, rank: impl Fn(&Communicator) -> R + Sync) -> Vec<R> {
    let segment = Segment::own(Geometry::new(size).unwrap()).unwrap();
    std::thread::scope(|scope| {
        let start = |me| {
            let (segment, rank) = (Arc::clone(&segment), &rank);
            scope.spawn(move || {
                let communicator = communicator(Arc::clone(&segment), me);
                let result = catch_unwind(AssertUnwindSafe(|| rank(&communicator)));
                // The others must not wait for one that has failed its test.
                if result.is_err() {
                    segment.end();
                }
                communicator.port().engine().leave();
                result.unwrap_or_else(|panic| resume_unwind(panic))
            })
        };
        let threads: Vec<_> = (0..size).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The world of one of the ranks that share a segment.
pub(crate) fn communicator(segment: Arc<Segment>, me: u32) -> Communicator {
    let size = segment.ranks() as u32;
    let places = (0..size).map(|local| Place { node: 0, local }).collect();
    let neighbours = Neighbours::new(segment, me as usize, (0..size).map(Rank).collect(), Bells::default());
    let engine = Engine::new(Rank(me), places, neighbours, None, None, true);
    Communicator::all(Port::new(engine), vec!["here".to_owned()])
}
