//! Connections that the rank server has accepted for this step: launchers and ranks, once they have proven it.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use super::link::{self, Link};
use super::rank_link;
use super::step::Step;
use crate::limits::{DATA_BYTES_MAX, PENDING_PEERS_MAX};
use crate::net::{self, key::Key, visitor::Socket};
use crate::wire::launch::Secret;
use crate::wire::preamble::Target;

/// Bytes on their way to a launcher: some frames. The system may grant less.
const SOCKET_BYTES: usize = 4 * DATA_BYTES_MAX;

/// The launcher that the step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    NotYet,
    Here,
    /// Its link broke: it may come back.
    Away,
    Left,
}

/// A place among the visitors who have proven nothing yet.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(taken: &Rc<Cell<usize>>) -> Option<Self> {
        (taken.get() < PENDING_PEERS_MAX).then(|| {
            taken.set(taken.get() + 1);
            Self(Rc::clone(taken))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Step {
    /// Lets a visitor in that has the step's secret. Another is not worth an answer: its socket closes.
    pub(super) fn adopt(self: &Rc<Self>, target: Target, descriptor: OwnedFd) {
        let (Target::Step { secret, .. } | Target::Rank { secret, .. } | Target::Peer { secret, .. }) =
            &target
        else {
            return;
        };
        // Without room for whole frames the two sides wake each other more often, and that is all.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&descriptor, SOCKET_BYTES);
        match Socket::adopt(descriptor) {
            Ok(Socket::Unix(stream)) if *secret == self.launch.secret => {
                self.enter(target, net::link::Link::unix(stream));
            }
            Ok(socket @ Socket::Tcp(_)) if *secret == Secret::default() => self.examine(target, socket),
            _ => {}
        }
    }

    /// Over the network the secret is not said, but proven.
    fn examine(self: &Rc<Self>, target: Target, socket: Socket) {
        let Some(place) = Place::take(&self.unproven) else { return };
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let key = Key::new(step.launch.secret.0);
            let entered = socket.enter(&target, Some(&key)).await;
            drop(place);
            match entered {
                Ok(bytes) => step.enter(target, bytes),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "refused a connection")
                }
            }
        });
    }

    fn enter(self: &Rc<Self>, target: Target, bytes: net::link::Link) {
        let step = Rc::clone(self);
        match target {
            Target::Step { owner, .. } => {
                let link = Link::new(owner);
                self.links.borrow_mut().push(Rc::downgrade(&link));
                if owner {
                    self.owner.set(Owner::Here);
                }
                tokio::task::spawn_local(async move {
                    link::serve(&step, &link, bytes).await;
                    step.detach(link);
                });
            }
            Target::Rank { rank, .. } => {
                tokio::task::spawn_local(async move { rank_link::serve(&step, rank, bytes).await });
            }
            Target::Peer { rank, from, turn, .. } => {
                tokio::task::spawn_local(async move { step.introduce(rank, turn, from, bytes).await });
            }
            Target::Controller | Target::Join | Target::Node | Target::Heir => {}
        }
    }

    /// A launcher is gone. A step does not outlive the launcher that owns it, once the grace is over in which that may
    /// come back for what it has not got.
    fn detach(self: &Rc<Self>, link: Rc<Link>) {
        if link.is_owner() {
            let has_all = self.is_finished() && link.has_told_all(self);
            match self.launch.owner_grace_ms.filter(|_| !has_all) {
                None => self.owner.set(Owner::Left),
                Some(grace) => {
                    self.owner.set(Owner::Away);
                    let step = Rc::clone(self);
                    tokio::task::spawn_local(async move {
                        tokio::time::sleep(Duration::from_millis(grace)).await;
                        step.owner_stays_away();
                    });
                }
            }
        }
        drop(link);
        self.check_over();
    }

    fn owner_stays_away(self: &Rc<Self>) {
        if self.owner.get() == Owner::Away {
            self.owner.set(Owner::Left);
            self.terminate(false, None);
            self.check_over();
        }
    }
}
