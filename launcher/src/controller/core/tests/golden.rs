//! A story with every kind of job in it, for journals that are to be read for ever.

use prun_runtime::ids::JobId;

use super::dependencies::{after, array};
use super::steps::run_step;
use super::world::*;
use crate::controller::api::Action;
use crate::controller::core::Cluster;
use crate::controller::core::image::Image;
use crate::controller::journal::Record;
use crate::script::spec::{DependencyKind, JobSpec};

/// What happened, and what came of it.
pub(in crate::controller) struct Story {
    /// The state in the middle.
    pub(in crate::controller) image: Image,
    /// What happened after it.
    pub(in crate::controller) events: Vec<Record>,
    /// The state at the end.
    pub(in crate::controller) cluster: Cluster,
}

/// Nothing in it may change: journals that have been written tell it as it is.
pub(in crate::controller) fn story() -> Story {
    let mut world = World::new(&[2, 2]);
    let done = world.submit(tasks(1));
    world.script_exits(done, 3);
    let running = world.submit(tasks(2));
    run_step(&mut world, running, 1);
    world.submit(JobSpec { array: Some(array(&[1, 3, 5], Some(1))), ..tasks(1) });
    let image = world.cluster.image();
    world.records.clear();
    let held = world.submit(tasks(4));
    world.act(held, Action::Hold).unwrap();
    world.submit_all(vec![tasks(1), tasks(1)]);
    let dependency = Some(after(DependencyKind::AfterOk, running));
    world.submit(JobSpec { dependency, ..tasks(1) });
    let cancelled = world.submit(tasks(4));
    world.cancel(cancelled);
    world.ask(allocation(tasks(1)));
    world.update_node("n2", &[("state", "drain"), ("reason", "dust")]).unwrap();
    assert!(world.cluster.glance(JobId(cancelled)).is_some());
    Story { image, events: world.records, cluster: world.cluster }
}
