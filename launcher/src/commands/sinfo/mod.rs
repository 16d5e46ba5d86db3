//! `sinfo`: partitions and nodes (`sinfo(1)`).
//!
//! [`options`] reads the command line, [`group`] makes lines of nodes, [`fields`] says what can stand in a column.

pub mod fields;
pub mod group;
pub mod options;
pub mod sort;

use std::ffi::OsString;
use std::process::ExitCode;
use std::rc::Rc;

use super::ask::Asking;
use super::clock::Clock;
use super::columns::{Column, header, letters, line, names};
use super::ending::{Ending, finish, repeat};
use super::{json, utf8_words};
use crate::controller::api::{NodeView, PartitionView};
use group::Group;
use options::Query;

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let query = match Query::read(&utf8_words(words), &|name| std::env::var(name).ok()) {
        Ok(query) => query,
        Err(ending) => return finish(Err(ending)),
    };
    repeat(query.iterate, || once(&query))
}

/// Asks the controller once. Blocks.
fn once(query: &Query) -> Result<Ending, Ending> {
    let mut asking = Asking::connect("sinfo")?;
    if query.reservations {
        return Ok(Ending::text("No reservations in the system\n"));
    }
    let cluster = match &query.clusters {
        Some(wanted) => Some(super::clusters::check("sinfo", wanted, &asking.config()?)?),
        None => None,
    };
    let mut ending = show(query, asking.partitions()?, asking.nodes()?, &Clock::system());
    if let Some(name) = cluster.filter(|_| query.header) {
        ending.stdout.insert_str(0, &format!("CLUSTER: {name}\n"));
    }
    Ok(ending)
}

