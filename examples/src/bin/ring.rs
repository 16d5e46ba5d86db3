//! A token goes round the ranks, and each adds its number.

use std::error::Error;

use prun_runtime::world::World;

const ROUNDS: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    let (rank, size) = (world.rank(), world.size());
    let (next, last) = ((rank + 1) % size, (rank + size - 1) % size);
    let mut token = [0_u64];
    for _ in 0..ROUNDS {
        if rank == 0 {
            // What it sends to itself, where it is alone, would wait for a receive that comes after.
            let own = token;
            world.send_recv(&own, next, &mut token, last, 0)?;
        } else {
            world.recv(&mut token, last, 0)?;
            world.send(&[token[0] + rank as u64], next, 0)?;
        }
    }
    if rank == 0 {
        println!("after {ROUNDS} rounds of {size} ranks the token is {}", token[0]);
    }
    Ok(())
}
