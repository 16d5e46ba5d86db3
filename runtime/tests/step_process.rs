//! A rank server with its guard and step processes, driven as a controller and a launcher drive them.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up what it needs fails")]

use std::collections::HashMap;
use std::os::unix::net::UnixStream as StdStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use prun_runtime::ids::{JobId, LaunchId, Rank, StepId, StepKey};
use prun_runtime::server::guard::{Guard, Role, Workspace, fork_guard};
use prun_runtime::server::node::{Adopted, RankServer};
use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use prun_runtime::wire::launch::{
    Input, Machine, NodeTasks, Output, Program, Secret, StepLaunch, TaskLaunch,
};
use prun_runtime::wire::node::{FromNode, ToNode};
use prun_runtime::wire::preamble::Target;
use prun_runtime::wire::rank::{Call, FromServer, ToServer};
use prun_runtime::wire::step::{FromStep, Stream, ToStep};
use serde_bytes::ByteBuf;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

/// How many have passed: this test has a harness of its own, since its guard is forked while there is one thread.
static PASSED: AtomicU32 = AtomicU32::new(0);

/// Runs one test, and says so; one that fails panics.
macro_rules! passes {
    ($test:ident($($argument:expr),*)) => {
        $test($($argument),*).await;
        println!("test {} ... ok", stringify!($test));
        crate::PASSED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
}

#[path = "step_process/pmi.rs"]
mod pmi;
#[path = "step_process/tasks.rs"]
mod tasks;

const SECRET: Secret = Secret([7; 32]);

fn main() -> ExitCode {
    let directory = tempfile::tempdir().unwrap();
    let workspace = Workspace {
        directory: directory.path().join("own"),
        socket: directory.path().join("own/socket"),
        bin: directory.path().join("own/bin"),
        lasting: false,
    };
    let guard = match fork_guard(&workspace).unwrap() {
        Role::RankServer(guard) => guard,
        Role::Ended(code) => {
            std::mem::forget(directory);
            return code;
        }
    };
    std::fs::create_dir(&workspace.directory).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let guard = runtime.block_on(async {
        let mut cluster = Cluster::start(guard);
        passes!(output_is_pulled_in_any_order_and_exits_are_told(&mut cluster));
        passes!(output_past_the_memory_limit_comes_back_whole(&mut cluster));
        passes!(input_reaches_every_rank(&mut cluster));
        passes!(a_barrier_releases_all_or_names_who_is_missing(&mut cluster));
        passes!(a_step_that_is_ended_takes_its_stubborn_descendants_along(&mut cluster));
        passes!(a_step_does_not_outlive_its_owner(&mut cluster));
        passes!(a_stranger_is_not_let_in(&mut cluster));
        passes!(a_killed_step_process_takes_its_tasks_along(&mut cluster));
        tasks::all(&mut cluster).await;
        pmi::all(&mut cluster).await;
        cluster.stop().await
    });
    let begin = Instant::now();
    guard.finish();
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(!workspace.directory.exists(), "the guard removes the workspace");
    println!("{} passed, 0 failed", PASSED.load(Ordering::Relaxed));
    ExitCode::SUCCESS
}

/// The controller's and the door's ends of a rank server.
struct Cluster {
    to_node: mpsc::Sender<ToNode>,
    from_node: mpsc::Receiver<FromNode>,
    connections: mpsc::Sender<Adopted>,
    server: tokio::task::JoinHandle<Guard>,
    next: u32,
}

impl Cluster {
    fn start(guard: Guard) -> Self {
        let (to_node, from_controller) = mpsc::channel(100);
        let (to_controller, from_node) = mpsc::channel(100);
        let (connections, adopted) = mpsc::channel(100);
        let mut server = RankServer::new(guard, Vec::new(), Machine::Whole, adopted);
        let server = tokio::spawn(async move {
            server.serve(from_controller, to_controller).await;
            server.into_guard()
        });
        Self { to_node, from_node, connections, server, next: 0 }
    }

    async fn stop(self) -> Guard {
        drop(self.to_node);
        self.server.await.unwrap()
    }

    /// Starts a shell command as so many ranks.
    async fn launch(&mut self, ranks: u32, command: &str, change: impl FnOnce(&mut StepLaunch)) -> StepKey {
        self.next += 1;
        let key = StepKey { job: JobId(1), step: StepId(self.next) };
        let bytes = |text: &str| ByteBuf::from(text);
        let task = |rank| TaskLaunch {
            rank: Rank(rank),
            local_rank: rank,
            program: 0,
            env: Vec::new(),
            cpus: Vec::new(),
            stdin: Input::Null,
            stdout: Output::Log,
            stderr: Output::Log,
        };
        let mut launch = StepLaunch {
            key,
            // A rank server starts none twice.
            launch: LaunchId(self.next.into()),
            server_grace_ms: None,
            secret: SECRET,
            job_name: "test".into(),
            size: ranks,
            node_count: 1,
            programs: vec![Program { argv: ["/bin/bash", "-c", command].map(bytes).into() }],
            env: vec![(bytes("PATH"), bytes("/usr/bin:/bin"))],
            cwd: bytes("/"),
            umask: 0o022,
            rlimits: Vec::new(),
            script: None,
            pty: None,
            unbuffered: false,
            task_prolog: None,
            task_epilog: None,
            kill_wait_ms: 300,
            owner_grace_ms: Some(100),
            root: None,
            mpi: None,
            machine: Machine::Whole,
            layout: Vec::new(),
            nodes: vec![NodeTasks {
                name: "n1".into(),
                node_id: 0,
                env: Vec::new(),
                tasks: (0..ranks).map(task).collect(),
            }],
        };
        change(&mut launch);
        self.to_node.send(ToNode::Launch(Box::new(launch))).await.unwrap();
        key
    }

    /// A connection that has said whom it wants.
    async fn connect(&self, target: Target) -> (FrameReader<OwnedReadHalf>, FrameWriter<OwnedWriteHalf>) {
        let (own, other) = StdStream::pair().unwrap();
        self.connections.send((target, other.into())).await.unwrap();
        own.set_nonblocking(true).unwrap();
        let (read, write) = UnixStream::from_std(own).unwrap().into_split();
        (FrameReader::new(read), FrameWriter::new(write))
    }

    async fn attach(&self, key: StepKey, owner: bool) -> Launcher {
        let (reader, writer) = self.connect(Target::Step { key, secret: SECRET, owner }).await;
        Launcher { reader, writer, pids: HashMap::new(), exits: HashMap::new(), is_done: false }
    }

    /// Waits for the controller's news of a step's end: whether its step process was lost.
    async fn ended(&mut self, key: StepKey) -> bool {
        let news = async {
            loop {
                match self.from_node.recv().await.unwrap() {
                    FromNode::StepDone { key: of, lost, .. } if of == key => return lost,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(5), news).await.expect("the step ends")
    }
}

struct Launcher {
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    pids: HashMap<u32, u32>,
    exits: HashMap<u32, i32>,
    is_done: bool,
}

impl Launcher {
    /// Pulls a stream to its end.
    async fn read(&mut self, rank: u32, stream: Stream) -> Vec<u8> {
        let mut all = Vec::new();
        let pull = |offset| ToStep::Pull { rank: Rank(rank), stream, offset, credit: 1 << 20 };
        self.writer.message(&pull(0)).await.unwrap();
        loop {
            match self.next().await {
                FromStep::Data { rank: of, offset, .. } => {
                    assert_eq!((of, offset), (Rank(rank), all.len() as u64));
                    all.extend_from_slice(&self.reader.data().await.unwrap());
                    self.writer.message(&pull(all.len() as u64)).await.unwrap();
                }
                FromStep::End { rank: of, stream: which, offset } => {
                    assert_eq!((of.0, which), (rank, stream));
                    assert_eq!(offset, all.len() as u64);
                    return all;
                }
                _ => {}
            }
        }
    }

    /// Waits for the first bytes that a task writes.
    async fn read_some(&mut self, rank: u32) {
        let pull = ToStep::Pull { rank: Rank(rank), stream: Stream::Stdout, offset: 0, credit: 1 << 10 };
        self.writer.message(&pull).await.unwrap();
        while !matches!(self.next().await, FromStep::Data { .. }) {}
        self.reader.data().await.unwrap();
    }

    async fn next(&mut self) -> FromStep {
        let message = tokio::time::timeout(Duration::from_secs(10), self.reader.message());
        let message = message.await.expect("the step says something").unwrap().expect("the link stays");
        match &message {
            FromStep::Started { rank, pid, .. } => drop(self.pids.insert(rank.0, *pid)),
            FromStep::Done => self.is_done = true,
            FromStep::Exited { rank, exit } => drop(self.exits.insert(rank.0, exit.status())),
            FromStep::NotStarted { rank, errno, .. } => drop(self.exits.insert(rank.0, errno << 8)),
            _ => {}
        }
        message
    }

    async fn done(&mut self) {
        while !self.is_done {
            self.next().await;
        }
    }
}

async fn output_is_pulled_in_any_order_and_exits_are_told(cluster: &mut Cluster) {
    let command = "echo out $PRUN_RANK of $PRUN_SIZE; echo err $SLURMD_NODENAME >&2; exit $PRUN_RANK";
    let key = cluster.launch(3, command, |_| ()).await;
    let mut launcher = cluster.attach(key, true).await;
    for rank in [2, 0, 1] {
        assert_eq!(launcher.read(rank, Stream::Stdout).await, format!("out {rank} of 3\n").into_bytes());
        assert_eq!(launcher.read(rank, Stream::Stderr).await, b"err n1\n");
    }
    launcher.done().await;
    assert_eq!(launcher.exits, HashMap::from([(0, 0), (1, 1 << 8), (2, 2 << 8)]));
    assert!(!cluster.ended(key).await);
}

async fn output_past_the_memory_limit_comes_back_whole(cluster: &mut Cluster) {
    let key = cluster.launch(2, "head -c 20000000 /dev/zero | tr '\\0' $PRUN_RANK", |_| ()).await;
    let mut launcher = cluster.attach(key, true).await;
    launcher.done_or_after(Duration::from_millis(300)).await;
    for rank in 0..2 {
        let output = launcher.read(rank, Stream::Stdout).await;
        assert_eq!(output.len(), 20_000_000);
        assert!(output.iter().all(|&b| b == b'0' + rank as u8));
    }
}

impl Launcher {
    /// Lets the ranks write for a while without reading.
    async fn done_or_after(&mut self, wait: Duration) {
        let _ = tokio::time::timeout(wait, self.done()).await;
    }
}

async fn input_reaches_every_rank(cluster: &mut Cluster) {
    let key = cluster
        .launch(2, "cat", |launch| {
            launch.nodes[0].tasks.iter_mut().for_each(|task| task.stdin = Input::Launcher)
        })
        .await;
    let mut launcher = cluster.attach(key, true).await;
    for piece in [&b"one "[..], b"two\n"] {
        launcher.writer.message_with_data(&ToStep::Stdin { rank: None }, piece).await.unwrap();
    }
    launcher.writer.message(&ToStep::StdinEnd { rank: None }).await.unwrap();
    for rank in 0..2 {
        assert_eq!(launcher.read(rank, Stream::Stdout).await, b"one two\n");
    }
}

const BARRIER: ToServer = ToServer::Collective { call: Call::Barrier, bytes: 0, failure: None };

async fn a_barrier_releases_all_or_names_who_is_missing(cluster: &mut Cluster) {
    let key = cluster.launch(3, "[ $PRUN_RANK = 2 ] || exec sleep 60; read -t 60 < /dev/zero", |_| ()).await;
    let mut ranks = Vec::new();
    for rank in 0..3 {
        ranks.push(cluster.connect(Target::Rank { key, secret: SECRET, rank: Rank(rank) }).await);
    }
    for (_, writer) in &mut ranks {
        writer.message(&BARRIER).await.unwrap();
    }
    for (reader, _) in &mut ranks {
        assert_eq!(reader.message::<FromServer>().await.unwrap(), Some(FromServer::Done { bytes: 0 }));
    }
    let mut launcher = cluster.attach(key, true).await;
    while launcher.pids.len() < 3 {
        launcher.next().await;
    }
    ranks[0].1.message(&BARRIER).await.unwrap();
    let victim = rustix::process::Pid::from_raw(i32::try_from(launcher.pids[&2]).unwrap()).unwrap();
    rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
    let told = ranks[0].0.message::<FromServer>().await.unwrap().unwrap();
    assert_eq!(
        told,
        FromServer::PeerGone { rank: Rank(2), node: "n1".into(), how: "was killed by signal 9".into() }
    );
    cluster.to_node.send(ToNode::Terminate { key, launch: None, at_once: true, notice: None }).await.unwrap();
    assert!(!cluster.ended(key).await);
}

/// Descendants that do not want to go, each marked in its command line.
const STUBBORN: &str = "trap '' TERM; setsid sleep 4321.5 & (setsid sleep 4321.5 &); echo; sleep 4321.5";

fn sleepers() -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        count += usize::from(line.starts_with(b"sleep\x004321.5"));
    }
    count
}

async fn a_step_that_is_ended_takes_its_stubborn_descendants_along(cluster: &mut Cluster) {
    let key = cluster.launch(2, STUBBORN, |_| ()).await;
    let mut launcher = cluster.attach(key, true).await;
    wait_for_sleepers(6).await;
    let begin = Instant::now();
    cluster
        .to_node
        .send(ToNode::Terminate { key, launch: None, at_once: false, notice: Some("*** ends ***".into()) })
        .await
        .unwrap();
    loop {
        if let FromStep::Warning { text, .. } = launcher.next().await {
            assert_eq!(text, "error: *** ends ***");
            break;
        }
    }
    launcher.done().await;
    assert!(begin.elapsed() >= Duration::from_millis(300), "TERM is ignored, KILL comes after the grace");
    assert_eq!(sleepers(), 0);
    assert_eq!(launcher.exits, HashMap::from([(0, 9), (1, 9)]));
    assert!(!cluster.ended(key).await);
}

async fn wait_for_sleepers(count: usize) {
    let end = Instant::now() + Duration::from_secs(5);
    while sleepers() != count {
        assert!(Instant::now() < end, "{} of {count} sleepers run", sleepers());
        tokio::task::yield_now().await;
    }
}

async fn a_step_does_not_outlive_its_owner(cluster: &mut Cluster) {
    let key = cluster.launch(1, "exec sleep 4321.5", |_| ()).await;
    let mut launcher = cluster.attach(key, true).await;
    while launcher.pids.is_empty() {
        launcher.next().await;
    }
    drop(launcher);
    assert!(!cluster.ended(key).await);
    assert_eq!(sleepers(), 0);
}

async fn a_stranger_is_not_let_in(cluster: &mut Cluster) {
    let key = cluster.launch(1, "read -t 0.3 < /dev/zero", |_| ()).await;
    let (mut reader, _writer) =
        cluster.connect(Target::Step { key, secret: Secret([8; 32]), owner: false }).await;
    assert!(reader.message::<FromStep>().await.unwrap().is_none());
    let mut launcher = cluster.attach(key, true).await;
    launcher.done().await;
}

async fn a_killed_step_process_takes_its_tasks_along(cluster: &mut Cluster) {
    let key = cluster.launch(2, STUBBORN, |_| ()).await;
    let mut launcher = cluster.attach(key, true).await;
    wait_for_sleepers(6).await;
    while launcher.pids.is_empty() {
        launcher.next().await;
    }
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", launcher.pids.values().next().unwrap())).unwrap();
    let parent: i32 = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap();
    let parent = rustix::process::Pid::from_raw(parent).unwrap();
    rustix::process::kill_process(parent, rustix::process::Signal::KILL).unwrap();
    assert!(cluster.ended(key).await, "the step process is lost");
    wait_for_sleepers(0).await;
}
