//! Clients that want to know how a job goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use prun_runtime::ids::JobId;
use prun_runtime::limits::WATCHERS_MAX;

use super::Cluster;
use super::event::{Asker, ClientId};
use super::job::Job;
use super::lifecycle::Stage;
use super::overview::Onlookers;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, JobView, Reply};

/// What a watcher is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Only the end.
    End,
    /// The job now, after every change, and the end.
    EveryChange,
}

/// Watchers by the job or array that they named.
#[derive(Debug, Clone, Default)]
pub(super) struct Watchers {
    by_job: BTreeMap<JobId, Vec<(Asker, Wish)>>,
    count: usize,
}

/// All who wait to be told something. An image does not say it.
#[derive(Debug, Clone)]
pub struct Audience {
    watchers: Arc<Watchers>,
    onlookers: Arc<Onlookers>,
}

impl Watchers {
    fn add(&mut self, job: JobId, asker: Asker, wish: Wish) {
        self.by_job.entry(job).or_default().push((asker, wish));
        self.count += 1;
    }

    fn take(&mut self, job: JobId) -> Vec<(Asker, Wish)> {
        let watchers = self.by_job.remove(&job).unwrap_or_default();
        self.count -= watchers.len();
        watchers
    }

    pub(super) fn drop_client(&mut self, client: ClientId) {
        for watchers in self.by_job.values_mut() {
            watchers.retain(|(asker, _)| asker.client != client);
        }
        self.by_job.retain(|_, watchers| !watchers.is_empty());
        self.count = self.by_job.values().map(Vec::len).sum();
    }
}

impl Cluster {
    /// Who waits to be told something now.
    #[must_use]
    pub fn audience(&self) -> Audience {
        Audience { watchers: Arc::clone(&self.watchers), onlookers: Arc::clone(&self.onlookers) }
    }

    /// The same cluster before this audience.
    #[must_use]
    pub fn before(self, audience: Audience) -> Self {
        Self { watchers: audience.watchers, onlookers: audience.onlookers, ..self }
    }

    /// `WaitJob` and `WatchJob`.
    pub(super) fn watch(&mut self, turn: &mut Turn<'_>, asker: Asker, id: JobId, wish: Wish) {
        if let Some(view) = self.history.get(&id) {
            let job = Box::new(view.clone());
            return turn.answer(asker, Reply::Ended { job });
        }
        let Some(job) = self.jobs.get(&id) else {
            return turn.answer(asker, Reply::Error(ErrorCode::InvalidJobId.into()));
        };
        if self.all_ended(id) {
            return turn.answer(asker, Reply::Ended { job: Box::new(self.worst(id, job, turn.now)) });
        }
        if self.watchers.count >= WATCHERS_MAX {
            return turn.answer(asker, Reply::Error(ErrorCode::TooMany.into()));
        }
        if wish == Wish::EveryChange {
            turn.answer(asker, Reply::Job(Box::new(self.view(job, turn.now))));
        }
        Arc::make_mut(&mut self.watchers).add(id, asker, wish);
    }

    /// Tells watchers of the jobs that changed in this turn.
    pub(super) fn tell_watchers(&mut self, turn: &mut Turn<'_>) {
        for id in std::mem::take(&mut turn.changed) {
            let Some(job) = self.jobs.get(&id) else { continue };
            let array = job.array_or_id();
            let named = if array == id { vec![id] } else { vec![id, array] };
            for name in named {
                self.tell_watchers_of(turn, name, id);
            }
        }
    }

    fn tell_watchers_of(&mut self, turn: &mut Turn<'_>, name: JobId, changed: JobId) {
        let Some(watchers) = self.watchers.by_job.get(&name) else { return };
        let Some(job) = self.jobs.get(&changed) else { return };
        if watchers.iter().any(|(_, wish)| *wish == Wish::EveryChange) {
            let view = self.view(job, turn.now);
            for (asker, _) in watchers.iter().filter(|(_, wish)| *wish == Wish::EveryChange) {
                turn.answer(*asker, Reply::Job(Box::new(view.clone())));
            }
        }
        if self.all_ended(name) {
            let view = self.worst(name, job, turn.now);
            for (asker, _) in Arc::make_mut(&mut self.watchers).take(name) {
                turn.answer(asker, Reply::Ended { job: Box::new(view.clone()) });
            }
        }
    }

    /// A job as it ended; of an array the element with the highest exit code.
    fn worst(&self, name: JobId, job: &Job, now: f64) -> JobView {
        let ended = self.records_of(name).filter(|job| job.stage == Stage::Ended);
        let worst = ended.max_by_key(|job| job.run.exit.status());
        self.view(worst.unwrap_or(job), now)
    }
}
