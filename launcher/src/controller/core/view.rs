//! Jobs and configuration as commands see them.

use super::Cluster;
use super::dependency::{Standing, by_element};
use super::het::Component;
use super::job::{Elements, Job};
use super::lifecycle::Stage;
use super::reason::Reason;
use super::step::{Step, StepStage};
use crate::controller::api::{ArrayView, JobView, StepView};
use crate::environment::shown_files;
use crate::script::spec::Memory;

impl Cluster {
    /// Jobs by number; with those of the past where `history` is asked for.
    pub(super) fn job_views(&self, history: bool, now: f64) -> Vec<JobView> {
        let mut views: Vec<JobView> = self.jobs.values().map(|job| self.view(job, now)).collect();
        if history {
            views.extend(self.history.values().cloned());
            views.sort_by_key(|view| view.id);
        }
        views
    }

    /// A job as it is now.
    pub(super) fn view(&self, job: &Job, now: f64) -> JobView {
        let wanted = self.wanted(job, now);
        let partition = job.run.partition.clone().unwrap_or_else(|| job.partitions.join(","));
        let never_ran = job.stage == Stage::Ended && job.run.start_time.is_none();
        let limit_end = (job.stage != Stage::Pending).then(|| self.limit_end(job)).flatten();
        let expected = job.run.expected.as_ref().filter(|_| job.stage == Stage::Pending);
        let submitter = &job.submission.submitter;
        let shown_by_launcher = job.submission.streams;
        let view = with_files(JobView {
            id: job.id,
            cluster: self.config.cluster.clone(),
            array: array_view(job),
            het: job.het.map(Component::view),
            spec: job.spec.clone(),
            name: job.name().to_owned(),
            partition,
            account: job.spec.account.clone().unwrap_or_else(|| submitter.user.clone()),
            qos: job.spec.qos.clone().unwrap_or_else(|| "normal".to_owned()),
            submitter: submitter.clone(),
            state: job.state(),
            reason: self.reason_of(job, now).to_string(),
            cancelled_by: job.cancelled_by,
            priority: job.current_priority(),
            node_range: wanted.nodes,
            nodes_asked: wanted.nodes_asked,
            node_memory_mb: self.node_memory(job),
            cpus: wanted.cpus,
            ntasks: wanted.tasks,
            memory: self.memory_of(job),
            time_limit: self.limit_of(job),
            allocation: job.run.allocation.clone(),
            planned_nodes: expected.map(|(_, nodes)| nodes.clone()),
            submit_time: job.submit_time,
            eligible_time: job.eligible_time,
            start_time: if never_ran { job.end_time } else { job.run.start_time.or(expected.map(|e| e.0)) },
            end_time: job.end_time.or(limit_end),
            suspend_time: job.run.suspend_time,
            suspended_secs: job.suspended_until(now),
            last_sched_eval: job.last_sched_eval,
            exit: job.run.exit,
            derived_exit: job.run.derived_exit,
            restarts: job.restarts,
            command: command(job),
            batch: job.batch(),
            stdout: String::new(),
            stderr: String::new(),
            stdin: String::new(),
            dependency: self.dependency_text(job, now),
            steps: step_views(job),
        });
        if shown_by_launcher { without_default_files(view) } else { view }
    }

    /// Why a job waits, also where the scheduler has not come to it (again): then others are before it.
    pub(super) fn reason_of(&self, job: &Job, now: f64) -> Reason {
        let settled = !matches!(job.reason, Reason::None | Reason::Dependency | Reason::BeginTime);
        if job.stage != Stage::Pending || settled || by_element(job) {
            return job.reason.clone();
        }
        match self.standing(job, job.element(), now) {
            Standing::Open | Standing::At(_) => Reason::Dependency,
            Standing::Never => Reason::DependencyNeverSatisfied,
            Standing::Met if job.begins() > now => Reason::BeginTime,
            Standing::Met if self.queue.iter().next() == Some(job.id) => Reason::None,
            Standing::Met => Reason::Priority,
        }
    }

    /// Its time limit in minutes after the partition's default; `None` is no limit.
    pub(super) fn limit_of(&self, job: &Job) -> Option<u32> {
        let name = job.run.partition.as_ref().or(job.partitions.first());
        name.and_then(|name| self.partition(name)).and_then(|partition| partition.limit_of(&job.spec))
    }

    fn memory_of(&self, job: &Job) -> Option<Memory> {
        let name = job.run.partition.as_ref().or(job.partitions.first());
        let default = name.and_then(|name| self.partition(name)).and_then(|p| p.default_memory);
        job.spec.memory.or(default)
    }

    /// Memory that accounting counts a node of the job with where it asks for none: all of it.
    fn node_memory(&self, job: &Job) -> u64 {
        let partition = job.partitions.first().and_then(|name| self.partition(name));
        let mut nodes = self.nodes.iter().filter(|node| partition.is_none_or(|p| p.has(&node.facts.name)));
        nodes.next().map_or(0, |node| node.facts.memory_mb)
    }
}

fn array_view(job: &Job) -> Option<ArrayView> {
    let array = job.array.as_ref()?;
    let waiting = match &array.elements {
        Elements::Waiting(waiting) => waiting.iter().copied().collect(),
        Elements::One(_) => Vec::new(),
    };
    Some(ArrayView {
        id: array.array,
        element: job.element(),
        pending: array.text(),
        elements: waiting,
        limit: array.limit,
    })
}

/// The script with its arguments.
fn command(job: &Job) -> Option<String> {
    let script = job.submission.script.as_ref()?;
    let args = script.args.iter().map(|arg| String::from_utf8_lossy(arg));
    Some(args.fold(script.path.clone(), |line, arg| line + " " + &arg))
}

/// Its steps, the script first.
/// A step is there for others once it was launched: until then there is nothing that they could attach to.
fn step_views(job: &Job) -> Vec<StepView> {
    let launched = job.run.steps.values().filter(|step| !matches!(step.stage, StepStage::Created(_)));
    let (batch, others): (Vec<&Step>, Vec<&Step>) = launched.partition(|step| step.key.step.is_batch());
    batch.into_iter().chain(others).map(Step::view).collect()
}

/// Streams that a launcher shows have no files but those that the script names.
fn without_default_files(view: JobView) -> JobView {
    let keep = |path: String, named: bool| if named { path } else { String::new() };
    let (stdout, stderr) = (view.spec.stdout.is_some(), view.spec.stderr.is_some());
    JobView { stdout: keep(view.stdout, stdout), stderr: keep(view.stderr, stdout || stderr), ..view }
}

/// Puts the paths of a script's streams in.
fn with_files(view: JobView) -> JobView {
    let files = shown_files(&view);
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let stdout = text(&files.stdout);
    JobView {
        stderr: files.stderr.map_or_else(|| stdout.clone(), |path| text(&path)),
        stdin: files.stdin.map_or_else(|| "/dev/null".to_owned(), |path| text(&path)),
        stdout,
        ..view
    }
}
