//! The shell with real sockets: a client, a rank server, and the owner between them.

mod kept;

use std::path::Path;
use std::time::Duration;

use prun_runtime::ids::{JobId, Launched, Rank};
use prun_runtime::net::link::Link;
use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use prun_runtime::wire::node::{FromNode, NodeFacts, ToNode};
use prun_runtime::wire::step::Exit;
use serde_bytes::ByteBuf;
use tokio::io::AsyncWrite;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::owner::{Inbox, Owner};
use super::{Config, Handle};
use crate::controller::api::*;
use crate::controller::core::event::{ClientId, LinkId, Peer};
use crate::controller::journal::Journal;
use crate::script::spec::JobSpec;

/// Nothing here takes long: a test that waits longer has found a hang.
const PATIENCE: Duration = Duration::from_secs(10);

struct Client {
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    calls: u64,
}

impl Client {
    fn new(handle: &Handle) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let handle = handle.clone();
        tokio::spawn(async move { handle.serve_client(Link::unix(theirs)).await });
        let (read, write) = ours.into_split();
        Self { reader: FrameReader::new(read), writer: FrameWriter::new(write), calls: 0 }
    }

    async fn call(&mut self, request: Request) -> Reply {
        self.calls += 1;
        self.writer.message(&Call { id: self.calls, request }).await.unwrap();
        self.reply().await
    }

    async fn reply(&mut self) -> Reply {
        let answer: Answer = timeout(PATIENCE, self.reader.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(answer.id, self.calls);
        answer.reply
    }
}

fn facts(name: &str) -> NodeFacts {
    NodeFacts {
        name: name.to_owned(),
        hostname: name.to_owned(),
        address: format!("unix:/{name}"),
        cpus: 2,
        topology: (1, 2, 1),
        memory_mb: 1000,
        tmp_mb: 0,
        os: String::new(),
        arch: String::new(),
        boot_time: 0,
        memory_id: 0,
    }
}

async fn register(says: &mpsc::Sender<FromNode>) {
    let nodes = vec![facts("n1"), facts("n2")];
    says.send(FromNode::Register { nodes, steps: Vec::new(), launches: Vec::new() }).await.unwrap();
}

fn submission(script: bool) -> Box<Submission> {
    let spec = JobSpec {
        ntasks: Some(3),
        work_dir: ByteBuf::from(*b"/w"),
        submit_dir: ByteBuf::from(*b"/w"),
        ..JobSpec::default()
    };
    let content = ByteBuf::from(*b"#!/bin/sh\n");
    let script = script.then(|| Script { path: "/w/job.sh".to_owned(), content, args: Vec::new() });
    let submitter = Submitter {
        uid: 0,
        gid: 0,
        user: "root".to_owned(),
        group: "root".to_owned(),
        host: "front".to_owned(),
        sid: 1,
        umask: 0o022,
        rlimits: Vec::new(),
        command_line: String::new(),
    };
    Box::new(Submission { components: vec![spec], script, env: Vec::new(), submitter, streams: false })
}

