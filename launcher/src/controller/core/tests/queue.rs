//! Who starts when.

use prun_runtime::ids::StepId;

use super::world::*;
use crate::controller::api::*;
use crate::controller::core::config::{Config, PartitionConfig};
use crate::script::spec::{
    ArraySpec, Dependency, DependencyCondition, DependencyKind, Gres, GresPer, JobSpec, Memory, Sharing,
};

#[test]
fn a_job_that_fits_starts_in_the_same_turn_and_ends_with_its_script() {
    let mut world = World::new(&[2, 2]);
    let job = world.submit(tasks(3));
    assert_eq!((world.state(job), world.place(job)), (JobState::Running, "n1:2 n2:1".to_owned()));
    assert_eq!(world.orders(), ["1 launch 1.batch"]);
    world.script_exits(job, 0);
    let view = world.view(job);
    assert_eq!((view.state, view.reason.as_str()), (JobState::Completed, "None"));
    assert_eq!(view.stdout, "/w/slurm-1.out");
    assert_eq!(world.cluster.holding.len(), 0);
}

#[test]
fn first_come_first_served_and_the_rest_says_why() {
    let mut world = World::new(&[2]);
    let jobs: Vec<u32> = (0..3).map(|_| world.submit(tasks(2))).collect();
    assert_eq!(world.states(), ["1 Running None", "2 Pending Resources", "3 Pending Priority"]);
    world.script_exits(jobs[0], 0);
    assert_eq!(world.states(), ["1 Completed None", "2 Running None", "3 Pending Resources"]);
}

#[test]
fn a_long_list_of_jobs_comes_in_parts() {
    let mut world = World::new(&[1]);
    let jobs = prun_runtime::limits::JOBS_PART_MAX + 5;
    (0..jobs).for_each(|_| {
        world.submit(tasks(1));
    });
    let call = world.ask_as(ME, Request::Jobs { history: false });
    match world.replies(call).as_slice() {
        [Reply::MoreJobs(first), Reply::Jobs(last)] => {
            assert_eq!((first.len() + last.len(), last.len()), (jobs, 5))
        }
        other => panic!("{} answers", other.len()),
    }
}

#[test]
fn a_short_job_passes_a_large_one_only_where_it_delays_nothing() {
    let mut world = World::new(&[4]);
    let long = world.submit(JobSpec { time_limit: Some(Some(60)), ..tasks(3) });
    let large = world.submit(JobSpec { time_limit: Some(Some(10)), ..tasks(4) });
    let endless = world.submit(tasks(1));
    let short = world.submit(JobSpec { time_limit: Some(Some(30)), ..tasks(1) });
    assert_eq!(world.state(long), JobState::Running);
    assert_eq!((world.state(large), world.state(endless)), (JobState::Pending, JobState::Pending));
    assert_eq!(world.state(short), JobState::Running);
    let view = world.view(large);
    assert_eq!(view.planned_nodes.as_deref(), Some("n1"));
    assert_eq!(view.start_time, Some(world.now + 3600.0));
}

#[test]
fn a_job_passes_where_the_reservation_leaves_room() {
    let mut world = World::new(&[2, 2]);
    let spec = |n: u32, node: &str| JobSpec { nodelist: vec![node.to_owned()], ..tasks(n) };
    world.submit(spec(2, "n1"));
    let first = world.submit(spec(2, "n1"));
    let other = world.submit(tasks(2));
    assert_eq!((world.state(first), world.place(other)), (JobState::Pending, "n2:2".to_owned()));
}

/// Something to do to a request.
type Change = fn(&mut JobSpec);

