//! Output of many ranks: every byte, in rank order, in bounded memory.

use std::process::Stdio;
use std::time::Duration;

use super::harness::{Place, finish, wait};

/// Each rank writes 10,000 lines with bytes that are no text, in pieces of random size; odd ranks end without a line
/// end.
const CHATTER: &str = r"
import os, random
rank = int(os.environ['SLURM_PROCID'])
data = b''.join(b'%d %d \x00\xff\r%s\n' % (rank, i, b'x' * (i * 7 % 23)) for i in range(10000))
if rank % 2:
    data = data[:-1]
pieces, at = random.Random(rank), 0
while at < len(data):
    size = pieces.randint(1, 5000)
    os.write(1, data[at:at + size])
    at += size
";

fn chatter(rank: u32) -> Vec<u8> {
    let mut data = Vec::new();
    for i in 0..10_000 {
        data.extend_from_slice(format!("{rank} {i} ").as_bytes());
        data.extend_from_slice(b"\x00\xff\r");
        data.extend(std::iter::repeat_n(b'x', i * 7 % 23));
        data.push(b'\n');
    }
    if rank % 2 == 1 {
        data.pop();
    }
    data
}

#[test]
fn sixty_four_ranks_of_ten_thousand_lines_stand_whole_and_in_rank_order() {
    let place = Place::with(&[
        ("chatter.py", CHATTER),
        ("job.sh", "#!/bin/bash\n#SBATCH -n 64 -o out\nsrun python3 chatter.py\n"),
    ]);
    let run = place.run(["--quiet", "job.sh"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected: Vec<u8> = (0..64).flat_map(chatter).collect();
    let output = std::fs::read(place.path().join("out")).unwrap();
    assert_eq!(output.len(), expected.len());
    let differs = output.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "first byte that differs");
    place.assert_nothing_left(Duration::from_secs(1));
}

/// Ranks write in reverse order and all at once, so that all but rank 0's output must be kept somewhere.
const SKEWED: &str = r#"#!/bin/bash
#SBATCH -n 6 -o out
python3 - <<'EOF'
import resource, subprocess
rank = r"""
  [ $SLURM_PROCID = 0 ] && sleep 1
  head -c 30000000 /dev/zero | tr '\0' $SLURM_PROCID
  grep VmHWM /proc/$PPID/status > peak.$SLURM_PROCID
"""
subprocess.run(["srun", "-o", "gathered", "bash", "-c", rank], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
EOF
"#;

#[test]
fn output_that_waits_for_its_turn_takes_no_memory() {
    let place = Place::with(&[("job.sh", SKEWED)]);
    let run = place.run(["--local", "3x2", "--quiet", "job.sh"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let gathered = std::fs::read(place.path().join("gathered")).unwrap();
    assert_eq!(gathered.len(), 6 * 30_000_000);
    assert!(gathered.is_sorted(), "rank 0's bytes first, then rank 1's, …");
    let launcher: u64 = place.read("out").trim().parse().unwrap();
    let step = (0..6)
        .map(|rank| place.read(&format!("peak.{rank}")))
        .map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap())
        .max()
        .unwrap();
    println!("peak memory: srun {launcher} KiB, step process {step} KiB");
    assert!(launcher < 64 << 10 && step < 64 << 10, "srun {launcher} KiB, step process {step} KiB");
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn without_an_output_file_the_script_writes_to_pruns_own_streams() {
    let place = Place::new();
    let run = place.script("echo out; echo err >&2; srun -N 1 -n 2 bash -c 'echo rank $SLURM_PROCID'");
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (Some(0), "out\nrank 0\nrank 1\n", "err\n")
    );
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::with(&[("job.sh", "#!/bin/bash\nyes\n")]);
    let mut child = place
        .prun(["--local", "1x1", "job.sh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut head = std::process::Command::new("head");
    head.args(["-n", "2"]).stdin(child.stdout.take().unwrap());
    assert_eq!(finish(head).stdout, "y\ny\n");
    let status = wait(&mut child, Duration::from_secs(10));
    let mut complaint = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut complaint).unwrap();
    assert_eq!(status.code(), Some(0), "{complaint}");
    assert!(!complaint.contains("error"), "{complaint}");
    place.assert_nothing_left(Duration::from_secs(1));
}

#[test]
fn file_names_are_patterns() {
    let place = Place::new();
    let run = place.script("#SBATCH -J pat -o all.%x.%j.%N -e err.%%.%u\necho batch; echo error >&2\nsrun -N 2 -n 4 -o task.%t.%n.%N.%s echo x");
    assert_eq!(run.code, Some(0), "{run:?}");
    let mut names: Vec<String> = std::fs::read_dir(place.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.starts_with("all.") || name.starts_with("err.") || name.starts_with("task."))
        .collect();
    names.sort();
    assert!(names[0].starts_with("all.pat.") && names[0].ends_with(".slurmnode1"), "{names:?}");
    assert!(names[1].starts_with("err.%."), "{names:?}");
    let tasks =
        ["task.0.0.slurmnode1.0", "task.1.0.slurmnode1.0", "task.2.1.slurmnode2.0", "task.3.1.slurmnode2.0"];
    assert_eq!(names[2..], tasks);
}
