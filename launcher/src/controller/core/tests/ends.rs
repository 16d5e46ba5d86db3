//! How jobs end.

use prun_runtime::ids::{JobId, StepId};
use prun_runtime::wire::node::{FromNode, ToNode};
use prun_runtime::wire::step::Exit;

use super::world::*;
use crate::controller::api::*;
use crate::controller::core::event::{ClientId, Event, LinkId};
use crate::script::spec::{JobSpec, SignalSpec};

#[test]
fn the_scripts_exit_is_the_jobs() {
    for (code, signal, state, reason) in [
        (0, 0, JobState::Completed, "None"),
        (3, 0, JobState::Failed, "NonZeroExitCode"),
        (0, 11, JobState::Failed, "RaisedSignal:11(Segmentation fault)"),
    ] {
        let mut world = World::new(&[1]);
        let job = world.submit(tasks(1));
        world.exit(job, StepId::BATCH, code, signal);
        let view = world.view(job);
        assert_eq!((view.state, view.reason.as_str()), (state, reason));
        assert_eq!((view.exit.code, view.exit.signal), (code, signal));
    }
}

#[test]
fn a_cancelled_job_is_cancelled_however_its_script_takes_it() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    world.orders();
    assert_eq!(world.cancel(job), None);
    assert_eq!(world.state(job), JobState::Completing);
    match world.told.as_slice() {
        [(LinkId(1), ToNode::Terminate { key, at_once: false, notice: Some(notice), .. })] => {
            assert_eq!(*key, batch(job));
            assert_eq!(notice, "*** JOB 1 ON n1 CANCELLED AT 1970-01-12T13:46:40 ***");
        }
        other => panic!("{other:?}"),
    }
    world.script_exits(job, 5);
    let view = world.view(job);
    assert_eq!((view.state, view.exit.code, view.cancelled_by), (JobState::Cancelled, 5, Some(1000)));
    assert_eq!(world.cancel(job), Some(ErrorCode::AlreadyDone));
    assert_eq!(world.cancel(99), Some(ErrorCode::InvalidJobId));
}

#[test]
fn signals_go_to_steps_or_the_script_or_both() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    super::steps::run_step(&mut world, job, 1);
    world.orders();
    let usr1 = |batch, full| SignalRequest { jobs: vec![named(job)], signal: Some(10), batch, full, ..all() };
    for (batch, full, expected) in [
        (false, false, &["1 signal 1.0 10"][..]),
        (true, false, &["1 signal 1.batch 10"]),
        (false, true, &["1 signal 1.batch 10", "1 signal 1.0 10"]),
    ] {
        assert_eq!(world.signal(usr1(batch, full)), None);
        assert_eq!(world.orders(), expected);
    }
    let step = SignalRequest { step: Some(StepId(0)), jobs: vec![named(job)], ..all() };
    assert_eq!(world.signal(step), None);
    assert_eq!(world.orders(), ["1 terminate 1.0"]);
    let pending = world.submit(tasks(1));
    let usr1 = SignalRequest { jobs: vec![named(pending)], signal: Some(10), ..all() };
    assert_eq!(world.signal(usr1), Some(ErrorCode::JobPending));
    let kill = SignalRequest { jobs: vec![named(pending)], signal: Some(9), ..all() };
    assert_eq!(world.signal(kill), None);
    assert_eq!(world.state(pending), JobState::Cancelled);
}