#[test]
fn what_is_submitted_wrong_is_refused_by_name() {
    let mut world = World::new(&[2]);
    let with = |change: Change| {
        let mut spec = tasks(1);
        change(&mut spec);
        spec
    };
    let rows: &[(ErrorCode, Change)] = &[
        (ErrorCode::InvalidPartition, |s| s.partition = vec!["no".to_owned()]),
        (ErrorCode::InvalidNodeName, |s| s.nodelist = vec!["n9".to_owned()]),
        (ErrorCode::InvalidNodeName, |s| s.exclude = vec!["n9".to_owned()]),
        (ErrorCode::InvalidFeature, |s| s.constraint = Some("fast&new".to_owned())),
        (ErrorCode::InvalidGres, |s| s.gres = vec![gpus(1)]),
        (ErrorCode::InvalidGres, |s| s.memory = Some(Memory::PerGpu(100))),
        (ErrorCode::InvalidLicenses, |s| s.licenses = Some("x".to_owned())),
        (ErrorCode::InvalidReservation, |s| s.reservation = Some("x".to_owned())),
        (ErrorCode::NodeConfig, |s| s.ntasks = Some(3)),
        (ErrorCode::InvalidArray, |s| s.array = Some(array(&[1001], None))),
        (ErrorCode::Dependency, |s| s.dependency = Some(after(DependencyKind::AfterOk, 77))),
        (ErrorCode::InvalidTimeMin, |s| (s.time_min, s.time_limit) = (Some(9), Some(Some(5)))),
    ];
    for (code, change) in rows {
        assert_eq!(world.refusal(with(*change)), *code);
    }
    // A held job is looked at when it is released.
    assert_eq!(world.submit(JobSpec { hold: true, ..tasks(3) }), 1);
    assert_eq!(world.submit(JobSpec { gres: vec![gpus(0)], ..tasks(1) }), 2);
    // With several mistakes, what Slurm looks at first is named.
    let no = vec!["no".to_owned()];
    let mut all = JobSpec {
        gres: vec![gpus(1)],
        nodelist: no.clone(),
        array: Some(array(&[1001], None)),
        constraint: Some("x".to_owned()),
        partition: vec!["p1".to_owned(), "p2".to_owned()],
        exclude: no,
        licenses: Some("x".to_owned()),
        reservation: Some("x".to_owned()),
        ..tasks(1)
    };
    let steps: &[(ErrorCode, Change)] = &[
        (ErrorCode::InvalidGres, |s| s.gres.clear()),
        (ErrorCode::InvalidNodeName, |s| s.nodelist.clear()),
        (ErrorCode::InvalidArray, |s| s.array = None),
        (ErrorCode::InvalidFeature, |s| s.constraint = None),
        (ErrorCode::InvalidPartition, |s| s.partition.clear()),
        (ErrorCode::InvalidNodeName, |s| s.exclude.clear()),
        (ErrorCode::InvalidLicenses, |s| s.licenses = None),
        (ErrorCode::InvalidReservation, |s| s.reservation = None),
    ];
    for (code, mend) in steps {
        assert_eq!(world.refusal(all.clone()), *code);
        mend(&mut all);
    }
    let refused = world.ask(Request::TestOnly(Box::new(submission(JobSpec { hold: true, ..tasks(3) }))));
    assert!(matches!(refused, Reply::Error(Refusal { code: ErrorCode::NodeConfig, .. })), "{refused:?}");
}

fn gpus(count: u64) -> Gres {
    Gres { name: "gpu".to_owned(), kind: None, count, per: GresPer::Node }
}

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

#[test]
fn holds_begin_times_and_priorities_order_the_queue() {
    let mut world = World::new(&[2]);
    let runs = world.submit(tasks(2));
    let held = world.submit(JobSpec { hold: true, ..tasks(2) });
    let begin = Some(world.now as i64 + 100);
    let later = world.submit(JobSpec { begin, ..tasks(2) });
    let last = world.submit(tasks(2));
    assert_eq!(world.view(held).priority, 0);
    assert_eq!(world.view(held).reason, "JobHeldUser");
    assert_eq!(world.act(last, Action::Top), Ok(()));
    assert_eq!(world.act(held, Action::Release), Ok(()));
    world.script_exits(runs, 0);
    assert_eq!(world.state(last), JobState::Running);
    assert_eq!(world.view(later).reason, "BeginTime");
    world.pass(100.0);
    world.script_exits(last, 0);
    assert_eq!(world.state(held), JobState::Running);
    assert_eq!(world.act(later, Action::Hold), Ok(()));
    world.script_exits(held, 0);
    assert_eq!(world.view(later).reason, "JobHeldUser");
    assert_eq!(world.act(held, Action::Hold), Err(ErrorCode::JobFinished));
    // A priority releases no job.
    assert_eq!(world.update(later, "priority", "5"), Err(ErrorCode::JobHeld));
    assert_eq!(world.act(later, Action::Top), Err(ErrorCode::JobHeld));
    assert_eq!(world.act(later, Action::Release), Ok(()));
    assert_eq!(world.state(later), JobState::Running);
}

