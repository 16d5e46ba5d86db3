//! Nodes join, go away and come back; users drain them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use prun_runtime::ids::{JobId, LaunchId, Launched, StepKey};
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};
use serde::{Deserialize, Serialize};

use super::Cluster;
use super::config::NodeConfig;
use super::deadline::Look;
use super::event::{LinkId, Peer};
use super::finish::Ending;
use super::gres;
use super::job::Job;
use super::lifecycle::Stage;
use super::node::{Node, NodeReason, by_name};
use super::step::Step;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, NodeView, Refusal};

/// The rank server that spoke for a node before.
struct Before {
    link: LinkId,
    /// The one that comes after it knows of all that it was told.
    remembers: bool,
}

/// What a rank server's silence is called.
const NOT_RESPONDING: &str = "Not responding";

/// The nodes in the cluster's order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
}

impl Nodes {
    /// Those that a configuration names.
    pub(super) fn expected(configs: &[NodeConfig]) -> Self {
        let mut nodes: Vec<Node> = configs.iter().map(Node::expected).collect();
        nodes.sort_by(|a, b| by_name(&a.facts.name, &b.facts.name));
        Self { nodes }
    }

    /// Follows a new configuration: nodes that it no longer names go, unless jobs are on them.
    pub(super) fn reconfigure(&mut self, configs: &[NodeConfig]) {
        let known: HashMap<&str, &NodeConfig> =
            configs.iter().map(|config| (config.name.as_str(), config)).collect();
        self.nodes.retain_mut(|node| match known.get(node.facts.name.as_str()) {
            Some(config) => {
                node.configure(config);
                true
            }
            None => !std::mem::replace(&mut node.expected, false) || !node.jobs.is_empty(),
        });
        let new = configs.iter().filter(|config| self.get(&config.name).is_none()).map(Node::expected);
        let new: Vec<Node> = new.collect();
        self.nodes.extend(new);
        self.nodes.sort_by(|a, b| by_name(&a.facts.name, &b.facts.name));
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Node> {
        self.nodes.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.facts.name == name)
    }

    /// Changes a node, if it is known.
    pub(super) fn with(&mut self, name: &str, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.facts.name == name) {
            change(node);
        }
    }

    /// Takes a node in. Gives the rank server that spoke for it before, if another one did.
    fn join(
        &mut self,
        facts: NodeFacts,
        config: Option<&NodeConfig>,
        link: LinkId,
        now: f64,
    ) -> Option<Before> {
        let shortcoming = config.and_then(|config| config.shortcoming(&facts));
        let facts = match config {
            Some(config) => config.settle(facts),
            None => facts,
        };
        if let Some(node) = self.nodes.iter_mut().find(|node| node.facts.name == facts.name) {
            let before = std::mem::replace(&mut node.link, link);
            let remembers = node.facts.memory_id == facts.memory_id;
            let silent = node.reason.as_ref().is_some_and(|reason| reason.text == NOT_RESPONDING);
            if silent {
                (node.down, node.reason) = (false, None);
            }
            (node.facts, node.up, node.start_time) = (facts, true, now);
            if let Some(text) = shortcoming {
                node.drain = true;
                node.reason = Some(NodeReason { text, user: "root".to_owned(), uid: 0, at: now });
            }
            let before = Some(before).filter(|before| *before != link && *before != LinkId(0));
            return before.map(|link| Before { link, remembers });
        }
        let at = self.nodes.partition_point(|node| by_name(&node.facts.name, &facts.name).is_lt());
        self.nodes.insert(at, Node::new(facts, link, now));
        None
    }
}

impl Cluster {
    /// A rank server says something.
    pub(super) fn node_says(&mut self, turn: &mut Turn<'_>, link: LinkId, message: FromNode) {
        match message {
            FromNode::Register { nodes, steps, launches } => {
                let numbers = launches.into_iter().chain(std::iter::repeat(LaunchId::default()));
                let known: Vec<Launched> =
                    steps.into_iter().zip(numbers).map(|(key, launch)| Launched { key, launch }).collect();
                self.register(turn, link, nodes, &known);
            }
            FromNode::Launched { key, launch } => self.launch_arrived(link, Launched { key, launch }),
            FromNode::LaunchFailed { key, launch, reason: _ } => {
                if self.is_current(Launched { key, launch }) {
                    self.launch_failed(turn, link, key);
                }
                turn.tell(link, ToNode::Kept { key, launch });
            }
            FromNode::Exited { key, launch, rank, exit } => {
                if self.is_current(Launched { key, launch }) {
                    self.task_exited(turn, key, rank, exit);
                }
            }
            FromNode::StepDone { key, launch, lost } => {
                if self.is_current(Launched { key, launch }) {
                    self.step_done(turn, link, key, lost);
                }
                turn.tell(link, ToNode::Kept { key, launch });
            }
            FromNode::Pong { load, .. } => {
                for node in self.nodes.nodes.iter_mut().filter(|node| node.link == link) {
                    node.load = load;
                }
            }
        }
    }

