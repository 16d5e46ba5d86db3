//! Jobs and nodes for tests of what commands print: as the controller would give them.

use jiff::tz::TimeZone;
use prun_runtime::ids::{JobId, StepId, StepKey};
use prun_runtime::wire::node::NodeFacts;
use prun_runtime::wire::step::Exit;

use super::clock::Clock;
use crate::controller::api::{ArrayView, JobState, JobView, NodeView, PartitionView, StepView, Submitter};
use crate::layout::plan::{Allocation, NodePlan, NodeShare, Plan, TaskPlan};
use crate::script::spec::{JobSpec, Memory};

/// 2026-11-24T12:10:32Z.
const NOON: f64 = 1_795_522_232.0;

pub(crate) fn clock() -> Clock {
    Clock::new(NOON + 62.4, TimeZone::UTC, None)
}

fn submitter() -> Submitter {
    Submitter {
        uid: 0,
        gid: 0,
        user: "root".to_owned(),
        group: "root".to_owned(),
        host: "vm".to_owned(),
        sid: 8320,
        umask: 0o22,
        rlimits: Vec::new(),
        command_line: "sbatch -J probe -n 2 job.sh a b".to_owned(),
    }
}

/// `sbatch -H -J held -n 2 -t 45 -o o.txt job.sh a b`.
pub(crate) fn pending(id: u32) -> JobView {
    JobView {
        id: JobId(id),
        cluster: "conformance".to_owned(),
        array: None,
        het: None,
        spec: JobSpec {
            ntasks: Some(2),
            work_dir: serde_bytes::ByteBuf::from("/tmp/w"),
            ..JobSpec::default()
        },
        name: "held".to_owned(),
        partition: "slurmpar".to_owned(),
        account: "root".to_owned(),
        qos: "normal".to_owned(),
        submitter: submitter(),
        state: JobState::Pending,
        reason: "JobHeldUser".to_owned(),
        cancelled_by: None,
        priority: 0,
        node_range: (1, 1),
        nodes_asked: 1,
        node_memory_mb: 1000,
        cpus: 2,
        ntasks: 2,
        memory: None,
        time_limit: Some(45),
        allocation: None,
        planned_nodes: None,
        submit_time: NOON,
        eligible_time: None,
        start_time: None,
        end_time: None,
        suspend_time: None,
        suspended_secs: 0.0,
        last_sched_eval: Some(NOON),
        exit: Exit::default(),
        derived_exit: Exit::default(),
        restarts: 0,
        command: Some("/tmp/w/job.sh a b".to_owned()),
        batch: true,
        stdout: "/tmp/w/o.txt".to_owned(),
        stderr: "/tmp/w/o.txt".to_owned(),
        stdin: "/dev/null".to_owned(),
        dependency: None,
        steps: Vec::new(),
    }
}

/// `sbatch -J probe -n 2 --mem=200 -t 45 -o o.txt job.sh a b`, which runs `srun sleep`.
pub(crate) fn running(id: u32) -> JobView {
    JobView {
        name: "probe".to_owned(),
        state: JobState::Running,
        reason: "None".to_owned(),
        priority: 4_294_901_756,
        memory: Some(Memory::PerNode(200)),
        allocation: Some(Allocation {
            nodes: vec![NodeShare {
                name: "slurmnode1".to_owned(),
                cpus: vec![0, 1],
                memory_mb: 200,
                tasks: 2,
                gres: Vec::new(),
            }],
        }),
        eligible_time: Some(NOON),
        start_time: Some(NOON),
        end_time: Some(NOON + 2700.0),
        steps: vec![step(id, StepId::BATCH, "batch", 1), step(id, StepId(0), "sleep", 2)],
        ..pending(id)
    }
}

