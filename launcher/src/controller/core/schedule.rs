//! Who starts now, and where: first in, first out by priority, with EASY backfill (Lifka, "The ANL/IBM SP
//! scheduling system", 1995).
//!
//! The first job of a partition that does not fit gets a reservation: the earliest time at which enough of what
//! runs now will have ended, and the nodes it would have then. A later job may pass it where it takes nothing of
//! these, or is over before. The pass only decides; [`Cluster::schedule`] then does what it decided.

mod together;

use std::collections::{BTreeMap, BTreeSet};

use prun_runtime::ids::JobId;

use super::Cluster;
use super::config::PartitionConfig;
use super::deadline::Look;
use super::dependency::{Standing, by_element};
use super::finish::Ending;
use super::job::{Elements, Job};
use super::lifecycle::Stage;
use super::reason::Reason;
use super::rooms::{full, give, take};
use super::turn::Turn;
use crate::layout::allocate::{NodeRoom, Unfit};
use crate::layout::plan::Allocation;
use crate::script::hostlist;
use crate::script::spec::{DependencyKind, JobSpec};

/// How long a job without a limit is thought to run (Slurm's backfill: a year).
const LIMITLESS_SECS: f64 = 365.0 * 86_400.0;

/// Jobs behind the first waiting one of their partition that a pass tries to place (Slurm: `default_queue_depth`).
const BACKFILL_TRIES_MAX: usize = 100;

/// What a pass decides about one job.
#[derive(Debug)]
enum Verdict {
    /// It starts, or this element of it does.
    Start { element: Option<u32>, partition: String, allocation: Allocation },
    /// It waits.
    Wait(Reason),
    /// It waits, and this is when and where it is expected to start.
    Expect(f64, String),
    /// It can be looked at again at this time.
    LookAt(f64),
}

/// One look at the whole queue.
struct Pass<'a> {
    cluster: &'a Cluster,
    now: f64,
    rooms: Vec<NodeRoom<'a>>,
    /// The same without what is reserved.
    unreserved: Vec<NodeRoom<'a>>,
    /// When the first reservation begins.
    shadow: f64,
    /// Partitions whose first waiting job has been met.
    headed: BTreeSet<&'a str>,
    /// What runs or starts in this pass: when it is over, and what it gives back then.
    ends: Vec<(f64, Allocation)>,
    /// Elements started in this pass, by array.
    started: BTreeMap<JobId, usize>,
    tries: usize,
    verdicts: Vec<(JobId, Verdict)>,
}

impl Cluster {
    /// Starts what can start, if something happened that may allow it.
    pub(super) fn schedule(&mut self, turn: &mut Turn<'_>) {
        while std::mem::take(&mut turn.schedule) && !self.queue.is_empty() && self.stopping.is_none() {
            let verdicts = Pass::new(self, turn.now).run();
            for (id, verdict) in verdicts {
                self.carry_out(turn, id, verdict);
            }
        }
    }

    fn carry_out(&mut self, turn: &mut Turn<'_>, id: JobId, verdict: Verdict) {
        match verdict {
            Verdict::Start { element, partition, allocation } => {
                let id = element.map_or(id, |element| self.split_off(id, element));
                self.start(turn, id, partition, allocation);
                // What waits for a start (`after`) may go on.
                turn.schedule |= self.starts_are_waited_for(id);
            }
            Verdict::Wait(reason) => self.wait_for(turn, id, reason),
            Verdict::Expect(at, nodes) => {
                if let Some(job) = self.jobs.get_mut(&id) {
                    job.run.expected = Some((at, nodes));
                }
            }
            Verdict::LookAt(at) => self.deadlines.add(at, Look::Job(id)),
        }
    }

    fn wait_for(&mut self, turn: &mut Turn<'_>, id: JobId, reason: Reason) {
        let never = reason == Reason::DependencyNeverSatisfied;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.last_sched_eval = Some(turn.now);
        let kill = never && job.spec.kill_on_invalid_dep == Some(true);
        if job.reason != reason {
            job.reason = reason;
            turn.changed.insert(id);
        }
        if kill {
            self.end_job(turn, id, Ending::cancelled(None));
        }
    }

    fn starts_are_waited_for(&self, id: JobId) -> bool {
        let array = self.jobs.get(&id).map(Job::array_or_id);
        let waits = |job: &Job| {
            job.waits.iter().any(|condition| {
                condition.kind == DependencyKind::After
                    && (condition.job == id.0 || array.is_some_and(|array| condition.job == array.0))
            })
        };
        self.queue.iter().filter_map(|id| self.jobs.get(&id)).any(waits)
    }

