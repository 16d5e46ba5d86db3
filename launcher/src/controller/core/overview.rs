//! Clients that look at the whole cluster (`prun top`).
//!
//! Each asks for the next picture when it has shown the last one, so that one that is slow, or was stopped at its
//! terminal, never has more than one picture on its way. Changes that follow each other closely are told together.

use std::sync::Arc;

use prun_runtime::limits::{
    ONLOOKERS_MAX, OVERVIEW_JOBS_MAX, OVERVIEW_NODES_MAX, OVERVIEW_RANKS_MAX, OVERVIEW_STEPS_MAX,
    OVERVIEW_WAIT,
};

use super::Cluster;
use super::event::{Asker, ClientId};
use super::lifecycle::Stage;
use super::turn::Turn;
use crate::controller::api::{ClusterView, ErrorCode, JobView, Reply};
use crate::layout::plan::Plan;

/// Who waits for the next picture. What they wait for changes nothing: a journal knows nothing of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Onlookers {
    /// Each with the number of the picture that it has.
    waiting: Vec<(Asker, u64)>,
    /// Number of the picture as it is now: it grows with every change.
    version: u64,
    /// When some of them were told last, in Unix seconds.
    told: f64,
}

impl Onlookers {
    /// The cluster is not as it was.
    pub(super) fn note_change(&mut self) {
        self.version += 1;
    }

    /// When the next picture is due, in Unix seconds; `None` while nobody waits for one that there is.
    pub(super) fn due(&self) -> Option<f64> {
        let behind = self.waiting.iter().any(|(_, seen)| *seen != self.version);
        behind.then(|| self.told + OVERVIEW_WAIT.as_secs_f64())
    }

    /// Those that are to be told now.
    fn take_due(&mut self, now: f64) -> Vec<Asker> {
        // A clock that was set back is no reason to wait.
        if self.due().is_none_or(|due| (self.told..due).contains(&now)) {
            return Vec::new();
        }
        self.told = now;
        let version = self.version;
        self.waiting.extract_if(.., |(_, seen)| *seen != version).map(|(asker, _)| asker).collect()
    }

    pub(super) fn drop_client(&mut self, client: ClientId) {
        self.waiting.retain(|(asker, _)| asker.client != client);
    }
}

impl Cluster {
    /// `WatchCluster`.
    pub(super) fn overlook(&mut self, turn: &mut Turn<'_>, asker: Asker, seen: Option<u64>) {
        match seen {
            None => turn.answer(asker, self.overview(turn.now)),
            Some(_) if self.onlookers.waiting.len() >= ONLOOKERS_MAX => {
                turn.answer(asker, Reply::Error(ErrorCode::TooMany.into()));
            }
            Some(seen) => Arc::make_mut(&mut self.onlookers).waiting.push((asker, seen)),
        }
    }

    /// Tells those whose picture is due.
    pub(super) fn tell_onlookers(&mut self, turn: &mut Turn<'_>) {
        if self.onlookers.due().is_none() {
            return;
        }
        let due = Arc::make_mut(&mut self.onlookers).take_due(turn.now);
        if due.is_empty() {
            return;
        }
        let picture = self.overview(turn.now);
        due.into_iter().for_each(|asker| turn.answer(asker, picture.clone()));
    }

    /// The cluster as it is now: jobs that hold nodes, then the queue in its order, then those that ended, the last
    /// first.
    fn overview(&self, now: f64) -> Reply {
        let holding = self.holding.iter().copied();
        let ended = self.jobs.values().rev().filter(|job| job.stage == Stage::Ended).map(|job| job.id);
        let ids = holding.chain(self.queue.iter()).chain(ended);
        let mut ranks = OVERVIEW_RANKS_MAX;
        let mut views = Vec::new();
        for job in ids.take(OVERVIEW_JOBS_MAX).filter_map(|id| self.jobs.get(&id)) {
            let mut view = self.view(job, now);
            thin(&mut view, &mut ranks);
            views.push(view);
        }
        let mut nodes = self.node_views();
        let nodes_left_out = nodes.len().saturating_sub(OVERVIEW_NODES_MAX);
        nodes.truncate(OVERVIEW_NODES_MAX);
        let jobs_left_out = self.jobs.len().saturating_sub(views.len());
        Reply::Cluster(Box::new(ClusterView {
            seen: self.onlookers.version,
            jobs: views,
            jobs_left_out,
            nodes,
            nodes_left_out,
        }))
    }
}

/// Takes out of a job what would make a picture heavy: ranks of steps that have ended or are beyond those that may
/// still be told, and all but the last of the ended steps.
fn thin(view: &mut JobView, ranks: &mut usize) {
    let mut ended = view.steps.iter().filter(|step| step.end_time.is_some()).count();
    view.steps.retain(|step| {
        let over = step.end_time.is_some();
        ended -= usize::from(over);
        !over || step.key.step.is_batch() || ended < OVERVIEW_STEPS_MAX
    });
    for step in &mut view.steps {
        let size = step.plan.size() as usize;
        if step.end_time.is_some() || size > *ranks {
            step.plan = Plan::default();
            step.usage.clear();
        } else {
            *ranks -= size;
        }
    }
}
