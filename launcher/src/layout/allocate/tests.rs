//! Requests and allocations as a real Slurm answered them, on three nodes of two CPUs and 1000 MiB.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::script::options::Command;
use crate::script::read_batch_line;

fn facts(count: usize, cpus: u32) -> Vec<NodeFacts> {
    let facts = |number| NodeFacts {
        name: format!("n{number}"),
        hostname: "host".to_owned(),
        address: "unix:x".to_owned(),
        cpus,
        topology: (cpus, 1, 1),
        memory_mb: 1000,
        tmp_mb: 0,
        os: String::new(),
        arch: String::new(),
        boot_time: 0,
        memory_id: 0,
    };
    (1..=count).map(facts).collect()
}

fn rooms<'a>(facts: &'a [NodeFacts], gres: &'a [(String, u64)]) -> Vec<NodeRoom<'a>> {
    let room = |facts: &'a NodeFacts| NodeRoom {
        facts,
        features: &[],
        gres,
        free_cpus: (0..facts.cpus).collect(),
        free_memory_mb: facts.memory_mb,
        free_gres: gres.iter().map(|(pool, count)| (pool.clone(), (0..*count as u32).collect())).collect(),
        idle: true,
        usable: true,
        weight: 1,
    };
    facts.iter().map(room).collect()
}