/// Waits for nodes to have joined: registering and asking go different ways.
async fn nodes_are_there(client: &mut Client, count: usize) {
    timeout(PATIENCE, async {
        loop {
            match client.call(Request::Nodes).await {
                Reply::Nodes(nodes) if nodes.len() == count => return,
                Reply::Nodes(_) => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
    })
    .await
    .unwrap();
}

async fn launched(told: &mut mpsc::Receiver<ToNode>) -> Launched {
    loop {
        match timeout(PATIENCE, told.recv()).await.unwrap() {
            Some(ToNode::Launch(launch)) => return launch.launched(),
            Some(ToNode::Registered | ToNode::Kept { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_job_goes_from_a_clients_socket_to_a_rank_server_and_back() {
    let handle = Handle::start(Config::default());
    let (says, mut told) = handle.join();
    register(&says).await;
    let mut client = Client::new(&handle);
    nodes_are_there(&mut client, 2).await;
    let job = match client.call(Request::Submit(submission(true))).await {
        Reply::Submitted { job, .. } => job,
        other => panic!("{other:?}"),
    };
    let Launched { key, launch } = launched(&mut told).await;
    assert_eq!(key.job, job);
    assert!(matches!(client.call(Request::WatchJob { job }).await, Reply::Job(_)));
    says.send(FromNode::Exited { key, launch, rank: Rank(0), exit: Exit::default() }).await.unwrap();
    assert!(matches!(client.reply().await, Reply::Job(_)));
    says.send(FromNode::StepDone { key, launch, lost: false }).await.unwrap();
    assert!(matches!(client.reply().await, Reply::Job(_)));
    match client.reply().await {
        Reply::Ended { job } => assert_eq!(job.state, JobState::Completed),
        other => panic!("{other:?}"),
    }
    timeout(PATIENCE, handle.stop()).await.unwrap();
}

#[tokio::test]
async fn an_allocation_ends_when_its_client_is_gone() {
    let handle = Handle::start(Config::default());
    let (says, _told) = handle.join();
    register(&says).await;
    let mut client = Client::new(&handle);
    nodes_are_there(&mut client, 2).await;
    assert!(matches!(client.call(Request::Allocate(submission(false))).await, Reply::Allocated { .. }));
    let mut other = Client::new(&handle);
    other.call(Request::Ping).await;
    drop(client);
    match other.call(Request::WaitJob { job: JobId(1) }).await {
        Reply::Ended { job } => assert_eq!(job.state, JobState::Cancelled),
        reply => panic!("{reply:?}"),
    }
}

#[tokio::test]
async fn a_rank_server_may_join_over_a_stream() {
    let handle = Handle::start(Config::default());
    let (ours, theirs) = UnixStream::pair().unwrap();
    let serving = tokio::spawn({
        let handle = handle.clone();
        async move { handle.serve_node(Link::unix(theirs)).await }
    });
    let (read, write) = tokio::io::split(ours);
    let mut writer = FrameWriter::new(write);
    let nodes = vec![facts("n1"), facts("n2")];
    say(&mut writer, FromNode::Register { nodes, steps: Vec::new(), launches: Vec::new() }).await;
    let mut client = Client::new(&handle);
    nodes_are_there(&mut client, 2).await;
    client.call(Request::Submit(submission(true))).await;
    let mut reader = FrameReader::new(read);
    let message: ToNode = timeout(PATIENCE, reader.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(message, ToNode::Registered);
    let message: ToNode = timeout(PATIENCE, reader.message()).await.unwrap().unwrap().unwrap();
    let ToNode::Launch(launch) = message else { panic!("{message:?}") };
    let Launched { key, launch } = launch.launched();
    say(
        &mut writer,
        FromNode::Exited { key, launch, rank: Rank(0), exit: Exit { code: 3, ..Exit::default() } },
    )
    .await;
    say(&mut writer, FromNode::StepDone { key, launch, lost: false }).await;
    match client.call(Request::WaitJob { job: key.job }).await {
        Reply::Ended { job } => assert_eq!((job.state, job.exit.code), (JobState::Failed, 3)),
        reply => panic!("{reply:?}"),
    }
    timeout(PATIENCE, handle.stop()).await.unwrap();
    timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
}

async fn say(writer: &mut FrameWriter<impl AsyncWrite + Unpin>, message: FromNode) {
    writer.message(&message).await.unwrap();
}

#[tokio::test]
async fn the_cores_deadlines_are_kept() {
    let handle = Handle::start(Config::default());
    let (says, mut told) = handle.join();
    register(&says).await;
    let mut client = Client::new(&handle);
    nodes_are_there(&mut client, 2).await;
    client.call(Request::Submit(submission(true))).await;
    launched(&mut told).await;
    // One of four CPUs is left: whoever waits a second for three gives up then, with nobody saying anything.
    let mut impatient = submission(false);
    impatient.components[0].immediate = Some(1);
    assert!(matches!(client.call(Request::Allocate(impatient)).await, Reply::Pending { .. }));
    match client.reply().await {
        Reply::Error(refusal) => assert_eq!(refusal.code, ErrorCode::NodesBusy),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_controller_that_was_killed_goes_on_with_its_jobs() {
    goes_on(false).await;
}

#[tokio::test]
async fn a_controller_that_left_goes_on_with_its_jobs() {
    goes_on(true).await;
}

async fn goes_on(politely: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let first_path = path.clone();
    let first = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let handle = Handle::recover(Config::default(), &first_path).unwrap();
            let (says, mut told) = handle.join();
            register(&says).await;
            let mut client = Client::new(&handle);
            nodes_are_there(&mut client, 2).await;
            // A question alone: nothing of it goes to the journal, which stays open all the same.
            client.call(Request::Ping).await;
            client.call(Request::Submit(submission(true))).await;
            client.call(Request::Submit(submission(true))).await;
            let Launched { key, launch } = launched(&mut told).await;
            if politely {
                handle.leave().await;
            }
            Launched { key, launch }
        })
        // Here the runtime goes, and its controller with it, in the middle of everything.
    });
    let Launched { key, launch } = first.join().unwrap();
    let handle = Handle::recover(Config::default(), &path).unwrap();
    let (says, mut told) = handle.join();
    let nodes = vec![facts("n1"), facts("n2")];
    says.send(FromNode::Register { nodes, steps: vec![key], launches: vec![launch] }).await.unwrap();
    let mut client = Client::new(&handle);
    says.send(FromNode::Exited { key, launch, rank: Rank(0), exit: Exit { code: 5, ..Exit::default() } })
        .await
        .unwrap();
    says.send(FromNode::StepDone { key, launch, lost: false }).await.unwrap();
    match client.call(Request::WaitJob { job: key.job }).await {
        Reply::Ended { job } => assert_eq!((job.state, job.exit.code), (JobState::Failed, 5)),
        reply => panic!("{reply:?}"),
    }
    assert_eq!(launched(&mut told).await.key.job, JobId(key.job.0 + 1));
}
