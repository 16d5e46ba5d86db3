//! Times messages and collective calls as `mpi_bench.c` does: `messages ROUNDS`, as ranks of a step.
use std::error::Error;
use std::time::Instant;

use prun_runtime::world::{self, Operation, World};

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(2000), |word| word.parse())?;
    let world = World::init()?;
    for _ in 0..50 {
        world.barrier()?;
    }
    let n = world.size();
    let seconds = time(rounds, || world.barrier())?;
    show(&world, &format!("barrier n={n} {seconds:.2} us"));
    for (bytes, rounds) in [(8, rounds), (65_536, rounds / 10 + 5), (1_048_576, rounds / 50 + 5)] {
        let (data, mut sum) = (vec![0.0_f64; bytes / 8], vec![0.0; bytes / 8]);
        world.barrier()?;
        let us = time(rounds, || world.all_reduce(&data, &mut sum, &Operation::Sum))?;
        show(&world, &format!("allreduce n={n} {bytes}B {us:.2} us"));
    }
    if n < 2 {
        return Ok(());
    }
    for (bytes, rounds) in
        [(8, rounds), (4096, rounds), (65_536, rounds / 4 + 5), (4_194_304, rounds / 20 + 5)]
    {
        let mut data = vec![0_u8; bytes];
        world.barrier()?;
        let us = time(rounds, || ping_pong(&world, &mut data))?;
        show(&world, &format!("pingpong n={n} {bytes}B half-rtt {:.2} us", us / 2.0));
    }
    Ok(())
}

/// Microseconds a round.
fn time(rounds: usize, mut run: impl FnMut() -> Result<(), world::Error>) -> Result<f64, world::Error> {
    let begin = Instant::now();
    for _ in 0..rounds {
        run()?;
    }
    Ok(begin.elapsed().as_secs_f64() / rounds as f64 * 1e6)
}

/// There and back between ranks 0 and 1.
fn ping_pong(world: &World, data: &mut [u8]) -> Result<(), world::Error> {
    match world.rank() {
        0 => {
            world.send(data, 1, 0)?;
            world.recv(data, 1, 0).map(drop)
        }
        1 => {
            world.recv(data, 0, 0)?;
            world.send(data, 0, 0)
        }
        _ => Ok(()),
    }
}

fn show(world: &World, line: &str) {
    if world.rank() == 0 {
        println!("{line}");
    }
}
