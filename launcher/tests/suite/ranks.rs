//! Collective calls and messages of shell ranks: in one process on one and on three nodes, and over the rank servers of
//! three daemons.

use std::time::Duration;

use super::cluster::Cluster;
use super::harness::{Place, Run, finish};

/// Runs a line as six ranks on one node, on three of one server, and on three servers; gives all three runs.
fn everywhere(line: &str) -> [Run; 3] {
    everywhere_with("", line)
}

/// The same, with an option of `srun`.
fn everywhere_with(option: &str, line: &str) -> [Run; 3] {
    let local = |shape: &str| {
        let place = Place::new();
        let script =
            format!("#!/bin/bash\n#SBATCH --ntasks=6\nexec 2>&1\nsrun -K0 {option} bash -c '{line}'\n");
        place.write("job.sh", script.as_bytes());
        let run = place.run(["--local", shape, "--quiet", "job.sh"]);
        place.assert_nothing_left(Duration::from_secs(1));
        run
    };
    let cluster = Cluster::up(&[], &["--local", "3x2:1000"]);
    let command = format!("exec 2>&1; {line}");
    let srun = ["srun", "-n", "6", "-K0"].into_iter().chain(Some(option).filter(|option| !option.is_empty()));
    let daemons = finish(cluster.command(srun.chain(["bash", "-c", &command])));
    [local("1x6"), local("3x2"), daemons]
}

fn assert_everywhere(line: &str, output: &str) {
    for run in everywhere(line) {
        assert_eq!(run.stdout, output, "{line}: {run:?}");
    }
}

fn of_ranks(line: impl Fn(u32) -> String) -> String {
    (0..6).map(line).collect()
}

#[test]
fn bytes_are_broadcast_and_gathered_as_they_are() {
    let line = "printf \"%s of $PRUN_RANK\\n\" word | prun bcast --root 4; printf \"<$PRUN_RANK>\" | prun gather --root 2 | wc -c
        head -c $((3000000 + PRUN_RANK)) /dev/zero | tr \"\\\\0\" $PRUN_RANK | prun gather | tr -d 01234 | wc -c";
    let output = of_ranks(|rank| {
        let gathered = if rank == 2 { 18 } else { 0 };
        let fives = if rank == 0 { 3_000_005 } else { 0 };
        format!("word of 4\n{gathered}\n{fives}\n")
    });
    assert_everywhere(line, &output);
}

#[test]
fn numbers_are_folded_and_come_back_in_their_lines() {
    let line = "printf \"$PRUN_RANK -1\\n\\n0.5\\n\" | prun reduce --root 1
        prun allreduce --op max $PRUN_RANK -$PRUN_RANK; prun scan $((PRUN_RANK + 1)); prun scan --exclusive --op prod 2";
    let output = of_ranks(|rank| {
        let reduced = if rank == 1 { "15.0 -6.0\n\n3.0\n" } else { "" };
        let before = if rank == 0 { String::new() } else { format!("{}\n", 1 << rank) };
        format!("{reduced}5 0\n{}\n{before}", (rank + 1) * (rank + 2) / 2)
    });
    assert_everywhere(line, &output);
}

#[test]
fn messages_go_round_a_ring_and_are_chosen_by_sender_and_tag() {
    let line = "echo from $PRUN_RANK | prun send --to $(((PRUN_RANK + 1) % 6)); prun recv --from $(((PRUN_RANK + 5) % 6))
        for tag in 7 8 9; do echo $tag | prun send --to 0 --tag $tag; done; prun barrier
        if [ $PRUN_RANK = 0 ]; then
            for rank in 5 4 3 2 1 0; do prun recv --header --from $rank --tag 8; done
            for i in $(seq 12); do prun recv; done | sort -n | uniq -c
        fi";
    let chosen: String = (0..6).rev().map(|rank| format!("{rank} 8 2\n8\n")).collect();
    let output = of_ranks(|rank| {
        let extra = if rank == 0 { format!("{chosen}      6 7\n      6 9\n") } else { String::new() };
        format!("from {}\n{extra}", (rank + 5) % 6)
    });
    assert_everywhere(line, &output);
}

#[test]
fn ranks_that_wait_for_one_that_dies_are_told_who_it_was() {
    for waiting in
        ["echo 1 | prun allreduce", "prun recv --from 3", "prun bcast --root 3", "prun gather < /dev/null"]
    {
        let line = format!("[ $PRUN_RANK = 3 ] && kill -9 $$; {waiting}; echo code $?");
        for run in everywhere(&line) {
            let told = run.stdout.matches("was killed by signal 9 and will not take part\ncode 1\n").count();
            assert_eq!((told, run.stdout.matches("rank 3 on slurmnode").count()), (5, 5), "{line}: {run:?}");
        }
    }
}

