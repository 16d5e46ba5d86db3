//! `PartitionName` lines.

use super::known::Line;
use super::mistake::Mistake;
use super::reading::Reading;
use super::scan::{Span, Word};
use crate::controller::core::config::{OverSubscribe, PartitionConfig, PartitionState};
use crate::script::spec::Memory;

/// Jobs that may share CPUs where the file does not say how many (Slurm's own default).
const SHARING_JOBS: u32 = 4;

/// The `PartitionName` lines so far.
#[derive(Debug)]
pub(super) struct PartitionLines {
    default: PartitionConfig,
    /// Each with the place where its nodes are named.
    lines: Vec<(PartitionConfig, Option<Span>)>,
    /// Where `PartitionName=DEFAULT` names nodes.
    default_nodes: Option<Span>,
}

impl Default for PartitionLines {
    fn default() -> Self {
        let none = PartitionConfig {
            nodes: Some(Vec::new()),
            is_default: false,
            ..PartitionConfig::of_all_nodes("DEFAULT")
        };
        Self { default: none, lines: Vec::new(), default_nodes: None }
    }
}

/// One line: `PartitionName=NAME` and what is said of it.
pub(super) fn line(reading: &mut Reading, name: &Word, rest: &[Word]) {
    let mut config = reading.partitions.default.clone();
    let mut nodes = reading.partitions.default_nodes;
    for word in rest {
        let applied = apply(&mut config, word);
        match applied {
            Some(Ok(())) => {}
            Some(Err(mistake)) => reading.refuse(mistake),
            None => reading.other(word, Line::Partition),
        }
        match word.lower().as_str() {
            "nodes" => nodes = Some(word.value_span),
            "oversubscribe" | "shared" => warn_of_sharing(reading, word, config.over_subscribe),
            _ => {}
        }
    }
    if name.value.eq_ignore_ascii_case("default") {
        (reading.partitions.default, reading.partitions.default_nodes) = (config, nodes);
        return;
    }
    config.name.clone_from(&name.value);
    if let Some(()) = reading.take(check_name(name, &reading.partitions)) {
        if config.is_default {
            one_default(reading, name);
        }
        reading.partitions.lines.push((config, nodes));
    }
}

fn warn_of_sharing(reading: &mut Reading, word: &Word, sharing: OverSubscribe) {
    if matches!(sharing, OverSubscribe::Force(_) | OverSubscribe::Yes(_)) {
        reading.warn(word, format!("`{}`: jobs get CPUs of their own all the same", word.key));
    }
}

fn check_name(name: &Word, partitions: &PartitionLines) -> Result<(), Mistake> {
    if partitions.lines.iter().any(|(known, _)| known.name == name.value) {
        let title = format!("the partition `{}` is there twice", name.value);
        return Err(Mistake::new(name.value_span, title, "put all that is said of it in one line"));
    }
    if name.value.is_empty() || name.value.contains(',') {
        return Err(name.wrong("names of partitions are one word without commas"));
    }
    Ok(())
}

/// The last one that says so is the default, as in Slurm.
fn one_default(reading: &mut Reading, name: &Word) {
    let before = reading.partitions.lines.iter_mut().find(|(partition, _)| partition.is_default);
    if let Some((partition, _)) = before {
        partition.is_default = false;
        let text = format!("the default partition is `{}`, no longer `{}`", name.value, partition.name);
        reading.warn(name, text);
    }
}

/// `None` for a key that is not here.
fn apply(config: &mut PartitionConfig, word: &Word) -> Option<Result<(), Mistake>> {
    let result = match word.lower().as_str() {
        "nodes" => nodes(word).map(|nodes| config.nodes = nodes),
        "default" => word.yes().map(|is_default| config.is_default = is_default),
        "maxtime" => word.time().map(|time| config.max_time = time),
        "defaulttime" => default_time(word).map(|time| config.default_time = time),
        "minnodes" => word.number(0..=u32::MAX).map(|nodes| config.min_nodes = nodes),
        "maxnodes" => word.limit().map(|nodes| config.max_nodes = nodes),
        "prioritytier" | "priority" => word.number(0..=65_533).map(|tier| config.priority_tier = tier),
        "state" => state(word).map(|state| config.state = state),
        "oversubscribe" | "shared" => sharing(word).map(|sharing| config.over_subscribe = sharing),
        "defmempercpu" => word.megabytes_limit().map(|mb| config.default_memory = mb.map(Memory::PerCpu)),
        "defmempernode" => word.megabytes_limit().map(|mb| config.default_memory = mb.map(Memory::PerNode)),
        "maxmempercpu" => word.megabytes_limit().map(|mb| config.max_memory = mb.map(Memory::PerCpu)),
        "maxmempernode" => word.megabytes_limit().map(|mb| config.max_memory = mb.map(Memory::PerNode)),
        _ => return None,
    };
    Some(result)
}

/// `ALL`, or a list.
fn nodes(word: &Word) -> Result<Option<Vec<String>>, Mistake> {
    if word.value.eq_ignore_ascii_case("all") {
        return Ok(None);
    }
    let mut names = word.nodes()?;
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Ok(Some(names))
}

/// `NONE` is what holds where nothing is said.
fn default_time(word: &Word) -> Result<Option<u32>, Mistake> {
    if word.value.eq_ignore_ascii_case("none") { Ok(None) } else { word.time() }
}

fn state(word: &Word) -> Result<PartitionState, Mistake> {
    let states = [PartitionState::Up, PartitionState::Down, PartitionState::Drain, PartitionState::Inactive];
    word.choose(&states.map(|state| (state.text(), state)))
}

/// `NO`, `EXCLUSIVE`, `YES[:JOBS]`, `FORCE[:JOBS]`.
fn sharing(word: &Word) -> Result<OverSubscribe, Mistake> {
    let wrong = || word.wrong("write `NO`, `EXCLUSIVE`, `YES`, `YES:JOBS`, `FORCE` or `FORCE:JOBS`");
    let (kind, jobs) = match word.value.split_once(':') {
        Some((kind, jobs)) => (kind, Some(jobs.parse().map_err(|_| wrong())?)),
        None => (word.value.as_str(), None),
    };
    match (kind.to_ascii_lowercase().as_str(), jobs) {
        ("no", None) => Ok(OverSubscribe::No),
        ("exclusive", None) => Ok(OverSubscribe::Exclusive),
        ("yes", jobs) => Ok(OverSubscribe::Yes(jobs.unwrap_or(SHARING_JOBS))),
        ("force", jobs) => Ok(OverSubscribe::Force(jobs.unwrap_or(SHARING_JOBS))),
        _ => Err(wrong()),
    }
}

/// Partitions name nodes that there are, and have what the cluster has where they say nothing.
pub(super) fn settle(reading: &mut Reading) {
    let lines = std::mem::take(&mut reading.partitions.lines);
    if lines.is_empty() {
        return;
    }
    reading.config.partitions.clear();
    for (mut partition, span) in lines {
        let unknown = partition.nodes.iter().flatten().find(|name| !reading.nodes.knows(name));
        if let (Some(name), Some(span)) = (unknown, span) {
            let title = format!("the partition `{}` has a node `{name}` that there is not", partition.name);
            let help = format!("add a line `NodeName={name} CPUs=…`, or take it out of `Nodes`");
            reading.refuse(Mistake::new(span, title, help));
        }
        partition.default_memory = partition.default_memory.or(reading.config.default_memory);
        partition.max_memory = partition.max_memory.or(reading.config.max_memory);
        reading.config.partitions.push(partition);
    }
}
