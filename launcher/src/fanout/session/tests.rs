//! Sessions against step processes made of a few lines.

use std::io::Read;

use prun_runtime::ids::{JobId, StepId, StepKey};
use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::preamble::{Preamble, Target};
use prun_runtime::wire::step::Stream;
use tokio::net::UnixStream;

use super::*;
use crate::fanout::reach::Again;
use crate::fanout::watch::Settings;
use crate::gather::files::{self, OwnStreams};
use crate::gather::label::Labels;
use crate::gather::order::Order;
use crate::layout::plan::{NodePlan, Plan, TaskPlan};
use crate::script::options::Request;
use crate::script::pattern::Letters;

/// A step process that is told what to do.
struct Fake {
    reader: FrameReader<tokio::io::ReadHalf<UnixStream>>,
    writer: FrameWriter<tokio::io::WriteHalf<UnixStream>>,
}

impl Fake {
    async fn say(&mut self, message: FromStep) {
        self.writer.message(&message).await.unwrap();
    }

    async fn exit(&mut self, rank: u32, code: i32) {
        self.say(FromStep::Exited { rank: Rank(rank), exit: Exit { code, ..Exit::default() } }).await;
    }

    async fn hear(&mut self) -> Option<ToStep> {
        self.reader.message().await.unwrap()
    }

    /// Answers every request from these logs (rank, stream, bytes), until the launcher closes; gives what else came.
    async fn serve(mut self, logs: &[(u32, Stream, Vec<u8>)]) -> Vec<ToStep> {
        let mut others = Vec::new();
        while let Some(message) = self.hear().await {
            let ToStep::Pull { rank, stream, offset, credit } = message else {
                others.push(message);
                continue;
            };
            let found = logs.iter().find(|(r, s, _)| (*r, *s) == (rank.0, stream));
            let Some((_, _, log)) = found else {
                self.say(FromStep::End { rank, stream, offset: 0 }).await;
                continue;
            };
            let to = log.len().min((offset + credit) as usize);
            let bytes = &log[offset as usize..to];
            if !bytes.is_empty() {
                let data = FromStep::Data { rank, stream, offset };
                self.writer.message_with_data(&data, bytes).await.unwrap();
            }
            if to == log.len() {
                self.say(FromStep::End { rank, stream, offset: to as u64 }).await;
            }
        }
        others
    }
}

fn plan(nodes: &[&[u32]]) -> Plan {
    let node = |(at, ranks): (usize, &&[u32])| NodePlan {
        name: format!("n{}", at + 1),
        cpus: Vec::new(),
        memory_mb: 0,
        tasks: ranks.iter().map(|&rank| TaskPlan { rank, ..TaskPlan::default() }).collect(),
        ..NodePlan::default()
    };
    Plan { nodes: nodes.iter().enumerate().map(node).collect() }
}

/// A session whose output goes to a file, and its step processes, one a node.
struct Scene {
    session: Session,
    fakes: Vec<Fake>,
    directory: tempfile::TempDir,
}

fn scene(nodes: &[&[u32]], labelled: bool, feeding: Option<Feeding>) -> Scene {
    let plan = plan(nodes);
    let directory = tempfile::tempdir().unwrap();
    let mut request = Request::default();
    request.job.stdout = Some(directory.path().join("out").display().to_string());
    request.job.stderr = Some(directory.path().join("err").display().to_string());
    let own = OwnStreams { no_input: feeding.is_none(), ..OwnStreams::default() };
    let streams = files::lay_out(&request, &plan, &Letters::default(), own);
    let labels = labelled.then(|| Labels::new(plan.size()));
    let outputs = Outputs::open(&streams, labels, [Order::Rank; 3], false).unwrap();
    let key = StepKey { job: JobId(1), step: StepId(0) };
    let settings = Settings { command: "srun", quiet: true, ..Settings::default() };
    let (mut connections, mut fakes) = (Vec::new(), Vec::new());
    for ranks in nodes {
        let (own, other) = tokio::net::UnixStream::pair().unwrap();
        let stream = prun_runtime::net::link::Link::unix(own);
        connections.push(Connection { stream, ranks: ranks.to_vec(), again: None });
        let (read, write) = tokio::io::split(other);
        fakes.push(Fake { reader: FrameReader::new(read), writer: FrameWriter::new(write) });
    }
    let session = Session::new(connections, Watch::new(key, &plan, settings), outputs, feeding);
    Scene { session, fakes, directory }
}

impl Scene {
    fn fakes<const N: usize>(&mut self) -> [Fake; N] {
        std::mem::take(&mut self.fakes).try_into().ok().unwrap()
    }

    async fn run(self) -> (Outcome, String) {
        self.run_with(mpsc::channel(1).1).await
    }

