//! Whether the state makes sense, and a look at it from outside. For tests.

use std::collections::BTreeMap;

use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::step::Exit;

use super::Cluster;
use super::job::Job;
use super::lifecycle::Stage;
use super::step::StepStage;
use crate::controller::api::JobState;

/// A job at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Its state as users see it.
    pub state: JobState,
    /// How often it was requeued.
    pub restarts: u32,
    /// Exit of its script.
    pub exit: Exit,
    /// Why it waits, or how it ended.
    pub reason: String,
}

impl Cluster {
    /// What makes no sense.
    pub fn audit(&self) -> Result<(), String> {
        let mut held: BTreeMap<(&str, u32), JobId> = BTreeMap::new();
        for job in self.jobs.values() {
            let id = job.id;
            let holds = self.holding.contains(&id);
            if job.stage.holds() != holds {
                return Err(format!("job {id} is {:?}, and holds CPUs: {holds}", job.stage));
            }
            let queued = job.stage == Stage::Pending;
            if self.queue.contains(id) != queued {
                return Err(format!("job {id} is {:?}, and not as the queue has it", job.stage));
            }
            if !holds && job.has_live_steps() {
                return Err(format!("job {id} is {:?} and runs a step", job.stage));
            }
            if job.stage == Stage::Completing && !job.has_live_steps() {
                return Err(format!("job {id} completes without a step that it waits for"));
            }
            for share in job.run.allocation.iter().filter(|_| holds).flat_map(|held| &held.nodes) {
                let Some(node) = self.nodes.get(&share.name) else {
                    return Err(format!("job {id} holds CPUs of `{}`, which is unknown", share.name));
                };
                for &cpu in &share.cpus {
                    if cpu >= node.facts.cpus {
                        return Err(format!("job {id} holds CPU {cpu} of `{}`, which has less", share.name));
                    }
                    if let Some(other) = held.insert((&share.name, cpu), id) {
                        return Err(format!("CPU {cpu} of `{}` is job {id}'s and job {other}'s", share.name));
                    }
                }
            }
        }
        self.audit_nodes(&held)
    }

    fn audit_nodes(&self, held: &BTreeMap<(&str, u32), JobId>) -> Result<(), String> {
        for node in self.nodes.iter() {
            let name = node.facts.name.as_str();
            let given = held.range((name, 0)..=(name, u32::MAX)).count();
            let free = node.room().free_cpus.len();
            if given + free != node.facts.cpus as usize {
                return Err(format!("`{name}` has {} CPUs, {given} held and {free} free", node.facts.cpus));
            }
            if let Some(id) = node.jobs.iter().find(|id| !self.holding.contains(id)) {
                return Err(format!("`{name}` has job {id}, which holds nothing"));
            }
        }
        Ok(())
    }

    /// A job at a glance, as long as it is known.
    pub fn glance(&self, id: JobId) -> Option<Glance> {
        let now = |job: &Job| Glance {
            state: job.state(),
            restarts: job.restarts,
            exit: job.run.exit,
            reason: job.reason.to_string(),
        };
        let past = || {
            let view = self.history.get(&id)?;
            let reason = view.reason.clone();
            Some(Glance { state: view.state, restarts: view.restarts, exit: view.exit, reason })
        };
        self.jobs.get(&id).map(now).or_else(past)
    }

    /// All that are known, by number.
    pub fn ids(&self) -> Vec<JobId> {
        self.jobs.keys().chain(self.history.keys()).copied().collect()
    }

    /// Those that have not ended.
    pub fn open_ids(&self) -> Vec<JobId> {
        self.open_jobs().map(|job| job.id).collect()
    }

    /// Whether a submission is known by this number, a job's or an array's.
    pub fn has_submission(&self, id: JobId) -> bool {
        self.jobs.contains_key(&id)
            || self.arrays.contains_key(&id)
            || self.history.contains_key(&id)
            || self.history.values().any(|view| view.array.as_ref().is_some_and(|array| array.id == id))
    }

    /// The CPUs that a job holds on a node, by the secret of a step of it that runs.
    pub fn cpus_of(&self, key: StepKey, secret: &Secret, node: &str) -> Option<Vec<u32>> {
        let job = self.jobs.get(&key.job)?;
        job.run.steps.get(&key.step).filter(|step| step.secret == *secret)?;
        let mut shares = job.run.allocation.iter().flat_map(|allocation| &allocation.nodes);
        shares.find(|share| share.name == node).map(|share| share.cpus.clone())
    }

    /// Steps that were handed to rank servers and are not over.
    pub fn running(&self) -> Vec<StepKey> {
        let jobs = self.holding.iter().filter_map(|id| self.jobs.get(id));
        let steps = jobs.flat_map(|job| job.run.steps.values());
        steps.filter(|step| step.stage == StepStage::Running).map(|step| step.key).collect()
    }

    /// Nodes whose rank server is there.
    pub fn count_up(&self) -> usize {
        self.nodes.iter().filter(|node| node.up).count()
    }

    /// Whether a job holds nothing any more.
    pub fn has_ended(&self, id: JobId) -> bool {
        self.jobs.get(&id).is_some_and(|job| job.stage == Stage::Ended)
    }

    /// Planted: CPUs that a job gave back are held all the same.
    pub fn leak(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let share = job.run.allocation.iter().flat_map(|allocation| &allocation.nodes).next().cloned();
        if let Some(share) = share {
            self.nodes.with(&share.name, |node| node.hold(id, &share, 0.0));
        }
    }
}
