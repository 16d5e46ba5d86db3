//! Arrays and their elements.

use super::dependencies::{after, array};
use super::world::*;
use crate::controller::api::*;
use crate::script::spec::{DependencyKind, JobSpec};

fn of(elements: &[u32], limit: Option<u32>) -> JobSpec {
    JobSpec { array: Some(array(elements, limit)), ..tasks(1) }
}

/// Element, number and state of every record of array 1.
fn elements(world: &World) -> Vec<String> {
    let views = world.cluster.job_views(false, world.now);
    views
        .iter()
        .filter_map(|view| Some((view, view.array.as_ref()?)))
        .map(|(view, array)| match (&array.pending, array.element) {
            (Some(pending), _) => format!("{} [{pending}] {:?}", view.id, view.state),
            (None, element) => format!("{} {} {:?}", view.id, element.unwrap(), view.state),
        })
        .collect()
}

#[test]
fn elements_start_with_numbers_of_their_own_and_the_last_has_the_arrays() {
    let mut world = World::new(&[2]);
    world.submit(of(&[0, 1, 2], None));
    assert_eq!(elements(&world), ["1 [2] Pending", "2 0 Running", "3 1 Running"]);
    assert_eq!(world.view(2).stdout, "/w/slurm-1_0.out");
    world.script_exits(2, 0);
    assert_eq!(elements(&world), ["1 2 Running", "2 0 Completed", "3 1 Running"]);
}

#[test]
fn no_more_run_at_once_than_the_array_allows() {
    let mut world = World::new(&[8]);
    world.submit(of(&[1, 3, 5, 7, 9], Some(2)));
    assert_eq!(elements(&world)[0], "1 [5,7,9%2] Pending");
    assert_eq!(world.view(1).reason, "JobArrayTaskLimit");
    assert_eq!(world.update(1, "arraytaskthrottle", "0"), Ok(()));
    assert!(elements(&world).iter().all(|line| line.ends_with("Running")), "{:?}", elements(&world));
}

#[test]
fn one_element_may_be_cancelled_or_held_alone() {
    let mut world = World::new(&[2]);
    let job = world.submit(JobSpec { hold: true, ..of(&[0, 1, 2, 3, 4], None) });
    let one = SignalRequest { jobs: vec![element(job, &[2])], ..all() };
    assert_eq!(world.signal(one), None);
    assert_eq!(elements(&world), ["1 [0-1,3-4] Pending", "2 2 Cancelled"]);
    world.result(Request::Act { job: element(job, &[3, 4]), action: Action::Release }).unwrap();
    assert_eq!(elements(&world)[0], "1 [0-1] Pending");
    assert_eq!((world.state(3), world.state(4)), (JobState::Running, JobState::Running));
    let unknown = SignalRequest { jobs: vec![element(job, &[9])], ..all() };
    assert_eq!(world.signal(unknown), Some(ErrorCode::InvalidJobId));
    assert_eq!(world.cancel(job), None);
    assert!(elements(&world).iter().all(|line| !line.ends_with("Pending")));
}

#[test]
fn whoever_waits_for_an_array_hears_of_its_worst_element() {
    let mut world = World::new(&[4]);
    let job = world.submit(of(&[0, 1, 2], None));
    let call = world.ask_as(ME, Request::WaitJob { job: prun_runtime::ids::JobId(job) });
    world.script_exits(2, 0);
    world.script_exits(3, 7);
    assert!(world.replies(call).is_empty());
    world.script_exits(1, 3);
    match world.replies(call).as_slice() {
        [Reply::Ended { job }] => assert_eq!(job.exit.code, 7),
        other => panic!("{other:?}"),
    }
}

#[test]
fn elements_wait_for_partners_or_for_the_whole_array() {
    let mut world = World::new(&[8]);
    let first = world.submit(of(&[0, 1], None));
    let dependency = |kind| Some(after(kind, first));
    let paired =
        world.submit(JobSpec { dependency: dependency(DependencyKind::AfterCorr), ..of(&[0, 1], None) });
    let whole = world.submit(JobSpec { dependency: dependency(DependencyKind::AfterOk), ..tasks(1) });
    // Element 1 of the first array has its number, element 0 the next one.
    world.script_exits(first, 0);
    assert_eq!(world.view(paired).array.unwrap().pending.as_deref(), Some("0"));
    assert_eq!(world.state(whole), JobState::Pending);
    world.script_exits(2, 0);
    assert_eq!((world.state(paired), world.state(whole)), (JobState::Running, JobState::Running));
}
