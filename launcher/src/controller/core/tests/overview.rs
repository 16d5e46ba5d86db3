//! Clients that look at the whole cluster.

use prun_runtime::limits::{ONLOOKERS_MAX, OVERVIEW_JOBS_MAX};

use super::steps::run_step;
use super::world::{ME, World, tasks};
use crate::controller::api::*;
use crate::controller::core::event::{ClientId, Event};
use crate::script::spec::JobSpec;

/// Asks for the next picture; gives the call's number.
fn look(world: &mut World, seen: Option<u64>) -> u64 {
    world.ask_as(ME, Request::WatchCluster { seen })
}

/// The pictures that a call was answered with.
fn pictures(world: &World, call: u64) -> Vec<ClusterView> {
    let picture = |reply| match reply {
        Reply::Cluster(view) => *view,
        other => panic!("no picture: {other:?}"),
    };
    world.replies(call).into_iter().map(picture).collect()
}

fn held() -> JobSpec {
    JobSpec { hold: true, ..tasks(1) }
}

fn ids(view: &ClusterView) -> Vec<u32> {
    view.jobs.iter().map(|job| job.id.0).collect()
}

#[test]
fn the_first_picture_comes_at_once_and_the_next_after_a_change() {
    let mut world = World::new(&[2, 2]);
    let call = look(&mut world, None);
    let first = pictures(&world, call).remove(0);
    assert_eq!((first.nodes.len(), first.jobs.len()), (2, 0));
    let call = look(&mut world, Some(first.seen));
    world.pass(60.0);
    let ping = world.ask(Request::Ping);
    assert!(matches!(ping, Reply::Pong { .. }));
    assert_eq!(pictures(&world, call).len(), 0, "time and questions change nothing");
    let id = world.submit(tasks(2));
    let second = pictures(&world, call);
    assert_eq!(second.len(), 1, "one answer a question");
    assert_eq!(ids(&second[0]), [id]);
    assert_eq!(second[0].nodes[0].cpus_allocated, 2);
}

#[test]
fn changes_that_follow_each_other_closely_are_told_together_and_none_is_missed() {
    let mut world = World::new(&[2]);
    let call = look(&mut world, Some(u64::MAX));
    let mut seen = pictures(&world, call).remove(0).seen;
    let (mut told, mut jobs) = (0, Vec::new());
    let mut call = look(&mut world, Some(seen));
    for _ in 0..100 {
        world.submit(held());
        world.pass(0.01);
        if let Some(picture) = pictures(&world, call).first() {
            told += 1;
            seen = picture.seen;
            jobs = ids(picture);
            call = look(&mut world, Some(seen));
        }
    }
    assert!((3..=5).contains(&told), "{told} pictures in one second");
    world.pass(1.0);
    jobs = pictures(&world, call).first().map_or(jobs, ids);
    assert_eq!(jobs.len(), 100);
}

#[test]
fn the_journal_hears_nothing_of_onlookers() {
    let mut world = World::new(&[2]);
    let call = look(&mut world, None);
    let seen = pictures(&world, call).remove(0).seen;
    world.submit(held());
    let call = look(&mut world, Some(seen));
    assert_eq!(pictures(&world, call).len(), 1, "what changed meanwhile is told at once");
    world.submit(held());
    let before = world.records.len();
    let call = look(&mut world, Some(seen));
    assert_eq!(pictures(&world, call).len(), 0, "but not twice within the wait");
    world.now = world.cluster.next_deadline().unwrap();
    world.event(Event::Timer);
    assert_eq!(pictures(&world, call).len(), 1);
    assert_eq!(world.records.len(), before);
    assert_eq!(world.cluster.next_deadline(), None, "nobody waits any more");
}

#[test]
fn jobs_stand_in_the_order_of_interest_and_their_number_is_bounded() {
    let mut world = World::new(&[1]);
    let first = world.submit(tasks(1));
    world.script_exits(first, 0);
    let second = world.submit(tasks(1));
    world.script_exits(second, 0);
    let running = world.submit(tasks(1));
    let waiting = world.submit(tasks(1));
    let before = world.submit(JobSpec { priority: Some(4_294_901_999), ..tasks(1) });
    let call = look(&mut world, None);
    assert_eq!(ids(&pictures(&world, call)[0]), [running, before, waiting, second, first]);
    for _ in 0..OVERVIEW_JOBS_MAX {
        world.submit(held());
    }
    let call = look(&mut world, None);
    let picture = pictures(&world, call).remove(0);
    assert_eq!((picture.jobs.len(), picture.jobs_left_out), (OVERVIEW_JOBS_MAX, 5));
}

#[test]
fn steps_that_have_ended_weigh_little() {
    let mut world = World::new(&[2]);
    let id = world.submit(tasks(2));
    for _ in 0..40 {
        let key = run_step(&mut world, id, 2);
        world.exit(id, key.step, 0, 0);
    }
    run_step(&mut world, id, 2);
    let call = look(&mut world, None);
    let picture = pictures(&world, call).remove(0);
    let steps = &picture.jobs[0].steps;
    assert!(steps[0].key.step.is_batch() && steps[0].plan.size() == 1);
    assert_eq!(steps.len(), 1 + 32 + 1, "the script, the last ones that ended, the one that runs");
    assert_eq!((steps[1].key.step.0, steps[1].plan.size(), steps[1].ntasks), (8, 0, 2));
    assert_eq!((steps[33].key.step.0, steps[33].plan.size()), (40, 2));
}

#[test]
fn onlookers_are_bounded_and_go_with_their_connection() {
    let mut world = World::new(&[1]);
    let call = look(&mut world, None);
    let seen = Some(pictures(&world, call).remove(0).seen);
    for _ in 0..ONLOOKERS_MAX {
        look(&mut world, seen);
    }
    let call = world.ask_as(ClientId(101), Request::WatchCluster { seen });
    assert!(matches!(&world.replies(call)[..], [Reply::Error(Refusal { code: ErrorCode::TooMany, .. })]));
    world.event(Event::ClientGone { client: ME });
    let call = world.ask_as(ClientId(101), Request::WatchCluster { seen });
    assert_eq!(world.replies(call).len(), 0);
}
