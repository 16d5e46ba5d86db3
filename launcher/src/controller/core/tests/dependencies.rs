//! Jobs that wait for jobs.

use super::world::*;
use crate::controller::api::*;
use crate::script::spec::{ArraySpec, Dependency, DependencyCondition, DependencyKind, JobSpec};

#[test]
fn what_a_held_job_waits_for_is_looked_at_when_it_is_released() {
    let mut world = World::new(&[2]);
    let first = world.submit(tasks(1));
    world.script_exits(first, 0);
    let on_first = Some(after(DependencyKind::AfterOk, first));
    let held = world.submit(JobSpec { hold: true, dependency: on_first, ..tasks(1) });
    assert_eq!(world.view(held).dependency.as_deref(), Some("afterok:1(unfulfilled)"));
    world.act(held, Action::Release).unwrap();
    let view = world.view(held);
    assert_eq!((view.state, view.dependency), (JobState::Running, None));
}

pub(super) fn array(elements: &[u32], limit: Option<u32>) -> ArraySpec {
    ArraySpec { elements: elements.to_vec(), limit, text: String::new() }
}

pub(super) fn after(kind: DependencyKind, job: u32) -> Dependency {
    let condition = DependencyCondition { kind, job, element: None, after_minutes: 0 };
    Dependency { any: false, conditions: vec![condition] }
}

#[test]
fn dependencies_hold_jobs_back_until_they_are_met() {
    use DependencyKind::{After, AfterAny, AfterNotOk, AfterOk};
    // Kind, exit code of the other, state and reason of the waiting one afterwards.
    for (kind, code, state, reason) in [
        (AfterOk, 0, JobState::Running, "None"),
        (AfterOk, 3, JobState::Pending, "DependencyNeverSatisfied"),
        (AfterNotOk, 3, JobState::Running, "None"),
        (AfterNotOk, 0, JobState::Pending, "DependencyNeverSatisfied"),
        (AfterAny, 0, JobState::Running, "None"),
        (AfterAny, 3, JobState::Running, "None"),
    ] {
        let mut world = World::new(&[4]);
        let first = world.submit(tasks(1));
        let second = world.submit(JobSpec { dependency: Some(after(kind, first)), ..tasks(1) });
        assert_eq!(world.view(second).reason, "Dependency", "{kind:?}");
        assert!(world.view(second).dependency.unwrap().ends_with(":1(unfulfilled)"));
        world.script_exits(first, code);
        let view = world.view(second);
        assert_eq!((view.state, view.reason.as_str()), (state, reason), "{kind:?} {code}");
    }
    let mut world = World::new(&[2]);
    let first = world.submit(tasks(2));
    let second = world.submit(tasks(1));
    let third = world.submit(JobSpec { dependency: Some(after(After, second)), ..tasks(1) });
    assert_eq!(world.view(third).reason, "Dependency");
    world.script_exits(first, 0);
    assert_eq!(world.state(third), JobState::Running);
}

#[test]
fn what_does_not_depend_on_how_a_job_ended_holds_for_one_that_never_was() {
    use DependencyKind::{After, AfterAny, AfterBurstBuffer, AfterCorr, AfterNotOk, AfterOk};
    let mut world = World::new(&[8]);
    for kind in [After, AfterAny, AfterBurstBuffer, AfterCorr] {
        let job = world.submit(JobSpec { dependency: Some(after(kind, 77)), ..tasks(1) });
        assert_eq!(world.state(job), JobState::Running, "{kind:?}");
    }
    for dependency in [after(AfterOk, 77), after(AfterNotOk, 77), after(AfterAny, 0)] {
        let spec = JobSpec { dependency: Some(dependency), ..tasks(1) };
        assert_eq!(world.refusal(spec), ErrorCode::Dependency);
    }
}

#[test]
fn a_job_that_was_ended_for_its_dependency_shows_it() {
    let mut world = World::new(&[2]);
    let first = world.submit(tasks(2));
    let dependency = Some(after(DependencyKind::AfterOk, first));
    let second = world.submit(JobSpec { dependency, kill_on_invalid_dep: Some(true), ..tasks(1) });
    world.script_exits(first, 3);
    let view = world.view(second);
    assert_eq!((view.state, view.dependency.as_deref()), (JobState::Cancelled, Some("afterok:1(failed)")));
}

