//! `NodeName` lines.

use std::collections::HashSet;

use prun_runtime::limits::NODES_MAX;

use super::known::Line;
use super::mistake::Mistake;
use super::reading::Reading;
use super::scan::{Span, Word};
use crate::controller::core::config::{NodeConfig, NodeStart};
use crate::controller::core::gres;
use crate::script::hostlist;

/// Most CPUs of one node, and most of each part of its topology (Slurm: 16 bits).
const CPUS_MAX: u32 = 65_533;

/// What a line says, or `NodeName=DEFAULT` said before it.
#[derive(Debug, Clone, Default)]
struct Given {
    cpus: Option<u32>,
    boards: Option<u32>,
    sockets: Option<u32>,
    cores: Option<u32>,
    threads: Option<u32>,
    memory_mb: Option<u64>,
    tmp_mb: Option<u64>,
    features: Vec<String>,
    gres: Vec<(String, u64)>,
    gres_span: Option<Span>,
    weight: Option<u32>,
    start: Option<NodeStart>,
    reason: Option<String>,
}

/// The `NodeName` lines so far.
#[derive(Debug, Default)]
pub(super) struct NodeLines {
    default: Given,
    /// Names so far.
    seen: HashSet<String>,
    /// Generic resources of lines, to be looked up in `GresTypes`, which may come later.
    gres: Vec<(Span, Vec<(String, u64)>)>,
}

impl NodeLines {
    /// Whether there is such a node. Without any line, all nodes are to join by themselves.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.seen.is_empty() || self.seen.contains(name)
    }
}

/// One line: `NodeName=NAMES` and what is said of them.
pub(super) fn line(reading: &mut Reading, name: &Word, rest: &[Word]) {
    let mut given = reading.nodes.default.clone();
    let mut future = false;
    for word in rest {
        match word.lower().as_str() {
            "state" if is_future(&word.value) => future = true,
            key => {
                let applied = apply(&mut given, key, word);
                match applied {
                    Some(Ok(())) => {}
                    Some(Err(mistake)) => reading.refuse(mistake),
                    None => reading.other(word, Line::Node),
                }
            }
        }
    }
    if name.value.eq_ignore_ascii_case("default") {
        reading.nodes.default = given;
        return;
    }
    if future {
        return reading.warn(name, format!("`{}` is only to come; passed over", name.value));
    }
    let Some(names) = reading.take(names(name)) else { return };
    let Some(topology) = reading.take(topology(&given, name)) else { return };
    if let Some(span) = given.gres_span {
        reading.nodes.gres.push((span, given.gres.clone()));
    }
    for node in names {
        add(reading, node_of(&given, node, topology), name);
    }
}

/// `FUTURE` and `CLOUD` nodes are made when they are needed.
fn is_future(state: &str) -> bool {
    ["future", "cloud", "external"].iter().any(|word| word.eq_ignore_ascii_case(state))
}

fn add(reading: &mut Reading, node: NodeConfig, line: &Word) {
    if !reading.nodes.seen.insert(node.name.clone()) {
        let title = format!("the node `{}` is there twice", node.name);
        reading.refuse(Mistake::new(line.value_span, title, "name each node once"));
    } else if reading.config.nodes.len() >= NODES_MAX {
        let title = format!("`{}` is one of more than {NODES_MAX} nodes", node.name);
        reading.refuse(Mistake::new(line.value_span, title, "name fewer nodes"));
    } else {
        reading.config.nodes.push(node);
    }
}

fn node_of(given: &Given, name: String, (cpus, topology): (u32, (u32, u32, u32))) -> NodeConfig {
    NodeConfig {
        name,
        cpus,
        topology,
        memory_mb: given.memory_mb,
        tmp_mb: given.tmp_mb.unwrap_or(0),
        features: given.features.clone(),
        gres: given.gres.clone(),
        weight: given.weight.unwrap_or(1),
        start: given.start.unwrap_or(NodeStart::Up),
        reason: given.reason.clone(),
    }
}

