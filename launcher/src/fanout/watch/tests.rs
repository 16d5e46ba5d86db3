use prun_runtime::ids::{JobId, StepId};

use super::*;
use crate::layout::plan::{NodePlan, TaskPlan};

/// Two nodes, ranks 0-1 and 2-3.
fn watch(settings: Settings) -> Watch {
    let node = |name: &str, ranks: [u32; 2]| NodePlan {
        name: name.to_owned(),
        cpus: Vec::new(),
        memory_mb: 0,
        tasks: ranks.iter().map(|&rank| TaskPlan { rank, ..TaskPlan::default() }).collect(),
        ..NodePlan::default()
    };
    let plan = Plan { nodes: vec![node("n1", [0, 1]), node("n2", [2, 3])] };
    let key = StepKey { job: JobId(7), step: StepId(0) };
    let mut watch = Watch::new(key, &plan, Settings { command: "srun", kill_wait_ms: 3_000, ..settings });
    for rank in 0..4 {
        watch.started(rank);
    }
    watch
}

fn acts(watch: &mut Watch) -> Vec<String> {
    let text = |act| match act {
        Act::Say(line) => line,
        other => format!("{other:?}"),
    };
    watch.acts().map(text).collect()
}

fn code(code: i32) -> Exit {
    Exit { code, ..Exit::default() }
}

fn killed(signal: i32) -> Exit {
    Exit { signal, ..Exit::default() }
}

#[test]
fn a_step_that_ends_well_says_nothing() {
    let mut watch = watch(Settings::default());
    for rank in 0..4 {
        assert!(!watch.is_over());
        watch.ended(rank, code(0), 10);
    }
    assert!(watch.is_over());
    assert_eq!((watch.finish(), watch.deadline()), (code(0), None));
    assert!(acts(&mut watch).is_empty());
}

#[test]
fn bad_ends_are_said_together_after_a_moment_or_at_the_end() {
    let mut watch = watch(Settings::default());
    watch.ended(3, code(5), 1_000);
    watch.ended(2, code(5), 1_100);
    assert_eq!(watch.deadline(), Some(1_250));
    watch.tick(1_249);
    assert!(acts(&mut watch).is_empty());
    watch.tick(1_250);
    assert_eq!(acts(&mut watch), ["srun: error: n2: tasks 2-3: Exited with exit code 5"]);
    watch.ended(0, code(0), 2_000);
    watch.ended(1, code(4), 2_000);
    assert_eq!(watch.finish(), code(5));
    assert_eq!(acts(&mut watch), ["srun: error: n1: task 1: Exited with exit code 4"]);
}

#[test]
fn a_verbose_step_tells_of_good_ends_too() {
    let mut watch = watch(Settings { verbose: true, ..Settings::default() });
    assert_eq!(acts(&mut watch), ["srun: Node n1, 2 tasks started", "srun: Node n2, 2 tasks started"]);
    (0..3).for_each(|rank| watch.ended(rank, code(0), 10));
    watch.ended(3, code(2), 10);
    assert_eq!(watch.finish(), code(2));
    assert_eq!(
        acts(&mut watch),
        [
            "srun: n1: tasks 0-1: Completed",
            "srun: n2: task 2: Completed",
            "srun: error: n2: task 3: Exited with exit code 2",
        ]
    );
}

#[test]
fn a_signal_outweighs_every_exit_code() {
    let mut watch = watch(Settings::default());
    for (rank, exit) in [(0, code(200)), (1, killed(9)), (2, killed(15)), (3, code(1))] {
        watch.ended(rank, exit, 0);
    }
    assert_eq!(watch.finish().shell_code(), 143);
}

#[test]
fn a_task_that_cannot_start_ends_with_the_error_as_its_code() {
    let mut watch = watch(Settings::default());
    watch.not_started(1, 2, "cannot open `x`", 0);
    watch.not_started(0, 2, "", 0);
    watch.tick(GROUP_MS);
    assert_eq!(
        acts(&mut watch),
        [
            "slurmstepd: error: cannot open `x`: No such file or directory",
            "srun: error: n1: tasks 0-1: Exited with exit code 2",
        ]
    );
    assert_eq!(watch.finish(), code(2));
}

#[test]
fn kill_on_bad_exit_ends_the_step_once() {
    let mut watch = watch(Settings { kill_on_bad_exit: true, ..Settings::default() });
    watch.ended(2, code(0), 0);
    assert!(acts(&mut watch).is_empty());
    watch.ended(3, code(9), 0);
    assert_eq!(
        acts(&mut watch),
        [
            "srun: error: n2: task 3: Exited with exit code 9",
            "srun: Terminating StepId=7.0",
            "Terminate { at_once: false }"
        ]
    );
    watch.ended(0, killed(15), 0);
    watch.ended(1, killed(15), 0);
    assert_eq!(watch.finish().shell_code(), 143);
    assert_eq!(acts(&mut watch), ["srun: error: n1: tasks 0-1: Terminated"]);
}

