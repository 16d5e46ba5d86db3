//! The rank server: launch requests of the controller go to step processes, connections are handed on to them, what
//! they say goes back.
//!
//! It holds no task, no pipe and no output: those are the step processes', so that it may stop without harm to them.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::control;
use super::guard::Guard;
use crate::ids::StepKey;
use crate::limits::QUEUE_MESSAGES_MAX;
use crate::wire::frame::FrameError;
use crate::wire::launch::StepLaunch;
use crate::wire::node::{FromNode, NodeFacts, ToNode};
use crate::wire::preamble::Target;
use crate::wire::stepd::{FromStepd, ToStepd};

/// A message for a step process, and the socket that goes with it.
type Order = (ToStepd, Option<OwnedFd>);

/// A connection that asks for a step, its preamble read off.
pub type Adopted = (Target, OwnedFd);

/// A rank server with what it is connected to.
#[derive(Debug)]
pub struct RankServer {
    /// Where step processes come from.
    pub guard: Guard,
    /// The nodes it stands for.
    pub nodes: Vec<NodeFacts>,
    /// What the controller tells it.
    pub from_controller: mpsc::Receiver<ToNode>,
    /// What it tells the controller.
    pub to_controller: mpsc::Sender<FromNode>,
    /// Connections for its steps.
    pub connections: mpsc::Receiver<Adopted>,
}

impl RankServer {
    /// Runs until the controller's side closes; gives the guard back, with step processes that may still live.
    pub async fn run(mut self) -> Guard {
        let mut steps: HashMap<StepKey, mpsc::Sender<Order>> = HashMap::new();
        let mut attended = JoinSet::new();
        let register = FromNode::Register { nodes: std::mem::take(&mut self.nodes), steps: Vec::new() };
        if self.to_controller.send(register).await.is_err() {
            return self.guard;
        }
        loop {
            tokio::select! {
                // A launch was sent before anybody could connect to its step: it goes first.
                biased;
                message = self.from_controller.recv() => match message {
                    None => return self.guard,
                    Some(ToNode::Launch(launch)) => self.launch(*launch, &mut steps, &mut attended).await,
                    Some(ToNode::Signal { key, signal }) => order(&mut steps, key, ToStepd::Signal { signal }, None),
                    Some(ToNode::Terminate { key, at_once, notice }) => {
                        order(&mut steps, key, ToStepd::Terminate { at_once, notice }, None);
                    }
                    Some(ToNode::Ping { nonce }) => self.tell(FromNode::Pong { nonce }).await,
                },
                Some((target, socket)) = self.connections.recv() => {
                    if let Target::Step { key, .. } | Target::Rank { key, .. } = target {
                        order(&mut steps, key, ToStepd::Adopt { target }, Some(socket));
                    }
                }
                Some(Ok(key)) = attended.join_next() => {
                    steps.remove(&key);
                }
            }
        }
    }

    async fn tell(&self, message: FromNode) {
        // A controller that is gone ends the loop at its other channel.
        let _ = self.to_controller.send(message).await;
    }

    async fn launch(
        &self,
        launch: StepLaunch,
        steps: &mut HashMap<StepKey, mpsc::Sender<Order>>,
        attended: &mut JoinSet<StepKey>,
    ) {
        let key = launch.key;
        let link = match self.guard.step_process().and_then(control::split) {
            Ok(link) => link,
            Err(error) => {
                let reason = format!("cannot start a step process: {error}");
                return self.tell(FromNode::LaunchFailed { key, reason }).await;
            }
        };
        let (sender, orders) = mpsc::channel(QUEUE_MESSAGES_MAX);
        order_one(&sender, ToStepd::Launch(Box::new(launch)), None);
        steps.insert(key, sender);
        let to_controller = self.to_controller.clone();
        attended.spawn(async move {
            attend(key, link, orders, to_controller).await;
            key
        });
    }
}

/// Gives an order to a step. One that is gone needs none; one that has stopped taking them is given up: its link
/// closes, which ends it.
fn order(
    steps: &mut HashMap<StepKey, mpsc::Sender<Order>>,
    key: StepKey,
    message: ToStepd,
    socket: Option<OwnedFd>,
) {
    if let Some(sender) = steps.get(&key)
        && !order_one(sender, message, socket)
    {
        tracing::warn!(%key, "the step process takes no more orders");
        steps.remove(&key);
    }
}

fn order_one(sender: &mpsc::Sender<Order>, message: ToStepd, socket: Option<OwnedFd>) -> bool {
    sender.try_send((message, socket)).is_ok()
}

/// Attends to one step process until its link closes.
async fn attend(
    key: StepKey,
    (sender, mut receiver): (control::Sender, control::Receiver),
    mut orders: mpsc::Receiver<Order>,
    to_controller: mpsc::Sender<FromNode>,
) {
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
            let message = match news {
                FromStepd::Exited { rank, exit } => FromNode::Exited { key, rank, exit },
                FromStepd::Done => {
                    done = true;
                    FromNode::StepDone { key, lost: false }
                }
            };
            if to_controller.send(message).await.is_err() {
                return;
            }
        }
        if !done {
            let _ = to_controller.send(FromNode::StepDone { key, lost: true }).await;
        }
    };
    tokio::pin!(hearing);
    tokio::select! {
        _ = giving => hearing.await,
        () = &mut hearing => {}
    }
}
