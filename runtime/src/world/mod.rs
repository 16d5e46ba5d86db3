//! What a rank calls.
//!
//! ```no_run
//! use prun_runtime::world::World;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let world = World::init()?;
//!     let (rank, size) = (world.rank(), world.size());
//!     // Each rank greets the next one, in a ring.
//!     let mut from = [0_u32];
//!     world.send_recv(&[rank as u32], (rank + 1) % size, &mut from, (rank + size - 1) % size, 0)?;
//!     println!("rank {rank} of {size} on {}: greeted by {}", world.node(), from[0]);
//!     Ok(())
//! }
//! ```
//!
//! Names and rules are MPI's (MPI 4.1); what differs is Rust's: a buffer is a slice, a failure is an [`Error`], requests
//! live in a scope. A communicator belongs to one thread. Without a launcher a program is the only rank of its world.

mod attach;
mod collectives;
mod communicator;
mod error;
mod group;
mod point_to_point;
mod request;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod threads;
mod value;
mod window;

use std::ops::Deref;

pub use self::attach::InitError;
pub use self::collectives::{Background, BackgroundBarrier, Fold, Number, Operation, UserOperation};
pub use self::communicator::Communicator;
pub use self::error::Error;
pub use self::point_to_point::{ANY, Any, Source, Status, Tag};
pub use self::request::{RecvRequest, Request, Scope, SendRequest, wait_all, wait_any};
pub use self::window::{AtomicWindow, PublishedWindow, Window};
pub use crate::transport::failure::Failure;
pub use crate::transport::window::Atomic;

/// All ranks of a step, and this one's part in it (`MPI_COMM_WORLD`). Everything that a [`Communicator`] can do is done
/// on it directly.
///
/// A rank leaves when its `World` goes (`MPI_Finalize`): that waits until what it has sent is on its way, and not for
/// other ranks. A rank that ends without that (by a signal, `exit`, a panic) is lost, which ends the step for all.
#[derive(Debug)]
pub struct World {
    all: Communicator,
}

impl World {
    /// Joins the step that this process was started in (`MPI_Init`), or makes a world of one rank where it was started by
    /// hand. Does not wait for other ranks. A process that wants to join again must have left first.
    ///
    /// # Errors
    /// [`InitError`]: the step cannot be reached, or has not let this process in.
    pub fn init() -> Result<Self, InitError> {
        attach::attach().map(|all| Self { all })
    }
}

impl World {
    /// Ends the step for all ranks, and this process with an exit code (`MPI_Abort`, MPI 4.1, section 9.4). The others are
    /// told which rank has done it and with which code: their calls fail, and those that have not ended by themselves a
    /// moment later are killed. Does not return.
    pub fn abort(&self, code: i32) -> ! {
        self.all.port().engine().abort(code);
        std::process::exit(code)
    }
}

impl Deref for World {
    type Target = Communicator;

    fn deref(&self) -> &Communicator {
        &self.all
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A rank that panics has not done what others count on.
        if !std::thread::panicking() {
            self.all.port().engine().leave();
        }
    }
}
