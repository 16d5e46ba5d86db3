//! A cluster to draw: three nodes of two CPUs, one job of three ranks on two of them, a second one that waits, a third
//! that has failed.

use prun_runtime::ids::StepId;

use super::state::{Event, Model};
use crate::commands::samples;
use crate::controller::api::{ClusterView, JobView};
use crate::layout::plan::{NodePlan, NodeShare, TaskPlan};

/// The job that runs.
pub(super) fn running() -> JobView {
    let mut job = samples::running(12);
    (job.cpus, job.ntasks) = (3, 3);
    let mut share = job.allocation.clone().unwrap_or_default().nodes.remove(0);
    let second = NodeShare { name: "slurmnode2".to_owned(), cpus: vec![1], tasks: 1, ..share.clone() };
    share.tasks = 2;
    if let Some(held) = &mut job.allocation {
        held.nodes = vec![share, second];
    }
    let step = &mut job.steps[1];
    step.ntasks = 3;
    step.plan.nodes.push(NodePlan {
        name: "slurmnode2".to_owned(),
        cpus: vec![1],
        tasks: vec![TaskPlan { rank: 2, cpus: vec![1], gres: Vec::new() }],
        ..NodePlan::default()
    });
    step.usage = vec![(
        1,
        prun_runtime::wire::step::Exit { code: 7, started_us: 1_795_522_250_500_000, ..Default::default() },
    )];
    job
}

/// The picture of all of it.
pub(crate) fn picture() -> ClusterView {
    let mut nodes: Vec<_> = (1..=3).map(samples::node).collect();
    (nodes[0].cpus_allocated, nodes[1].cpus_allocated) = (2, 1);
    nodes[2].drain = true;
    nodes[2].reason = Some(("disk".to_owned(), "root".to_owned(), 0, 0.0));
    let mut failed = samples::failed(11);
    failed.steps.retain(|step| step.key.step == StepId::BATCH);
    let jobs = vec![running(), samples::pending(13), failed];
    ClusterView { seen: 1, jobs, jobs_left_out: 0, nodes, nodes_left_out: 0 }
}

/// A screen that shows it.
pub(super) fn model() -> Model {
    let mut model = Model::new("conformance".to_owned(), samples::clock());
    assert!(model.update(Event::Picture(Box::new(picture()))).is_none());
    model
}
