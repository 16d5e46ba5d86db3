//! `scontrol hold|uhold|release|requeue|requeuehold|suspend|resume|top` (`scontrol(1)`).

use prun_runtime::ids::{JobId, StepKey};

use super::Cluster;
use super::event::Peer;
use super::finish::{Ending, SIGCONT, SIGSTOP};
use super::job::{Again, Hold};
use super::lifecycle::{Happening, Stage};
use super::reason::Reason;
use super::step::{Step, StepStage};
use super::turn::Turn;
use crate::controller::api::{Action, ErrorCode, JobRef, Refusal};

impl Cluster {
    /// Does it to every job meant. The first job that refuses gives the error; the others are done all the same.
    pub(super) fn act(
        &mut self,
        turn: &mut Turn<'_>,
        peer: &Peer,
        named: &JobRef,
        action: Action,
    ) -> Result<(), Refusal> {
        let ids = self.resolve(named)?;
        let alone = !matches!(action, Action::Hold | Action::UserHold | Action::Release | Action::Top);
        if alone && self.is_part(&ids) {
            return Err(ErrorCode::NotWholeHetJob.into());
        }
        let leads = ids.first().and_then(|id| self.jobs.get(id)).is_some_and(|job| job.het.is_some());
        let mut results: Vec<Result<(), ErrorCode>> =
            ids.into_iter().map(|id| self.act_on(turn, peer, id, action)).collect();
        turn.schedule = true;
        if leads {
            // The others follow it: what they could not do any more is done.
            results.truncate(1);
        }
        Ok(results.into_iter().collect::<Result<(), ErrorCode>>()?)
    }

    fn act_on(
        &mut self,
        turn: &mut Turn<'_>,
        peer: &Peer,
        id: JobId,
        action: Action,
    ) -> Result<(), ErrorCode> {
        turn.changed.insert(id);
        match action {
            Action::Hold => self.set_hold(turn, id, Some(Hold::by(peer.uid))),
            Action::UserHold => self.set_hold(turn, id, Some(Hold::User)),
            Action::Release => self.set_hold(turn, id, None),
            Action::Requeue => self.requeue(turn, id, None),
            Action::RequeueHold => self.requeue(turn, id, Some(Hold::by(peer.uid))),
            Action::Suspend => self.suspend(turn, id),
            Action::Resume => self.resume(turn, id),
            Action::Top => self.top(id),
        }
    }

    pub(super) fn set_hold(
        &mut self,
        turn: &mut Turn<'_>,
        id: JobId,
        hold: Option<Hold>,
    ) -> Result<(), ErrorCode> {
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        if matches!(job.stage, Stage::Completing | Stage::Ended) {
            return Err(ErrorCode::JobFinished);
        }
        job.hold = hold;
        // What runs goes on; it is held if it comes back into the queue.
        if job.stage != Stage::Pending {
            return Ok(());
        }
        job.reason = hold.map_or(Reason::None, Hold::reason);
        if hold.is_none() {
            job.eligible_time.get_or_insert(turn.now);
        }
        self.drop_met(id, turn.now);
        self.rekey(id);
        turn.schedule = true;
        Ok(())
    }

    /// Back into the queue: from the middle of its run, or after its end.
    fn requeue(&mut self, turn: &mut Turn<'_>, id: JobId, hold: Option<Hold>) -> Result<(), ErrorCode> {
        let by_default = self.config.job_requeue;
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        if !job.requeueable(by_default) {
            return Err(ErrorCode::Disabled);
        }
        match job.stage {
            Stage::Pending => return Err(ErrorCode::JobPending),
            Stage::Running | Stage::Suspended => self.end_job(turn, id, Ending::requeued(hold)),
            Stage::Completing if job.again.is_some() => return Err(ErrorCode::JobPending),
            Stage::Completing => job.again = Some(Again { hold }),
            Stage::Ended => self.put_back(turn, id, Again { hold }),
        }
        Ok(())
    }

    fn suspend(&mut self, turn: &mut Turn<'_>, id: JobId) -> Result<(), ErrorCode> {
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        if job.stage == Stage::Suspended {
            return Ok(());
        }
        job.stage = job.stage.after(Happening::Suspend)?;
        job.run.suspend_time = Some(turn.now);
        self.signal_all(turn, id, SIGSTOP);
        Ok(())
    }

    fn resume(&mut self, turn: &mut Turn<'_>, id: JobId) -> Result<(), ErrorCode> {
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        if job.stage == Stage::Running {
            return Err(ErrorCode::NotSuspended);
        }
        let suspended = job.suspended_until(turn.now);
        job.stage = job.stage.after(Happening::Resume)?;
        job.run.suspended_secs = suspended;
        self.signal_all(turn, id, SIGCONT);
        self.watch_limit(id);
        self.retry_steps(turn, id);
        Ok(())
    }

    /// A signal for the script and every step.
    fn signal_all(&self, turn: &mut Turn<'_>, id: JobId, signal: i32) {
        let Some(job) = self.jobs.get(&id) else { return };
        let running = |step: &&Step| step.stage == StepStage::Running;
        let keys: Vec<StepKey> = job.run.steps.values().filter(running).map(|step| step.key).collect();
        keys.into_iter().for_each(|key| self.signal_step(turn, key, signal));
    }

    /// To the front of the queue.
    fn top(&mut self, id: JobId) -> Result<(), ErrorCode> {
        let highest = self.queue.iter().filter_map(|id| self.jobs.get(&id)).map(|job| job.priority).max();
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        if job.stage != Stage::Pending {
            return Err(ErrorCode::NotPending);
        }
        if job.hold.is_some() {
            return Err(ErrorCode::JobHeld);
        }
        job.priority = highest.unwrap_or(0).saturating_add(1);
        self.rekey(id);
        Ok(())
    }
}
