//! Which room a client's request goes to.

use std::sync::Arc;

use prun_runtime::ids::JobId;
use prun_runtime::limits::JOBS_PART_MAX;
use prun_runtime::wire::step::Exit;

use super::Cluster;
use super::deadline::Look;
use super::event::{Asker, ClientId, Effect, Peer};
use super::finish::{Ending, StepEnding};
use super::job::Job;
use super::lifecycle::Stage;
use super::step::{Step, StepStage};
use super::turn::Turn;
use super::watch::Wish;
use crate::controller::api::{ErrorCode, JobState, Refusal, Reply, Request};

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, detail: Vec::new() }
    }
}

impl Refusal {
    /// A key of `scontrol update` that there is not, or not for this.
    pub(super) fn unknown_change(key: &str, value: &str) -> Self {
        let detail = vec![format!("Update of this parameter is not supported: {key}={value}")];
        Self { code: ErrorCode::InvalidUpdate, detail }
    }
}

/// An answer from what a room gave back.
fn reply<T>(result: Result<T, Refusal>, good: impl FnOnce(T) -> Reply) -> Reply {
    result.map_or_else(Reply::Error, good)
}

fn done(result: Result<(), Refusal>) -> Reply {
    reply(result, |()| Reply::Done)
}

impl Cluster {
    /// Serves one request.
    pub(super) fn serve(&mut self, turn: &mut Turn<'_>, asker: Asker, peer: &Peer, request: Request) {
        if matches!(request, Request::Allocate(_) | Request::CreateStep(_) | Request::Reclaim { .. }) {
            self.owners.insert(asker.client);
        }
        let answer = match request {
            Request::Submit(submission) => {
                let submitted = self.submit(turn, *submission, None);
                reply(submitted, |(job, warnings)| Reply::Submitted { job, warnings })
            }
            Request::Allocate(submission) => {
                return self.allocate(turn, asker, *submission);
            }
            Request::Reclaim { job } => reply(self.reclaim(turn, asker, job), |reply| reply),
            Request::TestOnly(submission) => reply(self.test(turn, *submission), |reply| reply),
            Request::Release { job, exit } => done(self.release(turn, job, exit)),
            Request::Keep { job } => done(self.keep(asker, job)),
            Request::CreateStep(request) => return self.create_step(turn, asker, *request),
            Request::LaunchStep(start) => done(self.launch_step(turn, start.launch)),
            Request::AttachStep { key } => reply(self.attach(key), |step| Reply::Step(Box::new(step))),
            Request::WaitJob { job } => return self.watch(turn, asker, job, Wish::End),
            Request::WatchJob { job } => return self.watch(turn, asker, job, Wish::EveryChange),
            Request::WatchCluster { seen } => return self.overlook(turn, asker, seen),
            Request::Jobs { history } => self.tell_jobs(turn, asker, history),
            Request::Nodes => Reply::Nodes(self.node_views()),
            Request::Partitions => Reply::Partitions(self.partition_views()),
            Request::Config => Reply::Config(self.config_pairs()),
            Request::Ping => Reply::Pong { host: self.config.host.clone() },
            Request::Signal(signal) => Reply::Signalled(self.signal(turn, peer, &signal)),
            Request::Act { job, action } => done(self.act(turn, peer, &job, action)),
            Request::UpdateJob { job, changes } => done(self.update_job(turn, peer, &job, &changes)),
            Request::UpdateNode { nodes, changes } => done(self.update_nodes(turn, peer, &nodes, &changes)),
            Request::UpdatePartition { partition, changes } => {
                turn.schedule = true;
                done(self.update_partition(&partition, &changes))
            }
            // Whoever moves bytes for the core reads the file, and tells it what is in there.
            Request::Reconfigure => Reply::Error(ErrorCode::Disabled.into()),
            Request::Script { job } => reply(self.script(job), Reply::Script),
            Request::Backup { path } => return turn.effects.push(Effect::Backup { asker, path }),
            Request::Shutdown => return self.shut_down(turn, asker, peer),
        };
        turn.answer(asker, answer);
    }

