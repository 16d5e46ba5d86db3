//! Who gives a step process its orders: the rank server that has started it, and, where the step outlives that one,
//! those that come after it.
//!
//! Such a step listens at a socket in its rank server's directory. A rank server that starts finds the socket there and
//! calls; ranks of the step call there too, so that they need no rank server. A step that is alone for longer than its
//! grace ends itself: by then the controller has given its job up, and may have it run elsewhere.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::server_link;
use super::step::Step;
use crate::limits::PENDING_PEERS_MAX;
use crate::server::control::{self, Receiver, Sender};
use crate::server::door::{self, Listener, Visitor};
use crate::server::node::Adopted;
use crate::wire::preamble::Target;

/// The rank servers of a step, one after the other.
#[derive(Debug)]
pub(super) struct Tenure {
    step: Rc<Step>,
    server: Option<JoinHandle<()>>,
    house: Option<House>,
    /// When a step that is alone gives up.
    until: Option<Instant>,
}

/// A door of the step's own.
#[derive(Debug)]
struct House {
    visitors: mpsc::Receiver<Adopted>,
    socket: PathBuf,
}

impl Tenure {
    /// Begins with the rank server that has started the step. `door` is the socket at which the next ones call; without
    /// one there are none.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn begin(
        step: &Rc<Step>,
        link: (Sender, Receiver),
        door: Option<OwnedFd>,
    ) -> io::Result<Self> {
        let house = door.map(|door| House::open(step, door)).transpose()?;
        let mut tenure = Self { step: Rc::clone(step), server: None, house, until: None };
        tenure.serve(link);
        Ok(tenure)
    }

    fn serve(&mut self, link: (Sender, Receiver)) {
        // There is one rank server at a time: the one before has ended, though its link may not show it yet.
        if let Some(before) = self.server.take() {
            before.abort();
        }
        self.until = None;
        self.server = Some(tokio::task::spawn_local(server_link::serve(Rc::clone(&self.step), link)));
    }

    /// Waits for something to happen, and does what is to be done: whether the step goes on. Cancel-safe.
    pub(super) async fn goes_on(&mut self) -> bool {
        let Self { server, house, until, .. } = self;
        tokio::select! {
            () = ended(server.as_mut()) => self.is_left_alone(),
            Some(visitor) = next(house.as_mut()) => {
                self.receive(visitor);
                true
            }
            () = reached(*until) => {
                self.give_up();
                true
            }
        }
    }

    /// The rank server is gone: whether the step goes on without.
    fn is_left_alone(&mut self) -> bool {
        self.server = None;
        if self.house.is_some() {
            let grace = self.step.launch.server_grace_ms.map(Duration::from_millis);
            self.until = grace.map(|grace| Instant::now() + grace);
        }
        self.house.is_some()
    }

    fn receive(&mut self, (target, socket): Adopted) {
        match target {
            Target::Heir => match control::split(socket.into()) {
                Ok(link) => {
                    self.step.retell();
                    self.serve(link);
                }
                Err(error) => tracing::error!(%error, "cannot take over the next rank server's link"),
            },
            target => self.step.adopt(target, socket),
        }
    }

    fn give_up(&mut self) {
        self.until = None;
        let seconds = self.step.launch.server_grace_ms.unwrap_or_default() / 1000;
        let notice = format!("*** STEP {} ENDED: NO RANK SERVER FOR {seconds} S ***", self.step.launch.key);
        self.step.abandon(&notice);
    }

    /// The step is over: what is left to be told is told.
    pub(super) async fn end(mut self) {
        self.step.leave();
        if self.server.is_some() {
            ended(self.server.as_mut()).await;
        }
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        if let Some(house) = &self.house {
            // Removed already, with its directory.
            let _ = std::fs::remove_file(&house.socket);
        }
    }
}

impl House {
    fn open(step: &Step, door: OwnedFd) -> io::Result<Self> {
        // Once more, by this process: who calls learns from the socket whose it is.
        rustix::net::listen(&door, i32::try_from(PENDING_PEERS_MAX).unwrap_or(i32::MAX))?;
        let listener = std::os::unix::net::UnixListener::from(door);
        listener.set_nonblocking(true)?;
        let listener = Listener::Unix(UnixListener::from_std(listener)?);
        let (to_step, visitors) = mpsc::channel(PENDING_PEERS_MAX);
        tokio::spawn(door::keep(listener, move |visitor: Visitor| {
            let to_step = to_step.clone();
            async move {
                if let Some(adopted) = visitor.hand_over() {
                    // A step that is over lets nobody in: the connection closes.
                    let _ = to_step.send(adopted).await;
                }
            }
        }));
        Ok(Self { visitors, socket: step.workspace.step_socket(step.launch.launched()) })
    }
}

async fn ended(server: Option<&mut JoinHandle<()>>) {
    match server {
        // One that was cut short has ended as well.
        Some(server) => drop(server.await),
        None => pending().await,
    }
}

async fn next(house: Option<&mut House>) -> Option<Adopted> {
    match house {
        Some(house) => house.visitors.recv().await,
        None => pending().await,
    }
}

async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => pending().await,
    }
}