/// What is printed about these partitions and nodes.
#[must_use]
pub fn show(query: &Query, partitions: Vec<PartitionView>, nodes: Vec<NodeView>, clock: &Clock) -> Ending {
    let partitions: Vec<Rc<PartitionView>> =
        partitions.into_iter().filter(|partition| query.partition(&partition.name)).map(Rc::new).collect();
    let nodes: Vec<Rc<NodeView>> = nodes.into_iter().filter(|node| query.node(node)).map(Rc::new).collect();
    if query.json {
        let groups = group::by_state(&partitions, &nodes, clock);
        let records = groups.iter().map(|group| {
            (group.partition.as_ref(), group.nodes.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        });
        return Ending::text(json::groups(records.collect()));
    }
    let mut ending = Ending::default();
    let columns = columns(query, &partitions, &nodes, &mut ending);
    let mut groups = group::groups(&partitions, &nodes, &columns, query.grouping, clock);
    sort::sort(&mut groups, &query.sort, clock);
    let mut lines = Vec::new();
    if query.header {
        lines.extend(query.headline.then(|| clock.headline()));
        lines.push(header(&columns));
    }
    lines.extend(groups.iter().map(|group| line(&columns, group, clock)));
    ending.stdout = lines.into_iter().map(|line| line + "\n").collect();
    ending
}

fn columns(
    query: &Query,
    partitions: &[Rc<PartitionView>],
    nodes: &[Rc<NodeView>],
    ending: &mut Ending,
) -> Vec<Column<Group, Clock>> {
    match &query.format {
        Ok(format) => {
            let (columns, unknown) = letters::parse(&widths(format, partitions, nodes), fields::FIELDS);
            ending.stderr.extend(unknown.iter().map(|c| format!("Invalid node format specification: {c}")));
            columns
        }
        Err(format) => {
            let (columns, unknown) = names::parse(format, fields::FIELDS);
            let line = |name| format!("sinfo: error: Invalid job format specification: {name}");
            ending.stderr.extend(unknown.iter().map(line));
            columns
        }
    }
}

/// Puts widths for `#`: as wide as the longest name of a partition or node, and as the column's head.
fn widths(format: &str, partitions: &[Rc<PartitionView>], nodes: &[Rc<NodeView>]) -> String {
    let partition = partitions.iter().map(|p| p.name.len() + usize::from(p.is_default)).max();
    let node = nodes.iter().map(|node| node.facts.name.len()).max();
    let at_least = |head: &str, longest: Option<usize>| longest.unwrap_or(0).max(head.len());
    format
        .replace("#P", &format!("{}P", at_least("PARTITION", partition)))
        .replace("#N", &format!("{}N", at_least("NODELIST", node)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn sinfo(line: &str) -> Ending {
        let words: Vec<String> = line.split('_').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        let query = match Query::read(&words, &|_| None) {
            Ok(query) => query,
            Err(ending) => return ending,
        };
        let mut nodes: Vec<NodeView> = (1..=3).map(samples::node).collect();
        nodes[0].cpus_allocated = 2;
        show(&query, vec![samples::partition(), samples::debug_partition()], nodes, &samples::clock())
    }

    fn lines(line: &str) -> Vec<String> {
        sinfo(line).stdout.lines().map(str::to_owned).collect()
    }

    #[test]
    fn nodes_of_one_state_share_a_line() {
        assert_eq!(
            lines(""),
            [
                "PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST",
                "slurmpar*    up   infinite      1  alloc slurmnode1",
                "slurmpar*    up   infinite      2   idle slurmnode[2-3]",
                "debug        up      30:00      1  alloc slurmnode1",
            ]
        );
        assert_eq!(
            lines("-s"),
            [
                "PARTITION AVAIL  TIMELIMIT   NODES(A/I/O/T) NODELIST",
                "slurmpar*    up   infinite          1/2/0/3 slurmnode[1-3]",
                "debug        up      30:00          1/0/0/1 slurmnode1",
            ]
        );
    }

    #[test]
    fn each_node_may_have_a_line() {
        assert_eq!(
            lines("-N"),
            [
                "NODELIST    NODES PARTITION STATE ",
                "slurmnode1      1 slurmpar* alloc ",
                "slurmnode1      1     debug alloc ",
                "slurmnode2      1 slurmpar* idle  ",
                "slurmnode3      1 slurmpar* idle  ",
            ]
        );
        assert_eq!(
            lines("-Nl_-p_debug"),
            [
                "Tue Nov 24 12:11:34 2026",
                "NODELIST    NODES PARTITION       STATE CPUS    S:C:T MEMORY TMP_DISK WEIGHT AVAIL_FE REASON              ",
                "slurmnode1      1     debug   allocated 2       2:1:1   1000        0      1   (null) none                ",
            ]
        );
    }

    #[test]
    fn columns_decide_what_shares_a_line() {
        for (line, expected) in [
            ("-h_-o_%D", vec!["3"]),
            (
                "-h_-p_slurmpar_-o_%P|%R|%a|%D|%t|%N|%c|%C",
                vec![
                    "slurmpar*|slurmpar|up|1|alloc|slurmnode1|2|2/0/0/2",
                    "slurmpar*|slurmpar|up|2|idle|slurmnode[2-3]|2|0/4/0/4",
                ],
            ),
            ("-h_-o_%C %A", vec!["2/4/0/6 1/2"]),
            ("-h_-O_partitionname:10,nodes:.4", vec!["slurmpar     3", "debug        1"]),
            ("-h_-o_%n %t", vec!["vm alloc", "vm idle"]),
            ("-h_-p_slurmpar_-o_%R %l %m", vec!["slurmpar infinite 1000"]),
        ] {
            assert_eq!(lines(line), expected, "{line}");
        }
    }

    #[test]
    fn nodes_are_chosen_by_name_and_state() {
        assert_eq!(lines("-h_-t_idle_-o_%N"), ["slurmnode[2-3]"]);
        assert_eq!(lines("-h_-p_slurmpar_-n_slurmnode[2-3]_-o_%D %N"), ["2 slurmnode[2-3]"]);
        assert_eq!(
            lines("-n_foo"),
            [
                "PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST",
                "slurmpar*    up   infinite      0    n/a ",
                "debug        up      30:00      0    n/a ",
            ]
        );
        assert_eq!(lines("-R"), ["REASON               USER      TIMESTAMP           NODELIST"]);
        assert_eq!(lines("-h_-p_foo"), [] as [&str; 0]);
        assert_eq!(sinfo("-t_foo").stderr[0], "sinfo: error: Bad state string: \"foo\"");
    }

    #[test]
    fn a_drained_node_shows_its_reason() {
        let query = Query::read(&["-R".to_owned(), "-h".to_owned()], &|_| None).unwrap();
        let mut node = samples::node(2);
        node.drain = true;
        node.reason = Some(("butoz pirim".to_owned(), "root".to_owned(), 0, samples::clock().now));
        let shown = show(&query, vec![samples::partition()], vec![samples::node(1), node], &samples::clock());
        assert_eq!(shown.stdout, "butoz pirim          root      2026-11-24T12:11:34 slurmnode2\n");
    }
}
