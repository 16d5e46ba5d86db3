//! A cluster with its correspondents played by the test.

use std::collections::BTreeMap;

use prun_runtime::ids::{JobId, LaunchId, Launched, Rank, StepId, StepKey};
use prun_runtime::wire::launch::{
    Input, Machine, NodeTasks, Output, Program, Secret, StepLaunch, TaskLaunch,
};
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};
use prun_runtime::wire::step::Exit;
use serde_bytes::ByteBuf;

use crate::controller::api::*;
use crate::controller::core::Cluster;
use crate::controller::core::config::Config;
use crate::controller::core::event::{ClientId, Effect, Event, LinkId, Peer};
use crate::controller::journal::Record;
use crate::script::spec::JobSpec;

/// The client that most tests speak as.
pub(super) const ME: ClientId = ClientId(100);

/// A cluster, its clock, and all that came out.
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) now: f64,
    pub(super) answers: Vec<(ClientId, Answer)>,
    pub(super) told: Vec<(LinkId, ToNode)>,
    pub(super) stopped: bool,
    /// What a journal would keep.
    pub(super) records: Vec<Record>,
    calls: u64,
    secrets: u8,
    /// Launches do not arrive.
    pub(super) loses_launches: bool,
}

/// The batch step of a job.
pub(super) fn batch(job: u32) -> StepKey {
    StepKey { job: JobId(job), step: StepId::BATCH }
}

impl World {
    /// Nodes `n1`, `n2`, … of so many CPUs, each behind a link of its own with its number.
    pub(super) fn new(cpus: &[u32]) -> Self {
        Self::with(cpus, Config { kill_wait_secs: 3, ..Config::default() })
    }

    pub(super) fn with(cpus: &[u32], config: Config) -> Self {
        let cluster = Cluster::new(config);
        let mut world = Self {
            cluster,
            now: 1_000_000.0,
            answers: Vec::new(),
            told: Vec::new(),
            stopped: false,
            records: Vec::new(),
            calls: 0,
            secrets: 0,
            loses_launches: false,
        };
        for (at, cpus) in (1..).zip(cpus) {
            world.register(at, LinkId(at), *cpus, Vec::new());
        }
        world.told.clear();
        world
    }

    pub(super) fn register(&mut self, node: u64, link: LinkId, cpus: u32, steps: Vec<StepKey>) {
        let facts = NodeFacts {
            name: format!("n{node}"),
            hostname: format!("n{node}"),
            address: format!("unix:/n{node}"),
            cpus,
            topology: (1, cpus, 1),
            memory_mb: 1000,
            tmp_mb: 0,
            os: String::new(),
            arch: String::new(),
            boot_time: 0,
            memory_id: 0,
        };
        let launches = steps.iter().map(|key| self.launch_of(*key)).collect();
        self.node(link, FromNode::Register { nodes: vec![facts], steps, launches });
    }

    /// The number of a step's last launch.
    pub(super) fn launch_of(&self, key: StepKey) -> LaunchId {
        let step = self.cluster.jobs.get(&key.job).and_then(|job| job.run.steps.get(&key.step));
        step.map_or_else(LaunchId::default, |step| step.launch)
    }

    pub(super) fn event(&mut self, event: Event) {
        let (now, secrets, mut drawn) = (self.now, &mut self.secrets, Vec::new());
        // That a launch has arrived a journal need not keep: what is compared with it here has it all the same.
        let arrived = matches!(event, Event::Node { message: FromNode::Launched { .. }, .. });
        let kept = (arrived || self.cluster.is_changed_by(&event)).then(|| event.clone());
        let mut secret = || {
            *secrets = secrets.wrapping_add(1);
            drawn.push(Secret([*secrets; 32]));
            Secret([*secrets; 32])
        };
        let effects = self.cluster.apply(event, now, &mut secret);
        self.records.extend(kept.map(|event| Record { now, event, secrets: drawn }));
        let mut arrived = Vec::new();
        for effect in effects {
            match effect {
                Effect::Answer { client, answer } => self.answers.push((client, *answer)),
                Effect::Tell { link, message } => {
                    if let ToNode::Launch(launch) = &message
                        && !self.loses_launches
                    {
                        arrived.push((link, launch.launched()));
                    }
                    self.told.push((link, message));
                }
                Effect::Backup { .. } => {}
                Effect::Stop => self.stopped = true,
            }
        }
        for (link, Launched { key, launch }) in arrived {
            self.node(link, FromNode::Launched { key, launch });
        }
    }

    pub(super) fn node(&mut self, link: LinkId, message: FromNode) {
        self.event(Event::Node { link, message });
    }

    /// Asks as a client; gives the number of the call.
    pub(super) fn ask_as(&mut self, client: ClientId, request: Request) -> u64 {
        self.calls += 1;
        let peer = Peer { uid: 1000, user: "ada".to_owned() };
        let call = Box::new(Call { id: self.calls, request });
        self.event(Event::Call { client, peer, call });
        self.calls
    }

