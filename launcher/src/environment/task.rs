//! Variables of a node's tasks, and of one task.

use super::devices;
use super::setter::{Setter, Variables};
use crate::controller::api::StepCreated;

/// Variables of all tasks on one node of the step's plan.
#[must_use]
pub fn of_node(created: &StepCreated, node: usize) -> Variables {
    let mut setter = Setter::default();
    let Some(plan) = created.plan.nodes.get(node) else { return setter.variables };
    let ranks: Vec<String> = plan.tasks.iter().map(|task| task.rank.to_string()).collect();
    setter.set("SLURM_NODEID", node);
    setter.set("SLURM_GTIDS", ranks.join(","));
    setter.set("SLURM_CPUS_ON_NODE", plan.cpus.len());
    setter.set("SLURM_TOPOLOGY_ADDR", &plan.name);
    setter.set("SLURM_TOPOLOGY_ADDR_PATTERN", "node");
    let shares = created.job.allocation.iter().flat_map(|allocation| &allocation.nodes);
    if let Some(share) = shares.into_iter().find(|share| share.name == plan.name) {
        devices::of_step(&mut setter, &share.gres, &plan.gres);
    }
    setter.variables
}

/// Variables of one task of one node of the step's plan.
#[must_use]
pub fn of_task(created: &StepCreated, node: usize, task: usize) -> Variables {
    let mut setter = Setter::default();
    if let Some(plan) = created.plan.nodes.get(node).and_then(|node| node.tasks.get(task)) {
        setter.set("SLURM_PROCID", plan.rank);
        setter.set("SLURM_LOCALID", task);
        devices::of_task(&mut setter, &plan.gres);
    }
    setter.variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::sample::{check, job, step};

    #[test]
    fn nodes_and_tasks_are_numbered() {
        let (created, _) = step(&job("-n 3"), "");
        check(
            &of_node(&created, 0),
            &["SLURM_NODEID=0", "SLURM_GTIDS=0,1", "SLURM_CPUS_ON_NODE=2", "CUDA_VISIBLE_DEVICES"],
        );
        check(&of_node(&created, 1), &["SLURM_NODEID=1", "SLURM_GTIDS=2", "SLURM_CPUS_ON_NODE=1"]);
        check(&of_task(&created, 0, 1), &["SLURM_PROCID=1", "SLURM_LOCALID=1"]);
        check(&of_task(&created, 1, 0), &["SLURM_PROCID=2", "SLURM_LOCALID=0"]);
        assert!(of_node(&created, 2).is_empty() && of_task(&created, 1, 1).is_empty());
    }

    #[test]
    fn devices_are_those_of_the_step_or_the_task() {
        let job = job("-n 2 --gpus=2");
        let (created, _) = step(&job, "");
        let all =
            ["SLURM_JOB_GPUS=0,1", "SLURM_STEP_GPUS=0,1", "SLURM_GPUS_ON_NODE=2", "CUDA_VISIBLE_DEVICES=0,1"];
        check(&of_node(&created, 0), &all);
        check(&of_task(&created, 0, 1), &["CUDA_VISIBLE_DEVICES"]);
        let (created, _) = step(&job, "--gpus-per-task=1");
        check(&of_task(&created, 0, 0), &["CUDA_VISIBLE_DEVICES=0", "ROCR_VISIBLE_DEVICES=0"]);
        check(&of_task(&created, 0, 1), &["CUDA_VISIBLE_DEVICES=1"]);
        let (created, _) = step(&job, "--gres=none");
        check(
            &of_node(&created, 0),
            &["SLURM_JOB_GPUS=0,1", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES=NoDevFiles"],
        );
    }
}
