//! Bad input ends with what is wrong, where, and what to do; with Slurm's exit code; with nothing left.

use std::time::Duration;

use super::harness::{Place, Run};

/// Runs a script as written on three nodes of two CPUs.
fn run(script: &[u8], words: &[&str]) -> Run {
    let place = Place::new();
    place.write("job.sh", script);
    let run = place.run(words.iter().copied().chain(["--local", "3x2", "job.sh"]));
    place.assert_nothing_left(Duration::from_secs(1));
    run
}

#[track_caller]
fn refused(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, Some(code), "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "no `{word}` in\n{}", run.stderr);
    }
    assert_eq!(run.stdout, "");
}

#[test]
fn what_is_no_script_is_said() {
    let missing = Place::new().run(["no-such.sh"]);
    refused(&missing, 1, &["error", "`no-such.sh`", "No such file"]);
    let directory = Place::new();
    refused(&directory.run(["tmp"]), 1, &["`tmp`", "directory"]);
    for (script, words) in [
        (&b""[..], ["empty", "#!/bin/bash"]),
        (b"  \n\n", ["blanks", "#!/bin/bash"]),
        (b"echo hello\n", ["does not begin with `#!`", "#!/bin/bash"]),
        (b"#!/bin/bash\n\0\x7fELF", ["NUL byte", "srun ./program"]),
        (b"#!/bin/bash\r\necho\r\n", ["DOS line breaks", "sed -i"]),
    ] {
        refused(&run(script, &[]), 1, &words);
    }
}

#[test]
fn options_are_refused_at_their_place() {
    for (line, code, words) in [
        ("--ntask5=6", 255, &["job.sh:2:9", "no option `--ntask5=6`", "did you mean `--ntasks`?"][..]),
        ("--node=2", 255, &["job.sh:2:9", "'--nodefile', '--nodelist', '--nodes'"]),
        ("--ntasks=0", 1, &["job.sh:2:18", "`0` is no value for `--ntasks`"]),
        ("--ntasks=-3", 1, &["job.sh:2:18", "`-3`"]),
        ("--ntasks=many", 1, &["job.sh:2:18", "`many`", "whole number"]),
        ("--ntasks=99999999999", 1, &["job.sh:2:18", "`99999999999`"]),
        ("--time=soon", 255, &["job.sh:2:16", "`soon`", "D-H:M:S"]),
        ("--mem=1.5G", 255, &["job.sh:2:15", "`1.5G`"]),
        ("--nodelist=slurmnode[1-1000000000]", 1, &["job.sh:2:20", "more than 65536 names"]),
        ("--output", 255, &["job.sh:2:9", "needs a value"]),
        ("word", 255, &["job.sh:2:9", "`word` is no option"]),
    ] {
        let script = format!("#!/bin/bash\n#SBATCH {line}\ntrue\n");
        let run = run(script.as_bytes(), &[]);
        refused(&run, code, words);
    }
}

#[test]
fn more_than_the_cluster_has_is_said_with_what_it_has() {
    for (line, words) in [
        (
            "--ntasks=8",
            &["8 tasks asked, but the cluster has 6 CPUs on 3 nodes", "job.sh:2:18", "--overcommit"][..],
        ),
        ("--ntasks=1000000", &["1000000 tasks asked", "job.sh:2:18"]),
        ("--nodes=4", &["4 nodes asked, but the cluster has 6 CPUs on 3 nodes", "job.sh:2:17"]),
        ("-c 3", &["3 CPUs a task asked", "job.sh:2:12"]),
        ("--mem=900T", &["more memory asked", "job.sh:2:15"]),
        ("--partition=nowhere", &["nowhere", "job.sh:2:21"]),
        ("--nodelist=mars", &["mars", "job.sh:2:20"]),
    ] {
        let script = format!("#!/bin/bash\n#SBATCH {line}\ntrue\n");
        refused(&run(script.as_bytes(), &[]), 1, words);
    }
    let fitting = Place::with(&[("job.sh", "#!/bin/bash\n#SBATCH --ntasks=1000000\n")]);
    refused(&fitting.run(["job.sh"]), 1, &["1000000", "65536"]);
}

#[test]
fn programs_that_cannot_run_end_as_slurms_do() {
    let place = Place::with(&[("data", "no program")]);
    for (step, code, words) in [
        ("srun -n1 no-such-program", 2, &["execve(): no-such-program: No such file or directory"][..]),
        ("srun -n1 ./data", 13, &["data: Permission denied"]),
        ("srun -n1 bash -c 'kill -9 $$'", 137, &["Killed"]),
        ("srun -n2 bash -c 'exit $((SLURM_PROCID * 7))'", 7, &["task 1: Exited with exit code 7"]),
    ] {
        let run = place.script(step);
        assert_eq!(run.code, Some(code), "{step}: {run:?}");
        for word in words {
            assert!(run.stderr.contains(word), "{step}: no `{word}` in\n{}", run.stderr);
        }
    }
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_nothing_claims_to_be_whole() {
    let place = Place::new();
    // 24.11 makes directories that are missing; where it cannot, the job fails.
    let run = place.script("#SBATCH -o /proc/no/such/out\necho hello");
    assert_ne!(run.code, Some(0), "{run:?}");
    let full = place.script("srun -n 2 -o /dev/full echo hello");
    assert_ne!(full.code, Some(0), "{full:?}");
    assert!(full.stderr.contains("No space left on device"), "{full:?}");
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn a_bad_command_line_is_refused_like_a_bad_script() {
    let place = Place::with(&[("job.sh", "#!/bin/bash\n")]);
    refused(
        &place.run(["--ntaskz=2", "job.sh"]),
        255,
        &["no option `--ntaskz=2`", "did you mean `--ntasks`?"],
    );
    refused(&place.run(["--local", "3", "job.sh"]), 2, &["NODESxCPUS"]);
    refused(&place.run(["--local", "0x2", "job.sh"]), 2, &["`0x2`"]);
    // As sbatch, it reads the script from stdin then: here there is none.
    refused(&place.run(["--quiet"]), 1, &["the job script is empty"]);
}