    async fn run_with(self, signals: mpsc::Receiver<i32>) -> (Outcome, String) {
        let outcome = self.session.run(&mut Signals::of(signals)).await;
        let mut text = String::new();
        for name in ["out", "err"] {
            let mut file = std::fs::File::open(self.directory.path().join(name)).unwrap();
            file.read_to_string(&mut text).unwrap();
        }
        (outcome, text)
    }
}

fn log(rank: u32, text: &str) -> (u32, Stream, Vec<u8>) {
    (rank, Stream::Stdout, text.as_bytes().to_vec())
}

#[tokio::test]
async fn output_of_two_nodes_comes_out_by_rank() {
    let mut scene = scene(&[&[0, 2], &[1, 3]], true, None);
    let [mut one, mut two] = scene.fakes();
    two.exit(3, 0).await;
    two.exit(1, 4).await;
    one.exit(0, 0).await;
    one.exit(2, 0).await;
    let one = async { one.serve(&[log(0, "a\n"), log(2, "c")]).await };
    let logs = [log(1, "b\nb\n"), log(3, "d\n"), (3, Stream::Stderr, b"e\n".to_vec())];
    let two = async { two.serve(&logs).await };
    let ((outcome, text), ..) = tokio::join!(scene.run(), one, two);
    assert_eq!(text, "0: a\n1: b\n1: b\n2: c\n3: d\n3: e\n");
    assert_eq!((outcome.exit.code, outcome.output_failed, outcome.left), (4, false, false));
}

const SIGTERM: i32 = 15;

/// Long enough for a session to take in what was said to it.
const A_MOMENT: Duration = Duration::from_millis(50);

/// A job's end was the end of its launcher, whose tasks' last words were on their way.
#[tokio::test]
async fn output_of_tasks_that_have_ended_is_not_given_up_for_one_signal() {
    let mut scene = scene(&[&[0]], false, None);
    let [mut fake] = scene.fakes();
    fake.exit(0, 0).await;
    let (ends, signals) = mpsc::channel(2);
    let serves = async {
        tokio::time::sleep(A_MOMENT).await;
        for signal in [SIGUSR1, SIGTERM] {
            ends.send(signal).await.unwrap();
        }
        tokio::time::sleep(A_MOMENT).await;
        fake.serve(&[log(0, "last words\n")]).await
    };
    let ((outcome, text), _) = tokio::join!(scene.run_with(signals), serves);
    assert_eq!((text.as_str(), outcome.left), ("last words\n", false));
}

#[tokio::test]
async fn who_is_asked_to_end_does_not_wait_for_output_that_does_not_come() {
    let mut scene = scene(&[&[0]], false, None);
    let [mut fake] = scene.fakes();
    fake.exit(0, 0).await;
    let (ends, signals) = mpsc::channel(1);
    let asks = async {
        tokio::time::sleep(A_MOMENT).await;
        ends.send(SIGTERM).await.unwrap();
    };
    let ((outcome, _), ()) = tokio::join!(scene.run_with(signals), asks);
    assert!(outcome.left);
}

/// A session with one rank whose step process can be called again, at a socket of this name.
fn scene_with_a_door() -> (Scene, tokio::net::UnixListener) {
    let mut scene = scene(&[&[0]], false, None);
    let path = scene.directory.path().join("door");
    let target = Target::Step {
        key: StepKey { job: JobId(1), step: StepId(0) },
        secret: Secret([7; 32]),
        owner: true,
    };
    let address = format!("unix:{}", path.display());
    scene.session.lines[0].again = Some(Again { address, target });
    (scene, tokio::net::UnixListener::bind(path).unwrap())
}

#[tokio::test]
async fn a_link_that_breaks_is_made_again_and_nothing_is_lost() {
    // A cut link was the end of its ranks.
    let (mut scene, door) = scene_with_a_door();
    let [mut first] = scene.fakes();
    let text = b"one\ntwo\nthree\n".to_vec();
    let started = || FromStep::Started { rank: Rank(0), pid: 1, at_us: 1 };
    let begins = async {
        first.say(started()).await;
        assert!(matches!(first.hear().await, Some(ToStep::Pull { offset: 0, .. })));
        let data = FromStep::Data { rank: Rank(0), stream: Stream::Stdout, offset: 0 };
        first.writer.message_with_data(&data, &text[..6]).await.unwrap();
        drop(first);
        let (read, write) = tokio::io::split(door.accept().await.unwrap().0);
        let mut again = Fake { reader: FrameReader::new(read), writer: FrameWriter::new(write) };
        let preamble: Preamble = again.reader.message().await.unwrap().unwrap();
        assert!(matches!(preamble.target, Target::Step { owner: true, .. }));
        // From the beginning: what is known already does not count twice.
        again.say(started()).await;
        again.exit(0, 3).await;
        again.serve(&[(0, Stream::Stdout, text.clone())]).await
    };
    let ((outcome, written), _) = tokio::join!(scene.run(), begins);
    assert_eq!((outcome.exit.code, outcome.left), (3, false));
    assert_eq!(written, "one\ntwo\nthree\n");
}

