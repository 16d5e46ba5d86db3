//! Pending jobs in the order in which the scheduler looks at them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use prun_runtime::ids::JobId;

use super::Cluster;
use super::job::QueueKey;
use super::lifecycle::Stage;

/// The order, and each job's place in it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: BTreeSet<QueueKey>,
    keys: BTreeMap<JobId, QueueKey>,
}

impl Queue {
    /// Puts a job at its place, also where it stood at another.
    fn put(&mut self, key: QueueKey) {
        self.remove(key.id);
        self.order.insert(key);
        self.keys.insert(key.id, key);
    }

    pub(super) fn remove(&mut self, id: JobId) {
        if let Some(key) = self.keys.remove(&id) {
            self.order.remove(&key);
        }
    }

    /// Jobs by their place.
    pub(super) fn iter(&self) -> impl Iterator<Item = JobId> {
        self.order.iter().map(|key| key.id)
    }

    #[cfg(test)]
    pub(super) fn contains(&self, id: JobId) -> bool {
        self.keys.contains_key(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

impl Cluster {
    /// Puts a job into the queue where it belongs now, or out of it when it is not pending.
    pub(super) fn rekey(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id).filter(|job| job.stage == Stage::Pending) else {
            return self.queue.remove(id);
        };
        let tiers = job.partitions.iter().filter_map(|name| self.partition(name));
        let tier = tiers.map(|partition| partition.priority_tier).max().unwrap_or(0);
        let priority = job.current_priority();
        // A held job stands behind all others, whatever its partition.
        let tier = if priority == 0 { 0 } else { tier };
        let key = QueueKey { tier: Reverse(tier), priority: Reverse(priority), id };
        self.queue.put(key);
    }

    /// The same for all, when a partition has changed.
    pub(super) fn rekey_all(&mut self) {
        let ids: Vec<JobId> = self.queue.iter().collect();
        ids.into_iter().for_each(|id| self.rekey(id));
    }
}
