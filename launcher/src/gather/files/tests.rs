use super::*;
use crate::layout::plan::{NodePlan, TaskPlan};

fn plan() -> Plan {
    let node = |name: &str, ranks: &[u32]| NodePlan {
        name: name.to_owned(),
        tasks: ranks.iter().map(|&rank| TaskPlan { rank, ..TaskPlan::default() }).collect(),
        ..NodePlan::default()
    };
    Plan { nodes: vec![node("n1", &[0, 2]), node("n2", &[1])] }
}

fn streams(set: impl Fn(&mut Request)) -> Streams {
    let mut request = Request::default();
    set(&mut request);
    lay_out(&request, &plan(), &Letters { job: Some(7), ..Letters::default() }, OwnStreams::default())
}

fn outputs(streams: &Streams) -> Vec<(Output, Option<usize>, Output, Option<usize>)> {
    let of = |t: &TaskStreams| (t.stdout.clone(), t.stdout_to, t.stderr.clone(), t.stderr_to);
    streams.tasks.iter().map(of).collect()
}

fn file(path: &str) -> Destination {
    Destination::File { path: path.to_owned(), append: false }
}

#[test]
fn by_default_both_streams_come_to_the_launcher() {
    let streams = streams(|_| ());
    assert_eq!(streams.outputs, [Destination::Stdout, Destination::Stderr]);
    assert_eq!(outputs(&streams), vec![(Output::Log, Some(0), Output::Log, Some(1)); 3]);
    assert_eq!((streams.feed, streams.feed_only), (Feed::Stdin, None));
    assert!(streams.tasks.iter().all(|task| task.stdin == Input::Launcher));
}

#[test]
fn one_file_for_both_descriptors_is_one_stream() {
    let own = OwnStreams { joined: true, ..OwnStreams::default() };
    let streams = lay_out(&Request::default(), &plan(), &Letters::default(), own);
    assert_eq!(outputs(&streams), vec![(Output::Log, Some(0), Output::Stdout, None); 3]);
}

#[test]
fn error_output_follows_output_unless_it_has_its_own_place() {
    let one = |o: &'static str, e: Option<&'static str>| {
        streams(move |r| {
            r.job.stdout = Some(o.to_owned());
            r.job.stderr = e.map(str::to_owned);
        })
    };
    for together in [one("f%j", None), one("f%j", Some("f%j"))] {
        assert_eq!(together.outputs, [file("f7")]);
        assert_eq!(outputs(&together), vec![(Output::Log, Some(0), Output::Stdout, None); 3]);
    }
    assert_eq!(outputs(&one("none", None)), vec![(Output::Null, None, Output::Null, None); 3]);
    assert_eq!(one("none", Some("e")).outputs, [file("e")]);
    assert_eq!(one("all", None).outputs, [Destination::Stdout, Destination::Stderr]);
    assert_eq!(one("a", Some("b")).outputs, [file("a"), file("b")]);
}

#[test]
fn a_pattern_of_tasks_or_nodes_is_written_on_the_node() {
    let streams = streams(|r| {
        r.job.stdout = Some("o.%2t".to_owned());
        r.job.stderr = Some("e.%N.%n".to_owned());
        r.job.append = Some(true);
    });
    let out = |path: &str| Output::File { path: ByteBuf::from(path), append: true };
    assert!(streams.outputs.is_empty());
    assert_eq!(
        outputs(&streams),
        [
            (out("o.00"), None, out("e.n1.0"), None),
            (out("o.01"), None, out("e.n2.1"), None),
            (out("o.02"), None, out("e.n1.0"), None),
        ]
    );
}

#[test]
fn labelled_files_of_tasks_are_written_by_the_launcher() {
    let streams = streams(|r| {
        r.job.stdout = Some("o.%N".to_owned());
        r.step.label = true;
    });
    assert_eq!(streams.outputs, [file("o.n1"), file("o.n2")]);
    assert_eq!(streams.tasks[2].stdout_to, Some(0));
}

#[test]
fn a_rank_chooses_one_task_and_a_larger_number_is_a_file() {
    let one = |word: &'static str| {
        streams(move |r| {
            r.job.stdout = Some(word.to_owned());
            r.job.stdin = Some(word.to_owned());
        })
    };
    let rank = one("1");
    assert_eq!(rank.outputs, [Destination::Stdout]);
    assert_eq!(rank.tasks[0].stdout, Output::Null);
    assert_eq!((rank.tasks[1].stdout.clone(), rank.tasks[1].stderr.clone()), (Output::Log, Output::Stdout));
    assert_eq!((rank.tasks[0].stdin.clone(), rank.tasks[1].stdin.clone()), (Input::Null, Input::Launcher));
    assert_eq!((rank.feed, rank.feed_only), (Feed::Stdin, Some(1)));
    let number = one("3");
    assert_eq!((number.outputs, number.feed), (vec![file("3")], Feed::File("3".to_owned())));
}

#[test]
fn input_comes_from_files_of_tasks_or_from_nowhere() {
    let per_task = streams(|r| r.job.stdin = Some("in.%t".to_owned()));
    assert_eq!(per_task.tasks[2].stdin, Input::File(ByteBuf::from("in.2")));
    assert_eq!(per_task.feed, Feed::Nothing);
    let none = streams(|r| r.job.stdin = Some("none".to_owned()));
    assert_eq!((none.feed, none.tasks[0].stdin.clone()), (Feed::Nothing, Input::Null));
    let own = OwnStreams { no_input: true, ..OwnStreams::default() };
    let null = lay_out(&Request::default(), &plan(), &Letters::default(), own);
    assert_eq!((null.feed, null.tasks[0].stdin.clone()), (Feed::Nothing, Input::Null));
}

#[test]
fn only_task_0_has_the_terminal() {
    let streams = streams(|r| r.step.pty = true);
    assert_eq!(
        (streams.tasks[0].stdout.clone(), streams.tasks[0].stderr.clone()),
        (Output::Log, Output::Stdout)
    );
    assert_eq!(
        (streams.tasks[1].stdin.clone(), streams.tasks[1].stdout.clone()),
        (Input::Null, Output::Null)
    );
    assert_eq!((streams.feed, streams.feed_only), (Feed::Stdin, Some(0)));
}

#[test]
fn the_order_is_the_users_or_fits_the_output() {
    let none = |_: &str| None;
    let hold = |name: &str| (name == "PRUN_ORDER_HOLD").then(|| "1.5".to_owned());
    let rank = |name: &str| (name == "PRUN_ORDER").then(|| "rank".to_owned());
    let mut request = Request::default();
    assert_eq!(order(&request, &none, true), Order::Line);
    assert_eq!(order(&request, &none, false), Order::Auto { hold_ms: 60_000 });
    assert_eq!(order(&request, &hold, false), Order::Auto { hold_ms: 1_500 });
    assert_eq!(order(&request, &rank, true), Order::Rank);
    request.step.order = Some("none".to_owned());
    assert_eq!(order(&request, &rank, true), Order::None);
    request.step.order = None;
    request.step.unbuffered = true;
    assert_eq!(order(&request, &none, false), Order::Line);
}
