//! What really happened, and what users were told: the controller's word is held against it.

use std::collections::{BTreeMap, BTreeSet};

use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::wire::launch::Secret;

use super::processes::{Life, Process};
use crate::controller::api::JobState;

/// Ledger of the world.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Submissions that users were told the number of.
    acknowledged: Vec<JobId>,
    /// All jobs of these.
    promised: BTreeSet<JobId>,
    /// Scripts that started, by job.
    starts: BTreeMap<JobId, Vec<u64>>,
    /// Jobs that somebody wanted to end or to start again.
    meddled: BTreeSet<JobId>,
    /// Machines whose jobs may have been taken from them, and what they said of them lost.
    troubled: BTreeSet<usize>,
    /// CPUs that jobs were given on nodes, by the secret of the step that uses them.
    shares: BTreeMap<(JobId, [u8; 32], String), Vec<u32>>,
    launchers: BTreeMap<StepKey, u64>,
    /// What makes no sense.
    pub(super) offences: Vec<String>,
}

impl Truth {
    pub(super) fn acknowledge(&mut self, job: JobId, count: u32) {
        self.acknowledged.push(job);
        self.promised.insert(job);
        if count > 1 {
            // Of a heterogeneous job or an array, whose first number is known by itself.
            self.promised.insert(job);
        }
    }

    pub(super) fn acknowledged(&self) -> &[JobId] {
        &self.acknowledged
    }

    pub(super) fn promised(&self) -> impl Iterator<Item = JobId> {
        self.promised.iter().copied()
    }

    pub(super) fn ended_by_user(&mut self, job: JobId) {
        self.meddled.insert(job);
    }

    pub(super) fn is_meddled(&self, job: JobId) -> bool {
        self.meddled.contains(&job)
    }

    pub(super) fn trouble(&mut self, node: usize) {
        self.troubled.insert(node);
    }

    pub(super) fn is_troubled(&self, node: usize) -> bool {
        self.troubled.contains(&node)
    }

    pub(super) fn told_end(&mut self, job: JobId, state: JobState) {
        if matches!(state, JobState::Pending | JobState::Running | JobState::Suspended | JobState::Completing)
        {
            self.offences
                .push(format!("who waited for job {job} was told that it has ended, and it is {state:?}"));
        }
    }

    pub(super) fn give(&mut self, job: JobId, secret: &Secret, node: &str, cpus: Vec<u32>) {
        self.shares.insert((job, secret.0, node.to_owned()), cpus);
    }

    pub(super) fn share(&self, job: JobId, secret: &Secret, node: &str) -> Vec<u32> {
        self.shares.get(&(job, secret.0, node.to_owned())).cloned().unwrap_or_default()
    }

    pub(super) fn is_launched_by(&mut self, key: StepKey, script: u64) {
        self.launchers.insert(key, script);
    }

    pub(super) fn launcher_of(&self, key: StepKey) -> Option<u64> {
        self.launchers.get(&key).copied()
    }

    /// Scripts of a job that started, in order.
    pub(super) fn starts_of(&self, job: JobId) -> &[u64] {
        self.starts.get(&job).map_or(&[], Vec::as_slice)
    }

    pub(super) fn started(&self) -> impl Iterator<Item = (JobId, &[u64])> {
        self.starts.iter().map(|(job, starts)| (*job, starts.as_slice()))
    }

    /// Part of a step starts on a machine: nobody else may have its CPUs, and it itself may not run yet.
    pub(super) fn starts(
        &mut self,
        key: StepKey,
        number: u64,
        processes: &[Process],
        node: usize,
        cpus: &[u32],
    ) {
        if key.step.is_batch() {
            self.starts.entry(key.job).or_default().push(number);
        }
        for other in processes.iter().filter(|other| other.node == node) {
            if matches!(other.life, Life::Gone | Life::Ends { at_once: true }) {
                continue;
            }
            if other.key == key {
                self.offences.push(format!("{key} starts where it runs"));
            } else if other.key.job != key.job && other.cpus.iter().any(|cpu| cpus.contains(cpu)) {
                self.offences.push(format!("{key} starts on CPUs that {} uses", other.key));
            }
        }
    }
}
