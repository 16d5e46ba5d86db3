//! Requests: sends and receives that go on while their rank does something else (MPI 4.1, section 3.7).
//!
//! ```no_run
//! # use prun_runtime::world::{ANY, World, wait_all};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let world = World::init()?;
//! let (left, right) = ([1.0_f64], [2.0_f64]);
//! let (mut from_left, mut from_right) = ([0.0], [0.0]);
//! world.scope(|scope| {
//!     let receives = vec![scope.irecv(&mut from_left, 0, 7)?, scope.irecv(&mut from_right, ANY, 8)?];
//!     let sends = vec![scope.isend(&left, 0, 7)?, scope.isend(&right, 0, 8)?];
//!     // … something else …
//!     wait_all(sends)?;
//!     for (numbers, status) in wait_all(receives)? {
//!         println!("{numbers:?} from {}", status.source);
//!     }
//!     Ok::<_, prun_runtime::world::Error>(())
//! })?;
//! # Ok(())
//! # }
//! ```

use bytemuck::Pod;

use super::communicator::Communicator;
use super::error::{Call, Error};
use super::point_to_point::{Source, Status, Tag, check_tag};
use crate::transport::port::{self, Pending};

impl Communicator {
    /// Runs something that begins requests. All that it has begun is over when this returns: what it has not waited for
    /// is waited for here, except that receives which nobody has sent to are taken back where the closure fails. Blocks
    /// for as long as that takes.
    ///
    /// # Errors
    /// That of the closure, or else the first of a request that was left to the scope.
    #[track_caller]
    pub fn scope<'env, R, E: From<Error>>(
        &'env self,
        run: impl for<'scope> FnOnce(Scope<'scope, 'env>) -> Result<R, E>,
    ) -> Result<R, E> {
        let call = self.call("scope");
        let outcome = self.port().scope(|requests| run(Scope { communicator: self, requests }));
        match outcome {
            Ok(value) => Ok(value),
            Err(port::ScopeError::Closure(error)) => Err(error),
            Err(port::ScopeError::Left(failure)) => Err(self.failed(call)(failure).into()),
        }
    }
}

/// Where requests are begun. Their buffers are borrowed for as long as the scope.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'scope, 'env> {
    communicator: &'env Communicator,
    requests: &'scope port::Scope<'scope, 'env>,
}

impl<'scope, 'env: 'scope> Scope<'scope, 'env> {
    /// Begins to send elements to a rank (`MPI_Isend`). Does not block.
    ///
    /// # Errors
    /// As [`Communicator::send`].
    #[track_caller]
    pub fn isend<T: Pod>(
        &self,
        data: &'scope [T],
        to: usize,
        tag: i32,
    ) -> Result<SendRequest<'scope>, Error> {
        let communicator = self.communicator;
        let call = communicator.call("isend");
        let begin = || {
            let (to, tag) = (communicator.world_rank(to)?, check_tag(tag)?);
            self.requests.send(to, communicator.context(), tag, bytemuck::cast_slice(data))
        };
        let pending = begin().map_err(communicator.failed(call))?;
        Ok(SendRequest { communicator, pending })
    }

    /// Begins to receive elements from a rank, or from any (`MPI_Irecv`). Does not block.
    ///
    /// # Errors
    /// As [`Communicator::recv`]; what is wrong with the message itself is told by the wait.
    #[track_caller]
    pub fn irecv<T: Pod>(
        &self,
        room: &'scope mut [T],
        from: impl Into<Source>,
        tag: impl Into<Tag>,
    ) -> Result<RecvRequest<'scope, T>, Error> {
        let communicator = self.communicator;
        let call = communicator.call("irecv");
        let begin = || {
            let wanted = communicator.wanted(from.into(), tag.into())?;
            self.requests.receive(wanted, bytemuck::cast_slice_mut(room))
        };
        let pending = begin().map_err(communicator.failed(call))?;
        Ok(RecvRequest { communicator, pending, element: std::marker::PhantomData })
    }
}

/// A send or a receive that was begun. Dropping it leaves it to its scope.
pub trait Request: Sized + private::Ticketed {
    /// What it gives when it is over.
    type Output;

