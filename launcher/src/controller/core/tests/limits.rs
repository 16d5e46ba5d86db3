//! Bounds of the core: at the bound all is as before it, and one past it there is a refusal with a name.

use prun_runtime::ids::JobId;
use prun_runtime::limits::{HET_COMPONENTS_MAX, WAITING_STEPS_MAX, WATCHERS_MAX};

use super::steps::request;
use super::world::*;
use crate::controller::api::*;
use crate::script::spec::StepSpec;

fn refusals(world: &World, call: u64) -> Vec<ErrorCode> {
    let code = |reply: Reply| match reply {
        Reply::Error(refusal) => Some(refusal.code),
        _ => None,
    };
    world.replies(call).into_iter().filter_map(code).collect()
}

#[test]
fn a_heterogeneous_job_has_so_many_components() {
    let mut world = World::new(&[1]);
    let of = |count| Submission { components: vec![tasks(1); count], ..submission(tasks(1)) };
    let full = world.ask(Request::Submit(Box::new(of(HET_COMPONENTS_MAX))));
    assert!(matches!(full, Reply::Submitted { .. }), "{full:?}");
    let Reply::Error(refusal) = world.ask(Request::Submit(Box::new(of(HET_COMPONENTS_MAX + 1)))) else {
        panic!("one component too many")
    };
    assert!(refusal.detail[0].contains("128"), "{refusal:?}");
}

#[test]
fn so_many_steps_of_a_job_wait_for_its_cpus() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    // Has the CPU, and the others wait for it.
    world.ask_as(ME, request(job, 1, StepSpec::default(), false));
    let mut call = 0;
    for _ in 0..WAITING_STEPS_MAX {
        call = world.ask_as(ME, request(job, 1, StepSpec::default(), false));
    }
    assert!(matches!(world.replies(call).as_slice(), [Reply::Pending { .. }]));
    call = world.ask_as(ME, request(job, 1, StepSpec::default(), false));
    assert_eq!(refusals(&world, call), [ErrorCode::StepsBusy]);
}

#[test]
fn so_many_calls_wait_for_changes() {
    let mut world = World::new(&[1]);
    let job = JobId(world.submit(tasks(1)));
    let mut call = 0;
    for _ in 0..WATCHERS_MAX {
        call = world.ask_as(ME, Request::WaitJob { job });
    }
    assert!(world.replies(call).is_empty());
    call = world.ask_as(ME, Request::WaitJob { job });
    assert_eq!(refusals(&world, call), [ErrorCode::TooMany]);
}