    /// Jobs in parts that each fit a message; gives the last one.
    fn tell_jobs(&self, turn: &mut Turn<'_>, asker: Asker, history: bool) -> Reply {
        let mut views = self.job_views(history, turn.now);
        while views.len() > JOBS_PART_MAX {
            let rest = views.split_off(JOBS_PART_MAX);
            turn.answer(asker, Reply::MoreJobs(std::mem::replace(&mut views, rest)));
        }
        Reply::Jobs(views)
    }

    /// The command of `salloc` or `srun` has ended.
    fn release(&mut self, turn: &mut Turn<'_>, id: JobId, exit: Exit) -> Result<(), Refusal> {
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        match job.stage {
            Stage::Pending => self.end_job(turn, id, Ending::cancelled(None)),
            Stage::Running | Stage::Suspended => self.end_job(turn, id, Ending::by_itself(exit)),
            // It was ended by others meanwhile; how its command took it is still worth keeping.
            Stage::Completing => job.run.exit = exit,
            Stage::Ended => {}
        }
        Ok(())
    }

    /// `salloc --no-shell`: the allocation no longer lives by the connection that asked for it.
    fn keep(&mut self, asker: Asker, id: JobId) -> Result<(), Refusal> {
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        if job.owner.is_none_or(|owner| owner.client != asker.client) {
            return Err(ErrorCode::AccessDenied.into());
        }
        job.owner = None;
        Ok(())
    }

    /// Who asked for an allocation is back, on another connection.
    fn reclaim(&mut self, turn: &Turn<'_>, asker: Asker, id: JobId) -> Result<Reply, Refusal> {
        let job = self.jobs.get_mut(&id).ok_or(ErrorCode::InvalidJobId)?;
        if job.owner.is_none() {
            return Err(ErrorCode::AccessDenied.into());
        }
        if matches!(job.stage, Stage::Completing | Stage::Ended) {
            return Err(ErrorCode::Revoked.into());
        }
        job.owner = Some(asker);
        job.granted = job.stage != Stage::Pending;
        let Some(job) = self.jobs.get(&id) else { return Err(ErrorCode::InvalidJobId.into()) };
        if job.stage == Stage::Pending {
            return Ok(Reply::Pending { job: id, reason: self.reason_of(job, turn.now).to_string() });
        }
        Ok(self.granted(job, turn.now))
    }

    /// What is told to whoever asked for an allocation.
    pub(super) fn granted(&self, job: &Job, now: f64) -> Reply {
        let others = self.components(job).into_iter().skip(1).map(|job| self.view(job, now)).collect();
        Reply::Allocated { job: Box::new(self.view(job, now)), warnings: Vec::new(), others }
    }

    fn script(&self, id: JobId) -> Result<serde_bytes::ByteBuf, Refusal> {
        let job = self.jobs.get(&id).ok_or(ErrorCode::InvalidJobId)?;
        let script = job.submission.script.as_ref().ok_or(ErrorCode::NoScript)?;
        Ok(script.content.clone())
    }

    /// A client's connection is gone: what lives by it ends.
    pub(super) fn client_gone(&mut self, turn: &mut Turn<'_>, client: ClientId) {
        Arc::make_mut(&mut self.watchers).drop_client(client);
        Arc::make_mut(&mut self.onlookers).drop_client(client);
        if !self.owners.remove(&client) {
            return;
        }
        let owned = |job: &&Job| job.owner.is_some_and(|owner| owner.client == client);
        let jobs: Vec<(JobId, u32)> =
            self.open_jobs().filter(owned).map(|job| (job.id, job.submission.submitter.uid)).collect();
        for (id, uid) in jobs {
            self.end_job(turn, id, Ending::cancelled(Some(uid)));
        }
        let holding: Vec<JobId> = self.holding.iter().copied().collect();
        for id in holding {
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            job.run.waiting_steps.retain(|waiting| waiting.asker.client != client);
            let abandoned = |step: &&Step| step.stage == StepStage::Created(client);
            let steps: Vec<_> = job.run.steps.values().filter(abandoned).map(|step| step.key).collect();
            for key in steps {
                self.end_step(turn, key, StepEnding::new(JobState::Cancelled));
            }
        }
    }