/// `None` for a key that is not here.
fn apply(given: &mut Given, key: &str, word: &Word) -> Option<Result<(), Mistake>> {
    let count = || word.number(1..=CPUS_MAX).map(Some);
    let result = match key {
        "cpus" | "procs" => count().map(|cpus| given.cpus = cpus),
        "boards" => count().map(|boards| given.boards = boards),
        "sockets" | "socketsperboard" => count().map(|sockets| given.sockets = sockets),
        "corespersocket" => count().map(|cores| given.cores = cores),
        "threadspercore" => count().map(|threads| given.threads = threads),
        "realmemory" => word.megabytes().and_then(|memory| match memory {
            0 => Err(word.wrong("a node has some memory: write MiB, or leave it out for what the node has")),
            memory => {
                given.memory_mb = Some(memory);
                Ok(())
            }
        }),
        "tmpdisk" => word.megabytes().map(|disk| given.tmp_mb = Some(disk)),
        "feature" | "features" => {
            given.features = word.list();
            Ok(())
        }
        "gres" => word.gres().map(|gres| (given.gres, given.gres_span) = (gres, Some(word.value_span))),
        "weight" => word.number(0..=u32::MAX).map(|weight| given.weight = Some(weight)),
        "state" => state(word).map(|start| given.start = Some(start)),
        "reason" => {
            given.reason = Some(word.value.clone());
            Ok(())
        }
        _ => return None,
    };
    Some(result)
}

fn state(word: &Word) -> Result<NodeStart, Mistake> {
    word.choose(&[
        ("UNKNOWN", NodeStart::Up),
        ("IDLE", NodeStart::Up),
        ("DOWN", NodeStart::Down),
        ("DRAIN", NodeStart::Drain),
        ("FAIL", NodeStart::Drain),
        ("FAILING", NodeStart::Drain),
    ])
}

fn names(word: &Word) -> Result<Vec<String>, Mistake> {
    let names = word.nodes()?;
    let bad = names.iter().find(|name| !hostlist::is_name(name));
    match bad {
        _ if names.is_empty() => Err(word.wrong("name at least one node, as in `node[1-3]`")),
        Some(bad) => Err(Mistake::new(
            word.value_span,
            format!("`{bad}` can be no node's name"),
            "letters, digits, `-`, `_` and `.` are allowed",
        )),
        None => Ok(names),
    }
}

/// CPUs, and sockets, cores and threads whose product they are: what is not said follows from the rest.
fn topology(given: &Given, name: &Word) -> Result<(u32, (u32, u32, u32)), Mistake> {
    let boards = given.boards.unwrap_or(1);
    let threads = given.threads.unwrap_or(1);
    let sockets = given.sockets.map(|sockets| sockets.saturating_mul(boards));
    let (sockets, cores) = match (given.cpus, sockets, given.cores) {
        (_, Some(sockets), Some(cores)) => (sockets, cores),
        (Some(cpus), Some(sockets), None) => {
            (sockets, (cpus / sockets.saturating_mul(threads).max(1)).max(1))
        }
        (Some(cpus), None, Some(cores)) => ((cpus / cores.saturating_mul(threads).max(1)).max(1), cores),
        (Some(cpus), None, None) => ((cpus / threads).max(1), 1),
        (None, sockets, cores) => (sockets.unwrap_or(boards), cores.unwrap_or(1)),
    };
    let whole = sockets.saturating_mul(cores).saturating_mul(threads);
    let cpus = given.cpus.unwrap_or(whole);
    if cpus == whole && cpus <= CPUS_MAX {
        return Ok((cpus, (sockets, cores, threads)));
    }
    // `CPUs` may count cores: then their threads are not to be used.
    if cpus == sockets.saturating_mul(cores) && cpus <= CPUS_MAX {
        return Ok((cpus, (sockets, cores, 1)));
    }
    let title = format!(
        "{cpus} CPUs of `{}` are not {sockets} sockets of {cores} cores of {threads} threads",
        name.value
    );
    Err(Mistake::new(
        name.value_span,
        title,
        "let `CPUs` be Sockets x CoresPerSocket x ThreadsPerCore, or leave it out",
    ))
}

/// Kinds of generic resources must be listed.
pub(super) fn settle(reading: &mut Reading) {
    for (span, pools) in std::mem::take(&mut reading.nodes.gres) {
        let types = &reading.config.gres_types;
        let unlisted =
            pools.iter().map(|(pool, _)| gres::base(pool)).find(|base| !types.iter().any(|t| t == base));
        if let Some(base) = unlisted {
            let help = format!("add a line `GresTypes={base}`, or add `{base}` to the one that is there");
            let title = format!("`{base}` is not in `GresTypes`");
            reading.refuse(Mistake::new(span, title, help));
        }
    }
}
