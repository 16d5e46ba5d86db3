//! What is kept and what cannot be: full disks, backups.

use super::*;

/// An owner whose messages the test hands in one by one.
struct Stalled {
    owner: Owner,
    client: ClientId,
    answers: mpsc::Receiver<Answer>,
    told: mpsc::Receiver<ToNode>,
    link: LinkId,
    calls: u64,
}

impl Stalled {
    async fn new(journal: &Path) -> Self {
        let mut owner = Owner::recover(Config::default(), Journal::open(journal).unwrap()).unwrap();
        let (to_client, answers) = mpsc::channel(16);
        let (to_node, told) = mpsc::channel(16);
        let (client_id, mut client) = mpsc::channel(1);
        let (link_id, mut link) = mpsc::channel(1);
        let peer = Peer { uid: 0, user: "root".to_owned() };
        owner.take(Inbox::ClientHere { answers: to_client, peer, id: client_id });
        owner.take(Inbox::NodeHere { messages: to_node, id: link_id });
        let (client, link) = (client.recv().await.unwrap(), link.recv().await.unwrap());
        let mut stalled = Self { owner, client, answers, told, link, calls: 0 };
        stalled
            .node_says(FromNode::Register {
                nodes: vec![facts("n1")],
                steps: Vec::new(),
                launches: Vec::new(),
            })
            .await;
        stalled
    }

    async fn node_says(&mut self, message: FromNode) {
        self.owner.take(Inbox::NodeSays { link: self.link, message });
        self.owner.let_out().await;
    }

    fn say(&mut self, request: Request) {
        self.calls += 1;
        self.owner.take(Inbox::ClientSays {
            client: self.client,
            call: Box::new(Call { id: self.calls, request }),
        });
    }

    async fn ask(&mut self, request: Request) -> Reply {
        self.say(request);
        self.owner.let_out().await;
        self.answer(self.calls)
    }

    /// What has come already for a call.
    fn answer(&mut self, call: u64) -> Reply {
        loop {
            let answer = self.answers.try_recv().unwrap();
            if answer.id == call {
                return answer.reply;
            }
        }
    }

    async fn states(&mut self) -> Vec<JobState> {
        match self.ask(Request::Jobs { history: false }).await {
            Reply::Jobs(jobs) => jobs.into_iter().map(|job| job.state).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn small() -> Box<Submission> {
    let mut submission = submission(true);
    submission.components[0].ntasks = Some(1);
    submission
}

fn large() -> Box<Submission> {
    Box::new(Submission { env: vec![(ByteBuf::from(*b"X"), ByteBuf::from(vec![b'x'; 1 << 20]))], ..*small() })
}

#[tokio::test]
async fn on_a_full_disk_changes_are_refused_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut world = Stalled::new(&path).await;
    let Reply::Submitted { job, .. } = world.ask(Request::Submit(small())).await else { panic!() };
    let Launched { key, launch } = launched(&mut world.told).await;
    world.say(Request::WaitJob { job });
    let waiting = world.calls;
    world.owner.let_out().await;
    world.owner.keeper.journal().fill_disk();
    // In one batch: a question, a submission that cannot be kept, the end of the job.
    world.say(Request::Ping);
    world.say(Request::Submit(large()));
    let refused = world.calls;
    world.owner.take(Inbox::NodeSays {
        link: world.link,
        message: FromNode::Exited { key, launch, rank: Rank(0), exit: Exit { code: 4, ..Exit::default() } },
    });
    world.node_says(FromNode::StepDone { key, launch, lost: false }).await;
    let mut said: Vec<_> = std::iter::from_fn(|| world.answers.try_recv().ok()).collect();
    said.sort_by_key(|answer| answer.id);
    let [ping, refusal] = said.as_slice() else { panic!("{said:?}") };
    assert!(matches!(ping.reply, Reply::Pong { .. }));
    let Reply::Error(why) = &refusal.reply else { panic!("{refusal:?}") };
    assert_eq!((refusal.id, why.code), (refused, ErrorCode::Journal));
    assert!(why.detail[0].contains("full"), "{why:?}");
    // Who asks is served, with what was before; who wants changes is not.
    assert_eq!(world.states().await, [JobState::Running]);
    assert!(matches!(world.ask(Request::Submit(small())).await, Reply::Error(_)));
    world.owner.go_on();
    assert!(world.owner.keeper.is_stalled());
    world.owner.keeper.journal().free_disk();
    world.owner.go_on();
    world.owner.let_out().await;
    match world.answer(waiting) {
        Reply::Ended { job } => assert_eq!((job.state, job.exit.code), (JobState::Failed, 4)),
        other => panic!("{other:?}"),
    }
    assert!(
        matches!(world.ask(Request::Submit(large())).await, Reply::Submitted { job: JobId(n), .. } if n == job.0 + 1)
    );
    drop(world);
    let mut again = Stalled::new(&path).await;
    assert_eq!(again.states().await[0], JobState::Failed);
    assert_eq!(again.states().await.len(), 2);
}

#[tokio::test]
async fn a_backup_is_made_while_the_cluster_runs_and_another_controller_goes_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy");
    let backup = || Request::Backup { path: copy.to_str().unwrap().to_owned() };
    let mut world = Stalled::new(&dir.path().join("journal")).await;
    // In one batch: what was asked for before it is in it.
    world.say(Request::Submit(small()));
    assert!(matches!(world.ask(backup()).await, Reply::Done));
    world.ask(Request::Submit(small())).await;
    let Reply::Error(refusal) = world.ask(backup()).await else { panic!("written over") };
    assert!(refusal.detail[0].contains("copy"), "{refusal:?}");
    assert_eq!(world.states().await.len(), 2);
    let mut again = Stalled::new(&copy).await;
    assert_eq!(again.states().await.len(), 1);
}

#[tokio::test]
async fn a_controller_without_a_journal_has_no_backup_to_give() {
    let handle = Handle::start(Config::default());
    let mut client = Client::new(&handle);
    let Reply::Error(refusal) = client.call(Request::Backup { path: "/nowhere".to_owned() }).await else {
        panic!()
    };
    assert!(refusal.detail[0].contains("no journal"), "{refusal:?}");
}
