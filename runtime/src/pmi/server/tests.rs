//! Ranks and their server, without a socket between them.

use proptest::prelude::*;

use super::*;

fn server(nodes: &[u32]) -> Server {
    let served: Vec<Served> =
        (0..).zip(nodes).map(|(rank, &node)| Served { rank: Rank(rank), node }).collect();
    let mapping = crate::pmi::process_mapping(nodes);
    Server::new(Facts { size: nodes.len() as u32, space_name: "kvs_1_0".into(), mapping }, &served)
}

/// Everything that is to be done, answers as text.
fn effects(server: &mut Server) -> Vec<(usize, String)> {
    std::iter::from_fn(|| server.next_effect())
        .filter(|effect| !matches!(effect, Effect::Refused { .. }))
        .map(|effect| match effect {
            Effect::Send { at, bytes } => (at, String::from_utf8(bytes).unwrap()),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn ask(server: &mut Server, at: usize, message: &str) -> String {
    server.hear(at, message.as_bytes());
    effects(server)
        .into_iter()
        .map(|(to, text)| if to == at { text } else { format!("{to}: {text}") })
        .collect()
}

fn counted(text: &str) -> String {
    format!("{:6}{text}", text.len())
}

fn end_of(server: &mut Server) -> Option<(u32, Option<i32>, String)> {
    std::iter::from_fn(|| server.next_effect()).find_map(|effect| match effect {
        Effect::End { rank, code, why } => Some((rank.0, code, why)),
        _ => None,
    })
}

/// The dialogue of MPICH's start, word for word.
#[test]
fn version_1_is_answered_word_for_word() {
    let mut server = server(&[0, 0]);
    for (asked, answer) in [
        (
            "cmd=init pmi_version=1 pmi_subversion=1\n",
            "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0\n",
        ),
        ("cmd=get_maxes\n", "cmd=maxes kvsname_max=256 keylen_max=64 vallen_max=1024 rc=0\n"),
        ("cmd=get_appnum\n", "cmd=appnum appnum=0 rc=0\n"),
        ("cmd=get_my_kvsname\n", "cmd=my_kvsname kvsname=kvs_1_0 rc=0\n"),
        ("cmd=get_universe_size\n", "cmd=universe_size size=2 rc=0\n"),
        (
            "cmd=get kvsname=kvs_1_0 key=PMI_process_mapping\n",
            "cmd=get_result rc=0 msg=success value=(vector,(0,1,2))\n",
        ),
        (
            "cmd=get kvsname=kvs_1_0 key=PMI_hwloc_xmlfile\n",
            "cmd=get_result rc=1 msg=key_PMI_hwloc_xmlfile_not_found value=unknown\n",
        ),
        ("cmd=put kvsname=kvs_1_0 key=a value=x = y\n", "cmd=put_result rc=0 msg=success\n"),
        ("cmd=get kvsname=kvs_1_0 key=a\n", "cmd=get_result rc=0 msg=success value=x = y\n"),
        ("cmd=lookup_name service=s\n", "cmd=lookup_result rc=-1 msg=names_of_services_are_not_served\n"),
        (
            "mcmd=spawn\nnprocs=2\nexecname=a\nendcmd\n",
            "cmd=spawn_result rc=-1 msg=prun_starts_no_processes_into_a_running_step\n",
        ),
        ("cmd=strange\n", "cmd=strange_result rc=-1 msg=unknown_command\n"),
        ("cmd=finalize\n", "cmd=finalize_ack rc=0\n"),
    ] {
        assert_eq!(ask(&mut server, 0, asked), answer);
    }
    server.closed(0);
    server.closed(1);
    assert!(!server.ends_badly());
    assert_eq!(server.next_effect(), None, "a rank that has finalized, and one that never spoke, may go");
    assert!(server.was_spoken_to());
}

#[test]
fn version_2_is_answered_word_for_word() {
    let mut server = server(&[0, 0, 1]);
    let opened = ask(&mut server, 1, "cmd=init pmi_version=2 pmi_subversion=0\n");
    assert_eq!(opened, "cmd=response_to_init pmi_version=2 pmi_subversion=0 rc=0\n");
    for (asked, answer) in [
        (
            "cmd=fullinit;pmijobid=1;pmirank=1;threaded=FALSE;thrid=3;",
            "cmd=fullinit-response;thrid=3;pmi-version=2;pmi-subversion=0;rank=1;size=3;appnum=0;debugged=FALSE;pmiverbose=FALSE;rc=0;",
        ),
        ("cmd=job-getid;", "cmd=job-getid-response;jobid=kvs_1_0;rc=0;"),
        (
            "cmd=info-getjobattr;key=PMI_process_mapping;",
            "cmd=info-getjobattr-response;found=TRUE;value=(vector,(0,1,2),(1,1,1));rc=0;",
        ),
        ("cmd=info-getjobattr;key=other;", "cmd=info-getjobattr-response;found=FALSE;rc=0;"),
        ("cmd=kvs-put;key=a;value=1;;2;", "cmd=kvs-put-response;rc=0;"),
        ("cmd=kvs-get;jobid=x;srcid=0;key=a;", "cmd=kvs-get-response;found=TRUE;value=1;;2;rc=0;"),
        (
            "cmd=spawn;ncmds=1;",
            "cmd=spawn-response;rc=-1;errmsg=prun_starts_no_processes_into_a_running_step;",
        ),
        ("cmd=finalize;thrid=9;", "cmd=finalize-response;thrid=9;rc=0;"),
    ] {
        assert_eq!(ask(&mut server, 1, &counted(asked)), counted(answer));
    }
}

#[test]
fn a_fence_waits_for_all_and_shows_what_was_put_elsewhere() {
    let mut server = server(&[0, 1]);
    assert_eq!(ask(&mut server, 0, "cmd=init pmi_version=1\ncmd=put key=a value=1\n").lines().count(), 2);
    ask(&mut server, 1, "cmd=init pmi_version=2\n");
    assert_eq!(ask(&mut server, 0, "cmd=barrier_in\n"), "");
    server.hear(1, counted("cmd=kvs-fence;thrid=5;").as_bytes());
    let pairs = vec![(b"a".to_vec(), b"1".to_vec())];
    assert_eq!(server.next_effect(), Some(Effect::Fence { pairs: pairs.clone() }));
    assert_eq!(server.next_effect(), None);
    server.fenced(pairs.into_iter().chain([(b"far".to_vec(), b"2".to_vec())]));
    assert_eq!(
        effects(&mut server),
        [(0, "cmd=barrier_out rc=0\n".into()), (1, counted("cmd=kvs-fence-response;thrid=5;rc=0;"))]
    );
    assert_eq!(ask(&mut server, 0, "cmd=get key=far\n"), "cmd=get_result rc=0 msg=success value=2\n");
    ask(&mut server, 0, "cmd=barrier_in\n");
    server.hear(1, counted("cmd=kvs-fence;").as_bytes());
    assert_eq!(server.next_effect(), Some(Effect::Fence { pairs: Vec::new() }), "nothing is sent twice");
}

#[test]
fn a_key_of_a_node_reaches_those_who_wait_on_that_node() {
    let mut server = server(&[0, 0, 1]);
    for at in 0..3 {
        ask(&mut server, at, "cmd=init pmi_version=2\n");
    }
    let get = |wait, thread| counted(&format!("cmd=info-getnodeattr;key=k;wait={wait};thrid={thread};"));
    assert_eq!(ask(&mut server, 1, &get("TRUE", 4)), "");
    assert_eq!(ask(&mut server, 2, &get("TRUE", 5)), "");
    let told = ask(&mut server, 0, &counted("cmd=info-putnodeattr;key=k;value=v;"));
    let expected = format!(
        "{}1: {}",
        counted("cmd=info-putnodeattr-response;rc=0;"),
        counted("cmd=info-getnodeattr-response;thrid=4;found=TRUE;value=v;rc=0;")
    );
    assert_eq!(told, expected);
    let missing = counted("cmd=info-getnodeattr-response;thrid=6;found=FALSE;rc=0;");
    assert_eq!(ask(&mut server, 2, &get("FALSE", 6)), missing);
}

#[test]
fn an_abort_ends_the_step_with_its_code_and_only_the_first_reason_counts() {
    let mut server = server(&[0, 0]);
    ask(&mut server, 1, "cmd=init pmi_version=1\n");
    server.hear(1, b"cmd=abort exitcode=42 message=bad input\n");
    server.closed(1);
    assert_eq!(end_of(&mut server), Some((1, Some(42), "called MPI_Abort: bad input".into())));
    assert_eq!(server.next_effect(), None);
    assert_eq!(abort_text(b" abort"), "called MPI_Abort");
}

#[test]
fn a_rank_that_goes_between_init_and_finalize_ends_the_step() {
    let mut server = server(&[0, 0]);
    ask(&mut server, 0, "cmd=init pmi_version=1\n");
    assert!(server.ends_badly(), "if it ended now");
    server.closed(0);
    assert!(server.ends_badly());
    assert_eq!(end_of(&mut server), Some((0, None, "ended without MPI_Finalize".into())));
}

#[test]
fn nobody_waits_for_a_rank_that_never_speaks_and_goes() {
    let why = "has ended, and rank 0 waits for it in MPI_Init";
    for late in [false, true] {
        // Libraries whose ranks share memory wait there, without a word.
        for words in ["cmd=init pmi_version=1\n", "cmd=init pmi_version=1\ncmd=barrier_in\n"] {
            let mut server = server(&[0, 0]);
            if late {
                server.closed(1);
            }
            server.hear(0, words.as_bytes());
            if !late {
                server.closed(1);
            }
            assert_eq!(end_of(&mut server), Some((1, None, why.into())), "{late} {words}");
        }
    }
}

#[test]
fn a_rank_that_has_finalized_may_go_while_others_work_but_not_when_they_begin_anew() {
    let mut server = server(&[0, 0]);
    ask(&mut server, 0, "cmd=init pmi_version=1\n");
    ask(&mut server, 1, "cmd=init pmi_version=1\ncmd=finalize\n");
    server.closed(1);
    assert_eq!(server.next_effect(), None);
    ask(&mut server, 0, "cmd=finalize\n");
    server.hear(0, b"cmd=init pmi_version=1\n");
    let why = "has ended, and rank 0 waits for it in MPI_Init";
    assert_eq!(end_of(&mut server), Some((1, None, why.into())));
}

#[test]
fn a_program_may_follow_another_in_the_same_rank() {
    let mut server = server(&[0]);
    for (version, finalize, ack) in [
        (2, counted("cmd=finalize;"), counted("cmd=finalize-response;rc=0;")),
        (1, "cmd=finalize\n".into(), "cmd=finalize_ack rc=0\n".into()),
        (2, counted("cmd=finalize;"), counted("cmd=finalize-response;rc=0;")),
    ] {
        let answer = ask(&mut server, 0, &format!("cmd=init pmi_version={version}\n{finalize}"));
        assert!(answer.ends_with(&ack), "{answer}");
    }
    server.closed(0);
    assert_eq!(server.next_effect(), None);
}

#[test]
fn garbage_ends_the_step_by_the_name_of_its_rank() {
    let mut server = server(&[0, 0]);
    server.hear(1, &[b'x'; 100_000]);
    let (rank, code, why) = end_of(&mut server).unwrap();
    assert_eq!((rank, code), (1, None));
    assert!(why.starts_with("sent what is no PMI request: a message of more than"), "{why}");
}

proptest! {
    /// Whatever ranks send, the server neither panics nor answers more than it is asked.
    #[test]
    fn any_bytes_are_survived(pieces in proptest::collection::vec(
        (0..3_usize, prop_oneof![
            "[a-z=; \\n]{0,40}",
            Just("cmd=init pmi_version=1\n".to_owned()),
            Just("cmd=init pmi_version=2\n".to_owned()),
            Just("cmd=barrier_in\n".to_owned()),
            Just("    13cmd=kvs-fence".to_owned()),
            Just("cmd=put key=a value=b\n".to_owned()),
            Just("cmd=get key=a\n".to_owned()),
            Just("cmd=finalize\n".to_owned()),
        ]), 0..60))
    {
        let mut server = server(&[0, 0, 1]);
        let asked: usize = pieces.iter().map(|(_, text)| text.len()).sum();
        let mut answers = 0;
        for (at, text) in pieces {
            server.hear(at, text.as_bytes());
            while let Some(effect) = server.next_effect() {
                match effect {
                    Effect::Send { .. } => answers += 1,
                    Effect::Fence { pairs } => server.fenced(pairs),
                    Effect::Refused { .. } | Effect::End { .. } => {}
                }
            }
        }
        prop_assert!(answers <= asked);
    }
}

#[test]
fn a_wish_to_spawn_is_told_of() {
    let mut server = server(&[0, 0]);
    server.hear(1, b"mcmd=spawn\nnprocs=1\nendcmd\n");
    let why = "has asked for what is not served: prun starts no processes into a running step";
    assert_eq!(server.next_effect(), Some(Effect::Refused { rank: Rank(1), why: why.into() }));
    assert!(matches!(server.next_effect(), Some(Effect::Send { at: 1, .. })));
}
