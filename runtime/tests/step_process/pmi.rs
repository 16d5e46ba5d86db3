//! PMI through a rank's inherited socket, with a client in a few lines of shell in a library's place.

use prun_runtime::ids::Rank;
use prun_runtime::wire::launch::{Mpi, MpiKind, NodeRanks, StepLaunch};
use prun_runtime::wire::step::{FromStep, Stream};
use serde_bytes::ByteBuf;

use super::Cluster;

pub(crate) async fn all(cluster: &mut Cluster) {
    passes!(ranks_find_one_another_over_their_sockets(cluster));
    passes!(a_rank_that_aborts_is_told_of_with_its_code(cluster));
    passes!(a_rank_that_dies_before_finalize_is_told_of(cluster));
    passes!(a_step_without_mpi_has_none_of_its_variables(cluster));
    passes!(ranks_that_never_speak_are_told_of(cluster));
    passes!(a_step_that_needs_pmix_says_that_there_is_none(cluster));
}

/// `ask WORDS` says a line to the server and prints its answer.
const CLIENT: &str = r#"
ask() { printf '%s\n' "cmd=$*" >&$PMI_FD; IFS= read -r -u $PMI_FD answer; echo "$answer"; }
ask init pmi_version=1 pmi_subversion=1 >/dev/null
"#;

fn pmi(launch: &mut StepLaunch) {
    // As if prun itself ran under some MPI's launcher.
    for (key, value) in [("PMIX_NAMESPACE", "outer"), ("PMI_RANK", "77")] {
        launch.env.push((ByteBuf::from(key), ByteBuf::from(value)));
    }
    launch.layout = vec![NodeRanks::new("n1".into(), String::new(), 0..launch.size)];
    launch.mpi = Some(Mpi { kind: MpiKind::Pmi, linked: None });
}

async fn ranks_find_one_another_over_their_sockets(cluster: &mut Cluster) {
    let command = format!(
        r#"{CLIENT}
        ask put kvsname=k key=from-$PMI_RANK value=rank $PMI_RANK of $PMI_SIZE
        ask barrier_in
        ask get kvsname=k key=from-$(( (PMI_RANK + 1) % PMI_SIZE ))
        ask get kvsname=k key=PMI_process_mapping
        # A process of the rank that is none of the library's has the socket too, and does no harm.
        bash -c 'test -e /proc/self/fd/$PMI_FD && echo inherited'
        ask finalize
        echo "[$PMIX_NAMESPACE] $MPI_LOCALRANKID of $MPI_LOCALNRANKS""#
    );
    let key = cluster.launch(3, &command, pmi).await;
    let mut launcher = cluster.attach(key, true).await;
    for rank in 0..3 {
        let next = (rank + 1) % 3;
        let expected = format!(
            "cmd=put_result rc=0 msg=success\n\
             cmd=barrier_out rc=0\n\
             cmd=get_result rc=0 msg=success value=rank {next} of 3\n\
             cmd=get_result rc=0 msg=success value=(vector,(0,1,3))\n\
             inherited\n\
             cmd=finalize_ack rc=0\n\
             [] {rank} of 3\n"
        );
        let out = String::from_utf8(launcher.read(rank, Stream::Stdout).await).unwrap();
        assert_eq!(out, expected);
    }
    launcher.done().await;
    assert!(launcher.exits.values().all(|status| *status == 0));
}

/// The word that a rank ends its step, where the others wait for ever.
async fn aborted(cluster: &mut Cluster, last_words: &str) -> (Rank, Option<i32>, String) {
    let command = format!("{CLIENT}\n[ $PMI_RANK = 1 ] || exec sleep 4322\n{last_words}");
    let key = cluster.launch(2, &command, pmi).await;
    let mut launcher = cluster.attach(key, true).await;
    let told = loop {
        if let FromStep::Aborted { rank, code, why } = launcher.next().await {
            break (rank, code, why);
        }
    };
    drop(launcher);
    assert!(!cluster.ended(key).await);
    told
}

async fn a_rank_that_aborts_is_told_of_with_its_code(cluster: &mut Cluster) {
    let told = aborted(cluster, "ask abort exitcode=42 message=no input file; exit 42").await;
    assert_eq!(told, (Rank(1), Some(42), "called MPI_Abort: no input file".into()));
}

async fn a_rank_that_dies_before_finalize_is_told_of(cluster: &mut Cluster) {
    let told = aborted(cluster, "kill -9 $$").await;
    assert_eq!(told, (Rank(1), None, "ended without MPI_Finalize".into()));
}

async fn a_step_without_mpi_has_none_of_its_variables(cluster: &mut Cluster) {
    let command = "env | grep -c -E '^(PMI_|PMIX_|MPI_)'";
    let key = cluster
        .launch(1, command, |launch| {
            pmi(launch);
            launch.mpi = None;
        })
        .await;
    let mut launcher = cluster.attach(key, true).await;
    assert_eq!(launcher.read(0, Stream::Stdout).await, b"0\n");
    launcher.done().await;
}

/// As a program that is linked with an MPI that speaks something else.
async fn ranks_that_never_speak_are_told_of(cluster: &mut Cluster) {
    // A library waits for its answers, and so this one has been heard when it ends.
    let speaks = format!("{CLIENT}\nask finalize");
    for (command, expected) in [("true", true), (speaks.as_str(), false)] {
        let key = cluster
            .launch(2, command, |launch| {
                pmi(launch);
                launch.mpi.as_mut().unwrap().linked = Some("libmpi.so.40".into());
            })
            .await;
        let mut launcher = cluster.attach(key, true).await;
        let mut told = Vec::new();
        while !launcher.is_done {
            if let FromStep::Warning { text, .. } = launcher.next().await {
                told.push(text);
            }
        }
        let found = told.iter().any(|text| text.contains("Open MPI") && text.contains("srun --mpi=pmix"));
        assert_eq!(found, expected, "{told:?}");
    }
}

/// No library is there where the user has asked for it by name.
async fn a_step_that_needs_pmix_says_that_there_is_none(cluster: &mut Cluster) {
    let library = Some(ByteBuf::from("/no/such/libpmix.so.2"));
    for required in [true, false] {
        let key = cluster
            .launch(1, "echo ran", |launch| {
                pmi(launch);
                launch.env.push((ByteBuf::from("PRUN_LIBPMIX"), ByteBuf::from("/dev/null")));
                launch.mpi.as_mut().unwrap().kind = MpiKind::Pmix { library: library.clone(), required };
            })
            .await;
        let mut launcher = cluster.attach(key, true).await;
        let mut told = Vec::new();
        while !launcher.is_done {
            if let FromStep::Warning { text, .. } = launcher.next().await {
                told.push(text);
            }
        }
        // A machine that has a library serves the step.
        if told.iter().any(|text| text.contains("PRUN_LIBPMIX")) {
            assert_eq!(launcher.exits[&0] != 0, required, "{told:?}");
        } else {
            assert_eq!(launcher.exits[&0], 0);
        }
    }
}
