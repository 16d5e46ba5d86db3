//! Steps inside a job.

use std::time::Duration;

use super::harness::Place;

#[test]
fn a_script_runs_under_any_file_mask() {
    let place = Place::new();
    place.write("job.sh", b"#!/bin/bash\n#SBATCH -o out\numask\n");
    let prun = env!("CARGO_BIN_EXE_prun");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &format!("umask 0137; exec {prun} --quiet job.sh")]).current_dir(place.path());
    let run = super::harness::finish(shell);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(place.read("out"), "0137\n");
}

#[test]
fn steps_side_by_side_and_one_after_the_other() {
    let place = Place::new();
    let run = place.script(
        "mkfifo a b
         srun --exact -N 1 -n 1 bash -c 'echo > a; cat b > /dev/null; echo left' > left &
         srun --exact -N 1 -n 1 bash -c 'cat a > /dev/null; echo > b; echo right' > right &
         wait
         cat left right
         srun -N 1 -n 1 bash -c 'echo step $SLURM_STEP_ID'",
    );
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "left\nright\nstep 2\n"), "{run:?}");
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn a_file_is_on_every_node_whole_with_its_mode_and_never_half() {
    let place = Place::with(&[("tool", "#!/bin/bash\necho tool of $SLURMD_NODENAME\n")]);
    let run = place.script(
        "sbcast tool $PWD/copy && srun ./copy
         sbcast tool $PWD/copy; echo again $?
         sbcast -f -p tool $PWD/copy; echo forced $?
         sbcast no-such-file $PWD/copy; echo missing $?",
    );
    let tools: String = ["1", "1", "2", "2", "3", "3"].map(|n| format!("tool of slurmnode{n}\n")).concat();
    assert_eq!(run.stdout, format!("{tools}again 17\nforced 0\nmissing 255\n"), "{}", run.stderr);
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn a_barrier_holds_shell_ranks_together_and_names_a_rank_that_is_gone() {
    let place = Place::new();
    let run = place.script(
        "srun bash -c 'sleep 0.0$SLURM_PROCID; touch before.$SLURM_PROCID; prun barrier; ls before.* | wc -l'",
    );
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "6\n6\n6\n6\n6\n6\n"), "{run:?}");
    let run = place
        .script("srun -K0 bash -c '[ $SLURM_PROCID = 4 ] && exit 3; prun barrier; echo barrier $?' 2>&1");
    assert_eq!(run.stdout.matches("rank 4 on slurmnode3 exited with code 3").count(), 5, "{run:?}");
    assert_eq!(run.stdout.matches("barrier 1\n").count(), 5, "{run:?}");
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn a_terminal_is_there_for_the_task_that_asks_for_one() {
    let place = Place::new();
    let run = place.script(
        "script -qec \"srun -N 1 -n 1 --pty bash -c 'tty | cut -c1-8; exit 5'\" /dev/null; echo code $?",
    );
    assert!(run.stdout.contains("/dev/pts") && run.stdout.contains("code 5"), "{run:?}");
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn commands_of_slurm_answer_inside_the_job() {
    let place = Place::new();
    let run = place.script(
        "scontrol show hostnames
         scontrol show hostlist n1,n2,n3,m
         squeue -h -o '%j %T %D %R'
         scontrol show job $SLURM_JOB_ID | grep -o 'NumTasks=[0-9]*'
         scontrol show node slurmnode2 | grep -o 'CPUTot=[0-9]*'
         srun --version",
    );
    let expected = "slurmnode1\nslurmnode2\nslurmnode3\nn[1-3],m\njob.sh RUNNING 3 slurmnode[1-3]\nNumTasks=6\nCPUTot=2\nslurm 24.11.5\n";
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), expected), "{run:?}");
}
