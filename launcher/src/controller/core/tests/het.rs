//! Heterogeneous jobs.

use prun_runtime::ids::{JobId, StepId};

use super::dependencies::array;
use super::world::*;
use crate::controller::api::*;
use crate::controller::core::config::Config;
use crate::script::spec::JobSpec;

fn component(job: u32, component: u32) -> JobRef {
    JobRef { component: Some(component), ..named(job) }
}

fn cancel_component(world: &mut World, job: u32, offset: u32) -> Option<ErrorCode> {
    world.signal(SignalRequest { jobs: vec![component(job, offset)], ..all() })
}

/// The launches since the last time.
fn launches(world: &mut World) -> Vec<String> {
    world.orders().into_iter().filter(|order| order.contains("launch")).collect()
}

#[test]
fn components_have_numbers_in_a_row_start_together_and_only_the_leader_has_a_script() {
    let mut world = World::new(&[2, 2]);
    assert_eq!(world.submit_all(vec![tasks(1), tasks(2), tasks(1)]), 1);
    assert_eq!(world.states(), ["1 Running None", "2 Running None", "3 Running None"]);
    assert_eq!(launches(&mut world).len(), 1);
    assert_eq!(
        (world.place(1), world.place(2), world.place(3)),
        ("n1:1".into(), "n2:2".into(), "n1:1".into())
    );
    assert_eq!(world.view(3).het, Some(HetView { leader: JobId(1), offset: 2, size: 3 }));
    world.check_capacity();
    world.script_exits(1, 3);
    assert_eq!(
        world.states(),
        ["1 Failed NonZeroExitCode", "2 Failed NonZeroExitCode", "3 Failed NonZeroExitCode"]
    );
    assert_eq!(world.view(2).exit.code, 3);
}

#[test]
fn none_starts_where_not_all_can_and_the_room_is_kept_for_them() {
    let mut world = World::new(&[4]);
    let first = world.submit(JobSpec { time_limit: Some(Some(10)), ..tasks(2) });
    world.submit_all(vec![tasks(1), tasks(2)]);
    assert_eq!(world.states()[1..], ["2 Pending Resources", "3 Pending Resources"]);
    // One that may go on for longer than the first does must not pass them; one that is over before may.
    let long = world.submit(JobSpec { time_limit: Some(Some(20)), ..tasks(2) });
    let short = world.submit(JobSpec { time_limit: Some(Some(5)), ..tasks(2) });
    assert_eq!((world.state(long), world.state(short)), (JobState::Pending, JobState::Running));
    assert!(world.view(3).start_time.is_some_and(|start| start > world.now));
    world.script_exits(short, 0);
    world.script_exits(first, 0);
    assert_eq!(world.states()[1..4], ["2 Running None", "3 Running None", "4 Pending Resources"]);
    world.check_capacity();
}

#[test]
fn the_first_refusal_of_any_component_counts() {
    let mut world = World::new(&[2]);
    let refused = |world: &mut World, components: Vec<JobSpec>| {
        let submission = Submission { components, ..submission(tasks(1)) };
        match world.ask(Request::Submit(Box::new(submission))) {
            Reply::Error(refusal) => refusal.code,
            other => panic!("not refused: {other:?}"),
        }
    };
    let nowhere = JobSpec { partition: vec!["x".to_owned()], ..tasks(1) };
    assert_eq!(refused(&mut world, vec![tasks(1), nowhere]), ErrorCode::InvalidPartition);
    assert_eq!(refused(&mut world, vec![tasks(1), tasks(9)]), ErrorCode::NodeConfig);
    let many = JobSpec { array: Some(array(&[1, 2], None)), ..tasks(1) };
    assert_eq!(refused(&mut world, vec![many, tasks(1)]), ErrorCode::InvalidArray);
    assert_eq!(refused(&mut world, vec![]), ErrorCode::Unspecified);
    assert_eq!(refused(&mut world, vec![tasks(1); 129]), ErrorCode::NotSupported);
    assert_eq!(world.states(), [""; 0]);
    assert_eq!(world.submit(tasks(1)), 1, "no number is lost");
}

