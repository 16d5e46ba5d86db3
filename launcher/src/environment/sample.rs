//! Jobs and steps for the tests of this room.

use prun_runtime::ids::{JobId, StepId, StepKey};
use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::node::NodeFacts;
use prun_runtime::wire::step::Exit;
use serde_bytes::ByteBuf;

use super::Variables;
use crate::controller::api::{JobState, JobView, Script, StepCreated, Submission, Submitter};
use crate::layout::allocate::{NodeRoom, allocate};
use crate::layout::step::lay_out;
use crate::script::options::{Command, Request};
use crate::script::spec::JobSpec;
use crate::script::{read_batch_line, read_line};

fn words(options: &str) -> Vec<String> {
    options.split_whitespace().map(str::to_owned).collect()
}

fn facts(number: u32) -> NodeFacts {
    NodeFacts {
        name: format!("n{number}"),
        hostname: "host".to_owned(),
        address: "unix:/run/x".to_owned(),
        cpus: 2,
        topology: (2, 1, 1),
        memory_mb: 1000,
        tmp_mb: 0,
        os: String::new(),
        arch: String::new(),
        boot_time: 0,
        memory_id: 0,
    }
}

fn submitter() -> Submitter {
    Submitter {
        uid: 1000,
        gid: 100,
        user: "ada".to_owned(),
        group: "users".to_owned(),
        host: "login".to_owned(),
        sid: 1,
        umask: 0o27,
        rlimits: vec![("NOFILE".to_owned(), 1024)],
        command_line: String::new(),
    }
}

/// The job that `sbatch OPTIONS job.sh` makes on three nodes of two CPUs (and two GPUs).
pub(super) fn job(options: &str) -> JobView {
    let mut spec = read_batch_line(Command::Sbatch, &words(options)).unwrap().request.job;
    spec.name.get_or_insert("job.sh".to_owned());
    spec.work_dir = ByteBuf::from("/work");
    spec.submit_dir = ByteBuf::from("/submit");
    let facts: Vec<NodeFacts> = (1..=3).map(facts).collect();
    let gres = [("gpu".to_owned(), 2)];
    let room = |facts| NodeRoom {
        facts,
        features: &[],
        gres: &gres,
        free_cpus: [0, 1].into(),
        free_memory_mb: 1000,
        free_gres: vec![("gpu".to_owned(), [0, 1].into())],
        idle: true,
        usable: true,
        weight: 1,
    };
    let rooms: Vec<NodeRoom<'_>> = facts.iter().map(room).collect();
    let allocation = allocate(&spec, None, &rooms).unwrap();
    view(spec, allocation)
}

fn view(spec: JobSpec, allocation: crate::layout::plan::Allocation) -> JobView {
    JobView {
        id: JobId(42),
        cluster: "cluster".to_owned(),
        array: None,
        het: None,
        name: spec.name.clone().unwrap_or_default(),
        partition: "main".to_owned(),
        account: "physics".to_owned(),
        qos: "normal".to_owned(),
        submitter: submitter(),
        state: JobState::Running,
        reason: "None".to_owned(),
        cancelled_by: None,
        priority: 1,
        node_range: (1, 1),
        nodes_asked: 1,
        node_memory_mb: 1000,
        cpus: 0,
        ntasks: 0,
        memory: spec.memory,
        time_limit: None,
        allocation: Some(allocation),
        planned_nodes: None,
        submit_time: 90.0,
        eligible_time: None,
        start_time: Some(100.5),
        end_time: Some(3700.9),
        suspend_time: None,
        suspended_secs: 0.0,
        last_sched_eval: None,
        exit: Exit::default(),
        derived_exit: Exit::default(),
        restarts: 0,
        command: None,
        batch: true,
        stdout: String::new(),
        stderr: String::new(),
        stdin: String::new(),
        dependency: None,
        steps: Vec::new(),
        spec,
    }
}

/// The submission of that job, with these variables.
pub(super) fn submission(job: &JobView, env: &[(&str, &str)]) -> Submission {
    let variable = |(name, value): &(&str, &str)| (ByteBuf::from(*name), ByteBuf::from(*value));
    Submission {
        components: vec![job.spec.clone()],
        script: Some(Script {
            path: "/work/job.sh".to_owned(),
            content: ByteBuf::from("#!/bin/sh\n"),
            args: vec![ByteBuf::from("one"), ByteBuf::from("two words")],
        }),
        env: env.iter().map(variable).collect(),
        submitter: job.submitter.clone(),
        streams: false,
    }
}

/// The step that `srun OPTIONS` makes in a job, with its request.
pub(super) fn step(job: &JobView, options: &str) -> (StepCreated, Request) {
    let (request, _) = read_line(Command::Srun, &words(options), &|_| None).unwrap();
    let allocation = job.allocation.clone().unwrap();
    let layout = lay_out(&job.spec, &allocation, &[], &request.job, &request.step).unwrap();
    let created = StepCreated {
        key: StepKey { job: job.id, step: StepId(3) },
        secret: Secret([7; 32]),
        addresses: vec!["unix:/run/x".to_owned(); layout.plan.nodes.len()],
        plan: layout.plan,
        job: Box::new(job.clone()),
        kill_wait_ms: 1000,
        warnings: Vec::new(),
        parts: Vec::new(),
    };
    (created, request)
}

/// Checks `NAME=VALUE`, and `NAME` for one that is not set.
pub(super) fn check(variables: &Variables, expected: &[&str]) {
    for line in expected {
        let (name, value) = line.split_once('=').map_or((*line, None), |(name, value)| (name, Some(value)));
        let found =
            super::setter::value(variables, name).map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(found.as_deref(), value, "{name}");
    }
}
