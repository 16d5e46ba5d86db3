//! The command line of `sinfo` and its input variables.

use super::group::Grouping;
use crate::commands::ending::Ending;
use crate::commands::states::NodeState;
use crate::commands::switches::{COMMON, Switch, Value, Words, help, parse, switch};
use crate::commands::version;
use crate::controller::api::NodeView;
use crate::script::hostlist::expand;

/// `sinfo(1)`, options.
const TABLE: &[Switch] = &[
    switch("all", Some('a'), Value::None, "hidden partitions too"),
    switch("clusters", Some('M'), Value::Needed, "clusters to ask"),
    switch("dead", Some('d'), Value::None, "only nodes that do not answer"),
    switch("exact", Some('e'), Value::None, "only nodes that are the same share a line"),
    switch("federation", None, Value::None, "accepted; there are no federations"),
    switch("format", Some('o'), Value::Needed, "columns by letter: %P %.5a"),
    switch("Format", Some('O'), Value::Needed, "columns by name: Partition:10,Nodes"),
    switch("future", Some('F'), Value::None, "accepted; there are no nodes of the future"),
    switch("helpFormat", None, Value::None, "list the names of --Format"),
    switch("helpstate", None, Value::None, "list the words for states"),
    switch("hide", None, Value::None, "no hidden partitions"),
    switch("iterate", Some('i'), Value::Needed, "again every so many seconds"),
    switch("json", None, Value::Joined, "as JSON"),
    switch("list-reasons", Some('R'), Value::None, "why nodes are down or drained"),
    switch("local", None, Value::None, "accepted; there are no federations"),
    switch("long", Some('l'), Value::None, "more columns"),
    switch("Node", Some('N'), Value::None, "a line for each node"),
    switch("nodes", Some('n'), Value::Needed, "only these nodes"),
    switch("noconvert", None, Value::None, "accepted; sizes stay exact"),
    switch("noheader", Some('h'), Value::None, "no line of heads"),
    switch("partition", Some('p'), Value::Needed, "only these partitions"),
    switch("reservation", Some('T'), Value::None, "reservations"),
    switch("responding", Some('r'), Value::None, "only nodes that answer"),
    switch("sort", Some('S'), Value::Needed, "order: letters of --format, - turns it round"),
    switch("states", Some('t'), Value::Needed, "only nodes in these states"),
    switch("summarize", Some('s'), Value::None, "a line for each partition"),
    switch("yaml", None, Value::Joined, ""),
];

/// Words for states as Slurm lists them after a wrong one, and what each stands for here; many stand for nothing.
const STATES: &[(&str, &[NodeState])] = &[
    ("ALLOCATED", &[NodeState::Allocated]),
    ("CLOUD", &[]),
    ("COMPLETING", &[]),
    ("DOWN", &[NodeState::Down]),
    ("DRAIN", &[NodeState::Drained, NodeState::Draining]),
    ("DRAINED", &[NodeState::Drained]),
    ("DRAINING", &[NodeState::Draining]),
    ("DRNG", &[NodeState::Draining]),
    ("FAIL", &[]),
    ("FUTURE", &[]),
    ("IDLE", &[NodeState::Idle]),
    ("MAINT", &[]),
    ("MIXED", &[NodeState::Mixed]),
    ("NO_RESPOND", &[]),
    ("PERFCTRS", &[]),
    ("PLANNED", &[]),
    ("POWER_DOWN", &[]),
    ("POWERED_DOWN", &[]),
    ("POWERING_DOWN", &[]),
    ("POWERING_UP", &[]),
    ("REBOOT_ISSUED", &[]),
    ("REBOOT_REQUESTED", &[]),
    ("RESERVED", &[]),
    ("UNKNOWN", &[]),
];

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `-o` or, if it is the second, `-O`.
    pub format: Result<String, String>,
    /// A line of heads.
    pub header: bool,
    /// The date above it.
    pub headline: bool,
    /// How nodes share lines.
    pub grouping: Grouping,
    /// `--sort`.
    pub sort: String,
    /// `--list-reasons`.
    pub reasons: bool,
    /// `--reservation`.
    pub reservations: bool,
    /// `--json`.
    pub json: bool,
    /// `--iterate`.
    pub iterate: Option<u64>,
    /// `--clusters`.
    pub clusters: Option<String>,
    partitions: Vec<String>,
    nodes: Option<Vec<String>>,
    states: Option<Vec<NodeState>>,
    responding: Option<bool>,
}