/// Takes CPUs away, as another job holds them.
fn hold(rooms: &mut [NodeRoom<'_>], node: usize, cpus: usize) {
    rooms[node].free_cpus = rooms[node].free_cpus.iter().copied().skip(cpus).collect();
    rooms[node].idle = false;
}

fn spec(options: &str) -> JobSpec {
    let words: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
    read_batch_line(Command::Sbatch, &words).unwrap().request.job
}

/// Numbers of the nodes, CPUs of each, tasks of each.
fn shape(allocation: &Allocation) -> (Vec<String>, Vec<usize>, Vec<u32>) {
    (
        allocation.nodes.iter().map(|share| share.name[1..].to_owned()).collect(),
        allocation.nodes.iter().map(|share| share.cpus.len()).collect(),
        allocation.nodes.iter().map(|share| share.tasks).collect(),
    )
}

fn check(rooms: &[NodeRoom<'_>], table: &[(&str, &str, &[usize], &[u32])]) {
    for (options, nodes, cpus, tasks) in table {
        let allocation = allocate(&spec(options), None, rooms);
        let Ok(allocation) = allocation else { panic!("{options}: {allocation:?}") };
        let nodes = nodes.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(shape(&allocation), (nodes, cpus.to_vec(), tasks.to_vec()), "{options}");
    }
}

#[test]
fn idle_nodes_are_given_out_as_slurm_does() {
    let facts = facts(3, 2);
    check(
        &rooms(&facts, &[]),
        &[
            ("", "1", &[1], &[1]),
            ("-n 2", "1", &[2], &[2]),
            ("-n 3", "12", &[2, 1], &[2, 1]),
            ("-n 6", "123", &[2, 2, 2], &[2, 2, 2]),
            ("-N 3 -n 4", "123", &[2, 1, 1], &[2, 1, 1]),
            ("-N 3 -n 5", "123", &[2, 2, 1], &[2, 2, 1]),
            ("-N 2", "12", &[1, 1], &[1, 1]),
            ("-N 2-3", "123", &[1, 1, 1], &[1, 1, 1]),
            ("-N 1-4", "123", &[1, 1, 1], &[1, 1, 1]),
            ("-N 1-3 -n 2", "12", &[1, 1], &[1, 1]),
            ("-N 1-3 -n 1", "1", &[1], &[1]),
            ("-N 1-2 -n 4", "12", &[2, 2], &[2, 2]),
            ("-N 1-3 --use-min-nodes", "1", &[1], &[1]),
            ("-N 1-3 -n 3 --use-min-nodes", "12", &[2, 1], &[2, 1]),
            ("-N 3 -n 2", "12", &[1, 1], &[1, 1]),
            ("-c 2", "1", &[2], &[1]),
            ("-c 2 -N 2", "12", &[2, 2], &[1, 1]),
            ("-c 2 -n 2 -N 3", "12", &[2, 2], &[1, 1]),
            ("--ntasks-per-node=2", "1", &[2], &[2]),
            ("--ntasks-per-node=2 -N 3", "123", &[2, 2, 2], &[2, 2, 2]),
            ("--ntasks-per-node=1 -n 3", "123", &[1, 1, 1], &[1, 1, 1]),
            ("--ntasks-per-node=2 -n 5", "123", &[2, 2, 2], &[2, 2, 2]),
            ("--ntasks-per-node=2 -N 2 -n 2", "12", &[2, 2], &[2, 2]),
            ("--ntasks-per-node=2 -N 2 -n 1", "1", &[1], &[2]),
            ("--ntasks-per-node=2 -n 4 -O", "12", &[1, 1], &[2, 2]),
            ("--mincpus=2 -O", "1", &[1], &[1]),
            ("--ntasks-per-node=1 -N 1-3", "1", &[1], &[1]),
            ("--exclusive", "1", &[2], &[2]),
            ("--exclusive -n 3", "12", &[2, 2], &[2, 1]),
            ("--exclusive -c 2 -N 2", "12", &[2, 2], &[1, 1]),
            ("--exclusive --ntasks-per-node=1 -N 2", "12", &[2, 2], &[1, 1]),
            ("--mincpus=2", "1", &[2], &[2]),
            ("-B 2:1:1", "1", &[2], &[2]),
            ("-B 2:1:1 -N 2", "12", &[2, 2], &[2, 2]),
            ("-O -n 5", "1", &[1], &[5]),
            ("-O -n 9 -N 2", "12", &[1, 1], &[5, 4]),
            ("-O -n 5 -c 2", "1", &[2], &[5]),
            ("--spread-job -n 2", "12", &[1, 1], &[1, 1]),
            ("--spread-job -n 4", "123", &[2, 1, 1], &[2, 1, 1]),
            ("--spread-job", "1", &[1], &[1]),
            ("-w n2", "2", &[1], &[1]),
            ("-w n3,n1", "13", &[1, 1], &[1, 1]),
            ("-w n1 -N 2", "12", &[1, 1], &[1, 1]),
            ("-w n1,n3 -N 3", "123", &[1, 1, 1], &[1, 1, 1]),
            ("-w n1,n3 -n 1", "1", &[1], &[1]),
            ("-w n1,n3 -n 5", "123", &[2, 1, 2], &[2, 1, 2]),
            ("-w n2 -n 5", "123", &[1, 2, 2], &[1, 2, 2]),
            ("-w n3 -n 3", "23", &[1, 2], &[1, 2]),
            ("-x n1 -n 2", "2", &[2], &[2]),
            ("-x outside", "1", &[1], &[1]),
            ("--exclusive=user", "1", &[1], &[1]),
            ("--ntasks-per-core=2 -n 4", "12", &[2, 2], &[2, 2]),
            ("--ntasks-per-socket=1 -n 2", "1", &[2], &[2]),
            ("-m arbitrary -w n2,n1,n2", "12", &[1, 2], &[1, 2]),
            ("--mem=1000", "1", &[1], &[1]),
            ("--mem-per-cpu=600 -n 2", "12", &[1, 1], &[1, 1]),
        ],
    );
}

#[test]
fn busy_nodes_are_gone_round_as_slurm_does() {
    let facts = facts(3, 2);
    let mut first_half_busy = rooms(&facts, &[]);
    hold(&mut first_half_busy, 0, 1);
    check(
        &first_half_busy,
        &[
            ("-n 1", "1", &[1], &[1]),
            ("-n 2", "2", &[2], &[2]),
            ("-n 3", "12", &[1, 2], &[1, 2]),
            ("-n 4", "123", &[1, 2, 1], &[1, 2, 1]),
            ("-N 2 -n 3", "12", &[1, 2], &[1, 2]),
            ("-N 1-3", "123", &[1, 1, 1], &[1, 1, 1]),
            ("-c 2", "2", &[2], &[1]),
            ("--exclusive", "2", &[2], &[2]),
            ("--mincpus=2", "2", &[2], &[2]),
        ],
    );
    let mut second_half_busy = rooms(&facts, &[]);
    hold(&mut second_half_busy, 1, 1);
    check(
        &second_half_busy,
        &[
            ("-n 1", "2", &[1], &[1]),
            ("-n 2", "1", &[2], &[2]),
            ("-n 4", "123", &[2, 1, 1], &[2, 1, 1]),
            ("-N 2 -n 4", "13", &[2, 2], &[2, 2]),
        ],
    );
    let mut second_busy = rooms(&facts, &[]);
    hold(&mut second_busy, 1, 2);
    check(&second_busy, &[("-n 3", "13", &[2, 1], &[2, 1]), ("-N 1-3", "13", &[1, 1], &[1, 1])]);
    for options in ["-n 6", "--exclusive -N 3", "--contiguous -N 2", "-w n2"] {
        assert_eq!(allocate(&spec(options), None, &second_busy), Err(Unfit::Busy), "{options}");
    }
    second_busy[2].usable = false;
    assert_eq!(allocate(&spec("-n 6"), None, &second_busy), Err(Unfit::NodesUnavailable));
    assert_eq!(allocate(&spec("-n 4"), None, &second_busy), Err(Unfit::Busy));
}

#[test]
fn what_can_never_be_is_refused_in_slurms_words() {
    use ErrorCode::{InvalidFeature, InvalidGres, InvalidNodeName, NodeConfig, NodeCount};
    let facts = facts(3, 2);
    let rooms = rooms(&facts, &[]);
    for (options, code, line) in [
        ("-n 7", NodeConfig, None),
        ("-N 4", NodeConfig, None),
        ("-n 1000000", NodeConfig, None),
        ("-n 1000000 -O", ErrorCode::InvalidTaskCount, None),
        ("-N 2 -n 5", NodeConfig, None),
        ("-n 4 --ntasks-per-node=1", NodeConfig, None),
        ("-N 2 -n 3 --ntasks-per-node=1", NodeConfig, None),
        ("-N 2 -n 5 --ntasks-per-node=2 -O", NodeConfig, None),
        ("--ntasks-per-node=3 -O", NodeConfig, None),
        ("-c 3", NodeConfig, Some("CPU count per node can not be satisfied")),
        ("--ntasks-per-node=2 -c 2", NodeConfig, Some("CPU count per node can not be satisfied")),
        ("--mincpus=3", NodeConfig, Some("CPU count per node can not be satisfied")),
        ("--mem=1001", NodeConfig, Some("Memory specification can not be satisfied")),
        ("--mem-per-cpu=1001", NodeConfig, Some("Memory specification can not be satisfied")),
        ("--tmp=1", NodeConfig, Some("Temporary disk specification can not be satisfied")),
        (
            "--threads-per-core=2",
            NodeConfig,
            Some("Socket, core and/or thread specification can not be satisfied"),
        ),
        ("--ntasks-per-socket=2 -n 2", NodeConfig, None),
        ("--contiguous -x n2 -N 2", NodeConfig, None),
        ("-x n[1-3]", NodeConfig, None),
        ("-w n1,n3 -N 1", NodeCount, Some("invalid number of nodes (-N 2-1)")),
        ("-w outside", NodeConfig, None),
        ("-w n2 -x n2", InvalidNodeName, None),
        ("-C fast", InvalidFeature, None),
        ("--gres=gpu:1", InvalidGres, None),
    ] {
        let detail = line.map(str::to_owned).into_iter().collect();
        let expected = Unfit::Never(Refusal { code, detail });
        assert_eq!(allocate(&spec(options), None, &rooms), Err(expected), "{options}");
    }
}

#[test]
fn memory_is_counted_only_when_somebody_says_how_much() {
    let facts = facts(3, 2);
    let mut rooms = rooms(&facts, &[]);
    let memory = |rooms: &[NodeRoom<'_>], options: &str, default| {
        let allocation = allocate(&spec(options), default, rooms).unwrap();
        allocation.nodes.iter().map(|share| (share.name.clone(), share.memory_mb)).collect::<Vec<_>>()
    };
    assert_eq!(memory(&rooms, "", None), [("n1".to_owned(), 0)]);
    assert_eq!(memory(&rooms, "-n 2", Some(Memory::PerCpu(100))), [("n1".to_owned(), 200)]);
    assert_eq!(memory(&rooms, "-n 2 --mem-per-cpu=300", Some(Memory::PerCpu(100))), [("n1".to_owned(), 600)]);
    assert_eq!(memory(&rooms, "-n 2", Some(Memory::PerNode(700))), [("n1".to_owned(), 700)]);
    assert_eq!(memory(&rooms, "--mem=0", None), [("n1".to_owned(), 1000)]);
    rooms[0].free_memory_mb = 400;
    assert_eq!(memory(&rooms, "--mem=600", None), [("n2".to_owned(), 600)]);
    assert_eq!(memory(&rooms, "--mem=0", None), [("n2".to_owned(), 1000)]);
}

#[test]
fn light_nodes_are_taken_first() {
    let facts = facts(4, 2);
    let mut rooms = rooms(&facts, &[]);
    for (room, weight) in rooms.iter_mut().zip([9, 1, 5, 1]) {
        room.weight = weight;
    }
    check(
        &rooms,
        &[
            ("-n 1", "2", &[1], &[1]),
            ("-n 4", "24", &[2, 2], &[2, 2]),
            ("-n 5", "234", &[2, 2, 1], &[2, 2, 1]),
            ("-w n1 -n 2", "1", &[2], &[2]),
            ("-n 8", "1234", &[2, 2, 2, 2], &[2, 2, 2, 2]),
        ],
    );
}

#[test]
fn features_choose_nodes() {
    let facts = facts(4, 2);
    let mut rooms = rooms(&facts, &[]);
    let (fast, both) = (["fast".to_owned()], ["fast".to_owned(), "ib".to_owned()]);
    let ib = ["ib".to_owned()];
    rooms[1].features = &fast;
    rooms[2].features = &both;
    rooms[3].features = &ib;
    check(
        &rooms,
        &[
            ("-C fast", "2", &[1], &[1]),
            ("-C fast&ib", "3", &[1], &[1]),
            ("-C fast|ib -N 3", "234", &[1, 1, 1], &[1, 1, 1]),
            ("-C [fast|ib] -N 2", "23", &[1, 1], &[1, 1]),
            ("-C ib*2 -N 3", "234", &[1, 1, 1], &[1, 1, 1]),
        ],
    );
    let three = allocate(&spec("-C [fast|ib] -N 3"), None, &rooms);
    assert_eq!(three, Err(ErrorCode::NodeConfig.into()));
}

#[test]
fn devices_are_given_by_number() {
    let facts = facts(3, 4);
    let gres = [("gpu".to_owned(), 2)];
    let mut rooms = rooms(&facts, &gres);
    rooms[0].free_gres[0].1.remove(&0);
    let devices = |options: &str| {
        let allocation = allocate(&spec(options), None, &rooms).unwrap();
        let share = |share: &super::super::plan::NodeShare| {
            (
                share.name.clone(),
                share.gres.iter().flat_map(|(_, numbers)| numbers.clone()).collect::<Vec<_>>(),
            )
        };
        allocation.nodes.iter().map(share).collect::<Vec<_>>()
    };
    let on = |node: &str, numbers: &[u32]| (node.to_owned(), numbers.to_vec());
    assert_eq!(devices("--gres=gpu:1"), [on("n1", &[1])]);
    assert_eq!(devices("--gres=gpu:2"), [on("n2", &[0, 1])]);
    assert_eq!(devices("--gpus=3"), [on("n1", &[1]), on("n2", &[0, 1])]);
    assert_eq!(devices("--gpus=4 -N 2"), [on("n2", &[0, 1]), on("n3", &[0, 1])]);
    assert_eq!(devices("--gpus-per-task=1 -n 2"), [on("n2", &[0, 1])]);
    assert_eq!(devices("-n 4 --ntasks-per-gpu=2"), [on("n2", &[0, 1])]);
    assert_eq!(allocate(&spec("--gpus=6"), None, &rooms), Err(Unfit::Busy));
    assert_eq!(allocate(&spec("--gpus=7"), None, &rooms), Err(ErrorCode::NodeConfig.into()));
}

#[test]
fn a_large_cluster_takes_no_time() {
    let facts = facts(4096, 16);
    let mut rooms = rooms(&facts, &[]);
    (0..4096).step_by(2).for_each(|node| hold(&mut rooms, node, 16));
    let wanted =
        [spec("-n 32768"), spec("-n 65536"), spec("-N 2048 -n 32768 -m cyclic"), spec("-N 4000 --exclusive")];
    let start = Instant::now();
    assert_eq!(allocate(&wanted[0], None, &rooms).unwrap().nodes.len(), 2048);
    assert_eq!(allocate(&wanted[1], None, &rooms), Err(Unfit::Busy));
    assert_eq!(allocate(&wanted[2], None, &rooms).unwrap().nodes.len(), 2048);
    assert_eq!(allocate(&wanted[3], None, &rooms), Err(Unfit::Busy));
    // Generous, since this is not optimised: a quadratic step would take minutes.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

proptest! {
    #[test]
    fn no_cpu_is_given_twice_and_all_tasks_have_room(
        busy in prop::collection::vec(0_usize..5, 1..8),
        ntasks in prop::option::of(1_u32..20),
        nodes in prop::option::of((1_u32..5, 0_u32..4)),
        cpus_per_task in prop::option::of(0_u32..4),
        per_node in prop::option::of(0_u32..4),
        exclusive: bool,
        contiguous: bool,
    ) {
        let facts = facts(busy.len(), 4);
        let mut rooms = rooms(&facts, &[]);
        busy.iter().enumerate().filter(|(_, held)| **held > 0).for_each(|(node, held)| hold(&mut rooms, node, *held));
        let spec = JobSpec {
            ntasks,
            nodes: nodes.map(|(least, more)| (least, least + more)),
            cpus_per_task,
            ntasks_per_node: per_node,
            contiguous,
            sharing: exclusive.then_some(crate::script::spec::Sharing::Exclusive),
            ..JobSpec::default()
        };
        if let Ok(allocation) = allocate(&spec, None, &rooms) {
            let demand = Demand::of(&spec).unwrap();
            let count = allocation.nodes.len() as u32;
            prop_assert!((demand.nodes_min..=demand.nodes_max).contains(&count));
            let tasks: u32 = allocation.nodes.iter().map(|share| share.tasks).sum();
            prop_assert!(tasks >= demand.tasks);
            for share in &allocation.nodes {
                let room = rooms.iter().find(|room| room.facts.name == share.name).unwrap();
                prop_assert!(share.cpus.iter().all(|cpu| room.free_cpus.contains(cpu)));
                prop_assert!(share.cpus.len() as u32 >= share.tasks.min(demand.tasks) * demand.cpus_per_task);
                prop_assert!(!exclusive || room.idle);
            }
        }
    }
}
