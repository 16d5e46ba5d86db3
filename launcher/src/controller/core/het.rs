//! Heterogeneous jobs (`sbatch(1)`, "heterogeneous jobs"): components are jobs with consecutive numbers that start
//! together. The first, the leader, runs the script, and the others live by it: its end is theirs.

use prun_runtime::ids::JobId;
use serde::{Deserialize, Serialize};

use super::Cluster;
use super::finish::Ending;
use super::job::{Again, Job};
use super::lifecycle::Stage;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, HetView, JobRef};

/// A job's place in a heterogeneous job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Component {
    /// The first component.
    pub(super) leader: JobId,
    /// How many are before this one.
    pub(super) offset: u32,
    /// How many there are.
    pub(super) size: u32,
}

impl Component {
    pub(super) fn leads(self) -> bool {
        self.offset == 0
    }

    pub(super) fn view(self) -> HetView {
        HetView { leader: self.leader, offset: self.offset, size: self.size }
    }

    fn ids(self) -> impl Iterator<Item = JobId> {
        (self.leader.0..self.leader.0 + self.size).map(JobId)
    }
}

impl Job {
    /// Whether it stands for itself: it is the first component of its job, or the only one.
    pub(super) fn leads(&self) -> bool {
        self.het.is_none_or(Component::leads)
    }

    /// The first component of its job, or itself.
    pub(super) fn leader(&self) -> JobId {
        self.het.map_or(self.id, |component| component.leader)
    }
}

impl Cluster {
    /// The components of a heterogeneous job that are still known, the leader first; none of any other job.
    pub(super) fn components(&self, job: &Job) -> Vec<&Job> {
        let ids = job.het.into_iter().flat_map(Component::ids);
        ids.filter_map(|id| self.jobs.get(&id)).collect()
    }

    /// The components behind a leader; none behind any other job.
    fn followers(&self, id: JobId) -> Vec<JobId> {
        let Some(leader) = self.jobs.get(&id).filter(|job| job.leads()) else { return Vec::new() };
        self.components(leader).into_iter().skip(1).map(|job| job.id).collect()
    }

    /// What a user means by the number of a leader (all components) or by `N+K` (one of them); `None` where the
    /// number is of no leader.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidJobId`]: there is no such component.
    pub(super) fn components_named(&self, named: &JobRef) -> Result<Option<Vec<JobId>>, ErrorCode> {
        let leader = self.jobs.get(&named.job).filter(|job| job.het.is_some() && job.leads());
        match (leader, named.component) {
            (None, None | Some(0)) => Ok(None),
            (None, Some(_)) => Err(ErrorCode::InvalidJobId),
            (Some(leader), None) => Ok(Some(self.components(leader).iter().map(|job| job.id).collect())),
            (Some(leader), Some(offset)) => {
                let components = self.components(leader);
                let at = |job: &&&Job| job.het.is_some_and(|component| component.offset == offset);
                let found = components.iter().find(at).ok_or(ErrorCode::InvalidJobId)?;
                Ok(Some(vec![found.id]))
            }
        }
    }

    /// Whether this is one component without the others.
    pub(super) fn is_part(&self, ids: &[JobId]) -> bool {
        self.part(ids).is_some()
    }

    /// Whether this is one component, of a job that has not started: it can only be cancelled as a whole.
    pub(super) fn waits_in_part(&self, ids: &[JobId]) -> bool {
        self.part(ids).is_some_and(|job| job.stage == Stage::Pending)
    }

    fn part(&self, ids: &[JobId]) -> Option<&Job> {
        let [id] = ids else { return None };
        self.jobs.get(id).filter(|job| job.het.is_some())
    }

    /// The end of a leader is that of the others.
    pub(super) fn end_followers(&mut self, turn: &mut Turn<'_>, id: JobId, ending: &Ending) {
        for follower in self.followers(id) {
            self.end_job(turn, follower, ending.clone());
        }
    }

    /// Where a leader waits again, the others do, also those that had ended before it.
    pub(super) fn put_followers_back(&mut self, turn: &mut Turn<'_>, id: JobId, again: Again) {
        for follower in self.followers(id) {
            let Some(job) = self.jobs.get_mut(&follower) else { continue };
            match job.stage {
                Stage::Ended => self.put_back(turn, follower, again),
                Stage::Completing => job.again = Some(again),
                Stage::Pending | Stage::Running | Stage::Suspended => {}
            }
        }
    }
}
