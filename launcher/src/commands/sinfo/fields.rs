//! What `sinfo` can show of a group of nodes: letters of `-o`, names of `-O` (`sinfo(1)`).

use super::group::Group;
use crate::commands::clock::{self, Clock};
use crate::commands::columns::Field;
use crate::commands::facts::{NULL, or_null};
use crate::commands::states::{NodeState, node_flags};
use crate::controller::api::NodeView;
use crate::script::hostlist::compress;

type Row = Field<Group, Clock>;

const fn row(
    letter: Option<char>,
    name: &'static str,
    header: &'static str,
    value: fn(&Group, &Clock) -> String,
) -> Row {
    Field { letter, name, header, value }
}

/// Whether different values keep nodes in lines of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Yes.
    Always,
    /// With `--exact`; else the least value is shown with a plus.
    IfExact,
    /// It is a sum or a list.
    Never,
}

/// How a field, by its name, keeps nodes apart.
#[must_use]
pub fn split(name: &str) -> Split {
    match name {
        "Cluster" | "CPUsState" | "NodeAI" | "NodeAIOT" | "NodeList" | "Nodes" => Split::Never,
        "Cores" | "CPUs" | "CPUsLoad" | "Disk" | "FreeMem" | "Memory" | "SocketCoreThread" | "Sockets"
        | "Threads" | "Weight" => Split::IfExact,
        _ => Split::Always,
    }
}

/// Every field.
pub static FIELDS: &[Row] = &[
    row(None, "AllocMem", "ALLOCMEM", |g, _| least(g, |n| n.memory_allocated)),
    row(Some('S'), "AllocNodes", "ALLOCNODES", |_, _| "all".to_owned()),
    row(Some('a'), "Available", "AVAIL", |g, _| available(&g.partition.state)),
    row(Some('V'), "Cluster", "CLUSTER", |_, _| "N/A".to_owned()),
    row(None, "Comment", "COMMENT", |_, _| NULL.to_owned()),
    row(Some('Y'), "Cores", "CORES", |g, _| least(g, |n| u64::from(n.facts.topology.1))),
    row(Some('c'), "CPUs", "CPUS", |g, _| least(g, |n| u64::from(n.facts.cpus))),
    row(Some('O'), "CPUsLoad", "CPU_LOAD", |g, _| load(g)),
    row(Some('C'), "CPUsState", "CPUS(A/I/O/T)", |g, _| cpus_by_state(g)),
    row(Some('L'), "DefaultTime", "DEFAULTTIME", |g, _| clock::short_limit(g.partition.default_time, "n/a")),
    row(Some('d'), "Disk", "TMP_DISK", |g, _| least(g, |n| n.facts.tmp_mb)),
    row(None, "Extra", "EXTRA", |_, _| NULL.to_owned()),
    row(Some('f'), "Features", "AVAIL_FEATURES", |g, _| first(g, |n| or_null(Some(&n.features.join(","))))),
    row(Some('b'), "features_act", "ACTIVE_FEATURES", |g, _| {
        first(g, |n| or_null(Some(&n.features.join(","))))
    }),
    row(Some('e'), "FreeMem", "FREE_MEM", |g, _| range(g, |n| n.free_mb.map(|mb| mb as f64), 0)),
    row(Some('G'), "Gres", "GRES", |g, _| first(g, |n| gres(&n.gres))),
    row(None, "GresUsed", "GRES_USED", |g, _| first(g, |n| gres(&n.gres_allocated))),
    row(Some('g'), "Groups", "GROUPS", |_, _| "all".to_owned()),
    row(Some('B'), "MaxCPUsPerNode", "MAX_CPUS_PER_NODE", |_, _| "UNLIMITED".to_owned()),
    row(Some('m'), "Memory", "MEMORY", |g, _| least(g, |n| n.facts.memory_mb)),
    row(Some('o'), "NodeAddr", "NODE_ADDR", |g, _| list(g, |n| n.host_and_port().0)),
    row(Some('A'), "NodeAI", "NODES(A/I)", |g, _| {
        let [allocated, idle, _] = nodes_by_state(g);
        format!("{allocated}/{idle}")
    }),
    row(Some('F'), "NodeAIOT", "NODES(A/I/O/T)", |g, _| {
        let [allocated, idle, other] = nodes_by_state(g);
        format!("{allocated}/{idle}/{other}/{}", g.nodes.len())
    }),
    row(Some('n'), "NodeHost", "HOSTNAMES", |g, _| list(g, |n| n.facts.hostname.clone())),
    row(Some('N'), "NodeList", "NODELIST", |g, _| list(g, |n| n.facts.name.clone())),
    row(Some('D'), "Nodes", "NODES", |g, _| g.nodes.len().to_string()),
    row(Some('h'), "OverSubscribe", "OVERSUBSCRIBE", |g, _| g.partition.over_subscribe.clone()),
    row(Some('P'), "Partition", "PARTITION", |g, _| {
        format!("{}{}", g.partition.name, if g.partition.is_default { "*" } else { "" })
    }),
    row(Some('R'), "PartitionName", "PARTITION", |g, _| g.partition.name.clone()),
    row(None, "Port", "PORT", |g, _| first(g, |n| n.host_and_port().1)),
    row(Some('M'), "PreemptMode", "PREEMPT_MODE", |_, _| "OFF".to_owned()),
    row(Some('I'), "PriorityJobFactor", "PRIO_JOB_FACTOR", |_, _| "1".to_owned()),
    row(Some('p'), "PriorityTier", "PRIO_TIER", |g, _| g.partition.priority_tier.to_string()),
    row(Some('E'), "Reason", "REASON", |g, _| {
        reason(g, |r| r.0.clone()).unwrap_or_else(|| "none".to_owned())
    }),
    row(Some('i'), "Reservation", "RESERVATION", |_, _| String::new()),
    row(Some('r'), "Root", "ROOT", |_, _| "no".to_owned()),
    row(Some('s'), "Size", "JOB_SIZE", |g, _| size(g)),
    row(Some('z'), "SocketCoreThread", "S:C:T", |g, _| {
        let one = |part: fn(&(u32, u32, u32)) -> u32| least(g, |n| u64::from(part(&n.facts.topology)));
        format!("{}:{}:{}", one(|t| t.0), one(|t| t.1), one(|t| t.2))
    }),
    row(Some('X'), "Sockets", "SOCKETS", |g, _| least(g, |n| u64::from(n.facts.topology.0))),
    row(Some('t'), "StateCompact", "STATE", |g, _| state(g, NodeState::compact)),
    row(Some('T'), "StateLong", "STATE", |g, _| state(g, NodeState::long)),
    row(None, "StateComplete", "STATECOMPLETE", |g, _| first(g, |n| node_flags(n).to_ascii_lowercase())),
    row(Some('Z'), "Threads", "THREADS", |g, _| least(g, |n| u64::from(n.facts.topology.2))),
    row(Some('l'), "Time", "TIMELIMIT", |g, _| clock::short_limit(g.partition.max_time, "infinite")),
    row(Some('H'), "TimeStamp", "TIMESTAMP", |g, clock| known(reason(g, |r| clock.time(r.3)))),
    row(Some('u'), "User", "USER", |g, _| known(reason(g, |r| r.1.clone()))),
    row(Some('U'), "UserLong", "USER", |g, _| known(reason(g, |r| format!("{}({})", r.1, r.2)))),
    row(Some('v'), "Version", "VERSION", |_, _| "24.11.5".to_owned()),
    row(Some('w'), "Weight", "WEIGHT", |g, _| least(g, |n| u64::from(n.weight))),
];

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "Unknown".to_owned())
}