    /// Jobs that have not ended.
    pub(super) fn open_jobs(&self) -> impl Iterator<Item = &Job> {
        let ids = self.queue.iter().chain(self.holding.iter().copied());
        ids.filter_map(|id| self.jobs.get(&id))
    }

    /// Ends every job, and then the cluster.
    fn shut_down(&mut self, turn: &mut Turn<'_>, asker: Asker, peer: &Peer) {
        self.stopping = Some(asker);
        let open: Vec<JobId> = self.open_jobs().map(|job| job.id).collect();
        for id in open {
            self.end_job(turn, id, Ending::cancelled(Some(peer.uid)));
        }
        // Those that were on their way back into the queue stay out of it.
        self.jobs.values_mut().for_each(|job| job.again = None);
        for node in self.nodes.iter().filter(|node| !node.up) {
            self.deadlines.add(turn.now, Look::Link(node.link));
        }
    }

    /// Says so when the cluster was told to end and has.
    pub(super) fn stop_when_empty(&mut self, turn: &mut Turn<'_>) {
        if let Some(asker) = self.stopping.filter(|_| self.holding.is_empty()) {
            turn.answer(asker, Reply::Done);
            turn.effects.push(Effect::Stop);
        }
    }

    /// A job's time has come for something.
    pub(super) fn look_at_job(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        match job.stage {
            Stage::Pending => self.look_at_pending(turn, id),
            Stage::Running => self.look_at_running(turn, id),
            Stage::Ended => self.forget(id, turn.now),
            Stage::Suspended | Stage::Completing => {}
        }
    }

    fn look_at_pending(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let late = job.spec.deadline.is_some_and(|deadline| deadline as f64 <= turn.now);
        let patience = job.spec.immediate.map(|seconds| job.submit_time + f64::from(seconds));
        if late {
            self.end_job(turn, id, Ending::deadline());
        } else if patience.is_some_and(|end| end <= turn.now) {
            self.give_up(turn, id);
        } else if job.begins() > turn.now {
            self.deadlines.add(job.begins(), Look::Job(id));
        } else {
            turn.schedule = true;
        }
    }

    fn look_at_running(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let over = |step: &&Step| {
            let end = step.limit.map(|minutes| step.start_time + f64::from(minutes) * 60.0);
            step.stage == StepStage::Running && end.is_some_and(|end| end <= turn.now)
        };
        let steps: Vec<_> = job.run.steps.values().filter(over).map(|step| step.key).collect();
        let end = self.limit_end(job);
        let warned = job.run.warned;
        let warning = job.spec.signal.filter(|_| !warned);
        let by_deadline = job.spec.deadline.is_some_and(|deadline| deadline as f64 <= turn.now);
        if end.is_some_and(|end| end <= turn.now) {
            let ending = if by_deadline { Ending::deadline() } else { Ending::out_of_time() };
            return self.end_job(turn, id, ending);
        }
        if let (Some(end), Some(signal)) = (end, warning)
            && end - f64::from(signal.before_secs) <= turn.now
        {
            self.warn(turn, id, signal.signal, signal.batch_only);
        }
        for key in steps {
            let notice = Some(" DUE TO TIME LIMIT");
            self.end_step(turn, key, StepEnding { notice, ..StepEnding::new(JobState::Timeout) });
        }
    }

    /// When a job that runs is over by its limit.
    pub(super) fn limit_end(&self, job: &Job) -> Option<f64> {
        let limit = self.limit_of(job).map(|minutes| f64::from(minutes) * 60.0);
        let by_limit =
            limit.zip(job.run.start_time).map(|(limit, start)| start + limit + job.run.suspended_secs);
        let by_deadline = job.spec.deadline.map(|deadline| deadline as f64);
        match (by_limit, by_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }
}
