//! Steps as a real `srun` laid them out and refused them.

use proptest::prelude::*;

use super::*;
use crate::script::options::Command;
use crate::script::spec::NodeDistribution;
use crate::script::{read_batch_line, read_line};

/// A job as `sbatch` was asked for it, with these CPUs on nodes n1, n2, …
struct Job {
    spec: JobSpec,
    allocation: Allocation,
}

fn words(options: &str) -> Vec<String> {
    options.split_whitespace().map(str::to_owned).collect()
}

fn job(options: &str, cpus: &[u32]) -> Job {
    let spec = read_batch_line(Command::Sbatch, &words(options)).unwrap().request.job;
    let share = |(at, &cpus): (usize, &u32)| NodeShare {
        name: format!("n{}", at + 1),
        cpus: (0..cpus).collect(),
        ..NodeShare::default()
    };
    Job { spec, allocation: Allocation { nodes: cpus.iter().enumerate().map(share).collect() } }
}

fn run_beside(job: &Job, running: &[&[NodePlan]], options: &str) -> Result<StepLayout, StepUnfit> {
    let (request, _) = read_line(Command::Srun, &words(options), &|_| None).unwrap();
    lay_out(&job.spec, &job.allocation, running, &request.job, &request.step)
}

fn run(job: &Job, options: &str) -> Result<StepLayout, StepUnfit> {
    run_beside(job, &[], options)
}

/// `1:0,1/2 2:2/1`: on node 1 ranks 0 and 1 with two CPUs, on node 2 rank 2 with one.
fn shape(layout: &StepLayout) -> String {
    let node = |plan: &NodePlan| {
        let ranks: Vec<String> = plan.tasks.iter().map(|task| task.rank.to_string()).collect();
        format!("{}:{}/{}", &plan.name[1..], ranks.join(","), plan.cpus.len())
    };
    layout.plan.nodes.iter().map(node).collect::<Vec<_>>().join(" ")
}

fn check(job: &Job, table: &[(&str, &str, &[&str])]) {
    for (options, expected, warnings) in table {
        let layout = run(job, options);
        let Ok(layout) = layout else { panic!("{options}: {layout:?}") };
        assert_eq!(shape(&layout), *expected, "{options}");
        assert_eq!(layout.warnings, *warnings, "{options}");
    }
}

const TO_2: &[&str] = &["warning: can't run 2 processes on 3 nodes, setting nnodes to 2"];
const TO_1: &[&str] = &["warning: can't run 1 processes on 3 nodes, setting nnodes to 1"];

#[test]
fn steps_of_a_job_with_six_tasks() {
    check(
        &job("-n 6", &[2, 2, 2]),
        &[
            ("", "1:0,1/2 2:2,3/2 3:4,5/2", &[]),
            ("-n 1", "1:0/2", TO_1),
            ("-n 2", "1:0/2 2:1/2", TO_2),
            ("-n 4", "1:0,1/2 2:2/2 3:3/2", &[]),
            ("-N 2 -n 3", "1:0,1/2 2:2/2", &[]),
            ("-N 3 -n 2", "1:0/2 2:1/2", TO_2),
            ("-w n2 -n 1", "2:0/2", TO_1),
            ("-w n2", "1:0,1/2 2:2,3/2 3:4,5/2", &[]),
            ("-w n3,n2 -n 3", "1:0/2 2:1/2 3:2/2", &[]),
            ("-r 1 -n 2", "2:0/2 3:1/2", TO_2),
            ("-x n1 -n 2", "2:0/2 3:1/2", TO_2),
            ("-m cyclic -n 5", "1:0,3/2 2:1,4/2 3:2/2", &[]),
            ("-m plane=2 -n 5", "1:0,1/2 2:2,3/2 3:4/2", &[]),
            ("-m plane=1 -n 5", "1:0,3/2 2:1,4/2 3:2/2", &[]),
            ("-n 3 --exact", "1:0/1 2:1/1 3:2/1", &[]),
            ("-N 1-2 -n 2", "1:0/2 2:1/2", &[]),
            ("-n 9 -O", "1:0,1,2/2 2:3,4,5/2 3:6,7,8/2", &[]),
            ("-N 2 -n 9 -O", "1:0,1,2,3,4/2 2:5,6,7,8/2", &[]),
            ("-c 2 -n 2", "1:0/2 2:1/2", TO_2),
            ("--ntasks-per-node=1 -n 2", "1:0/2 2:1/2", TO_2),
            (
                "--ntasks-per-node=1",
                "1:0,1/2 2:2,3/2 3:4,5/2",
                &[
                    "warning: can't honor --ntasks-per-node set to 1 which doesn't match the requested tasks 6 with the number of requested nodes 3. Ignoring --ntasks-per-node.",
                ],
            ),
            ("-m arbitrary -w n2,n1,n2 -n 3", "1:1/2 2:0,2/2", &[]),
            ("-m arbitrary -w n2,n1,n2", "1:1/2 2:0,2/2", &[]),
        ],
    );
}

