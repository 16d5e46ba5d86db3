//! Lines of `sinfo`: nodes of a partition that look the same in all chosen columns share one (`sinfo(1)`).

use std::rc::Rc;

use super::fields::{FIELDS, Split, split};
use crate::commands::clock::Clock;
use crate::commands::columns::{Cell, Column};
use crate::commands::states::NodeState;
use crate::controller::api::{NodeView, PartitionView};

/// What one line is about.
#[derive(Debug, Clone)]
pub struct Group {
    /// The partition; of several that share a line, the first.
    pub partition: Rc<PartitionView>,
    /// Its place among the partitions.
    pub place: usize,
    /// The nodes; none for a partition of which no node is left.
    pub nodes: Vec<Rc<NodeView>>,
}

impl Group {
    /// The state that the nodes have in common, if the columns kept them apart by it.
    #[must_use]
    pub fn state(&self) -> Option<NodeState> {
        self.nodes.first().map(|node| NodeState::of(node))
    }
}

/// How lines are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grouping {
    /// `--Node`: one line for each node and partition.
    pub by_node: bool,
    /// `--exact`: numbers keep nodes apart too.
    pub exact: bool,
    /// A partition without nodes has a line.
    pub empty: bool,
}

/// Puts nodes together by the columns chosen.
#[must_use]
pub fn groups(
    partitions: &[Rc<PartitionView>],
    nodes: &[Rc<NodeView>],
    columns: &[Column<Group, Clock>],
    grouping: Grouping,
    clock: &Clock,
) -> Vec<Group> {
    let mut groups: Vec<(Vec<String>, Group)> = Vec::new();
    for (place, partition) in partitions.iter().enumerate() {
        let single = |nodes: Vec<Rc<NodeView>>| Group { partition: Rc::clone(partition), place, nodes };
        let own: Vec<_> = nodes.iter().filter(|node| partition.nodes.contains(&node.facts.name)).collect();
        if own.is_empty() && grouping.empty {
            add(&mut groups, single(Vec::new()), columns, grouping, clock);
        }
        for node in own {
            add(&mut groups, single(vec![Rc::clone(node)]), columns, grouping, clock);
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Adds a line, or its node to the line that looks the same.
fn add(
    groups: &mut Vec<(Vec<String>, Group)>,
    single: Group,
    columns: &[Column<Group, Clock>],
    grouping: Grouping,
    clock: &Clock,
) {
    let key = key(&single, columns, grouping, clock);
    let twin = groups.iter_mut().find(|(known, _)| !grouping.by_node && *known == key);
    match twin {
        Some((_, group)) => {
            let known = |node: &Rc<NodeView>| group.nodes.iter().any(|n| n.facts.name == node.facts.name);
            let new: Vec<_> = single.nodes.into_iter().filter(|node| !known(node)).collect();
            group.nodes.extend(new);
        }
        None => groups.push((key, single)),
    }
}

/// What must be the same in one line.
fn key(group: &Group, columns: &[Column<Group, Clock>], grouping: Grouping, clock: &Clock) -> Vec<String> {
    let shown = columns.iter().filter_map(|column| match &column.cell {
        Cell::Field(field) => Some(*field),
        Cell::Literal(_) => None,
    });
    let keeps_apart = |name: &str| match split(name) {
        Split::Always => true,
        Split::IfExact => grouping.exact,
        Split::Never => false,
    };
    shown.filter(|field| keeps_apart(field.name)).map(|field| (field.value)(group, clock)).collect()
}

/// Lines as `--json` has them: by partition and state.
#[must_use]
pub fn by_state(partitions: &[Rc<PartitionView>], nodes: &[Rc<NodeView>], clock: &Clock) -> Vec<Group> {
    let (columns, _) = crate::commands::columns::letters::parse("%P%T", FIELDS);
    groups(partitions, nodes, &columns, Grouping { empty: true, ..Grouping::default() }, clock)
}
