//! Rank servers that go away and come back, and launches that are lost with their links.

use prun_runtime::ids::StepId;
use prun_runtime::wire::node::{FromNode, ToNode};

use super::world::*;
use crate::controller::api::*;
use crate::controller::core::config::Config;
use crate::controller::core::event::{Event, LinkId};
use crate::script::spec::JobSpec;

#[test]
fn a_lost_node_takes_its_jobs_along_unless_it_comes_back_in_time() {
    let config = Config { node_timeout_secs: 10, ..Config::default() };
    let mut world = World::with(&[1, 1], config);
    let requeues = world.submit(tasks(1));
    let fails = world.submit(JobSpec { requeue: Some(false), ..tasks(1) });
    world.event(Event::NodeGone { link: LinkId(1) });
    world.event(Event::NodeGone { link: LinkId(2) });
    world.pass(9.0);
    assert_eq!((world.state(requeues), world.state(fails)), (JobState::Running, JobState::Running));
    // The first comes back with its step, the second does not.
    world.register(1, LinkId(11), 1, vec![batch(requeues)]);
    world.pass(1.0);
    assert_eq!(world.state(requeues), JobState::Running);
    let view = world.view(fails);
    assert_eq!((view.state, view.reason.as_str()), (JobState::NodeFail, "NodeDown"));
    let node = &world.cluster.node_views()[1];
    assert_eq!((node.down, node.reason.as_ref().map(|r| r.0.as_str())), (true, Some("Not responding")));
    // Set down by hand, the first loses its job to the queue; resumed, it runs it again.
    assert_eq!(world.update_node("n1", &[("state", "down"), ("reason", "x")]), Ok(()));
    world.exit(requeues, StepId::BATCH, 0, 15);
    assert_eq!((world.state(requeues), world.view(requeues).restarts), (JobState::Pending, 1));
    world.update_node("n1", &[("state", "resume")]).unwrap();
    world.pass(2.0);
    assert_eq!(world.state(requeues), JobState::Running);
}

#[test]
fn a_node_that_comes_back_too_late_ends_what_it_still_runs() {
    // A container was paused for longer than `SlurmdTimeout`: the ranks of its failed job went on on an idle node.
    let config = Config { node_timeout_secs: 10, ..Config::default() };
    let mut world = World::with(&[1, 1], config);
    let fails = world.submit(JobSpec { requeue: Some(false), ..tasks(1) });
    let stays = world.submit(tasks(1));
    world.event(Event::NodeGone { link: LinkId(1) });
    world.pass(10.0);
    assert_eq!((world.state(fails), world.state(stays)), (JobState::NodeFail, JobState::Running));
    world.told.clear();
    world.register(1, LinkId(11), 1, vec![batch(fails)]);
    assert_eq!(world.orders(), ["11 registered".to_owned(), format!("11 terminate {fails}.batch")]);
    world.register(2, LinkId(12), 1, vec![batch(stays)]);
    assert_eq!(world.orders(), ["12 registered"]);
}

#[test]
fn steps_that_a_rank_server_has_lost_are_over() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    world.event(Event::NodeGone { link: LinkId(1) });
    world.register(1, LinkId(9), 1, Vec::new());
    let view = world.view(job);
    assert_eq!((view.state, view.exit.signal), (JobState::Failed, 9));
}

#[test]
fn a_launch_that_never_arrived_is_sent_again_and_no_other() {
    // A rank server was killed when a launch was on its way to it: the job failed, as if it had been killed.
    let mut world = World::new(&[1, 1]);
    world.loses_launches = true;
    let job = world.submit(tasks(1));
    world.event(Event::NodeGone { link: LinkId(1) });
    world.told.clear();
    world.register(1, LinkId(11), 1, Vec::new());
    let again = ["11 registered".to_owned(), format!("11 launch {job}.batch")];
    assert_eq!(world.orders(), again);
    // It has it now, and says so only when its link is made anew.
    world.event(Event::NodeGone { link: LinkId(11) });
    world.register(1, LinkId(12), 1, vec![batch(job)]);
    assert_eq!(world.orders(), ["12 registered"]);
    world.event(Event::NodeGone { link: LinkId(12) });
    world.register(1, LinkId(13), 1, Vec::new());
    assert_eq!(world.state(job), JobState::Failed, "a step that it had is lost");

    // One that is ended meanwhile is not started, and one that runs is told once more.
    let job = world.submit(tasks(1));
    world.event(Event::NodeGone { link: LinkId(13) });
    world.cancel(job);
    world.told.clear();
    world.register(1, LinkId(14), 1, Vec::new());
    assert_eq!((world.orders(), world.state(job)), (vec!["14 registered".to_owned()], JobState::Cancelled));
    let job = world.submit(tasks(1));
    world.event(Event::NodeGone { link: LinkId(14) });
    world.cancel(job);
    world.told.clear();
    world.register(1, LinkId(15), 1, vec![batch(job)]);
    assert_eq!(world.orders(), ["15 registered".to_owned(), format!("15 terminate {job}.batch")]);
}

#[test]
fn what_is_left_of_an_earlier_launch_says_nothing_of_the_later() {
    let mut world = World::with(&[1], Config { node_timeout_secs: 10, ..Config::default() });
    let job = world.submit(tasks(1));
    let (key, before) = (batch(job), world.launch_of(batch(job)));
    world.event(Event::NodeGone { link: LinkId(1) });
    world.pass(20.0);
    world.register(1, LinkId(2), 1, vec![key]);
    world.pass(5.0);
    assert_eq!((world.state(job), world.view(job).restarts), (JobState::Running, 1));
    assert_ne!(world.launch_of(key), before);
    world.told.clear();
    world.node(LinkId(2), FromNode::StepDone { key, launch: before, lost: true });
    assert_eq!(world.state(job), JobState::Running);
    let kept = (LinkId(2), ToNode::Kept { key, launch: before });
    assert_eq!(world.told, [kept], "it need not say it again");
    world.script_exits(job, 0);
    assert_eq!(world.state(job), JobState::Completed);
}