#[test]
fn calls_that_differ_are_told_to_all_with_ranks_and_calls() {
    let line = "if [ $PRUN_RANK = 3 ]; then prun reduce --op max 1; else prun barrier; fi; echo code $?";
    for run in everywhere(line) {
        // Who comes first is named last.
        let told = run.stdout.lines().filter(|line| {
            line.contains("rank 3 called `reduce --root 0 --op max`")
                && line.contains(" called `barrier`")
                && line.ends_with(
                    ", each as its collective call number 1; all ranks must call the same in the same order",
                )
        });
        assert_eq!((told.count(), run.stdout.matches("code 1\n").count()), (6, 6), "{run:?}");
    }
}

#[test]
fn a_rank_with_bad_or_too_much_input_lets_nobody_wait() {
    let line = "if [ $PRUN_RANK = 1 ]; then words=x; else words=1; fi; prun allreduce $words; echo code $?";
    for run in everywhere(line) {
        let told =
            run.stdout.matches("`allreduce --op sum`: rank 1: `x` in line 1 is no number\ncode 1\n").count();
        assert_eq!(told, 5, "{run:?}");
        assert!(
            run.stdout.contains("prun allreduce: error: `x` in line 1 is no number\ncode 1\n"),
            "{run:?}"
        );
    }
    let line = "head -c 4194305 /dev/zero | prun bcast; echo code $?; echo $PRUN_RANK | prun bcast";
    for run in everywhere(line) {
        assert_eq!(run.stdout.matches("more than 4194304 bytes of input").count(), 6, "{run:?}");
        assert_eq!(run.stdout.matches("code 1\n0\n").count(), 6, "the next call is right again: {run:?}");
    }
}

#[test]
fn a_sender_waits_for_room_and_an_end_of_the_receiver_ends_that() {
    // Five messages of four million bytes are more than the step holds.
    let line = "big() { head -c 4000000 /dev/zero | prun send --to 1; }
        case $PRUN_RANK in
        0) for i in 1 2 3 4 5 6; do big || break; done; echo sent $i; prun barrier
            for i in 1 2 3 4 5 6; do [ $i = 5 ] && touch full; big || break; done; echo failed at $i ;;
        1) for i in 1 2 3 4 5 6; do prun recv; done | wc -c; prun barrier; until [ -e full ]; do sleep 0.01; done ;;
        *) prun barrier ;;
        esac";
    for run in everywhere(line) {
        assert!(run.stdout.contains("24000000\n") && run.stdout.contains("sent 6\n"), "{run:?}");
        assert!(
            run.stdout.contains("rank 1 on slurmnode1 exited with code 0 and will not take part"),
            "{run:?}"
        );
        assert!(run.stdout.contains("failed at 5\n"), "{run:?}");
    }
}

#[test]
fn commands_that_all_wait_for_one_another_are_told_of_once() {
    let line = "timeout 2 prun recv --from $(((PRUN_RANK + 1) % 6)) --tag 3";
    for run in everywhere_with("--export=ALL,PRUN_DEADLOCK_SECS=0.2", line) {
        let text = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(text.matches("deadlock: all 6 ranks of step ").count(), 1, "{run:?}");
        for rank in 0..6 {
            let (node, from) = (rank / 2 + 1, (rank + 1) % 6);
            let told = format!(": `prun recv --from {from} --tag 3` waits for a message\n");
            let lines = [1, node].map(|node| format!("rank {rank} on slurmnode{node}{told}"));
            assert!(lines.iter().any(|line| text.matches(line).count() == 1), "{rank}: {run:?}");
        }
    }
}

#[test]
fn a_receive_that_is_given_up_takes_no_message_along() {
    let line = "if [ $PRUN_RANK = 0 ]; then timeout 0.1 prun recv; echo gave up $?; prun barrier; prun recv
        else prun barrier; if [ $PRUN_RANK = 1 ]; then echo kept | prun send --to 0; fi; fi";
    for run in everywhere(line) {
        assert_eq!(run.stdout, "gave up 124\nkept\n", "{run:?}");
    }
}

#[test]
fn outside_of_a_rank_and_with_ranks_that_do_not_exist_the_commands_say_so() {
    let place = Place::new();
    for command in ["barrier", "bcast", "gather", "allreduce", "scan", "recv", "reduce"] {
        let run = place.run([command]);
        assert_eq!(run.code, Some(1), "{run:?}");
        let told = format!("prun {command}: error: not inside a rank: `PRUN_");
        assert!(run.stderr.starts_with(&told), "{run:?}");
    }
    assert_eq!(place.run(["send"]).code, Some(2), "`--to` is needed");
    let run = place.script(
        "srun -K0 bash -c 'prun bcast --root 6; prun recv --from 9; prun send --to 6 < /dev/null' 2>&1",
    );
    assert_eq!(run.stdout.matches(" has no rank 6\n").count(), 12, "{run:?}");
    assert_eq!(run.stdout.matches(" has no rank 9\n").count(), 6, "{run:?}");
}