#[tokio::test]
async fn a_step_process_that_takes_no_link_again_is_dead() {
    let (mut scene, door) = scene_with_a_door();
    drop(scene.fakes::<1>());
    let refuses = async {
        drop(door.accept().await.unwrap());
        // It is not called a third time.
        std::future::pending::<()>().await
    };
    let (outcome, _) = tokio::select! {
        ended = scene.run() => ended,
        () = refuses => unreachable!(),
    };
    assert_eq!(outcome.exit.signal, 9, "its rank is lost with it");
}

#[tokio::test]
async fn megabytes_arrive_whole() {
    let big: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8 % 128).collect();
    let mut scene = scene(&[&[0, 1]], false, None);
    let [mut fake] = scene.fakes();
    fake.exit(0, 0).await;
    fake.exit(1, 0).await;
    let logs = [(0, Stream::Stdout, big.clone()), (1, Stream::Stdout, big.clone())];
    let ((_, text), _) = tokio::join!(scene.run(), fake.serve(&logs));
    assert!(text.as_bytes() == [big.clone(), big].concat());
}

#[tokio::test]
async fn a_link_that_closes_early_is_a_lost_step_process() {
    let mut scene = scene(&[&[0], &[1]], false, None);
    let [mut one, two] = scene.fakes();
    drop(two);
    one.exit(0, 0).await;
    let logs = [log(0, "a\n")];
    let ((outcome, text), _) = tokio::join!(scene.run(), one.serve(&logs));
    assert_eq!((outcome.exit.shell_code(), text.as_str()), (137, "a\n"));
}

#[tokio::test]
async fn a_link_may_close_once_its_tasks_have_ended() {
    let mut scene = scene(&[&[0]], false, None);
    let [mut fake] = scene.fakes();
    fake.exit(0, 0).await;
    let fake = async {
        for _ in 0..2 {
            let Some(ToStep::Pull { rank, stream, .. }) = fake.hear().await else { panic!("no pull") };
            fake.say(FromStep::End { rank, stream, offset: 0 }).await;
        }
        fake.say(FromStep::Done).await;
        drop(fake);
    };
    let ((outcome, _), ()) = tokio::join!(scene.run(), fake);
    assert_eq!(outcome.exit, Exit::default());
}

#[tokio::test]
async fn a_step_process_that_sends_unasked_is_not_trusted_further() {
    let mut scene = scene(&[&[0]], false, None);
    let [mut fake] = scene.fakes();
    let data = FromStep::Data { rank: Rank(0), stream: Stream::Stdout, offset: 0 };
    let flood = async {
        // More than any request asks for; the launcher may hang up in the middle of it.
        let _ = fake.writer.message_with_data(&data, &vec![b'x'; 4 << 20]).await;
    };
    let ((outcome, _), ()) = tokio::join!(scene.run(), flood);
    assert_eq!(outcome.exit.shell_code(), 137);
}

#[tokio::test]
async fn input_goes_to_all_and_waits_for_who_takes_none() {
    let (reader, mut writer) = io::pipe().unwrap();
    let total = 3 * INPUT_BYTES_MAX as usize;
    let feeder = std::thread::spawn(move || {
        use std::io::Write;
        writer.write_all(&vec![b'i'; total])
    });
    let feeding = Feeding { input: Input::read(reader.into()).unwrap(), only: None, ends: true };
    let mut scene = scene(&[&[0]], false, Some(feeding));
    let [mut fake] = scene.fakes();
    let fake = async {
        let (mut come, mut most) = (0, 0);
        loop {
            match fake.hear().await {
                Some(ToStep::Pull { rank, stream, .. }) => {
                    fake.say(FromStep::End { rank, stream, offset: 0 }).await;
                }
                Some(ToStep::Stdin { rank: None }) => {
                    come += fake.reader.data().await.unwrap().len();
                    most = most.max(come);
                    // The first window is taken only when it is full.
                    if come >= INPUT_BYTES_MAX as usize {
                        fake.say(FromStep::StdinTaken { bytes: come as u64 }).await;
                    }
                }
                Some(ToStep::StdinEnd { rank: None }) => fake.exit(0, 0).await,
                None => return come,
                other => panic!("{other:?}"),
            }
        }
    };
    let ((outcome, _), come) = tokio::join!(scene.run(), fake);
    assert_eq!((outcome.exit, come), (Exit::default(), total));
    feeder.join().unwrap().unwrap();
}
