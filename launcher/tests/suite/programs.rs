//! The example programs, each at one, two, three and six ranks, on one node and on as many as three.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::harness::{Place, Run, finish};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// Where the programs are; builds them first.
pub(crate) fn programs() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_BIN_EXE_prun")).parent().unwrap().parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--package",
            "prun-examples",
            "--bins",
            "--locked",
            "--offline",
            "--target-dir",
        ]);
        let output = cargo.arg(target).current_dir(EXAMPLES).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug")
    })
}

/// A run of a job, with what it wrote.
struct Job {
    run: Run,
    output: String,
    place: Place,
}

/// Runs an example's job on so many ranks and nodes.
fn job(name: &str, ranks: usize, nodes: usize) -> Job {
    job_with_seed(name, ranks, nodes, 1)
}

fn job_with_seed(name: &str, ranks: usize, nodes: usize, seed: u64) -> Job {
    let place = Place::new();
    for file in [&format!("{name}.sh")[..], "text.txt"] {
        std::fs::copy(Path::new(EXAMPLES).join("jobs").join(file), place.path().join(file)).unwrap();
    }
    let shape = if nodes == 1 { "1x6" } else { "3x2" };
    let (ranks, nodes, script) = (ranks.to_string(), nodes.to_string(), format!("{name}.sh"));
    let mut command = place.prun(["--local", shape, "-n", &ranks, "-N", &nodes, "--quiet", &script]);
    command.env("EXAMPLES", programs()).env("SEED", seed.to_string());
    let run = finish(command);
    place.assert_nothing_left(Duration::from_secs(1));
    let output = place.read(&format!("{name}.out"));
    Job { run, output, place }
}

/// Checks a job at all numbers of ranks, on one node and on several.
fn everywhere(name: &str, check: impl Fn(usize, usize, Job)) {
    for ranks in [1, 2, 3, 6] {
        for nodes in [1, 3.min(ranks)] {
            check(ranks, nodes, job(name, ranks, nodes));
        }
    }
}

fn writes(name: &str, expected: impl Fn(usize) -> String) {
    everywhere(name, |ranks, nodes, Job { run, output, .. }| {
        assert_eq!((run.code, output), (Some(0), expected(ranks)), "{ranks} ranks, {nodes} nodes: {run:?}");
    });
}

#[test]
fn hello() {
    everywhere("hello", |ranks, nodes, Job { run, output, .. }| {
        let a_node = ranks / nodes;
        let line = |rank: usize| {
            let (local, node) = (rank % a_node, rank / a_node + 1);
            format!("rank {rank} of {ranks}, number {local} of {a_node} on slurmnode{node}\n")
        };
        let expected: String = (0..ranks).map(line).collect();
        assert_eq!((run.code, output), (Some(0), expected), "{run:?}");
    });
}

#[test]
fn ring() {
    writes("ring", |ranks| {
        format!("after 100 rounds of {ranks} ranks the token is {}\n", 50 * ranks * (ranks - 1))
    });
}

#[test]
fn pi() {
    writes("pi", |_| "pi is 3.1415926536\n".to_owned());
}

#[test]
fn sort() {
    writes("sort", |_| "200000 numbers in order, in all 429940878414725\nshares are fair\n".to_owned());
}

#[test]
fn words() {
    let expected =
        "58 different words; the most frequent:\n   8 a\n   5 rank\n   4 ranks\n   4 to\n   3 it\n";
    writes("words", |_| expected.to_owned());
}

#[test]
fn heat_draws_the_same_picture_whoever_has_computed_it() {
    let first = OnceLock::new();
    everywhere("heat", |ranks, nodes, Job { run, output, place }| {
        let text = "after 600 steps the plate's mean heat is 0.119570\n";
        assert_eq!((run.code, output.as_str()), (Some(0), text), "{ranks} ranks, {nodes} nodes: {run:?}");
        let picture = std::fs::read(place.path().join("heat.png")).unwrap();
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n") && picture.len() > 96 * 96 * 3);
        assert!(*first.get_or_init(|| picture.clone()) == picture, "{ranks} ranks, {nodes} nodes");
    });
}

#[test]
fn abort_ends_all_ranks_with_its_code_and_says_who_it_was() {
    everywhere("abort", |ranks, nodes, Job { run, output, .. }| {
        let last = ranks - 1;
        assert_eq!(run.code, Some(3), "{run:?}\n{output}");
        // The rank writes its line in pieces: the step's own line does not come between two of them.
        assert!(output.contains(&format!("rank {last}: the input is no good\n")), "{output}");
        let told = format!("rank {last} on slurmnode{nodes} has ended the step with code 3");
        assert!(output.contains(&told), "{told}: {output}");
        assert!(!output.contains("not reached"), "{output}");
    });
}

#[test]
fn check_finds_random_calls_right() {
    for (seed, ranks) in (1..).zip([1, 2, 3, 5, 6, 6]) {
        for nodes in [1, 3.min(ranks)] {
            let Job { run, output, .. } = job_with_seed("check", ranks, nodes, seed);
            let expected = format!("60 calls of {ranks} ranks are right\n");
            assert_eq!((run.code, output), (Some(0), expected), "seed {seed}, {nodes} nodes: {run:?}");
        }
    }
}
