//! The controller's decisions: state × event × now → effects. Pure: no socket, clock, file or runtime.
//!
//! [`Cluster::apply`] takes one [`Event`], changes the state and gives out what is to be done. The rooms, in the
//! order in which a job passes through them: `check`, `submit` (defaults), `dependency` and `schedule` (who
//! starts, where; `het`: several together), `start`, `steps` (CPUs inside a job, launches; `step_parts`: over several components), `report` (what rank servers say), `finish`
//! (outcome, requeue, history); beside them what users do to jobs: `cancel`, `act`, `update`; and what they see:
//! `view`, `watch`, `overview`. The way of a job is the table in `lifecycle`.
//!
//! Random secrets are drawn from a source that the caller passes in, so that a replay can give the same ones.

mod act;
mod array;
#[cfg(test)]
pub(super) mod audit;
mod cancel;
mod check;
pub mod config;
mod config_view;
mod deadline;
mod dependency;
pub mod event;
mod finish;
pub mod gres;
mod het;
pub mod image;
mod job;
mod lifecycle;
mod node;
mod nodes;
mod overview;
mod partition;
mod queue;
mod reason;
mod report;
mod request;
mod rooms;
mod schedule;
mod start;
mod step;
mod step_parts;
mod steps;
mod submit;
#[cfg(test)]
pub(super) mod tests;
mod turn;
mod update;
mod view;
mod wanted;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prun_runtime::ids::JobId;
use prun_runtime::wire::launch::Secret;

use self::config::{Config, PartitionConfig};
use self::deadline::{Deadlines, Look};
use self::event::{Asker, ClientId, Effect, Event};
use self::job::Job;
use self::nodes::Nodes;
use self::overview::Onlookers;
use self::queue::Queue;
use self::turn::Turn;
use self::watch::Watchers;
use super::api::JobView;

/// The queue and the nodes of one cluster.
#[derive(Debug)]
pub struct Cluster {
    config: Config,
    nodes: Nodes,
    partitions: Vec<PartitionConfig>,
    /// Jobs that are not ended, or ended less than `MinJobAge` ago.
    jobs: BTreeMap<JobId, Job>,
    /// Records of each array.
    arrays: BTreeMap<JobId, BTreeSet<JobId>>,
    /// Jobs that hold CPUs.
    holding: BTreeSet<JobId>,
    queue: Queue,
    /// Jobs that ended longer ago, for accounting.
    history: BTreeMap<JobId, JobView>,
    /// Both are shared with whoever may have to go back to what they were.
    watchers: Arc<Watchers>,
    onlookers: Arc<Onlookers>,
    /// Clients that asked for something that ends with their connection.
    owners: BTreeSet<ClientId>,
    deadlines: Deadlines,
    next_job: u32,
    next_priority: u32,
    /// The highest number that a client or link has had.
    last_correspondent: u64,
    /// The number of the last launch.
    last_launch: u64,
    /// Who asked for the end of the cluster.
    stopping: Option<Asker>,
}

impl Cluster {
    /// A cluster without jobs, whose nodes are still to come.
    #[must_use]
    pub fn new(config: Config) -> Self {
        /// What Slurm's `priority/basic` begins with.
        const FIRST_PRIORITY: u32 = 4_294_901_760;
        let partitions = partition::configured(&config.partitions);
        Self {
            next_job: config.first_job.unwrap_or(1),
            nodes: Nodes::expected(&config.nodes),
            config,
            partitions,
            jobs: BTreeMap::new(),
            arrays: BTreeMap::new(),
            holding: BTreeSet::new(),
            queue: Queue::default(),
            history: BTreeMap::new(),
            watchers: Arc::default(),
            onlookers: Arc::default(),
            owners: BTreeSet::new(),
            deadlines: Deadlines::default(),
            next_priority: FIRST_PRIORITY,
            last_correspondent: 0,
            last_launch: 0,
            stopping: None,
        }
    }

    /// Takes one event that happened at `now` (Unix seconds); gives what is to be done, in order. `secrets` gives
    /// a value that nobody can guess, another one each time.
    pub fn apply(&mut self, event: Event, now: f64, secrets: &mut dyn FnMut() -> Secret) -> Vec<Effect> {
        let mut turn = Turn::new(now, secrets);
        let changes = self.is_changed_by(&event);
        if changes && !matches!(event, Event::Timer) {
            Arc::make_mut(&mut self.onlookers).note_change();
        }
        self.last_correspondent = self.last_correspondent.max(event.correspondent());
        match event {
            Event::Call { client, peer, call } => {
                self.serve(&mut turn, Asker { client, call: call.id }, &peer, call.request);
            }
            Event::ClientGone { client } => self.client_gone(&mut turn, client),
            Event::Node { link, message } => self.node_says(&mut turn, link, message),
            Event::NodeGone { link } => self.node_gone(&mut turn, link),
            Event::Timer => {}
            Event::Reconfigured { asker, config } => self.configured_anew(&mut turn, asker, *config),
            Event::Restarted => self.restarted(&mut turn),
        }
        if changes {
            self.look_at_due(&mut turn);
            self.schedule(&mut turn);
        }
        self.tell_watchers(&mut turn);
        self.tell_onlookers(&mut turn);
        self.stop_when_empty(&mut turn);
        turn.effects
    }

    /// Whether an event changes the state; a journal need not keep those that do not. (They do not bring about what is
    /// due either: the timer's own event does.)
    #[must_use]
    pub fn is_changed_by(&self, event: &Event) -> bool {
        match event {
            Event::ClientGone { client } => self.owners.contains(client),
            // One that is only for the onlookers, who are told what is so already.
            Event::Timer => match (self.deadlines.next(), self.onlookers.due()) {
                (Some(deadline), Some(due)) => deadline <= due,
                (None, Some(_)) => false,
                (_, None) => true,
            },
            event => !event.only_asks(),
        }
    }

    fn look_at_due(&mut self, turn: &mut Turn<'_>) {
        while let Some(look) = self.deadlines.pop(turn.now) {
            Arc::make_mut(&mut self.onlookers).note_change();
            match look {
                Look::Job(id) => self.look_at_job(turn, id),
                Look::Link(link) => self.look_at_link(turn, link),
                Look::Clients(last) => self.look_at_clients(turn, last),
            }
        }
    }

    /// The configuration that it follows.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// When [`Event::Timer`] is due, in Unix seconds. It may change with every event.
    #[must_use]
    pub fn next_deadline(&self) -> Option<f64> {
        [self.deadlines.next(), self.onlookers.due()].into_iter().flatten().min_by(f64::total_cmp)
    }
}