impl Query {
    /// Reads the words after `sinfo`.
    ///
    /// # Errors
    /// What the command ends with: help too.
    pub fn read(words: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Ending> {
        let words = parse(&[TABLE, COMMON], words).map_err(|error| {
            let mut ending = Ending::error(format!("sinfo: {error}"), 1);
            ending.stderr.push("Try \"sinfo --help\" for more information".to_owned());
            ending
        })?;
        if let Some(ending) = about(&words) {
            return Err(ending);
        }
        let pick =
            |option: &str, name: &str| words.value(option).map(str::to_owned).or_else(|| variable(name));
        let nodes = words.value("nodes").map(|list| {
            expand(list).map_err(|_| Ending::error(format!("sinfo: error: Invalid node list {list}"), 1))
        });
        let by_node = words.has("Node");
        Ok(Self {
            format: format(&words, variable),
            header: !words.has("noheader"),
            headline: words.has("long") || words.has("iterate"),
            grouping: Grouping {
                by_node,
                exact: words.has("exact"),
                empty: !by_node && !words.has("list-reasons"),
            },
            sort: pick("sort", "SINFO_SORT")
                .unwrap_or_else(|| if by_node { "N" } else { "#P,-t" }.to_owned()),
            reasons: words.has("list-reasons"),
            reservations: words.has("reservation"),
            json: words.has("json"),
            iterate: words.value("iterate").map(seconds).transpose()?,
            clusters: pick("clusters", "SLURM_CLUSTERS"),
            partitions: pick("partition", "SINFO_PARTITION")
                .map(|list| list.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            nodes: nodes.transpose()?,
            states: words.value("states").map(states).transpose()?,
            responding: match (words.has("dead"), words.has("responding")) {
                (true, false) => Some(false),
                (false, true) => Some(true),
                _ => None,
            },
        })
    }

    /// Whether a partition is shown.
    #[must_use]
    pub fn partition(&self, name: &str) -> bool {
        self.partitions.is_empty() || self.partitions.iter().any(|wanted| wanted == name)
    }

    /// Whether a node is shown.
    #[must_use]
    pub fn node(&self, node: &NodeView) -> bool {
        self.nodes.as_ref().is_none_or(|names| names.contains(&node.facts.name))
            && self.states.as_ref().is_none_or(|states| states.contains(&NodeState::of(node)))
            && self.responding.is_none_or(|up| node.up == up)
            && (!self.reasons || node.reason.is_some())
    }
}

/// `--help` and its kin.
fn about(words: &Words) -> Option<Ending> {
    let text = match () {
        () if words.has("version") => version(),
        () if words.has("help") || words.has("usage") => help("sinfo [OPTIONS]", &[TABLE, COMMON]),
        () if words.has("helpstate") => STATES.iter().map(|(word, _)| format!("{word}\n")).collect(),
        () if words.has("helpFormat") => {
            super::fields::FIELDS.iter().map(|field| format!("{}\n", field.name)).collect()
        }
        () if words.has("yaml") => {
            return Some(Ending::error("sinfo: error: --yaml is not supported, --json is", 1));
        }
        () => return None,
    };
    Some(Ending::text(text))
}

/// The chosen columns. `#` is as wide as what stands in the column.
fn format(words: &Words, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let last = words.options.iter().rev().find(|(name, _)| matches!(*name, "format" | "Format"));
    match last {
        Some(("format", Some(format))) => return Ok(format.clone()),
        Some((_, Some(format))) => return Err(format.clone()),
        _ => {}
    }
    if let Some(format) = variable("SINFO_FORMAT") {
        return Ok(format);
    }
    let long = words.has("long");
    let format = match () {
        () if words.has("summarize") => "%#P %.5a %.10l %.16F %N",
        () if words.has("list-reasons") && long => "%20E %12U %19H %6t %N",
        () if words.has("list-reasons") => "%20E %9u %19H %N",
        () if words.has("Node") && long => "%#N %.6D %.#P %.11T %4c %.8z %.6m %.8d %.6w %.8f %20E",
        () if words.has("Node") => "%#N %.6D %.#P %6t",
        () if long => "%#P %.5a %.10l %.10s %.4r %.8h %.10g %.6D %.11T %.11i %N",
        () => "%#P %.5a %.10l %.6D %.6t %N",
    };
    Ok(format.to_owned())
}

fn seconds(text: &str) -> Result<u64, Ending> {
    let seconds = text.parse().ok().filter(|&seconds| seconds > 0);
    seconds
        .ok_or_else(|| Ending::error(format!("sinfo: error: Error: invalid entry for --iterate={text}"), 1))
}

/// States of a list, each by a word or the beginning of one.
fn states(list: &str) -> Result<Vec<NodeState>, Ending> {
    let mut wanted = Vec::new();
    for word in list.split([',', '&']).filter(|word| !word.is_empty()) {
        let upper = word.to_ascii_uppercase();
        if upper == "ALL" {
            wanted.extend(STATES.iter().flat_map(|(_, states)| *states));
            continue;
        }
        let exact = STATES.iter().find(|(known, _)| *known == upper);
        match exact.or_else(|| STATES.iter().find(|(known, _)| known.starts_with(&upper))) {
            Some((_, states)) => wanted.extend(*states),
            None => {
                let mut ending = Ending::error(format!("sinfo: error: Bad state string: \"{word}\""), 1);
                let known: Vec<&str> = STATES.iter().map(|(known, _)| *known).collect();
                ending.stderr.push(format!("sinfo: error: valid states: {}", known.join(",")));
                return Err(ending);
            }
        }
    }
    Ok(wanted)
}
