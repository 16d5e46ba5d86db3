//! How a job ends: its outcome is decided, its last processes are ended, it gives back what it held; then it
//! stays in sight for a while, or goes back into the queue.

use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::limits::HISTORY_JOBS_MAX;
use prun_runtime::wire::node::ToNode;
use prun_runtime::wire::step::Exit;

use super::Cluster;
use super::deadline::Look;
use super::job::{Again, Hold, Job, Run};
use super::lifecycle::{Happening, Stage};
use super::reason::Reason;
use super::step::StepStage;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, JobState, Reply};

/// Seconds that a requeued job waits at least: what asked for it sees it pending, and a script that requeues itself
/// as its first act does not spin. (Slurm's own figure is two minutes.)
const REQUEUE_SECS: f64 = 2.0;

/// Signal numbers of Linux, where most architectures agree.
pub(super) const SIGKILL: i32 = 9;
pub(super) const SIGCONT: i32 = 18;
pub(super) const SIGSTOP: i32 = 19;

/// The outcome of a run.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    outcome: JobState,
    reason: Reason,
    by: Option<u32>,
    exit: Option<Exit>,
    again: Option<Again>,
    /// What its processes are told, after `*** JOB 12 ON n1 CANCELLED AT …`.
    notice: Option<&'static str>,
}

impl Ending {
    fn new(outcome: JobState, reason: Reason) -> Self {
        Self { outcome, reason, by: None, exit: None, again: None, notice: Some("") }
    }

    /// Its script, or the command of its `salloc` or `srun`, has ended.
    pub(super) fn by_itself(exit: Exit) -> Self {
        let (outcome, reason) = match exit {
            Exit { code: 0, signal: 0, .. } => (JobState::Completed, Reason::None),
            Exit { signal: 0, .. } => (JobState::Failed, Reason::NonZeroExitCode),
            Exit { signal, .. } => (JobState::Failed, Reason::RaisedSignal(signal)),
        };
        Self { exit: Some(exit), ..Self::new(outcome, reason) }
    }

    pub(super) fn cancelled(by: Option<u32>) -> Self {
        Self { by, ..Self::new(JobState::Cancelled, Reason::None) }
    }

    pub(super) fn out_of_time() -> Self {
        Self { notice: Some(" DUE TO TIME LIMIT"), ..Self::new(JobState::Timeout, Reason::TimeLimit) }
    }

    pub(super) fn deadline() -> Self {
        Self::new(JobState::Deadline, Reason::Deadline)
    }

    pub(super) fn launch_failure() -> Self {
        Self::new(JobState::Failed, Reason::LaunchFailure)
    }

    pub(super) fn node_failure(requeue: bool) -> Self {
        let again = requeue.then_some(Again { hold: None });
        let notice = Some(" DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS");
        Self { again, notice, ..Self::new(JobState::NodeFail, Reason::NodeDown) }
    }

    pub(super) fn requeued(hold: Option<Hold>) -> Self {
        let notice = Some(" DUE TO JOB REQUEUE");
        Self { again: Some(Again { hold }), notice, ..Self::new(JobState::Cancelled, Reason::None) }
    }
}

/// How a step is ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepEnding {
    /// What it ends as.
    pub(super) state: JobState,
    /// Who cancelled it, itself and not its job.
    pub(super) by: Option<u32>,
    /// What its user reads, after `*** STEP 12.0 ON n1 CANCELLED AT …`.
    pub(super) notice: Option<&'static str>,
    /// By KILL, without TERM before.
    pub(super) at_once: bool,
}

impl StepEnding {
    pub(super) fn new(state: JobState) -> Self {
        Self { state, by: None, notice: None, at_once: false }
    }
}

impl Cluster {
    /// Decides the outcome of a job that waits or runs, and ends what it still runs.
    pub(super) fn end_job(&mut self, turn: &mut Turn<'_>, id: JobId, ending: Ending) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let suspended = job.stage == Stage::Suspended;
        let Ok(stage) = job.stage.after(Happening::End) else { return };
        job.run.suspended_secs = job.suspended_until(turn.now);
        job.stage = stage;
        (job.outcome, job.cancelled_by) = (ending.outcome, ending.by);
        // What never ran keeps saying why it waited.
        if stage != Stage::Ended || ending.reason != Reason::None {
            job.reason = ending.reason.clone();
        }
        job.again = ending.again;
        job.end_time = Some(turn.now);
        if let Some(exit) = ending.exit {
            job.run.exit = exit;
        }
        turn.changed.insert(id);
        if stage == Stage::Ended {
            if let Some(asker) = job.owner.filter(|_| !job.granted) {
                turn.answer(asker, Reply::Error(ErrorCode::Revoked.into()));
            }
            self.queue.remove(id);
            self.ended(turn, id);
        } else {
            self.refuse_waiting_steps(turn, id);
            self.end_steps(turn, id, ending.notice, suspended);
            self.settle(turn, id);
        }
        self.end_followers(turn, id, &ending);
    }

    fn refuse_waiting_steps(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        for step in std::mem::take(&mut job.run.waiting_steps) {
            turn.answer(step.asker, Reply::Error(ErrorCode::AlreadyDone.into()));
        }
    }

