//! Steps inside a job.

use prun_runtime::ids::{JobId, StepId, StepKey};

use super::world::*;
use crate::controller::api::*;
use crate::controller::core::event::{ClientId, Event};
use crate::script::spec::StepSpec;

pub(super) fn request(job: u32, ntasks: u32, step: StepSpec, immediate: bool) -> Request {
    let spec = tasks(ntasks);
    Request::CreateStep(Box::new(StepRequest {
        job: JobId(job),
        spec,
        step,
        name: "true".to_owned(),
        command_line: "srun true".to_owned(),
        immediate,
        others: Vec::new(),
    }))
}

fn create(world: &mut World, job: u32, ntasks: u32) -> u64 {
    world.ask_as(ME, request(job, ntasks, StepSpec::default(), false))
}

fn created(world: &World, call: u64) -> StepCreated {
    match world.replies(call).last() {
        Some(Reply::StepCreated(created)) => (**created).clone(),
        other => panic!("{other:?}"),
    }
}

/// Creates and launches a step.
pub(super) fn run_step(world: &mut World, job: u32, ntasks: u32) -> StepKey {
    let call = create(world, job, ntasks);
    let created = created(world, call);
    let ranks = |node: &crate::layout::plan::NodePlan| node.tasks.iter().map(|task| task.rank).collect();
    let nodes: Vec<_> = created.plan.nodes.iter().map(|node| (node.name.clone(), ranks(node))).collect();
    let launch = launch(created.key, created.secret, created.kill_wait_ms, &nodes);
    assert_eq!(world.result(Request::LaunchStep(Box::new(StepStart { launch }))), Ok(()));
    created.key
}

#[test]
fn a_step_goes_to_each_rank_server_with_its_part() {
    let mut world = World::new(&[2, 2]);
    let job = world.submit(tasks(3));
    world.orders();
    let key = run_step(&mut world, job, 3);
    assert_eq!(world.orders(), ["1 launch 1.0", "2 launch 1.0"]);
    assert_eq!(key.step, StepId(0));
    let links = world.links_of(key);
    world.exit(job, key.step, 0, 0);
    assert_eq!(links.len(), 2);
    assert_eq!(world.view(job).steps[1].state, JobState::Completed);
    assert_eq!(world.state(job), JobState::Running);
}

#[test]
fn a_failing_step_does_not_fail_the_job_but_is_remembered() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    for code in [0, 9, 2] {
        let key = run_step(&mut world, job, 1);
        world.exit(job, key.step, code, 0);
    }
    world.script_exits(job, 0);
    let view = world.view(job);
    assert_eq!((view.state, view.exit.code, view.derived_exit.code), (JobState::Completed, 0, 9));
    let names: Vec<String> = view.steps.iter().map(|s| format!("{} {:?}", s.key, s.state)).collect();
    assert_eq!(names, ["1.batch Completed", "1.0 Completed", "1.1 Failed", "1.2 Failed"]);
}

#[test]
fn steps_wait_for_cpus_of_their_job_unless_they_share_or_will_not_wait() {
    let mut world = World::new(&[2]);
    let job = world.submit(tasks(2));
    let first = run_step(&mut world, job, 2);
    let waits = create(&mut world, job, 1);
    assert!(matches!(world.replies(waits).as_slice(), [Reply::Pending { .. }]));
    let overlap = StepSpec { overlap: true, ..StepSpec::default() };
    assert!(matches!(world.ask(request(job, 1, overlap, false)), Reply::StepCreated(_)));
    match world.ask(request(job, 1, StepSpec::default(), true)) {
        Reply::Error(refusal) => assert_eq!(refusal.code, ErrorCode::StepsBusy),
        other => panic!("{other:?}"),
    }
    world.exit(job, first.step, 0, 0);
    assert_eq!(created(&world, waits).key.step, StepId(2));
}

#[test]
fn what_a_vanished_srun_had_is_free_again() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    let other = ClientId(5);
    world.ask_as(other, request(job, 1, StepSpec::default(), false));
    let waits = create(&mut world, job, 1);
    assert!(matches!(world.replies(waits).as_slice(), [Reply::Pending { .. }]));
    world.event(Event::ClientGone { client: other });
    assert_eq!(created(&world, waits).key.step, StepId(1));
}

#[test]
fn steps_left_behind_by_the_script_are_ended() {
    let mut world = World::new(&[2]);
    let job = world.submit(tasks(2));
    let key = run_step(&mut world, job, 1);
    let waits = create(&mut world, job, 2);
    world.orders();
    world.script_exits(job, 0);
    assert_eq!(world.orders(), ["1 terminate 1.0"]);
    assert_eq!(world.state(job), JobState::Completing);
    match world.replies(waits).last() {
        Some(Reply::Error(refusal)) => assert_eq!(refusal.code, ErrorCode::AlreadyDone),
        other => panic!("{other:?}"),
    }
    world.exit(job, key.step, 0, 15);
    assert_eq!(world.state(job), JobState::Completed);
    assert_eq!(world.view(job).steps[1].state, JobState::Cancelled);
}

#[test]
fn steps_are_refused_where_there_is_no_place_for_them() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    let pending = world.submit(tasks(1));
    let mut code = |job, ntasks| match world.ask(request(job, ntasks, StepSpec::default(), false)) {
        Reply::Error(refusal) => refusal.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(77, 1), ErrorCode::InvalidJobId);
    assert_eq!(code(pending, 1), ErrorCode::JobPending);
    assert_eq!(code(job, 2), ErrorCode::TooManyCpus);
}

#[test]
fn a_step_has_its_own_limit_and_can_be_attached_to_while_it_lives() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    let mut spec = tasks(1);
    spec.time_limit = Some(Some(1));
    let step = StepSpec::default();
    let request = StepRequest {
        job: JobId(job),
        spec,
        step,
        name: "x".to_owned(),
        command_line: String::new(),
        immediate: false,
        others: Vec::new(),
    };
    let call = world.ask_as(ME, Request::CreateStep(Box::new(request)));
    let step = created(&world, call);
    let launch = launch(step.key, step.secret.clone(), 0, &[("n1".to_owned(), vec![0])]);
    world.result(Request::LaunchStep(Box::new(StepStart { launch }))).unwrap();
    match world.ask(Request::AttachStep { key: step.key }) {
        Reply::Step(attach) => assert_eq!((attach.secret, attach.addresses), (step.secret, step.addresses)),
        other => panic!("{other:?}"),
    }
    world.orders();
    world.pass(60.0);
    assert_eq!(world.orders(), ["1 terminate 1.0"]);
    world.exit(job, step.key.step, 0, 15);
    assert_eq!(world.view(job).steps[1].state, JobState::Timeout);
    match world.ask(Request::AttachStep { key: step.key }) {
        Reply::Error(refusal) => assert_eq!(refusal.code, ErrorCode::AlreadyDone),
        other => panic!("{other:?}"),
    }
}
