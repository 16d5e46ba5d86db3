//! A simulated cluster: the real owner and core, and around them a world of clocks, disks, links, rank servers, ranks
//! and users, all of which a seed decides. Everything that can break does; the rules must hold all the same.
//!
//! A seed that fails prints itself. The same seed gives the same run again:
//! `PRUN_SIM_SEED=42 cargo test -p prun --lib simulation::one_seed -- --nocapture`.

mod agenda;
mod controller;
mod disk;
mod faults;
mod notes;
mod planted;
mod processes;
mod random;
mod rules;
mod scripts;
mod servers;
mod truth;
mod users;
mod wire;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use self::planted::Planted;
use self::world::World;

/// Happenings of one seed before everything is made well again.
const EVENTS: usize = 1000;

/// Runs one seed; gives what went wrong.
fn run(seed: u64, planted: Option<Planted>) -> Result<World, String> {
    let mut world = World::new(seed, planted);
    let failed = |world: &World, why: &str| {
        format!(
            "seed {seed} at {:.3} s: {why}\n{}replay: PRUN_SIM_SEED={seed} cargo test -p prun --lib \
             simulation::one_seed -- --nocapture",
            world.now, world.notes
        )
    };
    let went = (|| {
        while !world.is_up() {
            world.step()?;
        }
        world.open();
        for _ in 0..EVENTS {
            world.step()?;
        }
        world.comes_to_rest()
    })();
    match went {
        Ok(()) => Ok(world),
        Err(why) => Err(failed(&world, &why)),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// `PRUN_SIM_SEEDS` of them, side by side.
#[test]
fn whatever_breaks_no_job_is_lost_or_run_twice_and_all_come_to_their_end() {
    let seeds = number("PRUN_SIM_SEEDS").unwrap_or(12);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let worker = || {
            let mut failures = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds || !failures.is_empty() {
                    return failures;
                }
                failures.extend(run(seed, None).err());
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn one_seed() {
    let seed = number("PRUN_SIM_SEED").unwrap_or(7);
    match run(seed, None) {
        Ok(world) => println!("{}", world.notes),
        Err(why) => panic!("{why}"),
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let (one, two) = (run(3, None).unwrap(), run(3, None).unwrap());
    assert_eq!(one.notes.to_string(), two.notes.to_string());
    assert_eq!(one.now.to_bits(), two.now.to_bits());
}

#[test]
fn every_planted_bug_is_caught() {
    for planted in Planted::ALL {
        let caught = (0..20).find(|&seed| run(seed, Some(planted)).is_err());
        assert!(caught.is_some(), "{planted:?} is not caught");
    }
}
