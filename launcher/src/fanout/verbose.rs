//! What `srun --verbose` says of a step before it is launched, in Slurm's words. Pure.

use prun_runtime::ids::{JobId, StepKey};

use super::exits::ranges;
use crate::environment::by_node;
use crate::layout::plan::{Allocation, Plan};
use crate::script::hostlist;

/// The job's nodes: ``jobid 7: nodes(2):`n[1-2]', cpu counts: 2(x1),1(x1)``.
#[must_use]
pub fn allocation_line(job: JobId, allocation: &Allocation) -> String {
    let names: Vec<String> = allocation.nodes.iter().map(|share| share.name.clone()).collect();
    let short = by_node(allocation.nodes.iter().map(|share| share.cpus.len()));
    // Here a count that stands once has its number too.
    let counts = short.split(',').map(|group| match group.contains('(') {
        true => group.to_owned(),
        false => format!("{group}(x1)"),
    });
    let counts = counts.collect::<Vec<_>>().join(",");
    format!("jobid {job}: nodes({}):`{}', cpu counts: {counts}", names.len(), hostlist::compress(&names))
}

/// Which ranks go where: `launching StepId=7.0 on host n1, 2 tasks: [0-1]`, one line a node.
pub fn launch_lines(key: StepKey, plan: &Plan) -> impl Iterator<Item = String> + '_ {
    plan.nodes.iter().map(move |node| {
        let ranks = ranges(node.tasks.iter().map(|task| task.rank).collect());
        let ranks = if node.tasks.len() > 1 { format!("[{ranks}]") } else { ranks };
        format!("launching StepId={key} on host {}, {} tasks: {ranks}", node.name, node.tasks.len())
    })
}

#[cfg(test)]
mod tests {
    use prun_runtime::ids::StepId;

    use super::*;
    use crate::layout::plan::{NodePlan, NodeShare, TaskPlan};

    #[test]
    fn nodes_and_ranks_are_told_as_slurm_does() {
        let share = |name: &str, cpus| NodeShare {
            name: name.to_owned(),
            cpus: (0..cpus).collect(),
            ..NodeShare::default()
        };
        let allocation = Allocation { nodes: vec![share("n1", 2), share("n2", 2), share("n3", 1)] };
        assert_eq!(
            allocation_line(JobId(7), &allocation),
            "jobid 7: nodes(3):`n[1-3]', cpu counts: 2(x2),1(x1)"
        );
        let node = |name: &str, ranks: &[u32]| NodePlan {
            name: name.to_owned(),
            tasks: ranks.iter().map(|&rank| TaskPlan { rank, ..TaskPlan::default() }).collect(),
            ..NodePlan::default()
        };
        let plan = Plan { nodes: vec![node("n1", &[0, 1, 3]), node("n2", &[2])] };
        let key = StepKey { job: JobId(7), step: StepId(0) };
        assert_eq!(
            launch_lines(key, &plan).collect::<Vec<_>>(),
            [
                "launching StepId=7.0 on host n1, 3 tasks: [0-1,3]",
                "launching StepId=7.0 on host n2, 1 tasks: 2"
            ]
        );
    }
}
