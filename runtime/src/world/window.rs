//! Shared windows: memory of a node that its ranks touch directly (`MPI_Win_allocate_shared`, MPI 4.1, section 12.2.3).
//!
//! ```no_run
//! # use std::sync::atomic::{AtomicU64, Ordering};
//! # use prun_runtime::world::World;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let world = World::init()?;
//! let node = world.split_by_node()?;
//! // Each rank writes its own part; then all read all of it; then they write again.
//! let mut window = node.alloc_shared::<f64>(1000)?;
//! window.own().fill(node.rank() as f64);
//! let window = window.publish()?;
//! let sum: f64 = window.parts().map(|part| part[0]).sum();
//! let mut window = window.reclaim()?;
//! window.own()[0] = sum;
//! // Atomic numbers may be touched by everybody at any time.
//! let next = node.alloc_shared_atomic::<AtomicU64>(usize::from(node.rank() == 0))?;
//! let task = next.part(0)[0].fetch_add(1, Ordering::Relaxed);
//! # let _ = task;
//! # Ok(())
//! # }
//! ```

use bytemuck::Pod;

use super::communicator::Communicator;
use super::error::Error;
use crate::ids::Rank;
use crate::transport::failure::Failure;
use crate::transport::window::{self, Atomic, PART_ALIGN, Parts, WindowFile};

impl Communicator {
    /// Memory that the ranks of this communicator share: `len` elements for this rank, which may be another number on each,
    /// all zero. All ranks call it; blocks until they have. Parts stand apart, each at a cache line of its own.
    ///
    /// # Errors
    /// [`Failure::Mismatch`] where ranks of several nodes call it ([`Self::split_by_node`] divides them),
    /// [`Failure::Memory`] on all ranks where one of them gets none, and those of [`Self::barrier`].
    #[track_caller]
    pub fn alloc_shared<T: Pod>(&self, len: usize) -> Result<Window<T>, Error> {
        let call = self.call("alloc_shared");
        let window = self.allocate(len).map_err(self.failed(call))?;
        Ok(Window { communicator: self.clone(), window: window::Written::first(window) })
    }

    /// As [`Self::alloc_shared`], for atomic numbers, which all ranks may touch at any time.
    ///
    /// # Errors
    /// As [`Self::alloc_shared`].
    #[track_caller]
    pub fn alloc_shared_atomic<T: Atomic>(&self, len: usize) -> Result<AtomicWindow<T>, Error> {
        let call = self.call("alloc_shared_atomic");
        let window = self.allocate(len).map_err(self.failed(call))?;
        Ok(AtomicWindow { communicator: self.clone(), window })
    }

    fn allocate<T>(&self, len: usize) -> Result<window::Window<T>, Failure> {
        if self.topology().nodes() > 1 {
            let why = "ranks of several nodes share no memory: `split_by_node` divides them";
            return Err(Failure::Mismatch(why.to_owned()));
        }
        let bytes = len.checked_mul(size_of::<T>()).filter(|_| align_of::<T>() <= PART_ALIGN);
        let mut lengths = vec![0_u64; self.size()];
        // One that wants more than there are addresses is told to all.
        self.gather_words(bytes.map_or(u64::MAX, |bytes| bytes as u64), &mut lengths)?;
        let lengths: Option<Vec<usize>> =
            lengths.iter().map(|length| usize::try_from(*length).ok()).collect();
        let parts = lengths.and_then(|lengths| Parts::new(&lengths));
        let parts = parts.ok_or_else(|| Failure::Memory("there are not so many addresses".to_owned()))?;
        // The first rank makes the file, and keeps it open until the others have mapped it.
        let made = (self.rank() == 0).then(|| WindowFile::create(&parts));
        let mut names = vec![[0_u64; 3]; self.size()];
        let own = match &made {
            Some(Ok(file)) => [1, file.name()[0], file.name()[1]],
            _ => [0; 3],
        };
        self.gather_words(own, &mut names)?;
        let file = match made {
            Some(made) => made,
            None if names[0][0] == 0 => Err(std::io::ErrorKind::OutOfMemory.into()),
            None => WindowFile::open([names[0][1], names[0][2]]),
        };
        let mapping = file.and_then(|file| file.map(&parts).map(|mapping| (file, mapping)));
        let mut have = vec![0_u64; self.size()];
        self.gather_words(u64::from(mapping.is_ok()), &mut have)?;
        let without = have.iter().position(|have| *have == 0);
        match (mapping, without) {
            (Ok((_file, mapping)), None) => {
                let members = self.places();
                let context = self.collective_context();
                Ok(window::Window::new(mapping, self.port().clone(), members, self.rank(), context))
            }
            (Err(error), _) => Err(Failure::Memory(error.to_string())),
            (Ok(_), rank) => {
                let rank = self.world_rank(rank.unwrap_or(0))?;
                Err(Failure::Memory(format!("rank {rank} has got none")))
            }
        }
    }