#[test]
fn a_step_is_cancelled_at_once_and_a_job_with_grace() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    let key = super::steps::run_step(&mut world, job, 1);
    let terminated = |world: &mut World| {
        let told = std::mem::take(&mut world.told);
        told.into_iter()
            .filter_map(|(_, message)| match message {
                ToNode::Terminate { key, at_once, .. } => Some((key.step, at_once)),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    terminated(&mut world);
    let step = SignalRequest { step: Some(key.step), jobs: vec![named(job)], ..all() };
    assert_eq!(world.signal(step), None);
    assert_eq!(terminated(&mut world), [(key.step, true)]);
    world.exit(job, key.step, 0, 9);
    assert_eq!(world.cancel(job), None);
    assert_eq!(terminated(&mut world), [(StepId::BATCH, false)]);
    let steps = world.view(job).steps;
    let by: Vec<_> = steps.iter().map(|step| (step.key.step, step.cancelled_by)).collect();
    assert_eq!(by, [(StepId::BATCH, None), (key.step, Some(1000))]);
}

#[test]
fn what_a_signal_ends_is_cancelled() {
    // How the step ends, whether its job was cancelled before, and what it is then.
    for ((code, signal), cancelled, state) in [
        ((0, 9), false, JobState::Cancelled),
        ((3, 0), false, JobState::Failed),
        ((0, 0), false, JobState::Completed),
        ((0, 15), true, JobState::Cancelled),
        ((0, 0), true, JobState::Completed),
        ((143, 0), true, JobState::Failed),
    ] {
        let mut world = World::new(&[1]);
        let job = world.submit(tasks(1));
        if cancelled {
            world.cancel(job);
        }
        world.exit(job, StepId::BATCH, code, signal);
        assert_eq!(world.view(job).steps[0].state, state, "{code}:{signal} {cancelled}");
    }
}

#[test]
fn what_is_cancelled_while_it_waits_keeps_its_reason() {
    let mut world = World::new(&[1]);
    let job = world.submit(JobSpec { hold: true, ..tasks(1) });
    world.cancel(job);
    let view = world.view(job);
    assert_eq!((view.state, view.reason.as_str()), (JobState::Cancelled, "JobHeldUser"));
}

#[test]
fn filters_choose_whom_scancel_hits() {
    let mut world = World::new(&[1]);
    let first = world.submit(tasks(1));
    let second = world.submit(JobSpec { name: Some("other".to_owned()), ..tasks(1) });
    let by = |filter: SignalFilter| SignalRequest { filter, ..all() };
    world.signal(by(SignalFilter { user: Some("nobody".to_owned()), ..SignalFilter::default() }));
    world.signal(by(SignalFilter { state: Some(JobState::Suspended), ..SignalFilter::default() }));
    assert_eq!((world.state(first), world.state(second)), (JobState::Running, JobState::Pending));
    world.signal(by(SignalFilter { name: Some("other".to_owned()), ..SignalFilter::default() }));
    assert_eq!((world.state(first), world.state(second)), (JobState::Running, JobState::Cancelled));
}

#[test]
fn a_job_ends_at_its_limit_after_a_warning() {
    let mut world = World::new(&[1]);
    let signal = Some(SignalSpec { batch_only: true, reservation: false, signal: 10, before_secs: 20 });
    let job = world.submit(JobSpec { time_limit: Some(Some(1)), signal, ..tasks(1) });
    world.orders();
    world.pass(39.0);
    assert!(world.orders().is_empty());
    world.pass(1.0);
    assert_eq!(world.orders(), ["1 signal 1.batch 10"]);
    world.pass(20.0);
    assert_eq!(world.orders(), ["1 terminate 1.batch"]);
    world.exit(job, StepId::BATCH, 0, 15);
    let view = world.view(job);
    assert_eq!((view.state, view.reason.as_str()), (JobState::Timeout, "TimeLimit"));
    assert_eq!(view.steps[0].state, JobState::Cancelled);
}

#[test]
fn suspended_time_does_not_count() {
    let mut world = World::new(&[1]);
    let job = world.submit(JobSpec { time_limit: Some(Some(1)), ..tasks(1) });
    world.orders();
    assert_eq!(world.act(job, Action::Resume), Err(ErrorCode::NotSuspended));
    world.pass(30.0);
    assert_eq!(world.act(job, Action::Suspend), Ok(()));
    assert_eq!(world.act(job, Action::Suspend), Ok(()));
    assert_eq!(
        (world.state(job), world.orders()),
        (JobState::Suspended, vec!["1 signal 1.batch 19".to_owned()])
    );
    world.pass(100.0);
    assert_eq!(world.act(job, Action::Resume), Ok(()));
    assert_eq!(
        (world.state(job), world.orders()),
        (JobState::Running, vec!["1 signal 1.batch 18".to_owned()])
    );
    assert_eq!(world.view(job).suspended_secs, 100.0);
    world.pass(29.0);
    assert_eq!(world.state(job), JobState::Running);
    world.pass(1.0);
    assert_eq!(world.state(job), JobState::Completing);
}

#[test]
fn a_requeued_job_runs_again_under_its_number() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    world.orders();
    assert_eq!(world.act(job, Action::Requeue), Ok(()));
    assert_eq!(world.orders(), ["1 terminate 1.batch"]);
    world.exit(job, StepId::BATCH, 0, 15);
    let view = world.view(job);
    assert_eq!((view.state, view.reason.as_str(), view.restarts), (JobState::Pending, "BeginTime", 1));
    // Not even an update makes it spin.
    assert_eq!(world.update(job, "starttime", "now"), Ok(()));
    assert_eq!(world.state(job), JobState::Pending);
    world.pass(2.0);
    assert_eq!((world.state(job), world.orders()), (JobState::Running, vec!["1 launch 1.batch".to_owned()]));
    world.script_exits(job, 0);
    assert_eq!(world.act(job, Action::RequeueHold), Ok(()));
    let reason = "job requeued in held state";
    assert_eq!((world.view(job).reason.as_str(), world.view(job).restarts), (reason, 2));
    assert_eq!(world.act(job, Action::RequeueHold), Err(ErrorCode::JobPending));
    let stubborn = world.submit(JobSpec { requeue: Some(false), ..tasks(1) });
    assert_eq!(world.act(stubborn, Action::Requeue), Err(ErrorCode::Disabled));
}

#[test]
fn ended_jobs_leave_the_queue_and_stay_in_accounting() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    world.script_exits(job, 0);
    world.pass(299.0);
    assert_eq!(world.cluster.job_views(false, world.now).len(), 1);
    world.pass(1.0);
    assert_eq!(world.cluster.job_views(false, world.now).len(), 0);
    assert_eq!(world.cluster.job_views(true, world.now).len(), 1);
    assert_eq!(world.act(job, Action::Hold), Err(ErrorCode::InvalidJobId));
    assert!(matches!(world.ask(Request::WaitJob { job: JobId(job) }), Reply::Ended { .. }));
}