#[test]
fn wait_ends_the_step_so_long_after_its_first_end() {
    let mut watch = watch(Settings { wait_ms: 1_000, ..Settings::default() });
    watch.ended(3, code(0), 500);
    assert_eq!(watch.deadline(), Some(1_500));
    watch.tick(1_500);
    assert_eq!(
        acts(&mut watch),
        [
            "srun: First task exited 1s ago",
            "srun: StepId=7.0 tasks 0-2: running",
            "srun: StepId=7.0 task 3: exited",
            "srun: Terminating StepId=7.0",
            "srun: Job step aborted: Waiting up to 5 seconds for job step to finish.",
            "Terminate { at_once: true }",
        ]
    );
    assert_eq!(watch.end_notice("now"), "*** STEP 7.0 ON n1 CANCELLED AT now ***");
}

#[test]
fn without_wait_the_first_end_is_only_mentioned_after_a_minute() {
    let mut watch = watch(Settings::default());
    watch.ended(0, code(0), 0);
    watch.tick(60_000);
    assert_eq!(acts(&mut watch).len(), 3);
    assert_eq!(watch.deadline(), None);
}

#[test]
fn one_interrupt_shows_the_tasks_and_a_second_one_ends_them() {
    let mut watch = watch(Settings::default());
    watch.signal(SIGINT, 5_000);
    assert_eq!(
        acts(&mut watch),
        ["srun: interrupt (one more within 1 sec to abort)", "srun: StepId=7.0 tasks 0-3: running"]
    );
    watch.signal(SIGINT, 6_001);
    assert_eq!(acts(&mut watch).len(), 2, "too late: again the first");
    watch.signal(SIGINT, 6_500);
    assert_eq!(
        acts(&mut watch),
        ["srun: sending Ctrl-C to StepId=7.0", "Signal(2)", "srun: forcing job termination"]
    );
    assert_eq!(watch.deadline(), Some(7_500));
    watch.tick(7_500);
    assert_eq!(
        acts(&mut watch),
        [
            "srun: Job step aborted: Waiting up to 5 seconds for job step to finish.",
            "Terminate { at_once: true }"
        ]
    );
    assert_eq!(watch.deadline(), Some(12_500));
    watch.tick(12_500);
    assert_eq!(acts(&mut watch), ["srun: error: Timed out waiting for job step to complete", "Leave"]);
}

#[test]
fn interrupts_may_be_handed_on_or_end_the_step_at_once() {
    let mut handed = watch(Settings { disable_status: true, ..Settings::default() });
    handed.signal(SIGINT, 0);
    assert_eq!(acts(&mut handed), ["srun: sending Ctrl-C to StepId=7.0", "Signal(2)"]);
    let mut quits = watch(Settings { quit_on_interrupt: true, ..Settings::default() });
    quits.signal(SIGINT, 0);
    assert_eq!(acts(&mut quits).last().unwrap(), "srun: forcing job termination");
}

#[test]
fn term_hup_and_quit_kill_and_others_are_handed_on() {
    for signal in [SIGTERM, SIGHUP, SIGQUIT] {
        let mut watch = watch(Settings::default());
        watch.signal(signal, 0);
        assert_eq!(acts(&mut watch).last().unwrap(), "Terminate { at_once: true }");
    }
    let mut watch = watch(Settings::default());
    watch.signal(10, 0);
    assert_eq!(acts(&mut watch), ["Signal(10)"]);
}

#[test]
fn an_onlooker_just_leaves() {
    let mut watch = watch(Settings { onlooker: true, ..Settings::default() });
    watch.signal(SIGINT, 0);
    assert_eq!(acts(&mut watch), ["Leave"]);
}

#[test]
fn a_lost_step_process_takes_its_running_tasks_along() {
    let mut watch = watch(Settings::default());
    watch.ended(2, code(0), 0);
    watch.lost(&[2, 3], 10);
    watch.lost(&[3], 20);
    watch.ended(0, code(0), 30);
    watch.ended(1, code(0), 30);
    assert_eq!(watch.finish().shell_code(), 137);
    assert_eq!(
        acts(&mut watch),
        ["srun: error: n2: task 3: lost with their step process", "srun: error: n2: task 3: Killed"]
    );
}

#[test]
fn quiet_leaves_out_all_but_errors() {
    let mut watch = watch(Settings { quiet: true, ..Settings::default() });
    watch.signal(SIGTERM, 0);
    watch.ended(0, code(3), 0);
    watch.tick(GROUP_MS);
    assert_eq!(
        acts(&mut watch),
        ["Terminate { at_once: true }", "srun: error: n1: task 0: Exited with exit code 3"]
    );
}

#[test]
fn a_rank_that_aborts_ends_the_step_with_its_code() {
    for (wanted, own, expected) in [
        (Some(42), killed(9), code(42)),
        (None, code(7), code(7)),
        (None, code(0), code(1)),
        (Some(0), code(0), code(1)),
    ] {
        let mut watch = watch(Settings::default());
        watch.aborted(2, wanted, "called MPI_Abort: bad input", 100);
        let said = acts(&mut watch);
        assert_eq!(said[0], "srun: error: n2: task 2: called MPI_Abort: bad input");
        assert_eq!(said.last().map(String::as_str), Some("Terminate { at_once: true }"));
        watch.aborted(1, Some(3), "ended without MPI_Finalize", 110);
        assert!(acts(&mut watch).is_empty(), "what the end brings about is not told of");
        for rank in 0..4 {
            watch.ended(rank, if rank == 2 { own } else { killed(9) }, 120);
        }
        assert_eq!(watch.finish(), expected);
    }
}
