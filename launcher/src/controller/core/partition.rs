//! Partitions: which nodes they have, which jobs they take and start.

use std::borrow::Cow;

use super::Cluster;
use super::config::{OverSubscribe, PartitionConfig, PartitionState};
use super::node::Node;
use super::reason::Reason;
use crate::controller::api::{ErrorCode, PartitionView, Refusal};
use crate::layout::allocate::{NodeRoom, Unfit, allocate};
use crate::layout::plan::Allocation;
use crate::script::hostlist;
use crate::script::memory::parse_mb;
use crate::script::spec::{JobSpec, Memory, Sharing};
use crate::script::time::parse_limit;

/// The name of the one partition of a cluster that configures none.
const DEFAULT_NAME: &str = "slurmpar";

/// Partitions of a configuration.
pub(super) fn configured(configs: &[PartitionConfig]) -> Vec<PartitionConfig> {
    if configs.is_empty() {
        return vec![PartitionConfig::of_all_nodes(DEFAULT_NAME)];
    }
    configs.to_vec()
}

impl PartitionConfig {
    /// Whether a node belongs to it.
    pub(super) fn has(&self, node: &str) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|name| name == node))
    }

    /// The time limit of a job in minutes after this partition's default; `None` is no limit.
    pub(super) fn limit_of(&self, spec: &JobSpec) -> Option<u32> {
        spec.time_limit.unwrap_or(self.default_time.or(self.max_time))
    }

    /// Why this partition does not start a job now, whatever is free.
    pub(super) fn keeps_waiting(&self, spec: &JobSpec) -> Option<Reason> {
        match self.state {
            PartitionState::Down => Some(Reason::PartitionDown),
            PartitionState::Inactive => Some(Reason::PartitionInactive),
            _ => match self.limit_exceeded(spec) {
                Some(ErrorCode::InvalidTimeLimit) => Some(Reason::PartitionTimeLimit),
                Some(_) => Some(Reason::PartitionNodeLimit),
                None => None,
            },
        }
    }

    /// What a job asks for that no job may have here.
    pub(super) fn limit_exceeded(&self, spec: &JobSpec) -> Option<ErrorCode> {
        let (least, most) = spec.nodes.unwrap_or((1, u32::MAX));
        if self.limit_of(spec).unwrap_or(u32::MAX) > self.max_time.unwrap_or(u32::MAX) {
            return Some(ErrorCode::InvalidTimeLimit);
        }
        let nodes = self.max_nodes.is_some_and(|max| least > max) || most < self.min_nodes;
        nodes.then_some(ErrorCode::NodeCount)
    }

    /// Whether a job asks for more memory than one may have here.
    pub(super) fn memory_exceeded(&self, spec: &JobSpec) -> bool {
        match (self.max_memory, spec.memory.or(self.default_memory)) {
            (Some(Memory::PerNode(most)), Some(Memory::PerNode(wanted) | Memory::PerCpu(wanted)))
            | (Some(Memory::PerCpu(most)), Some(Memory::PerCpu(wanted))) => wanted > most,
            _ => false,
        }
    }

    /// Finds a job a place among nodes of this partition, on its terms.
    pub(super) fn allocate(&self, spec: &JobSpec, rooms: &[NodeRoom<'_>]) -> Result<Allocation, Unfit> {
        let spec = match (self.over_subscribe, spec.sharing) {
            (OverSubscribe::Exclusive, sharing) if sharing != Some(Sharing::Exclusive) => {
                Cow::Owned(JobSpec { sharing: Some(Sharing::Exclusive), ..spec.clone() })
            }
            _ => Cow::Borrowed(spec),
        };
        allocate(&spec, self.default_memory, rooms)
    }

    fn view<'a>(&self, nodes: impl Iterator<Item = &'a Node>) -> PartitionView {
        let nodes: Vec<&Node> = nodes.filter(|node| self.has(&node.facts.name)).collect();
        PartitionView {
            name: self.name.clone(),
            is_default: self.is_default,
            state: self.state.text().to_owned(),
            nodes: nodes.iter().map(|node| node.facts.name.clone()).collect(),
            max_time: self.max_time,
            default_time: self.default_time,
            max_nodes: self.max_nodes,
            min_nodes: self.min_nodes,
            cpus: nodes.iter().map(|node| node.facts.cpus).sum(),
            memory_mb: nodes.iter().map(|node| node.facts.memory_mb).sum(),
            default_memory: self.default_memory,
            max_memory: self.max_memory,
            over_subscribe: self.over_subscribe.text(),
            priority_tier: self.priority_tier,
        }
    }

    /// One change of `scontrol update partitionname=…`.
    fn change(&mut self, key: &str, value: &str) -> Result<(), ErrorCode> {
        let number = || value.parse::<u32>().map_err(|_| ErrorCode::InvalidUpdate);
        let minutes = || parse_limit(value).ok_or(ErrorCode::InvalidTimeLimit);
        let unlimited = ["unlimited", "infinite"].iter().any(|word| value.eq_ignore_ascii_case(word));
        let memory = || match unlimited {
            true => Ok(None),
            false => Ok::<_, ErrorCode>(Some(parse_mb(value).ok_or(ErrorCode::InvalidUpdate)?)),
        };
        match key {
            "state" => self.state = PartitionState::parse(value).ok_or(ErrorCode::InvalidUpdate)?,
            "maxtime" => self.max_time = minutes()?,
            "defaulttime" => self.default_time = minutes()?,
            "maxnodes" => self.max_nodes = if unlimited { None } else { Some(number()?) },
            "minnodes" => self.min_nodes = number()?,
            "prioritytier" | "priority" => self.priority_tier = number()?,
            "defmempercpu" => self.default_memory = memory()?.map(Memory::PerCpu),
            "defmempernode" => self.default_memory = memory()?.map(Memory::PerNode),
            "maxmempercpu" => self.max_memory = memory()?.map(Memory::PerCpu),
            "maxmempernode" => self.max_memory = memory()?.map(Memory::PerNode),
            "default" => self.is_default = value.eq_ignore_ascii_case("yes"),
            "nodes" if value.eq_ignore_ascii_case("all") => self.nodes = None,
            "nodes" => {
                let names = hostlist::expand(value).map_err(|_| ErrorCode::InvalidNodeName)?;
                self.nodes = Some(names);
            }
            _ => return Err(ErrorCode::InvalidUpdate),
        }
        Ok(())
    }
}

