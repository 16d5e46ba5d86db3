//! Rounds, messages and bytes of every algorithm against what is known of it, as a table:
//! `cargo test -p prun-runtime --test collective the_table -- --nocapture`.

use prun_runtime::collective::Topology;

use super::model::Case;
use super::simulator::Tally;

/// Bytes of an element in short and in long calls.
const SHORT: usize = 8;
const LONG: usize = 1 << 20;

struct Row {
    call: &'static str,
    case: Case,
    bytes: usize,
    /// The longest chain of messages, and elements that a rank sends, both at most.
    path: usize,
    elements: f64,
}

fn log2(size: usize) -> usize {
    size.next_power_of_two().trailing_zeros() as usize
}

/// Every algorithm at `size` ranks, each with `size` elements a vector or one a block.
fn rows(size: usize) -> Vec<Row> {
    let (n, levels, commutes) = (size as f64, log2(size), true);
    let even = size.is_power_of_two();
    // Others come in by a round before and one after.
    let core_levels = size.ilog2() as usize;
    let aside = if even { 0 } else { 2 };
    let share = (n - 1.0) / n;
    let halved = if even { 2.0 * share * n } else { 3.0 * n };
    let row = |call, case, bytes, path, elements| Row { call, case, bytes, path, elements };
    let all = size;
    let tall = n * levels as f64;
    let mut rows = vec![
        row("barrier", Case::Barrier, SHORT, levels, 0.0),
        row("broadcast, tree", Case::Broadcast { root: 0, elements: all }, SHORT, levels, tall),
        row("gather, tree", Case::Gather { root: 0, block: 1 }, SHORT, levels, n),
        row("scatter, tree", Case::Scatter { root: 0, block: 1 }, SHORT, levels, n - 1.0),
        row("reduce, tree", Case::Reduce { root: 0, elements: 1, commutes }, SHORT, levels, 1.0),
        row(
            "allreduce, doubling",
            Case::AllReduce { elements: 1, commutes },
            SHORT,
            core_levels + aside,
            (core_levels + 1) as f64,
        ),
        row("scan", Case::Scan { elements: 1 }, SHORT, levels, levels as f64),
        row("exscan", Case::ExclusiveScan { elements: 1 }, SHORT, levels, levels as f64),
        row("allgather, long", Case::AllGather { block: 1 }, LONG, size - 1, n - 1.0),
        row(
            "reduce, Rabenseifner",
            Case::Reduce { root: 0, elements: all, commutes },
            LONG,
            2 * core_levels + aside,
            if size < 4 { n } else { halved },
        ),
        row(
            "allreduce, Rabenseifner",
            Case::AllReduce { elements: all, commutes: false },
            LONG,
            2 * core_levels + aside,
            halved,
        ),
        row(
            "allreduce, long",
            Case::AllReduce { elements: all, commutes },
            LONG,
            if even { 2 * levels } else { 2 * (size - 1) },
            2.0 * share * n,
        ),
        row(
            "reduce_scatter, long",
            Case::ReduceScatter { counts: vec![1; size], commutes },
            LONG,
            size - 1,
            n - 1.0,
        ),
    ];
    rows.push(row("allgather, short", Case::AllGather { block: 1 }, SHORT, levels, n - 1.0));
    if even {
        let counts = vec![1; size];
        rows.push(row(
            "reduce_scatter, halving",
            Case::ReduceScatter { counts, commutes },
            SHORT,
            levels,
            n - 1.0,
        ));
    }
    if size >= 4 {
        let case = Case::Broadcast { root: 0, elements: all };
        rows.push(row("broadcast, scatter and ring", case, LONG, levels + size - 1, 2.0 * share * n));
    }
    rows.push(row("alltoall, pairwise", Case::AllToAll { block: 1 }, LONG, size - 1, n - 1.0));
    if size >= 8 {
        let moved = (size.div_ceil(2) * levels) as f64;
        rows.push(row("alltoall, Bruck", Case::AllToAll { block: 1 }, SHORT, levels, moved));
    }
    rows
}

fn most(tallies: &[Tally]) -> Tally {
    Tally {
        path: tallies.iter().map(|tally| tally.path).max().unwrap(),
        messages: tallies.iter().map(|tally| tally.messages).max().unwrap(),
        elements: tallies.iter().map(|tally| tally.elements).max().unwrap(),
    }
}

/// Calls whose rounds, or whose work in a round, grow with the number of ranks take long to simulate.
fn is_slow(row: &Row, size: usize) -> bool {
    size > 512 && (row.path >= size - 1 || matches!(row.case, Case::AllToAll { .. }))
}

#[test]
fn the_table_of_rounds_messages_and_elements_keeps_to_the_known_bounds() {
    println!("| call | ranks | rounds | at most | messages a rank | elements sent a rank | at most |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for size in [2, 3, 6, 8, 16, 63, 64, 512, 4096] {
        let topology = Topology::one_node(size);
        for row in rows(size as usize) {
            if is_slow(&row, size as usize) {
                continue;
            }
            let Tally { path, messages, elements } = most(&row.case.count(&topology, row.bytes));
            let (call, path_max, elements_max) = (row.call, row.path, row.elements);
            println!(
                "| {call} | {size} | {path} | {path_max} | {messages} | {elements} | {elements_max:.0} |"
            );
            assert!(path <= row.path, "{call} on {size} ranks: {path} rounds, {path_max} are enough");
            assert!(elements as f64 <= row.elements + 0.5, "{call} on {size} ranks sends {elements}");
        }
    }
}

#[test]
#[ignore = "some 70 million messages: for a release build"]
fn rings_and_pairwise_exchange_keep_to_their_bounds_on_4096_ranks() {
    let size = 4096;
    for row in rows(size).into_iter().filter(|row| is_slow(row, size)) {
        let Tally { path, messages, elements } = most(&row.case.count(&Topology::one_node(4096), row.bytes));
        println!(
            "| {} | {size} | {path} | {} | {messages} | {elements} | {:.0} |",
            row.call, row.path, row.elements
        );
        assert!(path <= row.path && elements as f64 <= row.elements + 0.5, "{}", row.call);
    }
}

/// On several nodes the slow links carry what is short once a node: messages between nodes, in all.
#[test]
fn going_by_nodes_takes_rounds_inside_and_between() {
    let (nodes, ranks_a_node) = (8u32, 16);
    let topology =
        Topology::new(&(0..nodes * ranks_a_node).map(|rank| rank / ranks_a_node).collect::<Vec<_>>());
    let rounds = |case: Case| most(&case.count(&topology, SHORT)).path;
    assert_eq!(rounds(Case::Barrier), 4 + 3 + 4);
    assert_eq!(rounds(Case::Broadcast { root: 77, elements: 1 }), 3 + 4);
    assert_eq!(rounds(Case::Reduce { root: 77, elements: 1, commutes: true }), 4 + 3);
    assert_eq!(rounds(Case::AllReduce { elements: 1, commutes: false }), 4 + 3 + 4);
}