#[test]
fn a_script_that_cannot_be_started_fails_its_job() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    let reason = "no room".to_owned();
    let (key, launch) = (batch(job), world.launch_of(batch(job)));
    world.node(LinkId(1), FromNode::LaunchFailed { key, launch, reason });
    let view = world.view(job);
    assert_eq!((view.state, view.reason.as_str()), (JobState::Failed, "JobLaunchFailure"));
    assert_eq!(world.cluster.holding.len(), 0);
}

#[test]
fn an_allocation_ends_with_its_command_or_its_connection() {
    let mut world = World::new(&[2]);
    let call = world.ask_as(ME, allocation(tasks(2)));
    assert!(matches!(world.replies(call).as_slice(), [Reply::Allocated { .. }]));
    let exit = Exit { code: 4, ..Exit::default() };
    assert_eq!(world.result(Request::Release { job: JobId(1), exit }), Ok(()));
    assert_eq!((world.state(1), world.view(1).exit.code), (JobState::Failed, 4));

    let other = ClientId(7);
    let first = world.ask_as(other, allocation(tasks(2)));
    let second = world.ask_as(other, allocation(tasks(1)));
    assert!(matches!(world.replies(first).as_slice(), [Reply::Allocated { .. }]));
    match world.replies(second).as_slice() {
        [Reply::Pending { reason, .. }] => assert_eq!(reason, "Resources"),
        reply => panic!("{reply:?}"),
    }
    world.event(Event::ClientGone { client: other });
    assert_eq!((world.state(2), world.state(3)), (JobState::Cancelled, JobState::Cancelled));
}

