//! One step process as its rank server sees it: orders go there, news come back.

use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Signal, pidfd_send_signal};
use tokio::sync::mpsc;

use super::records::End;
use crate::ids::{Launched, Rank};
use crate::server::control::{Receiver, Sender};
use crate::wire::frame::FrameError;
use crate::wire::step::Exit;
use crate::wire::stepd::{FromStepd, ToStepd};

/// A message for a step process, and the socket that goes with it.
pub(super) type Order = (ToStepd, Option<OwnedFd>);

/// What a step process says.
#[derive(Debug)]
pub(super) enum News {
    Exited(Rank, Exit),
    Ended(End),
}

/// A step process, and what there is of it.
#[derive(Debug)]
pub(super) struct Attended {
    pub(super) launched: Launched,
    pub(super) link: (Sender, Receiver),
    /// The process, where it was found and not started.
    pub(super) found: Option<OwnedFd>,
}

impl Attended {
    /// Attends to it until its link closes.
    pub(super) async fn attend(
        self,
        mut orders: mpsc::Receiver<Order>,
        tell: mpsc::Sender<(Launched, News)>,
    ) -> Launched {
        let Self { launched, link: (sender, mut receiver), found } = self;
        let giving = async {
            while let Some((message, socket)) = orders.recv().await {
                sender.send(&message, socket.as_ref().map(AsFd::as_fd)).await?;
            }
            Ok::<(), FrameError>(())
        };
        let hearing = async {
            let mut done = false;
            // A broken link is an ended one.
            while let Ok(Some(news)) = receiver.receive().await {
                let news = match news {
                    FromStepd::Exited { rank, exit } => News::Exited(rank, exit),
                    FromStepd::Done => {
                        done = true;
                        News::Ended(End::Done { lost: false })
                    }
                };
                if tell.send((launched, news)).await.is_err() {
                    return done;
                }
            }
            done
        };
        tokio::pin!(hearing);
        let done = tokio::select! {
            _ = giving => hearing.await,
            done = &mut hearing => done,
        };
        if !done {
            if let Some(process) = found {
                // One that lives and does not speak to this rank server (it may be of another version) is nobody's.
                let _ = pidfd_send_signal(process, Signal::KILL);
            }
            // A rank server that has ended tells nobody.
            let _ = tell.send((launched, News::Ended(End::Done { lost: true }))).await;
        }
        launched
    }
}
