//! A job comes in: given its number and defaults, put into the queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use prun_runtime::ids::JobId;

use super::Cluster;
use super::deadline::Look;
use super::event::Asker;
use super::finish::Ending;
use super::het::Component;
use super::job::{Elements, Hold, Job, Membership, Run};
use super::lifecycle::Stage;
use super::reason::Reason;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, JobState, Refusal, Reply, Submission};

use crate::script::hostlist;
use crate::script::spec::JobSpec;

impl Cluster {
    /// `sbatch`; with an owner `salloc` and `srun`. Gives the number of the job, of several components of the first,
    /// and warnings.
    pub(super) fn submit(
        &mut self,
        turn: &mut Turn<'_>,
        mut submission: Submission,
        owner: Option<Asker>,
    ) -> Result<(JobId, Vec<String>), Refusal> {
        let partitions = self.check(&submission, turn.now)?;
        for (spec, partitions) in submission.components.iter().zip(&partitions).filter(|(spec, _)| !spec.hold)
        {
            self.check_fit(spec, partitions)?;
        }
        let first = JobId(self.next_job);
        let specs = std::mem::take(&mut submission.components);
        let size = specs.len() as u32;
        let submission = Arc::new(submission);
        for ((offset, spec), partitions) in (0..).zip(specs).zip(partitions) {
            let het = (size > 1).then_some(Component { leader: first, offset, size });
            let job = self.record(spec, &submission, partitions, turn.now);
            // The others live by the first.
            self.enter(turn, Job { het, owner: owner.filter(|_| offset == 0), ..job });
        }
        Ok((first, Vec::new()))
    }

    /// Takes a job that has its number among the others.
    fn enter(&mut self, turn: &mut Turn<'_>, job: Job) {
        let id = job.id;
        if let Some(array) = &job.array {
            self.arrays.entry(array.array).or_default().insert(id);
        }
        let times = [job.spec.begin, job.spec.deadline].into_iter().flatten().map(|at| at as f64);
        let patience = job.spec.immediate.map(|seconds| turn.now + f64::from(seconds));
        times.chain(patience).for_each(|at| self.deadlines.add(at, Look::Job(id)));
        self.jobs.insert(id, job);
        self.drop_met(id, turn.now);
        self.rekey(id);
        turn.changed.insert(id);
        turn.schedule = true;
    }

    /// `salloc`, or `srun` without a job: answered when it has its allocation.
    pub(super) fn allocate(&mut self, turn: &mut Turn<'_>, asker: Asker, submission: Submission) {
        let id = match self.submit(turn, submission, Some(asker)) {
            Ok((id, _)) => id,
            Err(refusal) => return turn.answer(asker, Reply::Error(refusal)),
        };
        self.schedule(turn);
        let Some(job) = self.jobs.get(&id).filter(|job| job.stage == Stage::Pending) else { return };
        if job.spec.immediate == Some(0) {
            self.give_up(turn, id);
        } else {
            let reason = self.reason_of(job, turn.now).to_string();
            turn.answer(asker, Reply::Pending { job: id, reason });
        }
    }

    /// `--immediate` has waited long enough.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let owner = self.jobs.get_mut(&id).and_then(|job| job.owner.take());
        if let Some(asker) = owner {
            turn.answer(asker, Reply::Error(ErrorCode::NodesBusy.into()));
        }
        self.end_job(turn, id, Ending::cancelled(None));
    }

    /// `sbatch --test-only`.
    pub(super) fn test(&self, turn: &Turn<'_>, submission: Submission) -> Result<Reply, Refusal> {
        let partitions = self.check(&submission, turn.now)?;
        for (spec, partitions) in submission.components.iter().zip(&partitions) {
            self.check_fit(spec, partitions)?;
        }
        let leader = submission.components.first().zip(partitions.first());
        let (spec, partitions) = leader.ok_or(ErrorCode::Unspecified)?;
        let places = partitions.iter().filter_map(|name| self.partition(name)).filter_map(|partition| {
            let (at, allocation) = self.expected(spec, partition, turn.now)?;
            Some((at, allocation, partition.name.clone()))
        });
        let first = places.min_by(|(a, ..), (b, ..)| a.total_cmp(b));
        let (at, allocation, partition) = first.ok_or(ErrorCode::NodesBusy)?;
        let names: Vec<String> = allocation.nodes.iter().map(|node| node.name.clone()).collect();
        Ok(Reply::WouldStart {
            job: JobId(self.next_job),
            at: at as i64,
            cpus: allocation.nodes.iter().map(|node| node.cpus.len() as u32).sum(),
            nodes: hostlist::compress(&names),
            partition,
        })
    }

    /// A job under the next number.
    fn record(
        &mut self,
        spec: JobSpec,
        submission: &Arc<Submission>,
        partitions: Vec<String>,
        now: f64,
    ) -> Job {
        let id = JobId(self.next_job);
        self.next_job += 1;
        let hold = spec.hold.then_some(Hold::User);
        let array = spec.array.as_ref().map(|array| Membership {
            array: id,
            limit: array.limit,
            elements: Elements::Waiting(array.elements.iter().copied().collect::<BTreeSet<u32>>()),
        });
        let waits = spec.dependency.as_ref().map(|d| d.conditions.clone()).unwrap_or_default();
        let priority = self.priority_of(&spec);
        let waits_for_others = !waits.is_empty() || spec.begin.is_some_and(|begin| begin as f64 > now);
        Job {
            id,
            array,
            het: None,
            owner: None,
            granted: false,
            partitions,
            stage: Stage::Pending,
            outcome: JobState::Pending,
            reason: hold.map_or(Reason::None, Hold::reason),
            priority,
            waits,
            not_before: now,
            run: Run::default(),
            submit_time: now,
            eligible_time: (hold.is_none() && !waits_for_others).then_some(now),
            end_time: None,
            last_sched_eval: Some(now),
            restarts: 0,
            cancelled_by: None,
            again: None,
            hold,
            spec,
            submission: Arc::clone(submission),
        }
    }

    /// First come, first served; `--nice` steps back.
    pub(super) fn priority_of(&mut self, spec: &JobSpec) -> u32 {
        if let Some(asked) = spec.priority.filter(|priority| *priority > 0) {
            return asked;
        }
        self.next_priority = self.next_priority.saturating_sub(1).max(1);
        let priority = i64::from(self.next_priority) - i64::from(spec.nice);
        u32::try_from(priority.clamp(1, i64::from(u32::MAX - 1))).unwrap_or(1)
    }
}
