//! The tutorial's job, as its first reader runs it.

use super::harness::Place;

const JOBS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/jobs");

#[test]
fn six_ranks_run_at_once_two_a_node_and_their_output_stands_in_rank_order() {
    runs_from(".");
}

/// The README's command. It found its program once only where an earlier job had left it in `/tmp`.
#[test]
fn the_job_runs_from_the_top_of_the_tree_too() {
    runs_from("examples/jobs");
}

/// Runs the job with its files in this directory of the one that it is submitted in. Its program goes to a place of this
/// test's own, where nobody has left one.
fn runs_from(directory: &str) {
    let place = Place::new();
    let jobs = place.path().join(directory);
    std::fs::create_dir_all(&jobs).unwrap();
    let text = |name: &str| std::fs::read_to_string(format!("{JOBS}/{name}")).unwrap();
    let program = place.path().join("on-the-node.py");
    std::fs::write(jobs.join("test.py"), text("test.py")).unwrap();
    std::fs::write(jobs.join("job.sh"), text("job.sh").replace("/tmp/test.py", program.to_str().unwrap()))
        .unwrap();
    let script = format!("{directory}/job.sh");
    let run = place.run(["--local", "3x2", script.as_str()]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stdout, "");
    let output = place.read("result.out");
    let blocks: Vec<&str> = output.lines().filter(|line| line.starts_with("task ")).collect();
    let expected: Vec<String> =
        (0..6).map(|rank| format!("task {rank} of 6 on slurmnode{}", rank / 2 + 1)).collect();
    assert_eq!(blocks, expected, "{output}");
    assert_eq!(output.lines().count(), 18, "whole blocks of three lines each: {output}");
    // Each sleeps for a second: all six at once means that the last began before the first ended.
    let started: Vec<f64> = output
        .lines()
        .filter_map(|line| line.strip_prefix("  started at "))
        .map(|time| time.parse().unwrap())
        .collect();
    let spread =
        started.iter().copied().fold(0.0, f64::max) - started.iter().copied().fold(f64::MAX, f64::min);
    println!("started within {:.0} ms of each other", spread * 1e3);
    assert!(started.len() == 6 && spread < 0.9, "{started:?}");
    for word in ["completed", "slurmnode[1-3]", "6 in 1 step", "result.out"] {
        assert!(run.stderr.contains(word), "no `{word}` in the summary: {}", run.stderr);
    }
    place.assert_nothing_left(std::time::Duration::from_secs(1));
}

#[test]
fn elements_of_an_array_have_a_file_each_where_none_is_named() {
    let place = Place::with(&[("job.sh", "#!/bin/bash\necho $SLURM_ARRAY_TASK_ID\n")]);
    let run = place.run(["--local", "1x2", "--array", "4-6", "-n", "1", "job.sh"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
    let files = std::fs::read_dir(place.path()).unwrap().flatten().map(|entry| entry.file_name());
    let mut files: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    files.retain(|name| name.starts_with("slurm-"));
    files.sort();
    let outputs: String = files.iter().map(|name| place.read(name)).collect();
    assert_eq!(outputs, "4\n5\n6\n", "{files:?}");
    assert!(run.stderr.contains("slurm-"), "where it is, is said: {run:?}");
}
