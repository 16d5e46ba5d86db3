//! The state of a cluster as one value that can be kept: a journal begins with one, so that it need not go back to
//! the cluster's first day.
//!
//! The configuration is in it: events that came after it happened under that one, whatever the next start says. What
//! is not in it: who watches what, and what follows from the rest (the queue's order, which jobs hold CPUs, which
//! records an array has).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prun_runtime::ids::JobId;
use prun_runtime::limits::CLIENT_RETURN;
use serde::{Deserialize, Serialize};

use super::Cluster;
use super::config::{Config, PartitionConfig};
use super::deadline::{Deadlines, Look};
use super::event::{Asker, ClientId, LinkId};
use super::job::Job;
use super::nodes::Nodes;
use super::partition::configured;
use super::turn::Turn;
#[cfg(doc)]
use crate::controller::api::Request;
use crate::controller::api::{JobView, Reply, Submission};

/// A cluster's state at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Image {
    config: Config,
    /// As they were changed since.
    partitions: Vec<PartitionConfig>,
    nodes: Nodes,
    jobs: Vec<Job>,
    /// What was submitted, once for all elements of an array.
    submissions: BTreeMap<JobId, Submission>,
    history: Vec<JobView>,
    deadlines: Deadlines,
    owners: BTreeSet<ClientId>,
    next_job: u32,
    next_priority: u32,
    last_correspondent: u64,
    #[serde(default)]
    last_launch: u64,
}

impl Image {
    /// Partitions as they were.
    #[cfg(test)]
    pub(in crate::controller) fn partitions(&self) -> &[PartitionConfig] {
        &self.partitions
    }
}

impl Cluster {
    /// The state as it is now.
    #[must_use]
    pub fn image(&self) -> Image {
        let mut submissions: BTreeMap<JobId, Submission> = BTreeMap::new();
        for job in self.jobs.values() {
            submissions.entry(job.array_or_id()).or_insert_with(|| Submission::clone(&job.submission));
        }
        Image {
            config: self.config.clone(),
            partitions: self.partitions.clone(),
            nodes: self.nodes.clone(),
            jobs: self.jobs.values().cloned().collect(),
            submissions,
            history: self.history.values().cloned().collect(),
            deadlines: self.deadlines.clone(),
            owners: self.owners.clone(),
            next_job: self.next_job,
            next_priority: self.next_priority,
            last_correspondent: self.last_correspondent,
            last_launch: self.last_launch,
        }
    }

    /// A cluster in this state.
    #[must_use]
    pub fn restore(image: Image) -> Self {
        let mut cluster = Self::new(image.config);
        cluster.partitions = image.partitions;
        cluster.nodes = image.nodes;
        cluster.history = image.history.into_iter().map(|view| (view.id, view)).collect();
        cluster.deadlines = image.deadlines;
        cluster.owners = image.owners;
        cluster.next_job = image.next_job;
        cluster.next_priority = image.next_priority;
        cluster.last_correspondent = image.last_correspondent;
        cluster.last_launch = image.last_launch;
        let submissions: BTreeMap<JobId, Arc<Submission>> =
            image.submissions.into_iter().map(|(id, submission)| (id, Arc::new(submission))).collect();
        for mut job in image.jobs {
            let id = job.id;
            if let Some(submission) = submissions.get(&job.array_or_id()) {
                job.submission = Arc::clone(submission);
            }
            if let Some(array) = &job.array {
                cluster.arrays.entry(array.array).or_default().insert(id);
            }
            if job.stage.holds() {
                cluster.holding.insert(id);
            }
            cluster.jobs.insert(id, job);
            cluster.rekey(id);
        }
        cluster
    }

    /// The number that the next job gets.
    #[must_use]
    pub fn next_job(&self) -> JobId {
        JobId(self.next_job)
    }

    /// The highest number that a client or link has had; new ones have higher ones.
    #[must_use]
    pub fn last_correspondent(&self) -> u64 {
        self.last_correspondent
    }

    /// Follows the configuration of a new start. What was changed by hand meanwhile is as the configuration has it.
    pub fn reconfigure(&mut self, config: Config) {
        let first_job = config.first_job.or(self.config.first_job);
        self.next_job = self.next_job.max(first_job.unwrap_or(1));
        self.nodes.reconfigure(&config.nodes);
        self.partitions = configured(&config.partitions);
        self.config = Config { first_job, ..config };
        self.rekey_all();
        let age = f64::from(self.config.min_job_age_secs);
        for (job, end) in self.jobs.values().filter_map(|job| Some((job, job.end_time?))) {
            self.deadlines.add(end + age, Look::Job(job.id));
        }
    }

    /// The same in the middle of a run. Jobs stay: those that wait where they are not wanted any more wait on.
    pub(super) fn configured_anew(&mut self, turn: &mut Turn<'_>, asker: Asker, config: Config) {
        self.reconfigure(config);
        for id in self.holding.clone() {
            self.watch_limit(id);
        }
        turn.changed.extend(self.jobs.keys().copied());
        turn.schedule = true;
        turn.answer(asker, Reply::Done);
    }

    /// Every connection and link is gone. Clients have some time to come back ([`Request::Reclaim`]).
    pub(super) fn restarted(&mut self, turn: &mut Turn<'_>) {
        self.stopping = None;
        for id in &self.holding {
            // Who still waits for a step asks again.
            let Some(job) = self.jobs.get_mut(id) else { continue };
            job.run.waiting_steps.clear();
        }
        let last = ClientId(self.last_correspondent);
        self.deadlines.add(turn.now + CLIENT_RETURN.as_secs_f64(), Look::Clients(last));
        let mut links: Vec<LinkId> = self.nodes.iter().filter(|node| node.up).map(|node| node.link).collect();
        links.sort_unstable();
        links.dedup();
        links.into_iter().for_each(|link| self.node_gone(turn, link));
    }

    /// Clients that did not come back in time are gone.
    pub(super) fn look_at_clients(&mut self, turn: &mut Turn<'_>, last: ClientId) {
        let gone: Vec<ClientId> = self.owners.range(..=last).copied().collect();
        gone.into_iter().for_each(|client| self.client_gone(turn, client));
    }
}