#[test]
fn steps_of_jobs_that_ask_otherwise() {
    check(
        &job("-N 3", &[1, 1, 1]),
        &[
            ("", "1:0/1 2:1/1 3:2/1", &[]),
            ("-N 2", "1:0/1 2:1/1", &[]),
            ("-N 1-2", "1:0/1 2:1/1", &[]),
            ("-w n3 -N 1", "3:0/1", &[]),
            ("-r 1 -N 2", "2:0/1 3:1/1", &[]),
            ("-x n2 -N 2", "1:0/1 3:1/1", &[]),
            ("--ntasks-per-node=2 -O", "1:0,1/1 2:2,3/1 3:4,5/1", &[]),
            (
                "-w n2,n3 -N 1",
                "2:0/1",
                &[
                    "error: Required nodelist includes more nodes than permitted by max-node count (2 > 1). Eliminating nodes from the nodelist.",
                ],
            ),
        ],
    );
    check(&job("-c 2 -N 2", &[2, 2]), &[("", "1:0/2 2:1/2", &[]), ("-n 4 -c 1", "1:0,1/2 2:2,3/2", &[])]);
    check(
        &job("-N 2 --ntasks-per-node=2", &[2, 2]),
        &[("", "1:0,1/2 2:2,3/2", &[]), ("-N 1 -n 2", "1:0,1/2", &[]), ("-N 2 -n 2", "1:0/2 2:1/2", &[])],
    );
    check(&job("-n 5 -N 3", &[2, 2, 1]), &[("-m plane=2 -n 4", "1:0,1/2 2:2/2 3:3/1", &[])]);
    check(
        &job("--exclusive -N 2", &[2, 2]),
        &[
            ("", "1:0/2 2:1/2", &[]),
            ("-c 1", "1:0,1/2 2:2,3/2", &[]),
            ("-c 2", "1:0/2 2:1/2", &[]),
            ("-N 1 -n 1 -c 1", "1:0/1", &[]),
        ],
    );
    check(&job("--exclusive", &[2]), &[("", "1:0/2", &[]), ("--ntasks-per-node=2", "1:0,1/2", &[])]);
}

#[test]
fn the_step_of_an_srun_without_job_takes_all_that_it_got() {
    for (options, cpus, expected) in [
        ("-N 3 -n 2", &[1, 1][..], "1:0/1 2:1/1"),
        ("-N 1-3", &[1, 1, 1], "1:0/1 2:1/1 3:2/1"),
        ("-N 1-3 -n 5", &[2, 2, 1], "1:0,1/2 2:2,3/2 3:4/1"),
        ("-w n1,n5 -n 1", &[1], "1:0/1"),
        ("--ntasks-per-node=2 -n 3", &[2, 2], "1:0,1/2 2:2/2"),
        ("--mincpus=2", &[2], "1:0/2"),
        ("--exclusive", &[2], "1:0/2"),
    ] {
        let (request, _) = read_line(Command::Srun, &words(options), &|_| None).unwrap();
        let allocation = job("", cpus).allocation;
        let layout = lay_out(&request.job, &allocation, &[], &request.job, &request.step).unwrap();
        assert_eq!((shape(&layout).as_str(), layout.warnings.as_slice()), (expected, &[][..]), "{options}");
    }
}

