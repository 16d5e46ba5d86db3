//! What a step process does around its tasks: scripts before and after, complaints, files and terminals.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use prun_runtime::ids::StepId;
use prun_runtime::wire::launch::{Input, Output, StepLaunch};
use prun_runtime::wire::node::FromNode;
use prun_runtime::wire::step::{Exit, FromStep, Stream, ToStep};
use serde_bytes::ByteBuf;

use super::Cluster;

pub(crate) async fn all(cluster: &mut Cluster) {
    let directory = tempfile::tempdir().unwrap();
    passes!(a_task_prolog_sets_variables_and_prints(cluster, directory.path()));
    passes!(a_task_prolog_that_fails_takes_the_place_of_its_task(cluster, directory.path()));
    passes!(a_task_epilog_runs_whatever_became_of_its_task(cluster, directory.path()));
    passes!(a_program_that_is_missing_is_told_of_in_the_tasks_error_output(cluster));
    passes!(unbuffered_output_goes_through_a_raw_terminal(cluster));
    passes!(a_launcher_that_ends_its_step_has_it_said_once(cluster));
    passes!(a_script_runs_under_any_mask(cluster, directory.path()));
    passes!(a_script_without_its_files_ends_with_slurms_number(cluster));
    passes!(when_a_task_ran_is_told_with_its_end(cluster));
    passes!(what_tasks_use_is_told_on_request(cluster));
}

/// A program in the directory.
fn program(directory: &Path, name: &str, text: &str) -> Option<ByteBuf> {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some(ByteBuf::from(path.to_str().unwrap()))
}

/// Output, error output and wait status of a step of one task.
async fn run(
    cluster: &mut Cluster,
    command: &str,
    change: impl FnOnce(&mut StepLaunch),
) -> (String, String, i32) {
    let key = cluster.launch(1, command, change).await;
    let mut launcher = cluster.attach(key, true).await;
    let out = launcher.read(0, Stream::Stdout).await;
    let err = launcher.read(0, Stream::Stderr).await;
    launcher.done().await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(out), text(err), launcher.exits[&0])
}

async fn a_task_prolog_sets_variables_and_prints(cluster: &mut Cluster, directory: &Path) {
    let prolog = program(
        directory,
        "prolog",
        "#!/bin/sh\necho export A=x=y\necho export B = 2\necho unset C\necho print $SLURM_SCRIPT_CONTEXT\necho other\necho hidden >&2\n",
    );
    let (out, err, status) = run(cluster, "echo [$A][$B][$C][$TMPDIR]", |launch| {
        launch.env.push((ByteBuf::from("C"), ByteBuf::from("3")));
        launch.task_prolog = prolog;
    })
    .await;
    assert_eq!((out.as_str(), err.as_str(), status), ("prolog_task\n[x=y][ 2][][/tmp]\n", "", 0));
}

async fn a_task_prolog_that_fails_takes_the_place_of_its_task(cluster: &mut Cluster, directory: &Path) {
    let failing = program(directory, "failing", "#!/bin/sh\nexit 3\n");
    let killed = program(directory, "killed", "#!/bin/sh\nkill -9 $$\n");
    let no_program = program(directory, "none", "true\n");
    for (prolog, code, told) in [
        (failing, 3, "slurmstepd: error: --task-prolog failed status=3\n"),
        (killed, 1, "slurmstepd: error: user task_prolog did not exit normally\n"),
        (no_program, 127, "slurmstepd: error: --task-prolog failed status=127\n"),
        (
            Some(ByteBuf::from("/no/such")),
            1,
            "slurmstepd: error: run_command: user task_prolog can not be executed (/no/such) No such file or directory\n",
        ),
    ] {
        let (out, err, status) = run(cluster, "echo ran", |launch| launch.task_prolog = prolog).await;
        assert_eq!((out.as_str(), status), ("", code << 8));
        assert!(err.starts_with(told), "{err}");
    }
}

async fn a_task_epilog_runs_whatever_became_of_its_task(cluster: &mut Cluster, directory: &Path) {
    let epilog = program(directory, "epilog", "#!/bin/sh\necho hidden\necho after >&2\nexit 4\n");
    let told = "after\nslurmstepd: error: TaskEpilog failed status=1024\n";
    let (out, err, status) =
        run(cluster, "echo ran; exit 2", |launch| launch.task_epilog.clone_from(&epilog)).await;
    assert_eq!((out.as_str(), err.as_str(), status), ("ran\n", told, 2 << 8));
    let (_, err, status) = run(cluster, "", |launch| {
        launch.task_epilog = epilog;
        launch.programs[0].argv = vec![ByteBuf::from("no-such-program")];
    })
    .await;
    assert!(err.ends_with(told), "{err}");
    assert_eq!(status, 2 << 8);
    let missing = Some(ByteBuf::from("/no/such"));
    let (_, err, status) = run(cluster, "true", |launch| launch.task_epilog = missing).await;
    assert!(err.contains("Could not run user task_epilog [/no/such]: access denied\n"), "{err}");
    assert_eq!(status, 0);
}

