//! `scancel`: cancels and signals jobs, arrays, elements and steps (`scancel(1)`).
//!
//! Without a signal, and with KILL, a job is cancelled as a whole. Another signal goes to its steps; with
//! `--batch` only to the script, with `--full` to both.

use prun_runtime::ids::{JobId, StepId, StepKey};
use prun_runtime::wire::node::ToNode;

use super::Cluster;
use super::event::Peer;
use super::finish::{Ending, SIGKILL, StepEnding};
use super::job::Job;
use super::lifecycle::Stage;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, JobRef, JobState, SignalFilter, SignalRequest};

impl SignalRequest {
    /// Whether it is the end of the job, script and steps.
    fn cancels_job(&self) -> bool {
        match self.signal {
            None => !self.batch,
            Some(SIGKILL) => !self.batch && !self.full,
            Some(_) => false,
        }
    }
}

impl Cluster {
    /// Does what `scancel` asks; gives what became of each job named or found.
    pub(super) fn signal(
        &mut self,
        turn: &mut Turn<'_>,
        peer: &Peer,
        request: &SignalRequest,
    ) -> Vec<(String, Option<ErrorCode>)> {
        if let (Some(step), [job]) = (request.step, request.jobs.as_slice()) {
            let result = self.signal_one_step(turn, peer, job, step, request.signal);
            return vec![(format!("{}.{step}", named(job)), result.err())];
        }
        let mut results = Vec::new();
        for (name, target) in self.targets(request) {
            let result = target.and_then(|id| self.signal_job(turn, peer, id, request));
            results.push((name, result.err()));
        }
        results
    }

    /// Jobs named, or all that have not ended, as far as the filter leaves them.
    fn targets(&mut self, request: &SignalRequest) -> Vec<(String, Result<JobId, ErrorCode>)> {
        let whole = request.cancels_job();
        let mut targets = Vec::new();
        if request.jobs.is_empty() {
            let open: Vec<JobId> = self.open_jobs().map(|job| job.id).collect();
            targets.extend(open.into_iter().map(|id| (id.to_string(), Ok(id))));
        }
        for job in &request.jobs {
            match self.resolve(job) {
                Ok(ids) if whole && self.waits_in_part(&ids) => {
                    targets.push((named(job), Err(ErrorCode::NotWholeHetJob)));
                }
                Ok(ids) => targets.extend(ids.into_iter().map(|id| (named(job), Ok(id)))),
                Err(code) => targets.push((named(job), Err(code))),
            }
        }
        // What is named and has ended meets no filter: who names it hears so.
        targets.retain(|(_, target)| match target {
            Ok(id) => self
                .jobs
                .get(id)
                .is_some_and(|job| job.stage == Stage::Ended || self.passes(job, &request.filter)),
            Err(_) => true,
        });
        targets
    }

    fn passes(&self, job: &Job, filter: &SignalFilter) -> bool {
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value.is_some_and(|value| value == wanted))
        };
        let submitter = &job.submission.submitter;
        let partition = job.run.partition.as_ref().into_iter().chain(&job.partitions);
        let mut held = job.run.allocation.iter().flat_map(|allocation| &allocation.nodes);
        is(&filter.name, Some(job.name()))
            && is(&filter.account, Some(job.spec.account.as_deref().unwrap_or(&submitter.user)))
            && is(&filter.qos, Some(job.spec.qos.as_deref().unwrap_or("normal")))
            && is(&filter.user, Some(&submitter.user))
            && is(&filter.reservation, job.spec.reservation.as_deref())
            && is(&filter.wckey, job.spec.wckey.as_deref())
            && filter.partition.as_ref().is_none_or(|wanted| partition.into_iter().any(|p| p == wanted))
            && filter.state.is_none_or(|state| state == job.state())
            && (filter.nodes.is_empty() || held.any(|share| filter.nodes.contains(&share.name)))
    }

    fn signal_job(
        &mut self,
        turn: &mut Turn<'_>,
        peer: &Peer,
        id: JobId,
        request: &SignalRequest,
    ) -> Result<(), ErrorCode> {
        let job = self.jobs.get(&id).ok_or(ErrorCode::InvalidJobId)?;
        match job.stage {
            // What is being ended need not be given the rest of its grace.
            Stage::Completing if request.signal == Some(SIGKILL) => self.end_grace(turn, id),
            Stage::Ended | Stage::Completing => return Err(ErrorCode::AlreadyDone),
            _ if request.cancels_job() => self.end_job(turn, id, Ending::cancelled(Some(peer.uid))),
            Stage::Pending => return Err(ErrorCode::JobPending),
            Stage::Running | Stage::Suspended => {
                let signal = request.signal.unwrap_or(SIGKILL);
                self.send_signal(turn, id, signal, request.batch, request.full);
            }
        }
        Ok(())
    }

    fn end_grace(&self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        for &step in job.run.steps.keys() {
            let key = StepKey { job: id, step };
            let launched = self.launched_as(key);
            for link in self.links_of(key) {
                turn.tell(
                    link,
                    ToNode::Terminate { key: launched, launch: None, at_once: true, notice: None },
                );
            }
        }
    }

    /// A signal for the script, for the steps, or for both.
    fn send_signal(&self, turn: &mut Turn<'_>, id: JobId, signal: i32, batch: bool, full: bool) {
        let Some(job) = self.jobs.get(&id) else { return };
        let script = StepKey { job: id, step: StepId::BATCH };
        let steps = if batch && !full { Vec::new() } else { self.running_steps(job) };
        // The script first: the end of its steps may be the end of it.
        let script = (batch || full).then_some(script);
        script.into_iter().chain(steps).for_each(|key| self.signal_step(turn, key, signal));
    }

    /// `--signal` of the job: some time before its limit.
    pub(super) fn warn(&mut self, turn: &mut Turn<'_>, id: JobId, signal: i32, batch: bool) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.run.warned = true;
        }
        self.send_signal(turn, id, signal, batch, false);
    }

    fn signal_one_step(
        &mut self,
        turn: &mut Turn<'_>,
        peer: &Peer,
        named: &JobRef,
        step: StepId,
        signal: Option<i32>,
    ) -> Result<(), ErrorCode> {
        let job = *self.resolve(named)?.first().ok_or(ErrorCode::InvalidJobId)?;
        let key = StepKey { job, step };
        let live = self.with_step(key, |step| step.live()).ok_or(ErrorCode::InvalidJobId)?;
        // By the number of its first component a step over several is meant as a whole.
        let parts = if self.launched_as(key) == key { self.parts(key) } else { vec![key] };
        match signal {
            _ if !live => return Err(ErrorCode::AlreadyDone),
            None | Some(SIGKILL) => {
                // As Slurm: what is asked of a step alone, it is not asked twice.
                let ending = StepEnding::new(JobState::Cancelled);
                let by = Some(peer.uid);
                for part in parts {
                    self.end_step(turn, part, StepEnding { by, notice: Some(""), at_once: true, ..ending });
                    turn.changed.insert(part.job);
                }
            }
            Some(signal) => parts.into_iter().for_each(|part| self.signal_step(turn, part, signal)),
        }
        Ok(())
    }
}

/// A job as users write it.
fn named(job: &JobRef) -> String {
    match job.elements.as_deref() {
        None => job.component.map_or(job.job.to_string(), |component| format!("{}+{component}", job.job)),
        Some([element]) => format!("{}_{element}", job.job),
        Some(elements) => {
            let list: Vec<String> = elements.iter().map(u32::to_string).collect();
            format!("{}_[{}]", job.job, list.join(","))
        }
    }
}