#[test]
fn what_has_no_place_is_refused_as_srun_does() {
    let job = job("-n 6", &[2, 2, 2]);
    for options in ["-N 2", "-n 7", "-N 1 -n 3", "-c 2", "-c 3 -n 1"] {
        assert_eq!(run(&job, options), Err(StepUnfit::Never(ErrorCode::TooManyCpus, vec![])), "{options}");
    }
    let too_many = StepUnfit::Never(ErrorCode::InvalidTaskCount, vec![]);
    assert_eq!(run(&job, "-O -n 1000000"), Err(too_many));
    for options in ["-w other -n 1", "-w n1,other"] {
        assert_eq!(run(&job, options), Err(StepUnfit::Never(ErrorCode::NodeConfig, vec![])), "{options}");
    }
    for (options, lines) in [
        ("-N 4", &["Only allocated 3 nodes asked for 4"][..]),
        ("-x n1", &["Only allocated 2 nodes asked for 3", "Are required nodes explicitly excluded?"]),
        ("-x n1,n2,n3", &["Hostlist is empty!  Can't run job."]),
        ("-N 2 -w n1 -x n1", &["Requested node n1 is also in the excluded list.", "Job not submitted."]),
        (
            "-r 1",
            &["--relative and SLURM_JOB_NUM_NODES option incompatible with count of allocated nodes (1+3>3)"],
        ),
        ("-r 3 -n 1", &["--relative and --nodes option incompatible with count of allocated nodes (3+1>3)"]),
        (
            "-r 2 -N 2 -n 2",
            &["--relative and --nodes option incompatible with count of allocated nodes (2+2>3)"],
        ),
        ("-N 4 -r 1", &["--relative and --nodes option incompatible with count of allocated nodes (1+4>3)"]),
        ("-r 1 -w n2", &["-r,--relative not allowed with -w,--nodelist or -x,--exclude."]),
        ("-m arbitrary -n 3", &["You asked for 3 tasks but hostlist specified 0 nodes"]),
        ("-m arbitrary -w n3,n1 -n 4", &["You asked for 4 tasks but hostlist specified 2 nodes"]),
        ("-n 6 --cpu-bind=map_cpu:9", &["Unable to satisfy cpu bind request"]),
    ] {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(run(&job, options), Err(StepUnfit::Never(ErrorCode::StepOptions, lines)), "{options}");
    }
}

#[test]
fn steps_side_by_side() {
    let job = job("-n 4", &[2, 2]);
    let left = run(&job, "--exact -n 2").unwrap();
    let right = run_beside(&job, &[&left.plan.nodes], "--exact -n 2").unwrap();
    for (one, other) in left.plan.nodes.iter().zip(&right.plan.nodes) {
        assert_eq!((one.cpus.as_slice(), other.cpus.as_slice()), (&[0][..], &[1][..]));
    }
    let both = [left.plan.nodes.as_slice(), &right.plan.nodes];
    assert_eq!(run_beside(&job, &both, "--exact -n 1"), Err(StepUnfit::Busy));
    assert_eq!(shape(&run_beside(&job, &both, "--overlap -n 4").unwrap()), "1:0,1/2 2:2,3/2");
    // Without `--exact` a step wants its nodes for itself, and goes where nobody is.
    let whole = run(&job, "-n 1").unwrap();
    assert_eq!(shape(&run_beside(&job, &[&whole.plan.nodes], "-n 1").unwrap()), "2:0/2");
    assert_eq!(run_beside(&job, &[&left.plan.nodes], "-n 1"), Err(StepUnfit::Busy));
}

#[test]
fn steps_go_where_no_other_is_as_long_as_there_is_such_a_node() {
    let job = job("-n 6", &[2, 2, 2]);
    let mut running: Vec<Vec<NodePlan>> = Vec::new();
    for expected in ["1:0/1", "2:0/1", "3:0/1", "1:0/1", "2:0/1", "3:0/1"] {
        let plans: Vec<&[NodePlan]> = running.iter().map(Vec::as_slice).collect();
        let layout = run_beside(&job, &plans, "-N 1 -n 1 --exclusive").unwrap();
        assert_eq!(shape(&layout), expected);
        running.push(layout.plan.nodes);
    }
}

#[test]
fn a_step_that_repeats_the_memory_of_its_job_takes_its_part() {
    let mut job = job("-n 2 --mem=300", &[2]);
    job.allocation.nodes[0].memory_mb = 300;
    let first = run(&job, "--exact -n 1 --mem=300").unwrap().plan.nodes;
    assert_eq!(first[0].memory_mb, 150);
    let second = run_beside(&job, &[&first], "--exact -n 1 --mem=300").unwrap().plan.nodes;
    assert_eq!((second[0].memory_mb, second[0].cpus.as_slice()), (150, &[1][..]));
}