    /// Nodes join, or come back with the steps that they still run.
    fn register(&mut self, turn: &mut Turn<'_>, link: LinkId, nodes: Vec<NodeFacts>, steps: &[Launched]) {
        let mut before: BTreeMap<LinkId, bool> = BTreeMap::new();
        for facts in nodes {
            let config = self.config.node(&facts.name);
            if let Some(Before { link, remembers }) = self.nodes.join(facts, config, link, turn.now) {
                *before.entry(link).or_insert(true) &= remembers;
            }
        }
        turn.tell(link, ToNode::Registered);
        for (old, remembers) in before {
            self.move_steps(turn, (old, link), steps, remembers);
        }
        // What it still runs of jobs that were taken from it meanwhile must not stand in the way of others.
        let known = self.steps_on(link);
        for &Launched { key, launch } in steps.iter().filter(|launched| !known.contains(launched)) {
            turn.tell(link, ToNode::Terminate { key, launch: Some(launch), at_once: true, notice: None });
        }
        turn.schedule = true;
    }

    /// Steps that a rank server knows of answer on its new link from now on. A launch that has never reached it is sent
    /// again; the others are lost.
    fn move_steps(
        &mut self,
        turn: &mut Turn<'_>,
        (old, new): (LinkId, LinkId),
        known: &[Launched],
        remembers: bool,
    ) {
        for launched in self.steps_on(old) {
            let Launched { key, launch } = launched;
            let runs = known.contains(&launched);
            let ends = self.parts(key).into_iter().any(|part| self.is_ended_on(part, old));
            let unheard = self.with_step(key, |step| step.unheard.remove(&old)).flatten();
            let unheard = unheard.filter(|_| remembers && !runs && !ends);
            if !runs && unheard.is_none() {
                self.step_done(turn, old, key, true);
                continue;
            }
            for part in self.parts(key) {
                self.with_step(part, |step| step.open.remove(&old) && step.open.insert(new));
            }
            if let Some(launch) = unheard {
                turn.tell(new, ToNode::Launch(launch.clone()));
                self.with_step(key, |step| step.unheard.insert(new, launch));
            }
            if ends {
                // The order may have been lost with the link.
                let launch = Some(launch);
                turn.tell(new, ToNode::Terminate { key, launch, at_once: false, notice: None });
            }
        }
    }

    /// Whether a step with tasks behind a link was told to end.
    fn is_ended_on(&self, key: StepKey, link: LinkId) -> bool {
        self.step(key).is_some_and(|step| step.ended_as.is_some() && step.open.contains(&link))
    }

    /// Steps that have tasks behind a link.
    fn steps_on(&self, link: LinkId) -> Vec<Launched> {
        let jobs = self.holding.iter().filter_map(|id| self.jobs.get(id));
        let steps = jobs.flat_map(|job| job.run.steps.values());
        let mut all: Vec<Launched> =
            steps.filter(|step| step.open.contains(&link)).map(Step::launched).collect();
        // Parts of one step are one launch.
        let mut seen = BTreeSet::new();
        all.retain(|launched| seen.insert(launched.key));
        all
    }

    /// Whether a rank server speaks of a step as it runs now, not of an earlier launch of it.
    fn is_current(&self, launched: Launched) -> bool {
        self.step(launched.key).is_some_and(|step| step.launched() == launched)
    }

    /// A rank server has a launch: it need not be sent again. (No journal keeps this: a controller that starts anew and
    /// does not know it asks, and the rank server has the launch among those that it knows.)
    fn launch_arrived(&mut self, link: LinkId, launched: Launched) {
        if self.is_current(launched) {
            self.with_step(launched.key, |step| step.unheard.remove(&link));
        }
    }

    /// The link to a rank server is gone: its jobs live on until it has had its time to come back.
    pub(super) fn node_gone(&mut self, turn: &mut Turn<'_>, link: LinkId) {
        for node in self.nodes.nodes.iter_mut().filter(|node| node.link == link) {
            (node.up, node.load) = (false, None);
        }
        // A cluster that is to end does not wait for nodes to come back.
        let patience = match self.config.node_timeout_secs {
            _ if self.stopping.is_some() => 0,
            0 => return,
            seconds => seconds,
        };
        self.deadlines.add(turn.now + f64::from(patience), Look::Link(link));
    }