#[test]
fn an_allocation_outlives_the_controller_where_its_owner_comes_back() {
    let mut world = World::new(&[2, 2]);
    let (stays, leaves) = (ClientId(7), ClientId(8));
    world.ask_as(stays, allocation(tasks(2)));
    world.ask_as(leaves, allocation(tasks(2)));
    world.ask_as(stays, allocation(tasks(1)));
    world.event(Event::Restarted);
    let back = ClientId(9);
    let call = world.ask_as(back, Request::Reclaim { job: JobId(1) });
    assert!(matches!(world.replies(call).as_slice(), [Reply::Allocated { job, .. }] if job.id == JobId(1)));
    let waits = world.ask_as(back, Request::Reclaim { job: JobId(3) });
    assert!(matches!(world.replies(waits).as_slice(), [Reply::Pending { .. }]));
    world.pass(prun_runtime::limits::CLIENT_RETURN.as_secs_f64() - 1.0);
    assert_eq!(world.state(2), JobState::Running);
    world.register(1, LinkId(1), 2, Vec::new());
    world.register(2, LinkId(2), 2, Vec::new());
    world.pass(2.0);
    assert_eq!((world.state(1), world.state(2)), (JobState::Running, JobState::Cancelled));
    assert!(matches!(world.replies(waits).as_slice(), [Reply::Pending { .. }, Reply::Allocated { .. }]));
    world.event(Event::ClientGone { client: back });
    assert_eq!(world.state(1), JobState::Cancelled);
    assert!(
        matches!(world.ask(Request::Reclaim { job: JobId(1) }), Reply::Error(refusal) if refusal.code == ErrorCode::Revoked)
    );
    let script = world.submit(tasks(1));
    assert!(
        matches!(world.ask(Request::Reclaim { job: JobId(script) }), Reply::Error(refusal) if refusal.code == ErrorCode::AccessDenied)
    );
}

#[test]
fn an_allocation_that_waits_hears_how_it_goes() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    let waits = world.ask_as(ME, allocation(tasks(1)));
    let revoked = world.ask_as(ME, allocation(tasks(1)));
    let at_once = world.ask_as(ME, allocation(JobSpec { immediate: Some(0), ..tasks(1) }));
    let soon = world.ask_as(ME, allocation(JobSpec { immediate: Some(5), ..tasks(1) }));
    let last = |world: &World, call| world.replies(call).last().cloned().unwrap();
    let code = |reply| match reply {
        Reply::Error(refusal) => refusal.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(last(&world, at_once)), ErrorCode::NodesBusy);
    world.cancel(3);
    assert_eq!(code(last(&world, revoked)), ErrorCode::Revoked);
    world.pass(5.0);
    assert_eq!(code(last(&world, soon)), ErrorCode::NodesBusy);
    world.script_exits(job, 0);
    assert!(matches!(last(&world, waits), Reply::Allocated { .. }));
}

#[test]
fn the_cluster_ends_when_its_last_job_has() {
    let mut world = World::new(&[1]);
    let job = world.submit(tasks(1));
    world.submit(tasks(1));
    world.act(job, Action::Requeue).unwrap();
    let call = world.ask_as(ME, Request::Shutdown);
    assert!(!world.stopped);
    world.exit(job, StepId::BATCH, 0, 15);
    assert!(world.stopped);
    assert!(matches!(world.replies(call).as_slice(), [Reply::Done]));
}

#[test]
fn the_end_of_the_cluster_does_not_wait_for_lost_nodes() {
    let mut world = World::new(&[1, 1]);
    world.submit(tasks(1));
    world.submit(tasks(1));
    world.event(Event::NodeGone { link: LinkId(1) });
    world.ask_as(ME, Request::Shutdown);
    assert!(!world.stopped);
    world.event(Event::NodeGone { link: LinkId(2) });
    assert!(world.stopped);
}