#[test]
fn a_step_that_only_takes_the_word_arbitrary_from_its_job_takes_its_places_too() {
    let job = job("-n 3 -m arbitrary -w n2,n1,n2", &[1, 2]);
    assert_eq!(shape(&run(&job, "-n 3 -m arbitrary").unwrap()), "1:1/1 2:0,2/2");
}

#[test]
fn memory_and_devices_of_a_step() {
    let mut job = job("-n 2 --mem=300 --gpus=2", &[2]);
    job.allocation.nodes[0].memory_mb = 300;
    job.allocation.nodes[0].gres = vec![("gpu".to_owned(), vec![3, 5])];
    let of = |running: &[&[NodePlan]], options: &str| {
        run_beside(&job, running, options).map(|layout| layout.plan.nodes[0].clone())
    };
    assert_eq!(of(&[], "").unwrap().memory_mb, 300);
    let half = of(&[], "--exact -n 1 --gpus-per-task=1").unwrap();
    assert_eq!((half.memory_mb, half.gres.as_slice()), (150, &[("gpu".to_owned(), vec![3])][..]));
    let running = [half];
    let other = of(&[&running], "--exact -n 1 --gpus-per-task=1").unwrap();
    assert_eq!(other.gres, [("gpu".to_owned(), vec![5])]);
    assert_eq!(of(&[&running], "--exact -n 1 --gpus=2"), Err(StepUnfit::Busy));
    assert_eq!(of(&[&running], "--exact -n 1 --mem=200"), Err(StepUnfit::Busy));
    assert_eq!(of(&[], "--mem=400"), Err(StepUnfit::Never(ErrorCode::InvalidTaskMemory, vec![])));
    assert_eq!(of(&[], "--gpus=3"), Err(StepUnfit::Never(ErrorCode::InvalidGres, vec![])));
}

proptest! {
    #[test]
    fn every_rank_has_one_place_and_a_cpu(
        cpus in prop::collection::vec(1_u32..5, 1..6),
        ntasks in prop::option::of(1_u32..24),
        nodes in prop::option::of((1_u32..4, 0_u32..3)),
        cpus_per_task in prop::option::of(0_u32..3),
        how in 0_u32..4,
        exact: bool,
        overcommit: bool,
        relative in prop::option::of(0_u32..3),
    ) {
        let job = job("", &cpus);
        let distribution = [NodeDistribution::Block, NodeDistribution::Cyclic, NodeDistribution::Plane(2), NodeDistribution::Plane(3)];
        let asked = JobSpec {
            ntasks,
            nodes: nodes.map(|(least, more)| (least, least + more)),
            cpus_per_task,
            overcommit,
            distribution: Some(crate::script::spec::Distribution {
                nodes: distribution[how as usize], sockets: None, cores: None, pack: None,
            }),
            ..JobSpec::default()
        };
        let step = StepSpec { exact, relative, ..StepSpec::default() };
        if let Ok(layout) = lay_out(&job.spec, &job.allocation, &[], &asked, &step) {
            let mut ranks: Vec<u32> = layout.plan.nodes.iter().flat_map(|node| &node.tasks).map(|task| task.rank).collect();
            ranks.sort_unstable();
            prop_assert_eq!(ranks, (0..layout.plan.size()).collect::<Vec<_>>());
            prop_assert!(ntasks.is_none_or(|ntasks| ntasks == layout.plan.size()));
            for node in &layout.plan.nodes {
                let share = job.allocation.nodes.iter().find(|share| share.name == node.name).unwrap();
                prop_assert!(!node.tasks.is_empty() && !node.cpus.is_empty());
                prop_assert!(node.cpus.iter().all(|cpu| share.cpus.contains(cpu)));
                prop_assert!(overcommit || node.tasks.len() as u32 * cpus_per_task.unwrap_or(1).max(1) <= node.cpus.len() as u32);
                prop_assert!(node.tasks.iter().flat_map(|task| &task.cpus).all(|cpu| node.cpus.contains(cpu)));
            }
        }
    }
}