fn available(state: &str) -> String {
    match state {
        "INACTIVE" => "inact".to_owned(),
        state => state.to_ascii_lowercase(),
    }
}

/// What the nodes have in common: the columns keep apart those that have not.
fn first(group: &Group, value: impl Fn(&NodeView) -> String) -> String {
    group.nodes.first().map(|node| value(node)).unwrap_or_default()
}

/// The least number, with a plus where some have more.
fn least(group: &Group, value: impl Fn(&NodeView) -> u64) -> String {
    let values = || group.nodes.iter().map(|node| value(node));
    let (low, high) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
    format!("{low}{}", if low < high { "+" } else { "" })
}

/// `LOW-HIGH`, or one number.
fn range(group: &Group, value: impl Fn(&NodeView) -> Option<f64>, digits: usize) -> String {
    let known: Vec<f64> = group.nodes.iter().filter_map(|node| value(node)).collect();
    let (low, high) = known.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    match known.is_empty() {
        true => "N/A".to_owned(),
        false if low < high => format!("{low:.digits$}-{high:.digits$}"),
        false => format!("{low:.digits$}"),
    }
}

fn load(group: &Group) -> String {
    range(group, |node| node.load.map(|load| f64::from(load) / 100.0), 2)
}

fn list(group: &Group, value: impl Fn(&NodeView) -> String) -> String {
    let mut texts: Vec<String> = group.nodes.iter().map(|node| value(node)).collect();
    texts.dedup();
    compress(&texts)
}

fn gres(list: &[(String, u64)]) -> String {
    or_null(Some(&list.iter().map(|(name, n)| format!("{name}:{n}")).collect::<Vec<_>>().join(",")))
}

/// The state's word with a star for nodes that do not answer; `n/a` without nodes.
fn state(group: &Group, word: fn(NodeState) -> &'static str) -> String {
    match (group.state(), group.nodes.first()) {
        (Some(state), Some(node)) => format!("{}{}", word(state), if node.up { "" } else { "*" }),
        _ => "n/a".to_owned(),
    }
}

/// Reason, user, uid and time, as far as there is one.
fn reason(group: &Group, part: impl Fn(&(String, String, u32, f64)) -> String) -> Option<String> {
    group.nodes.first().and_then(|node| node.reason.as_ref()).map(part)
}

fn size(group: &Group) -> String {
    let least = group.partition.min_nodes.max(1);
    let most = group.partition.max_nodes.map_or_else(|| "infinite".to_owned(), |most| most.to_string());
    if least.to_string() == most { most } else { format!("{least}-{most}") }
}

/// Nodes allocated, idle, other.
fn nodes_by_state(group: &Group) -> [usize; 3] {
    let mut counts = [0; 3];
    for node in &group.nodes {
        counts[match NodeState::of(node) {
            NodeState::Allocated | NodeState::Mixed => 0,
            NodeState::Idle => 1,
            NodeState::Down | NodeState::Drained | NodeState::Draining => 2,
        }] += 1;
    }
    counts
}

/// CPUs allocated, idle, other, all: those of a node that takes no jobs are other ones.
fn cpus_by_state(group: &Group) -> String {
    let (mut allocated, mut idle, mut other) = (0, 0, 0);
    for node in &group.nodes {
        let free = node.facts.cpus.saturating_sub(node.cpus_allocated);
        allocated += node.cpus_allocated;
        match NodeState::of(node) {
            NodeState::Down | NodeState::Drained | NodeState::Draining => other += free,
            _ => idle += free,
        }
    }
    format!("{allocated}/{idle}/{other}/{}", allocated + idle + other)
}
