//! Steps inside a job: they get CPUs of its allocation, wait for them, are launched, signalled, attached to.

use prun_runtime::ids::{JobId, LaunchId, StepKey};
use prun_runtime::limits::WAITING_STEPS_MAX;
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::node::ToNode;

use super::Cluster;
use super::deadline::Look;
use super::event::{Asker, LinkId};
use super::finish::StepEnding;
use super::job::Job;
use super::lifecycle::Stage;
use super::step::{Step, StepStage, WaitingStep};
use super::step_parts::{parts_of, whole_plan};
use super::turn::Turn;
use crate::controller::api::{ErrorCode, JobState, Refusal, Reply, StepAttach, StepCreated, StepRequest};
use crate::layout::plan::{NodePlan, Plan};
use crate::layout::step::{StepLayout, StepUnfit, lay_out};
use crate::script::spec::{JobSpec, NodeDistribution};

impl Cluster {
    /// `srun` inside a job asks for CPUs.
    pub(super) fn create_step(&mut self, turn: &mut Turn<'_>, asker: Asker, request: StepRequest) {
        match self.place_parts(&request) {
            Ok(layouts) => self.step_created(turn, asker, &request, layouts),
            Err(StepUnfit::Never(code, detail)) => turn.answer(asker, Reply::Error(Refusal { code, detail })),
            Err(StepUnfit::Busy) if request.immediate => {
                turn.answer(asker, Reply::Error(ErrorCode::StepsBusy.into()));
            }
            Err(StepUnfit::Busy) => self.let_step_wait(turn, asker, request),
        }
    }

    fn let_step_wait(&mut self, turn: &mut Turn<'_>, asker: Asker, request: StepRequest) {
        let id = request.job;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if job.run.waiting_steps.len() >= WAITING_STEPS_MAX {
            return turn.answer(asker, Reply::Error(ErrorCode::StepsBusy.into()));
        }
        job.run.waiting_steps.push_back(WaitingStep { asker, request });
        let reason = ErrorCode::StepsBusy.text().to_owned();
        turn.answer(asker, Reply::Pending { job: id, reason });
    }

    pub(super) fn place_step(&self, request: &StepRequest) -> Result<StepLayout, StepUnfit> {
        let never = |code| StepUnfit::Never(code, Vec::new());
        let job = self.jobs.get(&request.job).ok_or_else(|| never(ErrorCode::InvalidJobId))?;
        match job.stage {
            Stage::Pending => return Err(never(ErrorCode::JobPending)),
            Stage::Completing | Stage::Ended => return Err(never(ErrorCode::AlreadyDone)),
            Stage::Suspended => return Err(StepUnfit::Busy),
            Stage::Running => {}
        }
        let allocation = job.run.allocation.as_ref().ok_or_else(|| never(ErrorCode::AlreadyDone))?;
        let busy = job.run.steps.values().filter(|step| step.live() && !step.overlap);
        let busy: Vec<&[NodePlan]> = busy.map(|step| step.plan.nodes.as_slice()).collect();
        lay_out(&job.spec, allocation, &busy, &request.spec, &request.step)
    }

    fn step_created(
        &mut self,
        turn: &mut Turn<'_>,
        asker: Asker,
        request: &StepRequest,
        layouts: Vec<StepLayout>,
    ) {
        let secret = turn.secret();
        let Some(step) = self.next_step(request.job) else { return };
        let key = StepKey { job: request.job, step };
        let parts = parts_of(request, step, &layouts);
        let plan = whole_plan(&layouts);
        let warnings = layouts.iter().flat_map(|layout| layout.warnings.clone()).collect();
        let mut first_rank = 0;
        for (request, layout) in request.parts().zip(layouts) {
            let size = layout.plan.size();
            let key = StepKey { job: request.job, step };
            let step = Step {
                name: request.name.clone(),
                overlap: request.step.overlap,
                distribution: distribution_text(&request.spec, &layout.plan),
                command_line: request.command_line.clone(),
                limit: request.spec.time_limit.flatten(),
                parts: parts.iter().map(|part| part.key).collect(),
                first_rank,
                ..Step::new(key, secret.clone(), layout.plan, Some(asker.client), turn.now)
            };
            first_rank += size;
            let Some(job) = self.jobs.get_mut(&request.job) else { return };
            job.run.steps.insert(step.key.step, step);
            turn.changed.insert(request.job);
        }
        let Some(job) = self.view_of_parts(request, turn.now) else { return };
        let created = StepCreated {
            key,
            secret,
            addresses: self.addresses(&plan),
            plan,
            job: Box::new(job),
            kill_wait_ms: self.kill_wait_ms(),
            warnings,
            parts,
        };
        turn.answer(asker, Reply::StepCreated(Box::new(created)));
    }

    /// Where launchers reach the nodes of a plan.
    fn addresses(&self, plan: &Plan) -> Vec<String> {
        let address = |node: &NodePlan| self.nodes.get(&node.name).map(|node| node.facts.address.clone());
        plan.nodes.iter().map(|node| address(node).unwrap_or_default()).collect()
    }

    /// Steps that wait for CPUs of a job ask again, in the order in which they came.
    pub(super) fn retry_steps(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        for waiting in std::mem::take(&mut job.run.waiting_steps) {
            match self.place_parts(&waiting.request) {
                Ok(layouts) => self.step_created(turn, waiting.asker, &waiting.request, layouts),
                Err(StepUnfit::Never(code, detail)) => {
                    turn.answer(waiting.asker, Reply::Error(Refusal { code, detail }));
                }
                Err(StepUnfit::Busy) => {
                    if let Some(job) = self.jobs.get_mut(&id) {
                        job.run.waiting_steps.push_back(waiting);
                    }
                }
            }
        }
    }