#[test]
fn after_may_want_some_minutes() {
    let mut world = World::new(&[2]);
    let first = world.submit(tasks(1));
    let mut dependency = after(DependencyKind::After, first);
    dependency.conditions[0].after_minutes = 2;
    let second = world.submit(JobSpec { dependency: Some(dependency), ..tasks(1) });
    world.pass(119.0);
    assert_eq!(world.state(second), JobState::Pending);
    world.pass(1.0);
    assert_eq!(world.state(second), JobState::Running);
}

#[test]
fn any_of_several_is_enough_where_it_is_asked_so() {
    let mut world = World::new(&[4]);
    let held = world.submit(JobSpec { hold: true, ..tasks(1) });
    let runs = world.submit(tasks(1));
    let mut either = after(DependencyKind::AfterOk, held);
    either.any = true;
    either.conditions.extend(after(DependencyKind::AfterOk, runs).conditions);
    let third = world.submit(JobSpec { dependency: Some(either), ..tasks(1) });
    assert_eq!(
        world.view(third).dependency.as_deref(),
        Some("afterok:1(unfulfilled)?afterok:2(unfulfilled)")
    );
    world.script_exits(runs, 0);
    assert_eq!(world.state(third), JobState::Running);
}

#[test]
fn dependencies_on_arrays_name_their_elements() {
    let mut world = World::new(&[1]);
    let held = world.submit(JobSpec { array: Some(array(&[1, 2], None)), hold: true, ..tasks(1) });
    let on = |element| {
        let mut dependency = after(DependencyKind::AfterOk, held);
        dependency.conditions[0].element = element;
        JobSpec { dependency: Some(dependency), ..tasks(1) }
    };
    for (element, text) in [(None, "afterok:1_*(unfulfilled)"), (Some(2), "afterok:1_2(unfulfilled)")] {
        let job = world.submit(on(element));
        assert_eq!(world.view(job).dependency.as_deref(), Some(text));
    }
    assert_eq!(world.refusal(on(Some(9))), ErrorCode::Dependency);
}

#[test]
fn jobs_may_not_wait_for_one_another() {
    let mut world = World::new(&[1]);
    let first = world.submit(JobSpec { hold: true, ..tasks(1) });
    let mut last = first;
    for _ in 0..3 {
        last = world.submit(JobSpec { dependency: Some(after(DependencyKind::AfterAny, last)), ..tasks(1) });
    }
    let on = |job: u32| format!("afterany:{job}");
    assert_eq!(world.update(first, "dependency", &on(last)), Err(ErrorCode::CircularDependency));
    assert_eq!(world.update(last, "dependency", &on(first)), Ok(()));
}

#[test]
fn singletons_of_a_name_run_one_after_the_other() {
    let mut world = World::new(&[4]);
    let spec = || JobSpec { dependency: Some(after(DependencyKind::Singleton, 0)), ..tasks(1) };
    let (first, second) = (world.submit(spec()), world.submit(spec()));
    let other = world.submit(JobSpec { name: Some("other".to_owned()), ..spec() });
    assert_eq!((world.state(first), world.state(other)), (JobState::Running, JobState::Running));
    assert_eq!(world.view(second).dependency.as_deref(), Some("singleton(unfulfilled)"));
    world.script_exits(first, 1);
    assert_eq!(world.state(second), JobState::Running);
}

#[test]
fn a_dependency_that_cannot_be_met_kills_where_it_is_asked_so() {
    let mut world = World::new(&[4]);
    let first = world.submit(tasks(1));
    let dependency = Some(after(DependencyKind::AfterNotOk, first));
    let second = world.submit(JobSpec { dependency, kill_on_invalid_dep: Some(true), ..tasks(1) });
    world.script_exits(first, 0);
    assert_eq!(world.state(second), JobState::Cancelled);
}
