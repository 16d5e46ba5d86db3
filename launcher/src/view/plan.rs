//! `prun --plan`: which rank goes to which node and CPU, drawn.

use std::fmt::Write as _;

use crate::layout::plan::{NodePlan, Plan};

/// Draws a plan, one line a node:
///
/// ```text
/// slurmnode1   cpu 0   rank 0
///              cpu 1   rank 1
/// ```
///
/// A rank that is bound to no CPU of its own is drawn on the next free one of the node, as the scheduler would
/// count it; ranks beyond the CPUs share them, and say so.
#[must_use]
pub fn draw(plan: &Plan) -> String {
    let width = plan.nodes.iter().map(|node| node.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for node in &plan.nodes {
        let mut name = node.name.as_str();
        for (cpu, ranks) in by_cpu(node) {
            let ranks = match ranks.as_slice() {
                [] => "–".to_owned(),
                [rank] => format!("rank {rank}"),
                shared => {
                    let list: Vec<String> = shared.iter().map(ToString::to_string).collect();
                    format!("ranks {} share it", list.join(", "))
                }
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:<width$}   cpu {cpu:<3} {ranks}");
            name = "";
        }
    }
    text
}

/// The ranks of each CPU that the step holds on a node.
fn by_cpu(node: &NodePlan) -> Vec<(u32, Vec<u32>)> {
    let mut cpus: Vec<(u32, Vec<u32>)> = node.cpus.iter().map(|cpu| (*cpu, Vec::new())).collect();
    if cpus.is_empty() {
        return cpus;
    }
    let each = (cpus.len() / node.tasks.len().max(1)).max(1);
    for (local, task) in node.tasks.iter().enumerate() {
        let at = local * each % cpus.len();
        let held = if task.cpus.is_empty() {
            (at..(at + each).min(cpus.len())).collect()
        } else {
            (0..cpus.len()).filter(|&i| task.cpus.contains(&cpus[i].0)).collect::<Vec<_>>()
        };
        for i in held {
            cpus[i].1.push(task.rank);
        }
    }
    cpus
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::plan::TaskPlan;

    fn node(name: &str, cpus: &[u32], ranks: &[u32]) -> NodePlan {
        let tasks = ranks.iter().map(|&rank| TaskPlan { rank, ..TaskPlan::default() }).collect();
        NodePlan { name: name.to_owned(), cpus: cpus.to_vec(), tasks, ..NodePlan::default() }
    }

    #[test]
    fn each_rank_stands_beside_its_cpu() {
        let plan = Plan { nodes: vec![node("n1", &[0, 1], &[0, 1]), node("node2", &[0, 1], &[2])] };
        assert_eq!(
            draw(&plan),
            "  n1      cpu 0   rank 0\n          cpu 1   rank 1\n  node2   cpu 0   rank 2\n          cpu 1   rank 2\n"
        );
    }

    #[test]
    fn ranks_beyond_the_cpus_share_them() {
        let plan = Plan { nodes: vec![node("n1", &[4], &[0, 1])] };
        assert_eq!(draw(&plan), "  n1   cpu 4   ranks 0, 1 share it\n");
    }
}