    /// Its ranks, and their places on their nodes.
    fn places(&self) -> Vec<(Rank, usize)> {
        let engine = self.port().engine();
        let place = |rank: Rank| (rank, engine.places()[rank.0 as usize].local as usize);
        self.group().ranks().map(place).collect()
    }
}

/// Memory that ranks of a node share, while each of them has its own part alone.
#[derive(Debug)]
pub struct Window<T> {
    communicator: Communicator,
    window: window::Written<T>,
}

/// Memory that ranks of a node share, while all of them read all of it.
#[derive(Debug)]
pub struct PublishedWindow<T> {
    communicator: Communicator,
    window: window::Read<T>,
}

/// Atomic numbers that ranks of a node share.
#[derive(Debug)]
pub struct AtomicWindow<T> {
    communicator: Communicator,
    window: window::Window<T>,
}

impl<T: Pod> Window<T> {
    /// This rank's part.
    pub fn own(&mut self) -> &mut [T] {
        self.window.own()
    }

    /// Everybody has written: all may read all (`MPI_Win_fence`). All ranks call it; blocks until they have.
    ///
    /// # Errors
    /// A rank is lost or has left. The window is gone then.
    #[track_caller]
    pub fn publish(self) -> Result<PublishedWindow<T>, Error> {
        let Self { communicator, window } = self;
        let call = communicator.call("publish");
        let window = window.publish().map_err(communicator.failed(call))?;
        Ok(PublishedWindow { communicator, window })
    }

    /// How many parts there are: as many as ranks.
    #[must_use]
    pub fn size(&self) -> usize {
        self.window.window().size()
    }
}

impl<T: Pod> PublishedWindow<T> {
    /// The part of a rank of the communicator (`MPI_Win_shared_query`).
    ///
    /// # Panics
    /// Where there is no such rank.
    #[must_use]
    pub fn part(&self, rank: usize) -> &[T] {
        self.window.part(rank)
    }

    /// This rank's part.
    #[must_use]
    pub fn own(&self) -> &[T] {
        self.part(self.window.window().me())
    }

    /// All parts, in the order of ranks.
    pub fn parts(&self) -> impl Iterator<Item = &[T]> {
        (0..self.window.window().size()).map(|rank| self.part(rank))
    }

    /// Everybody has read: each has its own part again (`MPI_Win_fence`). All ranks call it; blocks until they have.
    ///
    /// # Errors
    /// As [`Window::publish`].
    #[track_caller]
    pub fn reclaim(self) -> Result<Window<T>, Error> {
        let Self { communicator, window } = self;
        let call = communicator.call("reclaim");
        let window = window.reclaim().map_err(communicator.failed(call))?;
        Ok(Window { communicator, window })
    }
}

impl<T: Atomic> AtomicWindow<T> {
    /// The part of a rank of the communicator (`MPI_Win_shared_query`).
    ///
    /// # Panics
    /// Where there is no such rank.
    #[must_use]
    pub fn part(&self, rank: usize) -> &[T] {
        self.window.atomics(rank)
    }

    /// Waits until all ranks have called it: what they have written before is there (`MPI_Win_fence`). Blocks.
    ///
    /// # Errors
    /// A rank is lost or has left.
    #[track_caller]
    pub fn fence(&self) -> Result<(), Error> {
        let call = self.communicator.call("fence");
        self.window.meet().map_err(self.communicator.failed(call))
    }
}
