//! What a configuration says of nodes, partitions and limits.

use prun_runtime::wire::node::{FromNode, NodeFacts};

use super::world::*;
use crate::controller::api::*;
use crate::controller::core::config::*;
use crate::controller::core::event::LinkId;
use crate::script::spec::{Gres, GresPer, JobSpec, Memory};

/// A node of four CPUs and 1000 MiB.
fn node(name: &str) -> NodeConfig {
    NodeConfig {
        name: name.to_owned(),
        cpus: 4,
        topology: (2, 2, 1),
        memory_mb: Some(1000),
        tmp_mb: 30,
        features: Vec::new(),
        gres: Vec::new(),
        weight: 1,
        start: NodeStart::Up,
        reason: None,
    }
}

fn world(nodes: Vec<NodeConfig>) -> World {
    World::with(&[], Config { nodes, ..Config::default() })
}

fn join(world: &mut World, name: &str, cpus: u32, memory_mb: u64) {
    let facts = NodeFacts {
        hostname: "host".to_owned(),
        address: format!("unix:/{name}"),
        cpus,
        topology: (cpus, 1, 1),
        memory_mb,
        tmp_mb: 0,
        ..node(name).facts()
    };
    let link = LinkId(name.bytes().map(u64::from).sum());
    world.node(link, FromNode::Register { nodes: vec![facts], steps: Vec::new(), launches: Vec::new() });
}

#[test]
fn jobs_wait_for_nodes_that_are_still_to_come() {
    let mut world = world(vec![node("n2"), node("n10")]);
    let names: Vec<_> = world.cluster.node_views().into_iter().map(|n| (n.facts.name, n.up)).collect();
    assert_eq!(names, [("n2".to_owned(), false), ("n10".to_owned(), false)]);
    let job = world.submit(tasks(4));
    assert!(world.view(job).reason.starts_with("Nodes required for job are DOWN"));
    assert_eq!(world.refusal(tasks(9)), ErrorCode::NodeConfig);
    join(&mut world, "n10", 4, 2000);
    assert_eq!(world.place(job), "n10:4");
    let view = world.cluster.node_views().remove(1);
    assert_eq!((view.facts.topology, view.facts.memory_mb, view.facts.tmp_mb), ((2, 2, 1), 1000, 30));
    assert_eq!((view.facts.hostname.as_str(), view.facts.address.as_str()), ("host", "unix:/n10"));
}

#[test]
fn a_node_that_is_less_than_configured_takes_no_jobs() {
    let mut world = world(vec![node("n1"), node("n2")]);
    join(&mut world, "n1", 3, 2000);
    join(&mut world, "n2", 4, 999);
    let reasons: Vec<_> = world.cluster.node_views().into_iter().filter_map(|node| node.reason).collect();
    assert_eq!(reasons[0].0, "Low CPUs (reported:3 < configured:4)");
    assert_eq!(reasons[1].0, "Low RealMemory (reported:999 < 100.00% of configured:1000)");
    let job = world.submit(tasks(1));
    assert_eq!(world.state(job), JobState::Pending);
}

#[test]
fn nodes_begin_as_configured() {
    let drained = NodeConfig { start: NodeStart::Drain, reason: Some("dust".to_owned()), ..node("n1") };
    let mut world = world(vec![drained, NodeConfig { start: NodeStart::Down, ..node("n2") }]);
    join(&mut world, "n1", 4, 1000);
    join(&mut world, "n2", 4, 1000);
    let job = world.submit(tasks(1));
    assert_eq!(world.state(job), JobState::Pending);
    let view = world.cluster.node_views().remove(0);
    assert_eq!((view.up, view.drain, view.reason.unwrap().0), (true, true, "dust".to_owned()));
    assert_eq!(world.update_node("n2", &[("state", "resume")]), Ok(()));
    assert_eq!(world.place(job), "n2:1");
}

#[test]
fn light_nodes_features_and_devices_are_known() {
    let big = NodeConfig {
        weight: 9,
        features: vec!["big".to_owned()],
        gres: vec![("gpu:a".to_owned(), 1), ("gpu:b".to_owned(), 2)],
        ..node("n1")
    };
    let mut world = world(vec![big, node("n2")]);
    join(&mut world, "n1", 4, 1000);
    join(&mut world, "n2", 4, 1000);
    let light = world.submit(tasks(1));
    let big = world.submit(JobSpec { constraint: Some("big".to_owned()), ..tasks(1) });
    assert_eq!((world.place(light), world.place(big)), ("n2:1".to_owned(), "n1:1".to_owned()));
    let gpus = |kind: Option<&str>, count| JobSpec {
        gres: vec![Gres { name: "gpu".to_owned(), kind: kind.map(str::to_owned), count, per: GresPer::Node }],
        ..tasks(1)
    };
    let (first, second) = (world.submit(gpus(Some("b"), 1)), world.submit(gpus(None, 2)));
    let devices = |world: &World, job| world.view(job).allocation.unwrap().nodes[0].gres.clone();
    assert_eq!(devices(&world, first), [("gpu:b".to_owned(), vec![1])]);
    assert_eq!(devices(&world, second), [("gpu:a".to_owned(), vec![0]), ("gpu:b".to_owned(), vec![2])]);
    assert_eq!(world.refusal(gpus(Some("c"), 1)), ErrorCode::InvalidGres);
    let third = world.submit(gpus(None, 1));
    assert_eq!(world.view(third).reason, "Resources");
}