    /// Waits until it is over (`MPI_Wait`). Blocks; all other requests of the rank go on meanwhile.
    ///
    /// # Errors
    /// As the blocking call of the same name.
    #[track_caller]
    fn wait(self) -> Result<Self::Output, Error>;

    /// Whether it is over, so that [`Self::wait`] does not block (`MPI_Test`). Moves messages, does not block.
    ///
    /// # Errors
    /// As the blocking call of the same name.
    #[track_caller]
    fn test(&self) -> Result<bool, Error>;
}

mod private {
    use super::Communicator;
    use crate::transport::tickets::Ticket;

    /// What a request is known by inside.
    pub trait Ticketed {
        #[expect(private_interfaces, reason = "the trait is sealed")]
        fn ticket(&self) -> (&Communicator, Ticket);
    }
}

/// A send that was begun.
#[derive(Debug)]
pub struct SendRequest<'scope> {
    communicator: &'scope Communicator,
    pending: Pending<'scope>,
}

/// A receive that was begun. Waiting for it gives its room back, cut to what has come.
#[derive(Debug)]
pub struct RecvRequest<'scope, T> {
    communicator: &'scope Communicator,
    pending: Pending<'scope>,
    element: std::marker::PhantomData<&'scope mut [T]>,
}

impl private::Ticketed for SendRequest<'_> {
    #[expect(private_interfaces, reason = "the trait is sealed")]
    fn ticket(&self) -> (&Communicator, crate::transport::tickets::Ticket) {
        (self.communicator, self.pending.ticket())
    }
}

impl<T> private::Ticketed for RecvRequest<'_, T> {
    #[expect(private_interfaces, reason = "the trait is sealed")]
    fn ticket(&self) -> (&Communicator, crate::transport::tickets::Ticket) {
        (self.communicator, self.pending.ticket())
    }
}

impl Request for SendRequest<'_> {
    type Output = ();

    #[track_caller]
    fn wait(self) -> Result<(), Error> {
        let call = self.communicator.call("wait");
        self.pending.wait().map(drop).map_err(self.communicator.failed(call))
    }

    #[track_caller]
    fn test(&self) -> Result<bool, Error> {
        test(self.communicator, &self.pending, self.communicator.call("test"))
    }
}

impl<'scope, T: Pod> Request for RecvRequest<'scope, T> {
    type Output = (&'scope mut [T], Status);

    #[track_caller]
    fn wait(self) -> Result<Self::Output, Error> {
        let Self { communicator, pending, .. } = self;
        let call = communicator.call("wait");
        let receive = || {
            let (room, received) = pending.wait_for_room()?;
            let status = communicator.status::<T>(received)?;
            let room = bytemuck::cast_slice_mut(room);
            Ok((&mut room[..status.count::<T>().unwrap_or_default()], status))
        };
        receive().map_err(communicator.failed(call))
    }

    #[track_caller]
    fn test(&self) -> Result<bool, Error> {
        test(self.communicator, &self.pending, self.communicator.call("test"))
    }
}

fn test(communicator: &Communicator, pending: &Pending<'_>, call: Call) -> Result<bool, Error> {
    pending.test().map_err(communicator.failed(call))
}

/// Waits until one of some requests is over, and takes it out of them (`MPI_Waitany`): its index, and what it gives.
/// `None` where there are none. Blocks.
///
/// # Errors
/// As [`Request::wait`] of that one; what has ended the step for this rank.
#[track_caller]
pub fn wait_any<R: Request>(requests: &mut Vec<R>) -> Result<Option<(usize, R::Output)>, Error> {
    let Some(first) = requests.first() else { return Ok(None) };
    let communicator = first.ticket().0;
    let call = communicator.call("wait_any");
    let tickets: Vec<_> = requests.iter().map(|request| request.ticket().1).collect();
    let waited = communicator.port().engine().wait_any(&tickets);
    let at = waited.map_err(communicator.failed(call))?;
    requests.remove(at).wait().map(|output| Some((at, output)))
}

/// Waits until all requests are over (`MPI_Waitall`): what they give, in their order. Blocks.
///
/// # Errors
/// The first one's that has any; the others are left to their scope.
#[track_caller]
pub fn wait_all<R: Request>(requests: Vec<R>) -> Result<Vec<R::Output>, Error> {
    requests.into_iter().map(Request::wait).collect()
}