async fn a_program_that_is_missing_is_told_of_in_the_tasks_error_output(cluster: &mut Cluster) {
    let (out, err, status) =
        run(cluster, "", |launch| launch.programs[0].argv = vec![ByteBuf::from("no-such-program")]).await;
    let told = "slurmstepd: error: execve(): no-such-program: No such file or directory\n";
    assert_eq!((out.as_str(), err.as_str(), status), ("", told, 2 << 8));
}

async fn unbuffered_output_goes_through_a_raw_terminal(cluster: &mut Cluster) {
    let command = "test -t 1 && printf 'a\\nb'; test -t 2 || echo pipe >&2";
    let (out, err, _) = run(cluster, command, |launch| launch.unbuffered = true).await;
    assert_eq!((out.as_str(), err.as_str()), ("a\nb", "pipe\n"));
}

async fn a_launcher_that_ends_its_step_has_it_said_once(cluster: &mut Cluster) {
    let key = cluster.launch(1, "exec sleep 4322", |_| ()).await;
    let mut launcher = cluster.attach(key, true).await;
    while launcher.pids.is_empty() {
        launcher.next().await;
    }
    for at_once in [false, true] {
        let notice = Some("*** ends ***".to_owned());
        launcher.writer.message(&ToStep::Terminate { at_once, notice }).await.unwrap();
    }
    let mut said = Vec::new();
    while !launcher.is_done {
        if let FromStep::Warning { text, .. } = launcher.next().await {
            said.push(text);
        }
    }
    assert_eq!(said, ["error: *** ends ***"]);
    assert_eq!(launcher.exits[&0], 15);
}

/// A job's script, its output in this file.
fn script(launch: &mut StepLaunch, text: &str, out: &Path) {
    launch.key.step = StepId::BATCH;
    launch.script = Some(ByteBuf::from(text));
    launch.owner_grace_ms = None;
    let task = &mut launch.nodes[0].tasks[0];
    let path = ByteBuf::from(out.to_str().unwrap());
    (task.stdout, task.stderr) = (Output::File { path, append: false }, Output::Stdout);
}

/// The end of a script's only task, as the controller hears it.
async fn script_exit(cluster: &mut Cluster) -> Exit {
    loop {
        if let FromNode::Exited { key, exit, .. } = cluster.from_node.recv().await.unwrap()
            && key.step.is_batch()
        {
            return exit;
        }
    }
}

/// The mask once took the script's own permission to be executed.
async fn a_script_runs_under_any_mask(cluster: &mut Cluster, directory: &Path) {
    let out = directory.join("script.out");
    cluster
        .launch(1, "", |launch| {
            launch.umask = 0o137;
            launch.cwd = ByteBuf::from("/no/such");
            script(launch, "#!/bin/sh\npwd; umask\n", &out);
        })
        .await;
    assert_eq!(script_exit(cluster).await.status(), 0);
    let told =
        "slurmstepd: error: couldn't chdir to `/no/such': No such file or directory: going to /tmp instead\n";
    assert_eq!(std::fs::read_to_string(&out).unwrap(), format!("{told}/tmp\n0137\n"));
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o640);
}

async fn a_script_without_its_files_ends_with_slurms_number(cluster: &mut Cluster) {
    cluster
        .launch(1, "", |launch| {
            script(launch, "#!/bin/sh\n", Path::new("/"));
            launch.nodes[0].tasks[0].stdin = Input::Null;
        })
        .await;
    assert_eq!(script_exit(cluster).await.status(), 53);
}

async fn when_a_task_ran_is_told_with_its_end(cluster: &mut Cluster) {
    cluster.launch(1, "", |launch| script(launch, "#!/bin/sh\nsleep 0.2\n", Path::new("/dev/null"))).await;
    let Exit { started_us, ended_us, .. } = script_exit(cluster).await;
    assert!(started_us > 0 && ended_us - started_us >= 200_000, "{started_us} to {ended_us}");
}

async fn what_tasks_use_is_told_on_request(cluster: &mut Cluster) {
    // The second rank ends at once; the first has a child, and both are looked at when it says so.
    let command = "[ $PRUN_RANK = 1 ] && exit 3; sleep 30 & echo ready; wait";
    let key = cluster.launch(2, command, |_| ()).await;
    let mut launcher = cluster.attach(key, true).await;
    while !launcher.exits.contains_key(&1) {
        launcher.next().await;
    }
    launcher.read_some(0).await;
    let mut onlooker = cluster.attach(key, false).await;
    onlooker.writer.message(&ToStep::Sample).await.unwrap();
    let tasks = loop {
        if let FromStep::Usage { tasks } = onlooker.next().await {
            break tasks;
        }
    };
    let [(rank, usage)] = tasks.as_slice() else { panic!("one task runs: {tasks:?}") };
    assert_eq!(rank.0, 0);
    assert_eq!((usage.pids.first(), usage.pids.len()), (onlooker.pids.get(&0), 2));
    assert!(usage.rss_kib > 0 && usage.vm_kib > usage.rss_kib);
    launcher.writer.message(&ToStep::Terminate { at_once: true, notice: None }).await.unwrap();
    launcher.done().await;
}