#[test]
fn partitions_bound_memory_and_may_give_whole_nodes() {
    let partition = PartitionConfig {
        default_memory: Some(Memory::PerNode(300)),
        max_memory: Some(Memory::PerNode(800)),
        over_subscribe: OverSubscribe::Exclusive,
        ..PartitionConfig::of_all_nodes("all")
    };
    let config = Config { nodes: vec![node("n1")], partitions: vec![partition], ..Config::default() };
    let mut world = World::with(&[], config);
    join(&mut world, "n1", 4, 1000);
    let of = |memory| JobSpec { memory: Some(Memory::PerNode(memory)), ..tasks(1) };
    assert_eq!(world.refusal(of(801)), ErrorCode::InvalidTaskMemory);
    let first = world.submit(tasks(1));
    let second = world.submit(of(800));
    assert_eq!((world.place(first), world.view(second).reason), ("n1:4".to_owned(), "Resources".to_owned()));
    let view = world.view(first);
    assert_eq!((view.memory, view.allocation.unwrap().nodes[0].memory_mb), (Some(Memory::PerNode(300)), 300));
}

#[test]
fn limits_are_enforced_when_jobs_are_submitted() {
    let short = |name: &str, minutes, nodes| PartitionConfig {
        max_time: Some(minutes),
        max_nodes: Some(nodes),
        is_default: false,
        ..PartitionConfig::of_all_nodes(name)
    };
    let partitions = vec![short("a", 10, 1), short("b", 20, 2)];
    let ask = |enforce_limits, minutes, nodes: u32, names: &[&str]| {
        let config = Config { enforce_limits, partitions: partitions.clone(), ..Config::default() };
        let mut world = World::with(&[1, 1, 1], config);
        let partition = names.iter().map(|&name| name.to_owned()).collect();
        let spec = JobSpec {
            time_limit: Some(Some(minutes)),
            nodes: Some((nodes, nodes)),
            partition,
            ..tasks(nodes)
        };
        match world.ask(Request::Submit(Box::new(submission(spec)))) {
            Reply::Error(refusal) => Err(refusal.code),
            _ => Ok(world.view(1).reason),
        }
    };
    let (no, any, all) = (EnforceLimits::No, EnforceLimits::Any, EnforceLimits::All);
    assert_eq!(ask(no, 15, 1, &["a"]), Ok("PartitionTimeLimit".to_owned()));
    assert_eq!(ask(no, 5, 2, &["a"]), Ok("PartitionNodeLimit".to_owned()));
    assert_eq!(ask(any, 15, 1, &["a", "b"]), Ok("None".to_owned()));
    assert_eq!(ask(any, 25, 1, &["a", "b"]), Err(ErrorCode::InvalidTimeLimit));
    assert_eq!(ask(all, 15, 1, &["a", "b"]), Err(ErrorCode::InvalidTimeLimit));
    assert_eq!(ask(all, 10, 1, &["a", "b"]), Ok("None".to_owned()));
    assert_eq!(ask(all, 5, 3, &["b"]), Err(ErrorCode::NodeCount));
}

#[test]
fn without_a_default_partition_one_must_be_named() {
    let partitions = vec![PartitionConfig { is_default: false, ..PartitionConfig::of_all_nodes("a") }];
    let mut world = World::with(&[1], Config { partitions, ..Config::default() });
    assert_eq!(world.refusal(tasks(1)), ErrorCode::NoPartition);
    world.submit(JobSpec { partition: vec!["a".to_owned()], ..tasks(1) });
}

#[test]
fn jobs_are_counted_and_shown_as_long_as_configured() {
    let mut world = World::with(&[1], Config { max_jobs: 2, min_job_age_secs: 0, ..Config::default() });
    let first = world.submit(tasks(1));
    world.submit(tasks(1));
    assert_eq!(world.refusal(tasks(1)), ErrorCode::TooMany);
    world.script_exits(first, 0);
    world.pass(1e7);
    assert_eq!(world.states()[0], "1 Completed None");
}

#[test]
fn times_that_have_passed_are_refused() {
    let mut world = World::new(&[1]);
    let now = world.now as i64;
    let by = |deadline, time_min| JobSpec { deadline: Some(deadline), time_min, hold: true, ..tasks(1) };
    assert_eq!(world.refusal(by(now - 1, None)), ErrorCode::InvalidTimeLimit);
    assert_eq!(world.refusal(by(now + 60, Some(3))), ErrorCode::InvalidTimeMin);
    let crossed = JobSpec { time_min: Some(9), time_limit: Some(Some(5)), ..tasks(1) };
    assert_eq!(world.refusal(crossed), ErrorCode::InvalidTimeMin);
    world.submit(by(now + 60, None));
    world.submit(by(now + 180, Some(3)));
}

#[test]
fn a_new_configuration_takes_the_place_of_the_old_one() {
    let mut world = world(vec![node("n1"), node("n2"), node("n3")]);
    for name in ["n1", "n2"] {
        join(&mut world, name, 4, 1000);
    }
    join(&mut world, "guest", 4, 1000);
    let job = world.submit(JobSpec { nodelist: vec!["n1".to_owned()], ..tasks(1) });
    let nodes = vec![NodeConfig { cpus: 2, topology: (2, 1, 1), weight: 5, ..node("n2") }, node("n4")];
    let partitions = vec![PartitionConfig::of_all_nodes("new")];
    let config = Config { nodes, partitions, first_job: Some(40), ..Config::default() };
    world.cluster.reconfigure(config);
    let views = world.cluster.node_views();
    let names: Vec<_> = views.iter().map(|n| (n.facts.name.as_str(), n.facts.cpus, n.weight)).collect();
    // A job is on the first one, the third one is gone, and the guest was never of the configuration.
    assert_eq!(names, [("guest", 4, 1), ("n1", 4, 1), ("n2", 2, 5), ("n4", 4, 1)]);
    assert_eq!(world.state(job), JobState::Running);
    assert_eq!((world.submit(tasks(1)), world.cluster.partition_views()[0].name.as_str()), (40, "new"));
}