#[test]
fn a_job_that_is_held_while_it_runs_is_held_when_it_comes_back() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    assert_eq!(world.act(job, Action::Hold), Ok(()));
    assert_eq!((world.state(job), world.view(job).reason.as_str()), (JobState::Running, "None"));
    assert_eq!(world.act(job, Action::Requeue), Ok(()));
    world.exit(job, StepId::BATCH, 0, 15);
    assert_eq!((world.state(job), world.view(job).reason.as_str()), (JobState::Pending, "JobHeldUser"));
    assert_eq!(world.submit(JobSpec { priority: Some(0), ..tasks(1) }), 2);
    assert_eq!(world.state(2), JobState::Running);
}

#[test]
fn partitions_have_nodes_and_limits() {
    let debug = PartitionConfig {
        nodes: Some(vec!["n1".to_owned()]),
        is_default: false,
        max_time: Some(30),
        ..PartitionConfig::of_all_nodes("debug")
    };
    let partitions = vec![PartitionConfig::of_all_nodes("all"), debug];
    let mut world = World::with(&[2, 2], Config { partitions, ..Config::default() });
    let in_debug = |n| JobSpec { partition: vec!["debug".to_owned()], ..tasks(n) };
    assert_eq!(world.refusal(in_debug(3)), ErrorCode::NodeConfig);
    let long = world.submit(JobSpec { time_limit: Some(Some(60)), ..in_debug(1) });
    assert_eq!(world.view(long).reason, "PartitionTimeLimit");
    let first = world.submit(in_debug(2));
    assert_eq!((world.place(first), world.view(first).time_limit), ("n1:2".to_owned(), Some(30)));
    let waits = world.submit(in_debug(1));
    let other = world.submit(tasks(2));
    assert_eq!((world.view(waits).reason.as_str(), world.place(other)), ("Resources", "n2:2".to_owned()));
    let down = vec![("state".to_owned(), "down".to_owned())];
    let request = Request::UpdatePartition { partition: "debug".to_owned(), changes: down };
    assert_eq!(world.result(request), Ok(()));
    world.script_exits(first, 0);
    assert_eq!(world.view(waits).reason, "PartitionDown");
    let names: Vec<_> = world.cluster.partition_views().into_iter().map(|p| (p.name, p.cpus)).collect();
    assert_eq!(names, [("all".to_owned(), 4), ("debug".to_owned(), 2)]);
}

#[test]
fn a_long_queue_of_one_partition_does_not_starve_another() {
    let of = |name: &str, node: &str| PartitionConfig {
        nodes: Some(vec![node.to_owned()]),
        ..PartitionConfig::of_all_nodes(name)
    };
    let partitions = vec![of("one", "n1"), of("two", "n2")];
    let mut world = World::with(&[1, 1], Config { partitions, ..Config::default() });
    let to = |name: &str| JobSpec { partition: vec![name.to_owned()], ..tasks(1) };
    (0..300).for_each(|_| {
        world.submit(to("one"));
    });
    let other = world.submit(to("two"));
    assert_eq!(world.place(other), "n2:1");
}

#[test]
fn drained_nodes_take_nothing_and_say_so() {
    let mut world = World::new(&[2, 2]);
    assert_eq!(world.update_node("n2", &[("state", "drain"), ("reason", "dust")]), Ok(()));
    let named = world.submit(JobSpec { nodelist: vec!["n2".to_owned()], ..tasks(1) });
    let wide = world.submit(tasks(4));
    let small = world.submit(tasks(2));
    assert_eq!(world.view(named).reason, "ReqNodeNotAvail, UnavailableNodes:n2");
    assert!(world.view(wide).reason.starts_with("Nodes required for job are DOWN"));
    assert_eq!(world.place(small), "n1:2");
    let view = &world.cluster.node_views()[1];
    assert_eq!(view.reason.as_ref().map(|r| (r.0.as_str(), r.1.as_str())), Some(("dust", "ada")));
    assert_eq!(world.update_node("n2", &[("state", "resume")]), Ok(()));
    assert_eq!(world.place(named), "n2:1");
    assert_eq!(world.update_node("n7", &[("state", "resume")]), Err(ErrorCode::InvalidNodeName));
}