    /// Asks, and gives the first answer.
    pub(super) fn ask(&mut self, request: Request) -> Reply {
        let call = self.ask_as(ME, request);
        self.replies(call).first().unwrap().clone()
    }

    /// All answers to a call so far.
    pub(super) fn replies(&self, call: u64) -> Vec<Reply> {
        let answers = self.answers.iter().filter(|(_, answer)| answer.id == call);
        answers.map(|(_, answer)| answer.reply.clone()).collect()
    }

    pub(super) fn submit(&mut self, spec: JobSpec) -> u32 {
        self.submit_all(vec![spec])
    }

    /// The components of one job; gives the first one's number.
    pub(super) fn submit_all(&mut self, components: Vec<JobSpec>) -> u32 {
        let submission = Submission { components, ..submission(JobSpec::default()) };
        match self.ask(Request::Submit(Box::new(submission))) {
            Reply::Submitted { job, .. } => job.0,
            other => panic!("not submitted: {other:?}"),
        }
    }

    /// The code that a submission is refused with.
    pub(super) fn refusal(&mut self, spec: JobSpec) -> ErrorCode {
        match self.ask(Request::Submit(Box::new(submission(spec)))) {
            Reply::Error(refusal) => refusal.code,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(super) fn view(&self, job: u32) -> JobView {
        let views = self.cluster.job_views(true, self.now);
        views.into_iter().find(|view| view.id.0 == job).unwrap()
    }

    /// `PENDING Resources` and the like, of each job.
    pub(super) fn states(&self) -> Vec<String> {
        let views = self.cluster.job_views(false, self.now);
        views.iter().map(|v| format!("{} {:?} {}", v.id, v.state, v.reason)).collect()
    }

    pub(super) fn state(&self, job: u32) -> JobState {
        self.view(job).state
    }

    /// Where a job runs: `n1:2 n2:1`.
    pub(super) fn place(&self, job: u32) -> String {
        let view = self.view(job);
        let shares = view.allocation.iter().flat_map(|allocation| &allocation.nodes);
        shares.map(|s| format!("{}:{}", s.name, s.cpus.len())).collect::<Vec<_>>().join(" ")
    }

    /// A task of a step exits, and with it all that its node had.
    pub(super) fn exit(&mut self, job: u32, step: StepId, code: i32, signal: i32) {
        let key = StepKey { job: JobId(job), step };
        let launch = self.launch_of(key);
        for link in self.links_of(key) {
            let exit = Exit { code, signal, ..Exit::default() };
            self.node(link, FromNode::Exited { key, launch, rank: Rank(0), exit });
            self.node(link, FromNode::StepDone { key, launch, lost: false });
        }
    }

    /// The script of a job exits.
    pub(super) fn script_exits(&mut self, job: u32, code: i32) {
        self.exit(job, StepId::BATCH, code, 0);
    }

    pub(super) fn links_of(&self, key: StepKey) -> Vec<LinkId> {
        self.cluster.links_of(key)
    }

    /// Lets time pass, with every deadline on the way.
    pub(super) fn pass(&mut self, seconds: f64) {
        let end = self.now + seconds;
        while let Some(deadline) = self.cluster.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.event(Event::Timer);
        }
        self.now = end;
        self.event(Event::Timer);
    }

    /// What rank servers were told since the last time, in short; not what was only confirmed to them.
    pub(super) fn orders(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.told);
        told.iter()
            .filter(|(_, message)| !matches!(message, ToNode::Kept { .. }))
            .map(|(link, message)| match message {
                ToNode::Launch(launch) => format!("{} launch {}", link.0, launch.key),
                ToNode::Signal { key, signal } => format!("{} signal {key} {signal}", link.0),
                ToNode::Terminate { key, .. } => format!("{} terminate {key}", link.0),
                ToNode::Registered => format!("{} registered", link.0),
                ToNode::Kept { key, .. } => format!("{} kept {key}", link.0),
                ToNode::Ping { .. } => format!("{} ping", link.0),
            })
            .collect()
    }

    pub(super) fn act(&mut self, job: u32, action: Action) -> Result<(), ErrorCode> {
        self.result(Request::Act { job: named(job), action })
    }

    pub(super) fn update(&mut self, job: u32, key: &str, value: &str) -> Result<(), ErrorCode> {
        let changes = vec![(key.to_owned(), value.to_owned())];
        self.result(Request::UpdateJob { job: named(job), changes })
    }

    pub(super) fn update_node(&mut self, node: &str, changes: &[(&str, &str)]) -> Result<(), ErrorCode> {
        let changes = changes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.result(Request::UpdateNode { nodes: vec![node.to_owned()], changes })
    }

    pub(super) fn result(&mut self, request: Request) -> Result<(), ErrorCode> {
        match self.ask(request) {
            Reply::Done => Ok(()),
            Reply::Error(refusal) => Err(refusal.code),
            other => panic!("neither done nor refused: {other:?}"),
        }
    }