#[test]
fn a_leader_is_held_and_released_with_all_a_component_alone() {
    let mut world = World::new(&[2]);
    let held = || JobSpec { hold: true, ..tasks(1) };
    world.submit_all(vec![held(), held()]);
    assert_eq!(world.states(), ["1 Pending JobHeldUser", "2 Pending JobHeldUser"]);
    let release = |job| Request::Act { job, action: Action::Release };
    world.result(release(component(1, 0))).unwrap();
    assert_eq!(world.state(1), JobState::Pending, "the other is held");
    world.act(1, Action::Hold).unwrap();
    world.result(release(component(1, 1))).unwrap();
    assert_eq!(world.view(1).reason, "JobHeldUser");
    world.act(1, Action::Release).unwrap();
    assert_eq!((world.state(1), world.state(2)), (JobState::Running, JobState::Running));
    assert_eq!(world.result(release(component(1, 2))), Err(ErrorCode::InvalidJobId));
    let suspend = Request::Act { job: component(1, 1), action: Action::Suspend };
    assert_eq!(world.result(suspend), Err(ErrorCode::NotWholeHetJob));
}

#[test]
fn a_component_is_cancelled_alone_only_while_it_runs() {
    let mut world = World::new(&[2]);
    world.submit_all(vec![JobSpec { hold: true, ..tasks(1) }, tasks(1)]);
    assert_eq!(cancel_component(&mut world, 1, 1), Some(ErrorCode::NotWholeHetJob));
    assert_eq!(world.cancel(2), Some(ErrorCode::NotWholeHetJob), "by its own number");
    world.act(1, Action::Release).unwrap();
    assert_eq!(cancel_component(&mut world, 1, 1), None);
    assert_eq!(world.states(), ["1 Running None", "2 Cancelled None"]);
    assert_eq!(world.cancel(1), None);
    world.exit(1, StepId::BATCH, 0, 15);
    assert_eq!(world.states(), ["1 Cancelled None", "2 Cancelled None"]);
}

#[test]
fn a_leader_that_is_cancelled_takes_all_with_it() {
    let mut world = World::new(&[2]);
    world.submit_all(vec![tasks(1), tasks(1)]);
    world.submit_all(vec![tasks(1), tasks(2)]);
    assert_eq!(world.cancel(3), None);
    assert_eq!(world.cancel(1), None);
    world.exit(1, StepId::BATCH, 0, 15);
    // Those that never ran keep saying why they waited.
    let ended = ["1 Cancelled None", "2 Cancelled None", "3 Cancelled Resources", "4 Cancelled Resources"];
    assert_eq!(world.states(), ended);
    world.check_capacity();
}

fn step(jobs: &[u32], ntasks: u32) -> Request {
    let one = |job: &u32| StepRequest {
        job: JobId(*job),
        spec: tasks(ntasks),
        step: crate::script::spec::StepSpec::default(),
        name: "x".to_owned(),
        command_line: String::new(),
        immediate: false,
        others: Vec::new(),
    };
    let others = jobs[1..].iter().map(one).collect();
    Request::CreateStep(Box::new(StepRequest { others, ..one(&jobs[0]) }))
}

