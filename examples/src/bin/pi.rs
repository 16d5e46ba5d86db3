//! Pi as the area under 4 / (1 + x²): each rank adds every n-th strip, and the sums are added up.

use std::error::Error;

use prun_runtime::world::{Operation, World};

const STRIPS: usize = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    let width = 1.0 / STRIPS as f64;
    let strips = (world.rank()..STRIPS).step_by(world.size());
    let middles = strips.map(|strip| (strip as f64 + 0.5) * width);
    let mut area = [middles.map(|x| 4.0 / (1.0 + x * x)).sum::<f64>() * width];
    world.all_reduce_in_place(&mut area, &Operation::Sum)?;
    if world.rank() == 0 {
        println!("pi is {:.10}", area[0]);
    }
    Ok(())
}