#[test]
fn test_only_says_when_and_where() {
    let mut world = World::new(&[2]);
    let ask = |world: &mut World, n| match world.ask(Request::TestOnly(Box::new(submission(tasks(n))))) {
        Reply::WouldStart { at, nodes, cpus, .. } => (at, nodes, cpus),
        other => panic!("{other:?}"),
    };
    let now = world.now as i64;
    assert_eq!(ask(&mut world, 2), (now, "n1".to_owned(), 2));
    world.submit(JobSpec { time_limit: Some(Some(2)), ..tasks(1) });
    assert_eq!(ask(&mut world, 2), (now + 120, "n1".to_owned(), 2));
    assert_eq!(world.cluster.next_job, 2);
}

#[test]
fn updates_change_what_may_be_changed() {
    let mut world = World::new(&[2]);
    let job = world.submit(JobSpec { hold: true, time_limit: Some(Some(5)), ..tasks(1) });
    for (key, value, expected) in [
        ("timelimit", "12", Ok(())),
        ("timelimit", "1:02:03", Ok(())),
        ("timelimit", "+10", Ok(())),
        ("jobname", "new", Ok(())),
        ("timelimit", "x", Err(ErrorCode::InvalidTimeLimit)),
        ("partition", "no", Err(ErrorCode::InvalidPartition)),
        ("timelimit", "UNLIMITED", Ok(())),
        ("timelimit", "-3", Ok(())),
        ("timelimit", "73", Ok(())),
        ("numtasks", "99", Ok(())),
        ("numcpus", "1", Ok(())),
        ("oversubscribe", "yes", Ok(())),
        ("contiguous", "no", Ok(())),
        ("reboot", "1", Ok(())),
        ("arraytaskthrottle", "3", Ok(())),
        ("sitefactor", "3", Ok(())),
        ("switches", "1", Ok(())),
        ("admincomment", "why", Ok(())),
        ("nice", "7", Ok(())),
        ("oversubscribe", "maybe", Err(ErrorCode::InvalidUpdate)),
        ("burstbuffer", "x", Err(ErrorCode::NotSupported)),
        ("reservationname", "x", Err(ErrorCode::InvalidReservation)),
        ("licenses", "x", Err(ErrorCode::InvalidLicenses)),
        ("prefer", "x", Err(ErrorCode::InvalidPrefer)),
        ("reqnodelist", "n9", Err(ErrorCode::InvalidNodeName)),
        ("gres", "gpu:1", Err(ErrorCode::InvalidGres)),
        ("dependency", "afterok:1", Err(ErrorCode::Dependency)),
        ("dependency", "afterok:55", Err(ErrorCode::Dependency)),
        ("rerad", "1", Err(ErrorCode::InvalidUpdate)),
    ] {
        assert_eq!(world.update(job, key, value), expected, "{key}={value}");
    }
    let view = world.view(job);
    assert_eq!((view.name.as_str(), view.time_limit), ("new", Some(73)));
    assert_eq!((view.ntasks, view.spec.admin_comment.as_deref()), (1, Some("why")));
    assert!(!view.spec.contiguous && view.spec.sharing == Some(Sharing::Shared));
    world.act(job, Action::Release).unwrap();
    assert_eq!(world.update(job, "numtasks", "2"), Err(ErrorCode::NotPending));
    assert_eq!(world.update(job, "nice", "2"), Ok(()));
    let waits = world.submit(tasks(2));
    assert_eq!(world.update(waits, "numtasks", "99"), Err(ErrorCode::NodeConfig));
    assert_eq!(world.update(job, "timelimit", "3"), Ok(()));
    world.pass(180.0);
    assert_eq!(world.state(job), JobState::Completing);
    assert_eq!(world.update(job, "comment", "late"), Err(ErrorCode::JobFinished));
}