    pub(super) fn cancel(&mut self, job: u32) -> Option<ErrorCode> {
        self.signal(SignalRequest { jobs: vec![named(job)], ..all() })
    }

    pub(super) fn signal(&mut self, request: SignalRequest) -> Option<ErrorCode> {
        match self.ask(Request::Signal(request)) {
            Reply::Signalled(results) => results.first().and_then(|(_, code)| *code),
            other => panic!("not signalled: {other:?}"),
        }
    }

    /// CPUs held on each node never are more than it has, and none is held twice.
    pub(super) fn check_capacity(&self) {
        let mut held: BTreeMap<(String, u32), JobId> = BTreeMap::new();
        for id in &self.cluster.holding {
            let job = &self.cluster.jobs[id];
            for share in &job.run.allocation.as_ref().unwrap().nodes {
                let node = self.cluster.nodes.get(&share.name).unwrap();
                for cpu in &share.cpus {
                    assert!(*cpu < node.facts.cpus, "{id} holds CPU {cpu} of {}", share.name);
                    let other = held.insert((share.name.clone(), *cpu), *id);
                    assert_eq!(other, None, "CPU {cpu} of {} is held twice", share.name);
                }
            }
        }
        for node in self.cluster.nodes.iter() {
            let free = node.room().free_cpus;
            let of_node = held.keys().filter(|(name, _)| *name == node.facts.name).count();
            assert_eq!(free.len() + of_node, node.facts.cpus as usize, "{}", node.facts.name);
        }
    }
}

/// All jobs, cancelled.
pub(super) fn all() -> SignalRequest {
    SignalRequest {
        jobs: Vec::new(),
        step: None,
        signal: None,
        batch: false,
        full: false,
        filter: SignalFilter::default(),
    }
}

pub(super) fn named(job: u32) -> JobRef {
    JobRef { job: JobId(job), elements: None, component: None }
}

pub(super) fn element(job: u32, elements: &[u32]) -> JobRef {
    JobRef { job: JobId(job), elements: Some(elements.to_vec()), component: None }
}

/// A job of so many tasks of one CPU.
pub(in crate::controller) fn tasks(ntasks: u32) -> JobSpec {
    JobSpec {
        ntasks: Some(ntasks),
        name: Some("job".to_owned()),
        work_dir: ByteBuf::from(*b"/w"),
        ..JobSpec::default()
    }
}

pub(in crate::controller) fn submission(spec: JobSpec) -> Submission {
    Submission {
        components: vec![spec],
        script: Some(Script {
            path: "/w/job.sh".to_owned(),
            content: ByteBuf::from(*b"#!/bin/sh\n"),
            args: Vec::new(),
        }),
        env: Vec::new(),
        submitter: Submitter {
            uid: 1000,
            gid: 1000,
            user: "ada".to_owned(),
            group: "ada".to_owned(),
            host: "front".to_owned(),
            sid: 1,
            umask: 0o022,
            rlimits: Vec::new(),
            command_line: "sbatch job.sh".to_owned(),
        },
        streams: false,
    }
}

/// What `salloc` asks for.
pub(in crate::controller) fn allocation(spec: JobSpec) -> Request {
    Request::Allocate(Box::new(Submission { script: None, ..submission(spec) }))
}

/// A launch of ranks on nodes.
pub(in crate::controller) fn launch(
    key: StepKey,
    secret: Secret,
    kill_wait_ms: u64,
    nodes: &[(String, Vec<u32>)],
) -> StepLaunch {
    let task = |local: u32, rank: u32| TaskLaunch {
        rank: Rank(rank),
        local_rank: local,
        program: 0,
        env: Vec::new(),
        cpus: Vec::new(),
        stdin: Input::Null,
        stdout: Output::Log,
        stderr: Output::Log,
    };
    let node = |(id, (name, ranks)): (u32, &(String, Vec<u32>))| NodeTasks {
        name: name.clone(),
        node_id: id,
        env: Vec::new(),
        tasks: (0..).zip(ranks).map(|(local, rank)| task(local, *rank)).collect(),
    };
    StepLaunch {
        key,
        launch: LaunchId::default(),
        server_grace_ms: None,
        secret,
        job_name: "job".to_owned(),
        size: nodes.iter().map(|(_, ranks)| ranks.len() as u32).sum(),
        node_count: nodes.len() as u32,
        programs: vec![Program { argv: vec![ByteBuf::from(*b"true")] }],
        env: Vec::new(),
        cwd: ByteBuf::from(*b"/"),
        umask: 0o022,
        rlimits: Vec::new(),
        script: None,
        pty: None,
        unbuffered: false,
        task_prolog: None,
        task_epilog: None,
        kill_wait_ms,
        owner_grace_ms: None,
        root: None,
        mpi: None,
        machine: Machine::default(),
        layout: Vec::new(),
        nodes: (0..).zip(nodes).map(node).collect(),
    }
}