#[test]
fn a_step_over_components_is_one_launch_and_a_record_in_each() {
    use prun_runtime::ids::{Rank, StepKey};
    use prun_runtime::wire::node::FromNode;
    use prun_runtime::wire::step::Exit;

    use crate::controller::core::event::LinkId;
    let mut world = World::new(&[2, 2]);
    world.submit_all(vec![tasks(2), tasks(2)]);
    let call = world.ask_as(ME, step(&[1, 2], 2));
    let Some(Reply::StepCreated(created)) = world.replies(call).pop() else { panic!() };
    let key = |job| StepKey { job: JobId(job), step: StepId(0) };
    let part = |job| StepPart { key: key(job), ranks: 2 };
    assert_eq!((created.key, created.parts.clone()), (key(1), vec![part(1), part(2)]));
    assert_eq!(created.job.allocation.as_ref().unwrap().nodes.len(), 2);
    // What is busy in one of them holds up all.
    let waits = world.ask_as(ME, step(&[2, 1], 1));
    assert!(matches!(world.replies(waits)[..], [Reply::Pending { .. }]));
    let nodes = [("n1".to_owned(), vec![0, 1]), ("n2".to_owned(), vec![2, 3])];
    let launch = launch(key(1), created.secret.clone(), 0, &nodes);
    world.result(Request::LaunchStep(Box::new(StepStart { launch }))).unwrap();
    let launch = world.launch_of(key(1));
    let exited = |rank, code| FromNode::Exited {
        key: key(1),
        launch,
        rank: Rank(rank),
        exit: Exit { code, ..Exit::default() },
    };
    world.node(LinkId(1), exited(1, 4));
    world.node(LinkId(2), exited(2, 5));
    world.node(LinkId(1), FromNode::StepDone { key: key(1), launch, lost: false });
    let of = |world: &World, job: u32| {
        let view = world.view(job);
        let step = view.steps.iter().find(|step| step.key == key(job)).unwrap();
        (step.state, step.exit.code, step.ntasks)
    };
    assert_eq!((of(&world, 1), of(&world, 2)), ((JobState::Failed, 4, 2), (JobState::Running, 5, 2)));
    world.node(LinkId(2), FromNode::StepDone { key: key(1), launch, lost: false });
    assert_eq!(of(&world, 2), (JobState::Failed, 5, 2));
    // Components count their steps together.
    let Some(Reply::StepCreated(next)) = world.replies(waits).pop() else { panic!() };
    assert_eq!(next.key, StepKey { job: JobId(2), step: StepId(1) });
}

#[test]
fn a_step_is_over_components_of_one_job_each_once() {
    let mut world = World::new(&[4, 4]);
    world.submit_all(vec![tasks(2), tasks(2)]);
    let alone = world.submit(tasks(1));
    for jobs in [vec![1, 1], vec![1, alone], vec![1, 99]] {
        let reply = world.ask(step(&jobs, 1));
        assert!(
            matches!(reply, Reply::Error(refusal) if refusal.code == ErrorCode::InvalidJobId),
            "{jobs:?}"
        );
    }
}

#[test]
fn all_go_back_into_the_queue_and_start_together_again() {
    let mut world = World::with(&[1, 1], Config { node_timeout_secs: 100, ..Config::default() });
    let again = || JobSpec { requeue: Some(true), ..tasks(1) };
    world.submit_all(vec![again(), again()]);
    assert_eq!(world.act(1, Action::Requeue), Ok(()));
    world.exit(1, StepId::BATCH, 0, 15);
    assert_eq!(world.states(), ["1 Pending BeginTime", "2 Pending BeginTime"]);
    world.pass(5.0);
    assert_eq!(world.states(), ["1 Running None", "2 Running None"]);
    // The node of the second is lost: the first cannot go on without it.
    world.update_node("n2", &[("state", "down"), ("reason", "x")]).unwrap();
    world.exit(1, StepId::BATCH, 0, 15);
    assert!(world.states().iter().all(|state| state.contains("Pending")), "{:?}", world.states());
    world.update_node("n2", &[("state", "resume")]).unwrap();
    world.pass(5.0);
    assert_eq!(world.states(), ["1 Running None", "2 Running None"]);
    assert_eq!(world.view(2).restarts, 2);
}

#[test]
fn components_of_one_name_do_not_wait_for_one_another() {
    use crate::script::spec::{Dependency, DependencyCondition, DependencyKind};
    let condition =
        DependencyCondition { kind: DependencyKind::Singleton, job: 0, element: None, after_minutes: 0 };
    let alone = || JobSpec {
        dependency: Some(Dependency { conditions: vec![condition.clone()], any: false }),
        ..tasks(1)
    };
    let mut world = World::new(&[4]);
    world.submit_all(vec![alone(), alone()]);
    world.submit_all(vec![alone(), alone()]);
    assert_eq!(world.states()[..2], ["1 Running None", "2 Running None"]);
    assert_eq!(world.states()[2..], ["3 Pending Dependency", "4 Pending Dependency"]);
}