/// The same, ended with exit code 3 of its script.
pub(crate) fn failed(id: u32) -> JobView {
    let mut job = running(id);
    job.state = JobState::Failed;
    job.reason = "NonZeroExitCode".to_owned();
    job.exit.code = 3;
    job.end_time = Some(NOON + 21.0);
    for step in &mut job.steps {
        step.state = JobState::Completed;
        step.end_time = job.end_time;
    }
    job.steps[0].state = JobState::Failed;
    job.steps[0].exit.code = 3;
    let used = Exit { user_us: 13_000, system_us: 7_000, max_rss_kib: 3508, ..Exit::default() };
    job.steps[0].usage = vec![(0, used)];
    job
}

/// The elements of an array that wait.
pub(crate) fn pending_array(id: u32, elements: &[u32], limit: Option<u32>) -> JobView {
    let array = ArrayView { id: JobId(id), element: None, pending: None, elements: elements.to_vec(), limit };
    JobView { array: Some(array), ..pending(id) }
}

/// An element that runs.
pub(crate) fn element(id: u32, array: u32, element: u32) -> JobView {
    let array = ArrayView {
        id: JobId(array),
        element: Some(element),
        pending: None,
        elements: Vec::new(),
        limit: None,
    };
    JobView { array: Some(array), ..running(id) }
}

fn step(job: u32, step: StepId, name: &str, ntasks: u32) -> StepView {
    let tasks = (0..ntasks).map(|rank| TaskPlan { rank, cpus: vec![rank], gres: Vec::new() }).collect();
    let node =
        NodePlan { name: "slurmnode1".to_owned(), cpus: vec![0, 1], memory_mb: 200, gres: Vec::new(), tasks };
    StepView {
        key: StepKey { job: JobId(job), step },
        name: name.to_owned(),
        state: JobState::Running,
        cancelled_by: None,
        exit: Exit::default(),
        start_time: NOON,
        end_time: None,
        time_limit: None,
        plan: Plan { nodes: vec![node] },
        ntasks,
        cpus: 2,
        distribution: if step.is_batch() { "Unknown" } else { "Block" }.to_owned(),
        command_line: if step.is_batch() { "" } else { "srun sleep" }.to_owned(),
        usage: Vec::new(),
    }
}

/// An idle node of two CPUs.
pub(crate) fn node(number: u32) -> NodeView {
    NodeView {
        facts: NodeFacts {
            name: format!("slurmnode{number}"),
            hostname: "vm".to_owned(),
            address: format!("tcp://127.0.0.{number}:6818"),
            cpus: 2,
            topology: (2, 1, 1),
            memory_mb: 1000,
            tmp_mb: 0,
            os: "Linux 6.18 #1".to_owned(),
            arch: "x86_64".to_owned(),
            boot_time: NOON as u64 - 860,
            memory_id: 0,
        },
        up: true,
        down: false,
        drain: false,
        reason: None,
        cpus_allocated: 0,
        memory_allocated: 0,
        partitions: if number == 1 {
            vec!["slurmpar".into(), "debug".into()]
        } else {
            vec!["slurmpar".into()]
        },
        features: Vec::new(),
        gres: Vec::new(),
        weight: 1,
        gres_allocated: Vec::new(),
        load: Some(28),
        free_mb: Some(20_733),
        start_time: NOON - 500.0,
        last_busy: NOON - 500.0,
    }
}

/// The default partition, of three nodes.
pub(crate) fn partition() -> PartitionView {
    PartitionView {
        name: "slurmpar".to_owned(),
        is_default: true,
        state: "UP".to_owned(),
        nodes: (1..=3).map(|n| format!("slurmnode{n}")).collect(),
        max_time: None,
        default_time: None,
        max_nodes: None,
        min_nodes: 0,
        cpus: 6,
        memory_mb: 3000,
        default_memory: None,
        max_memory: None,
        over_subscribe: "NO".to_owned(),
        priority_tier: 1,
    }
}

/// A second one, of the first node.
pub(crate) fn debug_partition() -> PartitionView {
    PartitionView {
        name: "debug".to_owned(),
        is_default: false,
        nodes: vec!["slurmnode1".to_owned()],
        max_time: Some(30),
        cpus: 2,
        memory_mb: 1000,
        ..partition()
    }
}
