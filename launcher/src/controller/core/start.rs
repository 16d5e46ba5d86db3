//! A job gets its allocation: its script is launched, or whoever asked for it is told.

use std::collections::BTreeMap;

use prun_runtime::ids::{JobId, LaunchId, StepId, StepKey};
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::node::ToNode;

use super::Cluster;
use super::deadline::Look;
use super::event::LinkId;
use super::finish::Ending;
use super::lifecycle::{Happening, Stage};
use super::reason::Reason;
use super::step::{Step, StepStage};
use super::turn::Turn;
use crate::controller::api::JobView;
use crate::environment::batch_launch;
use crate::layout::plan::{Allocation, NodePlan, Plan, TaskPlan};

/// A launch on its way.
#[derive(Debug)]
pub(super) struct Sent {
    launch: LaunchId,
    parts: BTreeMap<LinkId, Box<StepLaunch>>,
}

impl Sent {
    /// Its number.
    pub(super) fn number(&self) -> LaunchId {
        self.launch
    }
}

impl Step {
    /// It was handed to its rank servers.
    pub(super) fn is_sent(&mut self, sent: Sent) {
        self.stage = StepStage::Running;
        self.launch = sent.launch;
        self.open = sent.parts.keys().copied().collect();
        self.unheard = sent.parts;
    }
}

impl Cluster {
    pub(super) fn start(
        &mut self,
        turn: &mut Turn<'_>,
        id: JobId,
        partition: String,
        allocation: Allocation,
    ) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Ok(stage) = job.stage.after(Happening::Start) else { return };
        job.stage = stage;
        job.reason = Reason::None;
        job.run.partition = Some(partition);
        job.run.start_time = Some(turn.now);
        job.run.expected = None;
        job.eligible_time.get_or_insert(turn.now);
        job.last_sched_eval = Some(turn.now);
        job.waits.clear();
        for share in &allocation.nodes {
            self.nodes.with(&share.name, |node| node.hold(id, share, turn.now));
        }
        job.run.allocation = Some(allocation);
        self.holding.insert(id);
        self.queue.remove(id);
        turn.changed.insert(id);
        self.watch_limit(id);
        self.hand_over(turn, id);
    }

    /// The script to its node, or the allocation to whoever waits for it.
    fn hand_over(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        if let Some(asker) = job.owner {
            let granted = self.granted(job, turn.now);
            if let Some(job) = self.jobs.get_mut(&id) {
                job.granted = true;
            }
            turn.answer(asker, granted);
        } else if job.batch() && job.leads() && !self.launch_batch(turn, id) {
            self.end_job(turn, id, Ending::launch_failure());
        }
    }

    /// Whether the script could be sent on its way.
    fn launch_batch(&mut self, turn: &mut Turn<'_>, id: JobId) -> bool {
        let secret = turn.secret();
        let Some(job) = self.jobs.get(&id) else { return false };
        let view = self.view(job, turn.now);
        let components: Vec<JobView> =
            self.components(job).into_iter().map(|job| self.view(job, turn.now)).collect();
        let launch = batch_launch(&view, &components, &job.submission, secret.clone(), self.kill_wait_ms());
        let Some(launch) = launch else { return false };
        let Some(first) = job.run.allocation.as_ref().and_then(|allocation| allocation.nodes.first()) else {
            return false;
        };
        let key = StepKey { job: id, step: StepId::BATCH };
        let node = NodePlan {
            name: first.name.clone(),
            cpus: first.cpus.clone(),
            memory_mb: first.memory_mb,
            gres: first.gres.clone(),
            tasks: vec![TaskPlan::default()],
        };
        let plan = Plan { nodes: vec![node] };
        let mut step =
            Step { name: "batch".to_owned(), overlap: true, ..Step::new(key, secret, plan, None, turn.now) };
        let Some(sent) = self.send_launch(turn, launch) else { return false };
        step.is_sent(sent);
        if let Some(job) = self.jobs.get_mut(&id) {
            job.run.steps.insert(StepId::BATCH, step);
        }
        true
    }

    /// Numbers a launch, splits it by rank server and sends each its part. `None`, with nothing sent, when one of the
    /// nodes has no rank server now.
    pub(super) fn send_launch(&mut self, turn: &mut Turn<'_>, mut launch: StepLaunch) -> Option<Sent> {
        launch.launch = LaunchId(self.last_launch + 1);
        launch.server_grace_ms =
            Some(self.config.node_timeout_secs).filter(|secs| *secs > 0).map(|secs| u64::from(secs) * 1000);
        let nodes = std::mem::take(&mut launch.nodes);
        let mut parts: BTreeMap<LinkId, Box<StepLaunch>> = BTreeMap::new();
        for tasks in nodes {
            let link = self.nodes.get(&tasks.name).filter(|node| node.up)?.link;
            parts.entry(link).or_insert_with(|| Box::new(launch.clone())).nodes.push(tasks);
        }
        self.last_launch = launch.launch.0;
        for (link, part) in &parts {
            turn.tell(*link, ToNode::Launch(part.clone()));
        }
        Some(Sent { launch: launch.launch, parts })
    }

    pub(super) fn kill_wait_ms(&self) -> u64 {
        u64::from(self.config.kill_wait_secs) * 1000
    }

    /// Minds the time limit of a job that runs, and the signal before it.
    pub(super) fn watch_limit(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id).filter(|job| job.stage == Stage::Running) else { return };
        let Some(end) = self.limit_end(job) else { return };
        self.deadlines.add(end, Look::Job(id));
        if let Some(signal) = &job.spec.signal {
            self.deadlines.add(end - f64::from(signal.before_secs), Look::Job(id));
        }
    }
}