    fn end_steps(&mut self, turn: &mut Turn<'_>, id: JobId, notice: Option<&'static str>, suspended: bool) {
        let Some(job) = self.jobs.get(&id) else { return };
        let live: Vec<StepKey> =
            job.run.steps.values().filter(|step| step.live()).map(|step| step.key).collect();
        for key in live {
            self.end_step(turn, key, StepEnding { notice, ..StepEnding::new(JobState::Cancelled) });
            if suspended {
                self.signal_step(turn, key, SIGCONT);
            }
        }
    }

    /// Ends a step: at once where it was not launched yet, else by signals.
    pub(super) fn end_step(&mut self, turn: &mut Turn<'_>, key: StepKey, ending: StepEnding) {
        let now = turn.now;
        let notice = ending.notice.and_then(|why| self.notice(key, why, now));
        let created = self.with_step(key, |step| {
            step.ended_as.get_or_insert(ending.state);
            step.cancelled_by = step.cancelled_by.or(ending.by);
            matches!(step.stage, StepStage::Created(_))
        });
        match created {
            Some(true) => self.step_ended(turn, key),
            Some(false) => {
                let launched = self.launched_as(key);
                for (at, link) in self.links_of(key).into_iter().enumerate() {
                    // One of several rank servers tells it: the user reads it once.
                    let notice = notice.clone().filter(|_| at == 0);
                    let (key, at_once) = (launched, ending.at_once);
                    turn.tell(link, ToNode::Terminate { key, launch: None, at_once, notice });
                }
            }
            None => {}
        }
    }

    /// What a step's user reads when it is ended (as `slurmstepd` says it).
    fn notice(&self, key: StepKey, why: &str, now: f64) -> Option<String> {
        let step = self.step(key)?;
        let node = &step.plan.nodes.first()?.name;
        let what = if key.step.is_batch() { format!("JOB {}", key.job) } else { format!("STEP {key}") };
        let at =
            jiff::Timestamp::from_second(now as i64).ok()?.to_zoned_datetime(self.config.time_zone.clone());
        let at = at.strftime("%Y-%m-%dT%H:%M:%S");
        Some(format!("*** {what} ON {node} CANCELLED AT {at}{why} ***"))
    }

    /// Takes a job whose last process is gone out of its nodes.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if job.stage != Stage::Completing || job.has_live_steps() {
            return;
        }
        let allocation = job.run.allocation.clone();
        for share in allocation.iter().flat_map(|allocation| &allocation.nodes) {
            self.nodes.with(&share.name, |node| node.release(id, share, turn.now));
        }
        self.holding.remove(&id);
        turn.changed.insert(id);
        match job.again.take() {
            Some(again) => self.put_back(turn, id, again),
            None => {
                if let Ok(stage) = job.stage.after(Happening::Emptied) {
                    job.stage = stage;
                }
                self.ended(turn, id);
            }
        }
    }

    /// Puts a job that holds nothing back into the queue.
    pub(super) fn put_back(&mut self, turn: &mut Turn<'_>, id: JobId, again: Again) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Ok(stage) = job.stage.after(Happening::PutBack) else { return };
        job.stage = stage;
        job.run = Run::default();
        job.restarts += 1;
        (job.cancelled_by, job.end_time, job.eligible_time) = (None, None, None);
        job.reason = match (again.hold, job.hold) {
            (Some(_), _) => Reason::RequeuedHeld,
            (None, Some(hold)) => hold.reason(),
            (None, None) => Reason::BeginTime,
        };
        job.hold = again.hold.or(job.hold);
        job.not_before = turn.now + REQUEUE_SECS;
        self.deadlines.add(job.not_before, Look::Job(id));
        self.rekey(id);
        turn.changed.insert(id);
        turn.schedule = true;
        self.put_followers_back(turn, id, again);
    }

    /// A job has ended for good, as far as is known now.
    fn ended(&mut self, turn: &mut Turn<'_>, id: JobId) {
        // An age of 0 is none that a job reaches.
        if self.config.min_job_age_secs > 0 {
            self.deadlines.add(turn.now + f64::from(self.config.min_job_age_secs), Look::Job(id));
        }
        turn.schedule = true;
    }

    /// Moves a job that ended long enough ago out of sight. Elements of an array go together.
    pub(super) fn forget(&mut self, id: JobId, now: f64) {
        let Some(job) = self.jobs.get(&id).filter(|_| self.config.min_job_age_secs > 0) else { return };
        let array = job.array_or_id();
        let age = f64::from(self.config.min_job_age_secs);
        let old = |job: &Job| job.stage == Stage::Ended && job.end_time.is_some_and(|end| end + age <= now);
        let of_array: Vec<JobId> = self.records_of(array).map(|job| job.id).collect();
        let ids = if of_array.is_empty() { vec![id] } else { of_array };
        if !ids.iter().filter_map(|id| self.jobs.get(id)).all(old) {
            return;
        }
        self.arrays.remove(&array);
        for id in ids {
            if let Some(job) = self.jobs.remove(&id) {
                let view = self.view(&job, now);
                self.history.insert(id, view);
            }
        }
        while self.history.len() > HISTORY_JOBS_MAX {
            self.history.pop_first();
        }
    }
}