impl Cluster {
    pub(super) fn partition(&self, name: &str) -> Option<&PartitionConfig> {
        self.partitions.iter().find(|partition| partition.name == name)
    }

    pub(super) fn partition_views(&self) -> Vec<PartitionView> {
        self.partitions.iter().map(|partition| partition.view(self.nodes.iter())).collect()
    }

    /// Names of the partitions that a node belongs to.
    pub(super) fn partitions_of(&self, node: &str) -> Vec<String> {
        self.partitions.iter().filter(|p| p.has(node)).map(|p| p.name.clone()).collect()
    }

    /// `scontrol update partitionname=…`: all of the changes or none.
    pub(super) fn update_partition(
        &mut self,
        name: &str,
        changes: &[(String, String)],
    ) -> Result<(), Refusal> {
        let at = self.partitions.iter().position(|partition| partition.name == name);
        let Some(at) = at else { return Err(ErrorCode::InvalidPartition.into()) };
        let mut changed = self.partitions[at].clone();
        for (key, value) in changes {
            changed.change(key, value).map_err(|code| match code {
                ErrorCode::InvalidUpdate => Refusal::unknown_change(key, value),
                code => code.into(),
            })?;
        }
        if changed.is_default {
            self.partitions.iter_mut().for_each(|partition| partition.is_default = false);
        }
        self.partitions[at] = changed;
        self.rekey_all();
        Ok(())
    }
}
