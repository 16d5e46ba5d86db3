//! The rank server: launch requests of the controller go to step processes, connections are handed on to them, what
//! they say goes back.
//!
//! It holds no task, no pipe and no output: those are the step processes', so that it may stop without harm to them.
//! What it knows of them it tells every controller that comes, until that has written it down (`records`).

mod attend;
pub mod records;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::attend::{Attended, News, Order};
use self::records::{End, Records};
use super::guard::Guard;
use super::{control, heirs, machine_load};
use crate::ids::{LaunchId, Launched, StepKey};
use crate::limits::QUEUE_MESSAGES_MAX;
use crate::net::address::Address;
use crate::wire::launch::{Machine, StepLaunch};
use crate::wire::node::{FromNode, NodeFacts, ToNode};
use crate::wire::preamble::Target;
use crate::wire::stepd::ToStepd;

/// A connection that asks for a step, its preamble read off.
pub type Adopted = (Target, OwnedFd);

/// A rank server and its steps.
#[derive(Debug)]
pub struct RankServer {
    guard: Guard,
    nodes: Vec<NodeFacts>,
    machine: Machine,
    connections: mpsc::Receiver<Adopted>,
    records: Records,
    /// Step processes that live.
    steps: BTreeMap<Launched, mpsc::Sender<Order>>,
    attended: JoinSet<Launched>,
    /// Launches of steps that still run from an earlier launch, which was taken from this node while it was away.
    held: Vec<StepLaunch>,
    news: mpsc::Receiver<(Launched, News)>,
    tell: mpsc::Sender<(Launched, News)>,
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
            records: Records::default(),
            steps: BTreeMap::new(),
            attended: JoinSet::new(),
            held: Vec::new(),
            news,
            tell,
        }
    }

    /// Takes over the steps that an earlier rank server of the guard's directory has left. To be called on a tokio
    /// runtime, before anybody can ask for a step.
    ///
    /// # Errors
    /// Those of the directory and of the sockets in it.
    pub fn take_over(&mut self) -> io::Result<()> {
        for heirs::Left { launched, process } in heirs::left_in(self.guard.workspace())? {
            self.records.begin(launched);
            let Some(mut process) = process else {
                tracing::warn!(%launched, "its step process is dead");
                self.records.ended(launched, End::Done { lost: true });
                self.clear_away(launched);
                continue;
            };
            // One that ends just now is found out when it is attended to.
            let _ = process.greet();
            let link = control::split(process.stream)?;
            tracing::info!(%launched, "taken over");
            self.attend(Attended { launched, link, found: Some(process.pidfd) });
        }
        Ok(())
    }

    /// From the next registration on, its nodes are reached there.
    pub fn reached_at(&mut self, address: &Address) {
        for node in &mut self.nodes {
            node.address = address.to_string();
        }
    }

    /// Whether no step process is left.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.steps.is_empty()
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
        for message in self.records.register(self.nodes.clone()) {
            if to_controller.send(message).await.is_err() {
                return;
            }
        }
        loop {
            let told = tokio::select! {
                // A launch was sent before anybody could connect to its step: it goes first.
                biased;
                message = from_controller.recv() => match message {
                    None => return,
                    Some(message) => self.obey(message),
                },
                told = self.goes_on() => told,
            };
            for message in told {
                if to_controller.send(message).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Looks after steps and connections while there is no controller, for ever.
    pub async fn wait(&mut self) {
        loop {
            // What is told now is told to whoever comes.
            self.goes_on().await;
        }
    }

    /// Waits for something to happen that is not the controller's doing: what that is to be told. Cancel-safe.
    async fn goes_on(&mut self) -> Vec<FromNode> {
        tokio::select! {
            Some((target, socket)) = self.connections.recv() => {
                self.adopt(target, socket);
                Vec::new()
            }
            Some((launched, news)) = self.news.recv() => {
                let told = match news {
                    News::Exited(rank, exit) => self.records.exited(launched, rank, exit),
                    News::Ended(end) => self.records.ended(launched, end),
                };
                Vec::from_iter(told)
            }
            Some(Ok(launched)) = self.attended.join_next() => self.is_gone(launched),
        }
    }

    fn obey(&mut self, message: ToNode) -> Vec<FromNode> {
        match message {
            ToNode::Registered => {}
            ToNode::Launch(launch) => return self.launch(*launch),
            ToNode::Signal { key, signal } => self.order(key, None, ToStepd::Signal { signal }, None),
            ToNode::Terminate { key, launch, at_once, notice } => {
                self.order(key, launch, ToStepd::Terminate { at_once, notice }, None);
            }
            ToNode::Kept { key, launch } => {
                self.order(key, Some(launch), ToStepd::Kept, None);
                self.records.kept(Launched { key, launch });
                self.clear_away(Launched { key, launch });
            }
            ToNode::Ping { nonce } => return vec![FromNode::Pong { nonce, load: Some(machine_load::now()) }],
        }
        Vec::new()
    }

    fn adopt(&mut self, target: Target, socket: OwnedFd) {
        if let Target::Step { key, .. } | Target::Rank { key, .. } | Target::Peer { key, .. } = target {
            self.order(key, None, ToStepd::Adopt { target }, Some(socket));
        }
    }

    /// A launch is asked for. One that was asked for before is not started again.
    fn launch(&mut self, launch: StepLaunch) -> Vec<FromNode> {
        let launched = launch.launched();
        let mut told = vec![FromNode::Launched { key: launched.key, launch: launched.launch }];
        if self.records.begin(launched) {
            if self.last_of(launched.key).is_some() {
                let ends = ToStepd::Terminate { at_once: true, notice: None };
                self.order(launched.key, None, ends, None);
                self.held.push(launch);
            } else {
                told.extend(self.start(launch));
            }
        }
        told
    }

    /// Starts a step process: what there is to be told of it at once.
    fn start(&mut self, mut launch: StepLaunch) -> Option<FromNode> {
        let launched = launch.launched();
        launch.machine = self.machine;
        if self.machine != Machine::Whole {
            launch.nodes.iter_mut().flat_map(|node| &mut node.tasks).for_each(|task| task.cpus.clear());
        }
        match self.step_process(launched) {
            Ok((link, door)) => {
                self.attend(Attended { launched, link, found: None });
                let message = ToStepd::Launch(Box::new(launch));
                self.order(launched.key, Some(launched.launch), message, door);
                None
            }
            Err(error) => {
                let reason = format!("cannot start a step process: {error}");
                tracing::error!(%launched, "{reason}");
                self.records.ended(launched, End::Failed { reason })
            }
        }
    }

    /// A new step process, and where it outlives this one, the socket that it is to listen at.
    fn step_process(
        &self,
        launched: Launched,
    ) -> io::Result<((control::Sender, control::Receiver), Option<OwnedFd>)> {
        let link = control::split(self.guard.step_process()?)?;
        let workspace = self.guard.workspace();
        let socket = workspace.lasting.then(|| workspace.step_socket(launched));
        let door = socket.map(UnixListener::bind).transpose()?;
        Ok((link, door.map(OwnedFd::from)))
    }

    fn attend(&mut self, attended: Attended) {
        let (sender, orders) = mpsc::channel(QUEUE_MESSAGES_MAX);
        self.steps.insert(attended.launched, sender);
        self.attended.spawn(attended.attend(orders, self.tell.clone()));
    }

    /// A step process is gone: a launch that has waited for that starts.
    fn is_gone(&mut self, launched: Launched) -> Vec<FromNode> {
        self.steps.remove(&launched);
        self.clear_away(launched);
        let of_step = |held: &StepLaunch| held.key == launched.key;
        match self.held.iter().position(of_step) {
            Some(at) if self.last_of(launched.key).is_none() => {
                let launch = self.held.remove(at);
                Vec::from_iter(self.start(launch))
            }
            _ => Vec::new(),
        }
    }

    /// Removes what a step has left whose step process is gone. Its socket stays until the controller knows of its end:
    /// a rank server that comes before that finds it, and tells.
    fn clear_away(&self, launched: Launched) {
        let workspace = self.guard.workspace();
        // All of it goes with a directory that is this rank server's own.
        if !workspace.lasting || self.steps.contains_key(&launched) {
            return;
        }
        // Most have left nothing.
        if self.last_of(launched.key).is_none() {
            for directory in workspace.step_directories(launched.key) {
                let _ = std::fs::remove_dir_all(directory);
            }
        }
        if !self.records.knows(launched) {
            let _ = std::fs::remove_file(workspace.step_socket(launched));
        }
    }

    /// The last launch of a step whose step process lives.
    fn last_of(&self, key: StepKey) -> Option<Launched> {
        let launch = |number| Launched { key, launch: LaunchId(number) };
        self.steps.range(launch(0)..=launch(u64::MAX)).next_back().map(|(launched, _)| *launched)
    }

    /// Gives an order to a step: to this launch of it, or the last. One that is gone needs none; one that has stopped
    /// taking them is given up: its link closes, which ends it.
    fn order(&mut self, key: StepKey, launch: Option<LaunchId>, message: ToStepd, socket: Option<OwnedFd>) {
        let launched = launch.map(|launch| Launched { key, launch }).or_else(|| self.last_of(key));
        let Some((launched, sender)) =
            launched.and_then(|launched| Some((launched, self.steps.get(&launched)?)))
        else {
            return;
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send((message, socket)) {
            tracing::warn!(%launched, "the step process takes no more orders");
            self.steps.remove(&launched);
        }
    }
}