    /// A rank server that did not come back in time takes its jobs along.
    pub(super) fn look_at_link(&mut self, turn: &mut Turn<'_>, link: LinkId) {
        let gone: Vec<String> =
            self.nodes.iter().filter(|n| n.link == link && !n.up).map(|n| n.facts.name.clone()).collect();
        let reason =
            NodeReason { text: NOT_RESPONDING.to_owned(), user: "root".to_owned(), uid: 0, at: turn.now };
        for name in &gone {
            self.nodes.with(name, |node| {
                node.down = true;
                node.reason.get_or_insert(reason.clone());
            });
        }
        if !gone.is_empty() {
            self.fail_jobs_on(turn, &gone);
            for launched in self.steps_on(link) {
                self.step_done(turn, link, launched.key, true);
            }
        }
    }

    /// Jobs on nodes that are lost end, or go back into the queue.
    fn fail_jobs_on(&mut self, turn: &mut Turn<'_>, names: &[String]) {
        // A heterogeneous job cannot do without a part of it.
        let hit: BTreeSet<JobId> = self
            .holding
            .iter()
            .filter_map(|id| self.jobs.get(id))
            .filter(|job| matches!(job.stage, Stage::Running | Stage::Suspended))
            .filter(|job| {
                let mut held = job.run.allocation.iter().flat_map(|allocation| &allocation.nodes);
                let first = held.clone().next().is_some_and(|share| names.contains(&share.name));
                first || !job.spec.no_kill && held.any(|share| names.contains(&share.name))
            })
            .map(Job::leader)
            .collect();
        for id in hit {
            let Some(job) = self.jobs.get(&id) else { continue };
            let requeue = job.requeueable(self.config.job_requeue);
            self.end_job(turn, id, Ending::node_failure(requeue));
        }
    }

    pub(super) fn node_views(&self) -> Vec<NodeView> {
        self.nodes.iter().map(|node| node.view(self.partitions_of(&node.facts.name))).collect()
    }

    /// `scontrol update nodename=…` (`scontrol(1)`, specifications for update command, nodes).
    pub(super) fn update_nodes(
        &mut self,
        turn: &mut Turn<'_>,
        peer: &Peer,
        names: &[String],
        changes: &[(String, String)],
    ) -> Result<(), Refusal> {
        if names.iter().any(|name| self.nodes.get(name).is_none()) {
            return Err(ErrorCode::InvalidNodeName.into());
        }
        let value = |key: &str| changes.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        for (key, text) in changes.iter().filter(|(key, _)| key != "state" && key != "reason") {
            self.update_node_field(names, key, text)?;
        }
        let reason = value("reason").map(|text| NodeReason {
            text: text.to_owned(),
            user: peer.user.clone(),
            uid: peer.uid,
            at: turn.now,
        });
        if let Some(state) = value("state") {
            self.set_node_state(turn, names, &state.to_ascii_uppercase(), reason.as_ref())?;
        } else if reason.is_some() {
            names.iter().for_each(|name| self.nodes.with(name, |node| node.reason.clone_from(&reason)));
        }
        turn.schedule = true;
        Ok(())
    }

    fn update_node_field(&mut self, names: &[String], key: &str, text: &str) -> Result<(), Refusal> {
        let words: Vec<String> = text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        match key {
            "activefeatures" | "availablefeatures" | "features" => {
                names.iter().for_each(|name| self.nodes.with(name, |node| node.features.clone_from(&words)));
            }
            "gres" => {
                let gres = gres::parse(text).map_err(|_| ErrorCode::InvalidGres)?;
                names.iter().for_each(|name| self.nodes.with(name, |node| node.gres.clone_from(&gres)));
            }
            "weight" => {
                let weight = text.parse().map_err(|_| ErrorCode::InvalidUpdate)?;
                names.iter().for_each(|name| self.nodes.with(name, |node| node.weight = weight));
            }
            "comment" | "extra" | "cpubind" => {}
            _ => return Err(Refusal::unknown_change(key, text)),
        }
        Ok(())
    }

    fn set_node_state(
        &mut self,
        turn: &mut Turn<'_>,
        names: &[String],
        state: &str,
        reason: Option<&NodeReason>,
    ) -> Result<(), Refusal> {
        let change: fn(&mut Node) = match state {
            "DRAIN" | "FAIL" => |node| node.drain = true,
            "DOWN" => |node| node.down = true,
            "UNDRAIN" => |node| (node.drain, node.reason) = (false, None),
            "RESUME" | "IDLE" => |node| (node.drain, node.down, node.reason) = (false, false, None),
            _ => return Err(ErrorCode::InvalidUpdate.into()),
        };
        for name in names {
            self.nodes.with(name, |node| {
                change(node);
                if let Some(reason) = reason {
                    node.reason = Some(reason.clone());
                }
            });
        }
        if state == "DOWN" {
            self.fail_jobs_on(turn, names);
        }
        Ok(())
    }
}