    /// When and where a job that does not fit now is expected to start, after what runs has ended.
    pub(super) fn expected(
        &self,
        spec: &JobSpec,
        partition: &PartitionConfig,
        now: f64,
    ) -> Option<(f64, Allocation)> {
        let pass = Pass::new(self, now);
        match pass.place(spec, partition, &pass.rooms) {
            Ok(allocation) => Some((now, allocation)),
            Err(_) => pass.reservation(spec, partition),
        }
    }

    /// When a job that holds CPUs is over by its limit.
    pub(super) fn expected_end(&self, job: &Job, now: f64) -> f64 {
        let start = job.run.start_time.unwrap_or(now);
        let limit = self.limit_of(job).map_or(LIMITLESS_SECS, |minutes| f64::from(minutes) * 60.0);
        if job.stage == Stage::Completing { now } else { (start + limit + job.suspended_until(now)).max(now) }
    }
}

impl<'a> Pass<'a> {
    fn new(cluster: &'a Cluster, now: f64) -> Self {
        let holding = cluster.holding.iter().filter_map(|id| cluster.jobs.get(id));
        let ends = holding
            .filter_map(|job| Some((cluster.expected_end(job, now), job.run.allocation.clone()?)))
            .collect();
        let rooms: Vec<NodeRoom<'a>> = cluster.nodes.iter().map(super::node::Node::room).collect();
        Self {
            cluster,
            now,
            unreserved: rooms.clone(),
            rooms,
            shadow: f64::INFINITY,
            headed: BTreeSet::new(),
            ends,
            started: BTreeMap::new(),
            tries: 0,
            verdicts: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<(JobId, Verdict)> {
        for id in self.cluster.queue.iter() {
            let Some(job) = self.cluster.jobs.get(&id) else { continue };
            if job.hold.is_some() {
                // Held jobs stand last.
                break;
            }
            if !self.headed.is_empty() && full(&self.rooms) {
                break;
            }
            let behind = job.partitions.iter().all(|name| self.headed.contains(name.as_str()));
            if behind && self.tries >= BACKFILL_TRIES_MAX {
                continue;
            }
            self.look_at(job);
        }
        self.verdicts
    }

    fn look_at(&mut self, job: &'a Job) {
        if let Some(component) = &job.het {
            if component.leads() {
                self.look_at_together(job);
            }
            return;
        }
        match job.array.as_ref().map(|array| &array.elements) {
            Some(Elements::Waiting(elements)) => {
                for &element in elements {
                    if !self.try_start(job, Some(element)) && !by_element(job) {
                        break;
                    }
                }
            }
            Some(Elements::One(element)) => {
                self.try_start(job, Some(*element));
            }
            None => {
                self.try_start(job, None);
            }
        }
    }

    /// Whether it starts.
    fn try_start(&mut self, job: &'a Job, element: Option<u32>) -> bool {
        let verdict = self.judge(job, element);
        let starts = matches!(verdict, Verdict::Start { .. });
        self.verdicts.push((job.id, verdict));
        starts
    }

    /// Why a job may not start yet, whatever is free.
    fn not_yet(&mut self, job: &'a Job, element: Option<u32>) -> Option<Reason> {
        match self.cluster.standing(job, element, self.now) {
            Standing::Met => {}
            Standing::Open => return Some(Reason::Dependency),
            Standing::Never => return Some(Reason::DependencyNeverSatisfied),
            Standing::At(at) => {
                self.verdicts.push((job.id, Verdict::LookAt(at)));
                return Some(Reason::Dependency);
            }
        }
        (job.begins() > self.now).then_some(Reason::BeginTime)
    }

    fn judge(&mut self, job: &'a Job, element: Option<u32>) -> Verdict {
        if let Some(reason) = self.not_yet(job, element) {
            return Verdict::Wait(reason);
        }
        if let Some(array) = &job.array {
            let running = self.cluster.running_elements(array.array);
            let started = self.started.get(&array.array).copied().unwrap_or(0);
            if array.limit.is_some_and(|limit| running + started >= limit as usize) {
                return Verdict::Wait(Reason::ArrayTaskLimit);
            }
        }
        self.find_place(job, element)
    }

    fn find_place(&mut self, job: &'a Job, element: Option<u32>) -> Verdict {
        self.tries += usize::from(!self.headed.is_empty());
        let mut reason = Reason::BadConstraints;
        for partition in job.partitions.iter().filter_map(|name| self.cluster.partition(name)) {
            if let Some(why) = partition.keeps_waiting(&job.spec) {
                reason = why;
                continue;
            }
            match self.place_in(job, partition) {
                Ok(allocation) => {
                    self.count(job, partition, &allocation);
                    return Verdict::Start { element, partition: partition.name.clone(), allocation };
                }
                Err(Unfit::Busy) if self.headed.insert(&partition.name) => {
                    self.reserve(job, partition);
                    reason = Reason::Resources;
                }
                Err(Unfit::Busy) if reason == Reason::Resources => {}
                Err(Unfit::Busy) => reason = Reason::Priority,
                Err(Unfit::NodesUnavailable) => reason = self.unavailable(job),
                Err(Unfit::Never(_)) => {}
            }
        }
        Verdict::Wait(reason)
    }

    /// A place that delays no reservation.
    fn place_in(&self, job: &Job, partition: &PartitionConfig) -> Result<Allocation, Unfit> {
        let unreserved = self.place(&job.spec, partition, &self.unreserved);
        if unreserved == Err(Unfit::Busy) && self.over_before_shadow(&job.spec, partition) {
            return self.place(&job.spec, partition, &self.rooms);
        }
        unreserved
    }

    /// Whether a job that starts now is over before anything that is reserved is needed.
    fn over_before_shadow(&self, spec: &JobSpec, partition: &PartitionConfig) -> bool {
        let limit = partition.limit_of(spec).map_or(LIMITLESS_SECS, |minutes| f64::from(minutes) * 60.0);
        self.shadow.is_finite() && self.now + limit <= self.shadow
    }

    fn place(
        &self,
        spec: &JobSpec,
        partition: &PartitionConfig,
        rooms: &[NodeRoom<'a>],
    ) -> Result<Allocation, Unfit> {
        if partition.nodes.is_none() {
            return partition.allocate(spec, rooms);
        }
        let own: Vec<NodeRoom<'a>> =
            rooms.iter().filter(|room| partition.has(&room.facts.name)).cloned().collect();
        partition.allocate(spec, &own)
    }

    fn count(&mut self, job: &Job, partition: &PartitionConfig, allocation: &Allocation) {
        take(&mut self.rooms, allocation);
        take(&mut self.unreserved, allocation);
        let limit = partition.limit_of(&job.spec).map_or(LIMITLESS_SECS, |minutes| f64::from(minutes) * 60.0);
        self.ends.push((self.now + limit, allocation.clone()));
        if let Some(array) = &job.array {
            *self.started.entry(array.array).or_default() += 1;
        }
    }

    fn reserve(&mut self, job: &Job, partition: &PartitionConfig) {
        // Where nothing is free, nothing can be passed by: the time is not worth its price.
        if full(&self.rooms) {
            return;
        }
        if let Some((at, allocation)) = self.reservation(&job.spec, partition) {
            self.keep_for(job, at, &allocation);
        }
    }

    /// Nothing that is not over by then may take this.
    fn keep_for(&mut self, job: &Job, at: f64, allocation: &Allocation) {
        take(&mut self.unreserved, allocation);
        self.shadow = self.shadow.min(at);
        let names: Vec<String> = allocation.nodes.iter().map(|node| node.name.clone()).collect();
        self.verdicts.push((job.id, Verdict::Expect(at, hostlist::compress(&names))));
    }

    fn reservation(&self, spec: &JobSpec, partition: &PartitionConfig) -> Option<(f64, Allocation)> {
        self.earliest(|rooms| self.place(spec, partition, rooms).ok())
    }

    /// The earliest time at which enough has ended, by halving: whatever fits still fits when more is free.
    fn earliest<T>(&self, place: impl Fn(&[NodeRoom<'a>]) -> Option<T>) -> Option<(f64, T)> {
        let mut ends: Vec<&(f64, Allocation)> = self.ends.iter().collect();
        ends.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let after = |count: usize| {
            let mut rooms = self.rooms.clone();
            ends[..count].iter().for_each(|(_, allocation)| give(&mut rooms, allocation));
            place(&rooms)
        };
        let (mut short, mut enough) = (0, ends.len());
        let mut found = after(enough)?;
        while enough - short > 1 {
            let middle = usize::midpoint(short, enough);
            match after(middle) {
                Some(places) => (enough, found) = (middle, places),
                None => short = middle,
            }
        }
        Some((enough.checked_sub(1).map_or(self.now, |last| ends[last].0), found))
    }

    /// Which nodes are missing: those named, if they are.
    fn unavailable(&self, job: &Job) -> Reason {
        let gone = |name: &&String| self.cluster.nodes.get(name).is_none_or(|node| !node.usable());
        let names: Vec<String> = job.spec.nodelist.iter().filter(gone).cloned().collect();
        if names.is_empty() {
            Reason::NodesDown
        } else {
            Reason::NodesUnavailable(hostlist::compress(&names))
        }
    }
}
