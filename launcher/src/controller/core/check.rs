//! Whether a job is taken: what is checked when it is submitted, in Slurm's order.

use prun_runtime::limits::{HET_COMPONENTS_MAX, JOBS_MAX};

use super::Cluster;
use super::config::{EnforceLimits, PartitionConfig};
use super::node::Node;
use crate::controller::api::{ErrorCode, Refusal, Submission};
use crate::layout::allocate::{NodeRoom, Unfit};
use crate::layout::devices;
use crate::script::spec::{ArraySpec, Gres, GresPer, JobSpec, Memory};

impl Cluster {
    /// Whether a submission can be taken; gives the partitions that each of its components goes to.
    pub(super) fn check(&self, submission: &Submission, now: f64) -> Result<Vec<Vec<String>>, Refusal> {
        let components = &submission.components;
        if self.stopping.is_some() {
            return Err(ErrorCode::Disabled.into());
        }
        if components.is_empty() {
            return Err(ErrorCode::Unspecified.into());
        }
        if components.len() > HET_COMPONENTS_MAX {
            let detail = vec![format!("a heterogeneous job has at most {HET_COMPONENTS_MAX} components")];
            return Err(Refusal { code: ErrorCode::NotSupported, detail });
        }
        if self.jobs.len() + components.len() > self.config.max_jobs.min(JOBS_MAX) {
            return Err(ErrorCode::TooMany.into());
        }
        // Unknown devices of any component are found before all else.
        components.iter().try_for_each(|spec| self.check_devices(spec))?;
        components.iter().map(|spec| self.check_component(spec, submission, now)).collect()
    }

    fn check_component(
        &self,
        spec: &JobSpec,
        submission: &Submission,
        now: f64,
    ) -> Result<Vec<String>, Refusal> {
        self.check_nodes(&spec.nodelist)?;
        if spec.nodelist.iter().any(|name| spec.exclude.contains(name)) {
            return Err(ErrorCode::InvalidNodeName.into());
        }
        if let Some(array) = &spec.array {
            self.check_array(array, submission)?;
        }
        self.check_features(spec)?;
        let partitions = self.partitions_for(&spec.partition)?;
        self.check_names(spec)?;
        check_times(spec, now)?;
        let conditions = spec.dependency.iter().flat_map(|dependency| &dependency.conditions);
        if !conditions.into_iter().all(|condition| self.knows(condition)) {
            return Err(ErrorCode::Dependency.into());
        }
        let too_long = |name: &String| {
            let most = self.partition(name).and_then(|partition| partition.max_time);
            spec.time_min.zip(most).is_some_and(|(least, most)| least > most)
        };
        if partitions.iter().any(too_long) {
            return Err(ErrorCode::InvalidTimeMin.into());
        }
        self.check_limits(spec, &partitions)?;
        Ok(partitions)
    }

    /// Devices must be of a kind that some node has.
    pub(super) fn check_devices(&self, spec: &JobSpec) -> Result<(), Refusal> {
        let pools = || self.nodes.iter().flat_map(|node| &node.gres);
        let known = |wanted: &Gres| pools().any(|(pool, _)| devices::serves(pool, wanted));
        let mut asked = spec.gres.iter().filter(|wanted| wanted.name != "none" && wanted.count > 0);
        let gpu = Gres { name: "gpu".to_owned(), kind: None, count: 1, per: GresPer::Job };
        if asked.all(known) && (!counts_by_gpu(spec) || known(&gpu)) {
            Ok(())
        } else {
            Err(ErrorCode::InvalidGres.into())
        }
    }

    pub(super) fn check_nodes(&self, names: &[String]) -> Result<(), Refusal> {
        let known = |name: &String| self.nodes.get(name).is_some();
        if names.iter().all(known) { Ok(()) } else { Err(ErrorCode::InvalidNodeName.into()) }
    }

    /// What its partitions allow any job.
    fn check_limits(&self, spec: &JobSpec, names: &[String]) -> Result<(), Refusal> {
        let partitions = || names.iter().filter_map(|name| self.partition(name));
        if partitions().all(|partition| partition.memory_exceeded(spec)) {
            return Err(ErrorCode::InvalidTaskMemory.into());
        }
        let mut exceeded = partitions().map(|partition| partition.limit_exceeded(spec));
        let refused = match self.config.enforce_limits {
            EnforceLimits::No => None,
            EnforceLimits::All => exceeded.flatten().next(),
            // The first that is fine settles it.
            EnforceLimits::Any => {
                exceeded.clone().all(|code| code.is_some()).then(|| exceeded.next()).flatten().flatten()
            }
        };
        refused.map_or(Ok(()), |code| Err(code.into()))
    }

    /// Names in `--constraint` and `--prefer` must be features of some node.
    pub(super) fn check_features(&self, spec: &JobSpec) -> Result<(), Refusal> {
        let preferred = spec.without_effect.iter().find(|(option, _)| option == "prefer");
        if !self.has_features(spec.constraint.as_deref().unwrap_or_default()) {
            Err(ErrorCode::InvalidFeature.into())
        } else if preferred.is_some_and(|(_, features)| !self.has_features(features)) {
            Err(ErrorCode::InvalidPrefer.into())
        } else {
            Ok(())
        }
    }

    fn has_features(&self, text: &str) -> bool {
        let mut words = text
            .split(['&', '|', '[', ']', '(', ')', ','])
            .map(|word| word.split_once('*').map_or(word, |(name, _)| name).trim());
        let count = |mark: char| text.matches(mark).count();
        if count('(') != count(')') || count('[') != count(']') {
            return false;
        }
        let known = |word: &str| self.nodes.iter().any(|node| node.features.iter().any(|f| f == word));
        words.all(|word| word.is_empty() || known(word))
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
                let shown = if name.is_empty() { "(null)" } else { name };
                let detail = vec![format!("invalid partition specified: {shown}")];
                return Err(Refusal { code: ErrorCode::InvalidPartition, detail });
            };
            if !partition.state.takes() {
                return Err(ErrorCode::PartitionDown.into());
            }
        }
        Ok(names.to_vec())
    }

    /// What is named must be there.
    pub(super) fn check_names(&self, spec: &JobSpec) -> Result<(), Refusal> {
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
        let alone = submission.components.len() == 1;
        if submission.script.is_some() && alone && small && !array.elements.is_empty() {
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
}

/// Whether something is asked for each GPU.
fn counts_by_gpu(spec: &JobSpec) -> bool {
    matches!(spec.memory, Some(Memory::PerGpu(_)))
        || spec.ntasks_per_gpu.is_some()
        || spec.without_effect.iter().any(|(option, _)| option == "cpus-per-gpu")
}

/// Times that contradict one another, or that have passed.
fn check_times(spec: &JobSpec, now: f64) -> Result<(), ErrorCode> {
    let seconds = |minutes: u32| f64::from(minutes) * 60.0;
    let begin = spec.begin.map_or(now, |begin| now.max(begin as f64));
    if spec.deadline.is_some_and(|deadline| deadline as f64 <= now) {
        return Err(ErrorCode::InvalidTimeLimit);
    }
    let limit = spec.time_limit.flatten();
    let above_limit = spec.time_min.zip(limit).is_some_and(|(least, most)| least > most);
    let late = |(least, deadline): (u32, i64)| begin + seconds(least) > deadline as f64;
    if above_limit || spec.time_min.zip(spec.deadline).is_some_and(late) {
        return Err(ErrorCode::InvalidTimeMin);
    }
    Ok(())
}