    /// The same of every component: a step may wait for those of several.
    pub(super) fn retry_steps_of_all(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let components: Vec<JobId> = self.components(job).into_iter().map(|job| job.id).collect();
        if components.is_empty() {
            return self.retry_steps(turn, id);
        }
        components.into_iter().for_each(|component| self.retry_steps(turn, component));
    }

    /// `srun` knows all it needs: its step goes to the rank servers.
    pub(super) fn launch_step(&mut self, turn: &mut Turn<'_>, launch: StepLaunch) -> Result<(), Refusal> {
        let key = launch.key;
        let step = self.step(key);
        let step = step.ok_or(ErrorCode::InvalidJobId)?;
        if !matches!(step.stage, StepStage::Created(_)) {
            return Err(ErrorCode::AlreadyDone.into());
        }
        let parts = self.parts(key);
        let planned = |name: &String| parts.iter().any(|part| self.plans(*part, name));
        if launch.nodes.is_empty() || !launch.nodes.iter().all(|node| planned(&node.name)) {
            return Err(ErrorCode::InvalidNodeName.into());
        }
        let launch = StepLaunch { secret: step.secret.clone(), ..launch };
        let Some(sent) = self.send_launch(turn, launch) else {
            for part in parts {
                self.end_step(turn, part, StepEnding::new(JobState::NodeFail));
            }
            return Err(ErrorCode::NodesBusy.into());
        };
        let number = sent.number();
        // What may have to be sent again is kept with the first part.
        self.with_step(key, |step| step.is_sent(sent));
        for part in parts {
            self.step_launched(turn, part, number);
        }
        Ok(())
    }

    /// A step, or a part of one, is on its way to its rank servers.
    fn step_launched(&mut self, turn: &mut Turn<'_>, key: StepKey, launch: LaunchId) {
        let step = self.step(key);
        let nodes = step.into_iter().flat_map(|step| &step.plan.nodes);
        let links = nodes.filter_map(|node| self.nodes.get(&node.name)).map(|node| node.link).collect();
        let limit = self.with_step(key, |step| {
            step.stage = StepStage::Running;
            (step.open, step.launch) = (links, launch);
            step.start_time = turn.now;
            step.limit
        });
        if let Some(minutes) = limit.flatten() {
            self.deadlines.add(turn.now + f64::from(minutes) * 60.0, Look::Job(key.job));
        }
        turn.changed.insert(key.job);
    }

    /// `sattach`.
    pub(super) fn attach(&self, key: StepKey) -> Result<StepAttach, Refusal> {
        let job = self.jobs.get(&key.job).ok_or(ErrorCode::InvalidJobId)?;
        let step = job.run.steps.get(&key.step).ok_or(ErrorCode::InvalidJobId)?;
        // A script's log is there for its launcher also when the script was faster.
        let logged = key.step.is_batch() && job.submission.streams;
        if step.stage == StepStage::Ended && !logged {
            return Err(ErrorCode::AlreadyDone.into());
        }
        let plan = self.plan_of_parts(step);
        let (key, secret) = (step.launched_as(), step.secret.clone());
        Ok(StepAttach { key, secret, addresses: self.addresses(&plan), plan })
    }

    /// A signal for every task of a step.
    pub(super) fn signal_step(&self, turn: &mut Turn<'_>, key: StepKey, signal: i32) {
        let launched = self.launched_as(key);
        for link in self.links_of(key) {
            turn.tell(link, ToNode::Signal { key: launched, signal });
        }
    }

    /// Links to the rank servers that have tasks of a step; that of its first node first.
    pub(super) fn links_of(&self, key: StepKey) -> Vec<LinkId> {
        let step = self.step(key);
        let Some(step) = step else { return Vec::new() };
        let first = step.plan.nodes.first().and_then(|node| self.nodes.get(&node.name)).map(|node| node.link);
        let mut links: Vec<LinkId> = step.open.iter().copied().collect();
        links.sort_by_key(|link| Some(*link) != first);
        links
    }

    pub(super) fn step(&self, key: StepKey) -> Option<&Step> {
        self.jobs.get(&key.job)?.run.steps.get(&key.step)
    }

    pub(super) fn with_step<T>(&mut self, key: StepKey, act: impl FnOnce(&mut Step) -> T) -> Option<T> {
        self.jobs.get_mut(&key.job)?.run.steps.get_mut(&key.step).map(act)
    }

    /// Steps of a job that have processes, the script's not among them.
    pub(super) fn running_steps(&self, job: &Job) -> Vec<StepKey> {
        let steps = job.run.steps.values();
        steps.filter(|s| s.stage == StepStage::Running && !s.key.step.is_batch()).map(|s| s.key).collect()
    }
}

/// How the tasks of a step are spread, in Slurm's word.
fn distribution_text(asked: &JobSpec, plan: &Plan) -> String {
    let text = match asked.distribution.map(|distribution| distribution.nodes) {
        Some(NodeDistribution::Cyclic) => "Cyclic",
        Some(NodeDistribution::Plane(_)) => "Plane",
        Some(NodeDistribution::Arbitrary) => "Arbitrary",
        Some(NodeDistribution::Block) => "Block",
        _ if plan.size() as usize <= plan.nodes.len() => "Cyclic",
        _ => "Block",
    };
    text.to_owned()
}
