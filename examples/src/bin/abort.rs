//! The last rank finds that its input is no good and ends the step; the others, which wait for it, end too.

use std::error::Error;

use prun_runtime::world::World;

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    if world.rank() + 1 == world.size() {
        eprintln!("rank {}: the input is no good", world.rank());
        world.abort(3);
    }
    // The last rank never comes.
    world.barrier()?;
    println!("not reached");
    Ok(())
}
