//! Every example job with the exact output that it promises.

use std::path::Path;

use super::harness::Place;

const JOBS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/jobs");

/// Runs one job of the examples on nodes of this shape; gives what differs.
fn run(name: &str, shape: &[&str]) -> Result<(), String> {
    let place = Place::new();
    for entry in std::fs::read_dir(JOBS).unwrap().flatten() {
        std::fs::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
    }
    let script = format!("{name}.sh");
    let run = place.run(shape.iter().copied().chain(["--quiet", script.as_str()]));
    let output = std::fs::read_to_string(place.path().join(format!("{name}.out"))).unwrap_or_default();
    let expected = std::fs::read_to_string(Path::new(JOBS).join(format!("{name}.expected"))).unwrap();
    place.assert_nothing_left(std::time::Duration::from_secs(1));
    if run.code == Some(0) && output == expected {
        Ok(())
    } else {
        Err(format!("{name} {shape:?}: {run:?}\n--- expected\n{expected}--- got\n{output}"))
    }
}

#[test]
fn every_example_gives_what_it_promises_on_three_nodes_and_on_one() {
    let mut names: Vec<String> = std::fs::read_dir(JOBS)
        .unwrap()
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".expected")?.to_owned()))
        .collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    let mut problems = Vec::new();
    for name in &names {
        for shape in [&["--local", "3x2"][..], &["--local", "1x4"], &[]] {
            problems.extend(run(name, shape).err());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
