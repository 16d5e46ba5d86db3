//! Every rank says who it is and where.

use std::error::Error;

use prun_runtime::world::World;

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    println!(
        "rank {} of {}, number {} of {} on {}",
        world.rank(),
        world.size(),
        world.local_rank(),
        world.local_size(),
        world.node()
    );
    Ok(())
}
