//! A job comes in: checked in Slurm's order, given its defaults, put into the queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use prun_runtime::ids::JobId;
use prun_runtime::limits::JOBS_MAX;

use super::Cluster;
use super::config::PartitionConfig;
use super::deadline::Look;
use super::event::Asker;
use super::finish::Ending;
use super::job::{Elements, Hold, Job, Membership, Run};
use super::lifecycle::Stage;
use super::node::Node;
use super::reason::Reason;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, JobState, Refusal, Reply, Submission};
use crate::layout::allocate::{NodeRoom, Unfit};
use crate::layout::devices;
use crate::script::hostlist;
use crate::script::spec::{ArraySpec, Gres, GresPer, JobSpec, Memory};

impl Cluster {
    /// `sbatch`; with an owner `salloc` and `srun`. Gives the job's number and warnings.
    pub(super) fn submit(
        &mut self,
        turn: &mut Turn<'_>,
        submission: Submission,
        owner: Option<Asker>,
    ) -> Result<(JobId, Vec<String>), Refusal> {
        let partitions = self.check(&submission)?;
        if let [spec] = submission.components.as_slice()
            && !spec.hold
        {
            self.check_fit(spec, &partitions)?;
        }
        let id = JobId(self.next_job);
        let job = self.record(id, submission, owner, partitions, turn.now)?;
        self.next_job += 1;
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
        Ok((id, Vec::new()))
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
        let partitions = self.check(&submission)?;
        let spec = submission.components.first().ok_or(ErrorCode::Unspecified)?;
        self.check_fit(spec, &partitions)?;
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

    /// Whether a submission can be taken, in Slurm's order; gives the partitions it goes to.
    fn check(&self, submission: &Submission) -> Result<Vec<String>, Refusal> {
        let [spec] = submission.components.as_slice() else {
            let detail = vec!["heterogeneous jobs are not supported".to_owned()];
            return Err(Refusal { code: ErrorCode::NotSupported, detail });
        };
        if self.stopping.is_some() {
            return Err(ErrorCode::Disabled.into());
        }
        if self.jobs.len() >= JOBS_MAX {
            return Err(ErrorCode::TooMany.into());
        }
        self.check_devices(spec)?;
        self.check_nodes(&spec.nodelist)?;
        if let Some(array) = &spec.array {
            self.check_array(array, submission)?;
        }
        self.check_features(spec)?;
        let partitions = self.partitions_for(&spec.partition)?;
        self.check_names(spec)?;
        if spec.time_min.zip(spec.time_limit.flatten()).is_some_and(|(least, most)| least > most) {
            return Err(ErrorCode::InvalidTimeMin.into());
        }
        let conditions = spec.dependency.iter().flat_map(|dependency| &dependency.conditions);
        if !conditions.into_iter().all(|condition| self.knows(condition)) {
            return Err(ErrorCode::Dependency.into());
        }
        Ok(partitions)
    }

    /// Devices must be of a kind that some node has.
    fn check_devices(&self, spec: &JobSpec) -> Result<(), Refusal> {
        let pools = || self.nodes.iter().flat_map(|node| &node.gres);
        let known = |wanted: &&Gres| pools().any(|(pool, _)| devices::serves(pool, wanted));
        let mut asked = spec.gres.iter().filter(|wanted| wanted.name != "none" && wanted.count > 0);
        let gpu = Gres { name: "gpu".to_owned(), kind: None, count: 1, per: GresPer::Job };
        if asked.all(|wanted| known(&wanted)) && (!counts_by_gpu(spec) || known(&&gpu)) {
            Ok(())
        } else {
            Err(ErrorCode::InvalidGres.into())
        }
    }

    fn check_nodes(&self, names: &[String]) -> Result<(), Refusal> {
        let known = |name: &String| self.nodes.get(name).is_some();
        if names.iter().all(known) { Ok(()) } else { Err(ErrorCode::InvalidNodeName.into()) }
    }

    /// Names in `--constraint` must be features of some node.
    fn check_features(&self, spec: &JobSpec) -> Result<(), Refusal> {
        let words = spec.constraint.as_deref().unwrap_or_default();
        let mut words = words
            .split(['&', '|', '[', ']', '(', ')', ','])
            .map(|word| word.split_once('*').map_or(word, |(name, _)| name).trim());
        let known = |word: &str| self.nodes.iter().any(|node| node.features.iter().any(|f| f == word));
        if words.all(|word| word.is_empty() || known(word)) {
            Ok(())
        } else {
            Err(ErrorCode::InvalidFeature.into())
        }
    }

    /// The partitions of these names, or the default one.
    pub(super) fn partitions_for(&self, names: &[String]) -> Result<Vec<String>, Refusal> {
        if names.is_empty() {
            let default = self.partitions.iter().find(|partition| partition.is_default);
            let default = default.ok_or(ErrorCode::NoPartition)?;
            return Ok(vec![default.name.clone()]);
        }
        for name in names {
            let Some(partition) = self.partition(name) else {
                let detail = vec![format!("invalid partition specified: {name}")];
                return Err(Refusal { code: ErrorCode::InvalidPartition, detail });
            };
            if !partition.state.takes() {
                return Err(ErrorCode::PartitionDown.into());
            }
        }
        Ok(names.to_vec())
    }

    /// What is named must be there.
    fn check_names(&self, spec: &JobSpec) -> Result<(), Refusal> {
        self.check_nodes(&spec.exclude)?;
        if spec.licenses.as_ref().is_some_and(|licenses| !licenses.is_empty()) {
            return Err(ErrorCode::InvalidLicenses.into());
        }
        if spec.reservation.is_some() {
            return Err(ErrorCode::InvalidReservation.into());
        }
        Ok(())
    }

    fn check_array(&self, array: &ArraySpec, submission: &Submission) -> Result<(), Refusal> {
        let small = array.elements.iter().all(|&element| element < self.config.max_array_size);
        if submission.script.is_some() && small && !array.elements.is_empty() {
            Ok(())
        } else {
            Err(ErrorCode::InvalidArray.into())
        }
    }

    /// Some partition must be able to hold it, were all of its nodes up and idle.
    pub(super) fn check_fit(&self, spec: &JobSpec, partitions: &[String]) -> Result<(), Refusal> {
        let mut refusal = Refusal::from(ErrorCode::NodeConfig);
        for partition in partitions.iter().filter_map(|name| self.partition(name)) {
            match self.fit(spec, partition) {
                Err(Unfit::Never(why)) => refusal = why,
                Ok(_) | Err(Unfit::Busy | Unfit::NodesUnavailable) => return Ok(()),
            }
        }
        Err(refusal)
    }

    fn fit(&self, spec: &JobSpec, partition: &PartitionConfig) -> Result<(), Unfit> {
        let nodes = self.nodes.iter().filter(|node| partition.has(&node.facts.name));
        let rooms: Vec<NodeRoom<'_>> = nodes.map(Node::room).collect();
        partition.allocate(spec, &rooms).map(|_| ())
    }

    fn record(
        &mut self,
        id: JobId,
        mut submission: Submission,
        owner: Option<Asker>,
        partitions: Vec<String>,
        now: f64,
    ) -> Result<Job, Refusal> {
        let spec = submission.components.pop().ok_or(ErrorCode::Unspecified)?;
        let hold = (spec.hold || spec.priority == Some(0)).then_some(Hold::User);
        let array = spec.array.as_ref().map(|array| Membership {
            array: id,
            limit: array.limit,
            elements: Elements::Waiting(array.elements.iter().copied().collect::<BTreeSet<u32>>()),
        });
        let waits = spec.dependency.as_ref().map(|d| d.conditions.clone()).unwrap_or_default();
        let priority = self.priority_of(&spec);
        let waits_for_others = !waits.is_empty() || spec.begin.is_some_and(|begin| begin as f64 > now);
        Ok(Job {
            id,
            array,
            owner,
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
            submission: Arc::new(submission),
        })
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

/// Whether something is asked for each GPU.
fn counts_by_gpu(spec: &JobSpec) -> bool {
    matches!(spec.memory, Some(Memory::PerGpu(_)))
        || spec.ntasks_per_gpu.is_some()
        || spec.without_effect.iter().any(|(option, _)| option == "cpus-per-gpu")
}
