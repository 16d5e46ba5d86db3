//! However prun ends, nothing of its job stays.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::harness::{Place, until, wait};

/// Ranks that try to get away: a child in the background, a session of its own, a double fork.
const STUBBORN: &str = r#"#!/bin/bash
#SBATCH --ntasks=4 --output=out
sbcast -f job.sh "$PWD/copy"
srun bash -c '
  trap "" TERM INT HUP
  sleep 300 &
  setsid sleep 300 &
  (setsid bash -c "sleep 300 & disown; exec sleep 300" &)
  echo ready >> ready.$SLURM_PROCID
  sleep 300'
"#;

/// Numbers that are the same in every run.
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn killed_at_any_point_prun_leaves_no_process_and_no_file() {
    let mut seed = 0x5eed_u64;
    for round in 0..50 {
        let place = Place::with(&[("job.sh", STUBBORN)]);
        let mut child = place
            .prun(["--local", "2x2", "job.sh"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From before its first instruction to when all ranks run.
        let delay = Duration::from_micros(random(&mut seed) % 60_000);
        let end = Instant::now() + delay;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        println!("round {round}: killed after {delay:?}");
        place.assert_nothing_left(Duration::from_secs(1));
    }
}

#[test]
fn one_interrupt_asks_the_job_to_stop_and_two_kill_it() {
    let polite = "#!/bin/bash\n#SBATCH --ntasks=2 --output=out\nsrun bash -c 'trap \"echo asked $SLURM_PROCID; exit 3\" TERM; echo > ready.$SLURM_PROCID; sleep 300 & wait'\n";
    let place = Place::with(&[("job.sh", polite)]);
    let mut child = start(&place);
    until("both ranks run", || ready(&place, 2));
    interrupt(&child);
    let status = wait(&mut child, Duration::from_secs(10));
    assert_eq!(status.code(), Some(130));
    let output = place.read("out");
    assert!(output.contains("asked 0\n") && output.contains("asked 1\n"), "{output}");
    place.assert_nothing_left(Duration::from_secs(1));

    let place = Place::with(&[("job.sh", STUBBORN)]);
    let mut child = start(&place);
    until("all ranks run", || ready(&place, 4));
    let begin = Instant::now();
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(100));
    interrupt(&child);
    let status = wait(&mut child, Duration::from_secs(10));
    assert_eq!(status.code(), Some(130));
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "killed at once, not after a grace: {:?}",
        begin.elapsed()
    );
    place.assert_nothing_left(Duration::from_secs(1));
}

fn start(place: &Place) -> std::process::Child {
    place.prun(["--local", "2x2", "job.sh"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn ready(place: &Place, ranks: usize) -> bool {
    (0..ranks).all(|rank| place.path().join(format!("ready.{rank}")).exists())
}

fn interrupt(child: &std::process::Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::INT)
        .unwrap();
}
