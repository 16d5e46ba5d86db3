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
use crate::net::address::Address;
use crate::wire::frame::FrameError;
use crate::wire::launch::{Machine, StepLaunch};
use crate::wire::node::{FromNode, NodeFacts, ToNode};
use crate::wire::preamble::Target;
use crate::wire::stepd::{FromStepd, ToStepd};

/// A message for a step process, and the socket that goes with it.
type Order = (ToStepd, Option<OwnedFd>);

/// A connection that asks for a step, its preamble read off.
pub type Adopted = (Target, OwnedFd);

/// A rank server and its steps.
#[derive(Debug)]
pub struct RankServer {
    guard: Guard,
    nodes: Vec<NodeFacts>,
    machine: Machine,
    connections: mpsc::Receiver<Adopted>,
    steps: HashMap<StepKey, mpsc::Sender<Order>>,
    attended: JoinSet<StepKey>,
    /// What steps have to say; kept while there is no controller.
    news: mpsc::Receiver<FromNode>,
    tell: mpsc::Sender<FromNode>,
}

impl RankServer {
    /// One that stands for these nodes. Step processes come from the guard; connections for steps come through the
    /// queue, their preambles read off. Where they are not the whole `machine`, no task is bound to CPUs.
    #[must_use]
    pub fn new(
        guard: Guard,
        nodes: Vec<NodeFacts>,
        machine: Machine,
        connections: mpsc::Receiver<Adopted>,
    ) -> Self {
        let (tell, news) = mpsc::channel(QUEUE_MESSAGES_MAX);
        Self {
            guard,
            nodes,
            machine,
            connections,
            steps: HashMap::new(),
            attended: JoinSet::new(),
            news,
            tell,
        }
    }

    /// From the next registration on, its nodes are reached there.
    pub fn reached_at(&mut self, address: &Address) {
        for node in &mut self.nodes {
            node.address = address.to_string();
        }
    }

    /// Ends it; gives the guard back, with step processes that may still live.
    #[must_use]
    pub fn into_guard(self) -> Guard {
        self.guard
    }

    /// Serves a controller until one of the two queues closes. Steps live on, and a controller that comes next is told
    /// of them.
    pub async fn serve(
        &mut self,
        mut from_controller: mpsc::Receiver<ToNode>,
        to_controller: mpsc::Sender<FromNode>,
    ) {
        let steps = self.steps.keys().copied().collect();
        let register = FromNode::Register { nodes: self.nodes.clone(), steps };
        if to_controller.send(register).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                // A launch was sent before anybody could connect to its step: it goes first.
                biased;
                message = from_controller.recv() => match message {
                    None => return,
                    Some(ToNode::Registered) => {}
                    Some(ToNode::Launch(launch)) => self.launch(*launch),
                    Some(ToNode::Signal { key, signal }) => self.order(key, ToStepd::Signal { signal }, None),
                    Some(ToNode::Terminate { key, at_once, notice }) => {
                        self.order(key, ToStepd::Terminate { at_once, notice }, None);
                    }
                    Some(ToNode::Ping { nonce }) => {
                        if to_controller.send(FromNode::Pong { nonce }).await.is_err() {
                            return;
                        }
                    }
                },
                Some((target, socket)) = self.connections.recv() => self.adopt(target, socket),
                Some(news) = self.news.recv() => {
                    if to_controller.send(news).await.is_err() {
                        return;
                    }
                }
                Some(Ok(key)) = self.attended.join_next() => {
                    self.steps.remove(&key);
                }
            }
        }
    }

    /// Looks after connections while there is no controller, for ever.
    pub async fn wait(&mut self) {
        while let Some((target, socket)) = self.connections.recv().await {
            self.adopt(target, socket);
        }
    }

    fn adopt(&mut self, target: Target, socket: OwnedFd) {
        if let Target::Step { key, .. } | Target::Rank { key, .. } | Target::Peer { key, .. } = target {
            self.order(key, ToStepd::Adopt { target }, Some(socket));
        }
    }

    fn launch(&mut self, mut launch: StepLaunch) {
        let key = launch.key;
        launch.machine = self.machine;
        if self.machine != Machine::Whole {
            launch.nodes.iter_mut().flat_map(|node| &mut node.tasks).for_each(|task| task.cpus.clear());
        }
        let link = match self.guard.step_process().and_then(control::split) {
            Ok(link) => link,
            Err(error) => {
                let reason = format!("cannot start a step process: {error}");
                if self.tell.try_send(FromNode::LaunchFailed { key, reason }).is_err() {
                    tracing::error!(%key, %error, "cannot start a step process, and nobody can be told");
                }
                return;
            }
        };
        let (sender, orders) = mpsc::channel(QUEUE_MESSAGES_MAX);
        self.steps.insert(key, sender);
        self.order(key, ToStepd::Launch(Box::new(launch)), None);
        let tell = self.tell.clone();
        self.attended.spawn(async move {
            attend(key, link, orders, tell).await;
            key
        });
    }

    /// Gives an order to a step. One that is gone needs none; one that has stopped taking them is given up: its link
    /// closes, which ends it.
    fn order(&mut self, key: StepKey, message: ToStepd, socket: Option<OwnedFd>) {
        let Some(sender) = self.steps.get(&key) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send((message, socket)) {
            tracing::warn!(%key, "the step process takes no more orders");
            self.steps.remove(&key);
        }
    }
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
