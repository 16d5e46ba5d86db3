//! Tries a cluster out: all ranks make the same random calls, and each compares what it gets with what all calls together
//! must come to, which it computes alone.
//!
//! `check [SEED]`

use std::error::Error;

use prun_runtime::world::{Communicator, UserOperation, World};

const CALLS: usize = 60;
const LENGTHS: [usize; 4] = [1, 50, 3_000, 40_000];

/// `x → a·x + b`: folded in another order, it becomes another one.
type Map = [u32; 2];

fn compose(left: &Map, right: &Map) -> Map {
    [left[0].wrapping_mul(right[0]), left[1].wrapping_mul(right[0]).wrapping_add(right[1])]
}

fn folded<'a>(states: impl IntoIterator<Item = &'a Vec<Map>>) -> Option<Vec<Map>> {
    let states = states.into_iter().cloned();
    states.reduce(|left, right| left.iter().zip(&right).map(|(left, right)| compose(left, right)).collect())
}

/// The same numbers on every rank.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// A call's name, and what all ranks have after it.
type Made = (&'static str, Vec<Vec<Map>>);

/// Makes one call; gives its name and what all ranks have after it.
fn call(
    world: &Communicator,
    dice: &mut Dice,
    all: &[Vec<Map>],
    mine: &mut Vec<Map>,
) -> Result<Made, Box<dyn Error>> {
    let (rank, size, operation) = (world.rank(), world.size(), UserOperation::new(compose));
    let (root, before) = (dice.below(size), mine.clone());
    let block = mine.len() / size;
    let total = || folded(all).unwrap_or_default();
    Ok(match dice.below(8) {
        0 => {
            world.broadcast(mine, root)?;
            ("broadcast", vec![all[root].clone(); size])
        }
        1 => {
            world.all_reduce(&before, mine, &operation)?;
            ("all_reduce", vec![total(); size])
        }
        2 => {
            world.reduce_in_place(mine, &operation, root)?;
            let expected = (0..size).map(|to| if to == root { total() } else { all[to].clone() });
            ("reduce", expected.collect())
        }
        3 => {
            world.scan(&before, mine, &operation)?;
            ("scan", (0..size).map(|to| folded(&all[..=to]).unwrap_or_default()).collect())
        }
        4 => {
            world.all_to_all(&before, mine)?;
            let block_for = |from: &Vec<Map>, to: usize| from[to * block..(to + 1) * block].to_vec();
            (
                "all_to_all",
                (0..size).map(|to| all.iter().flat_map(|from| block_for(from, to)).collect()).collect(),
            )
        }
        5 => {
            world.all_gather(&before[..block], mine)?;
            ("all_gather", vec![all.iter().flat_map(|from| from[..block].to_vec()).collect(); size])
        }
        6 => {
            let by = 1 + root;
            world.send_recv(&before, (rank + by) % size, mine, (rank + size - by % size) % size, 5)?;
            ("send_recv", (0..size).map(|to| all[(to + size - by % size) % size].clone()).collect())
        }
        _ => {
            let parts = 1 + dice.below(3);
            let folding = world.iall_reduce(before, operation)?;
            if let Some(part) = world.split(Some((rank % parts) as u32), 0)? {
                part.barrier()?;
            }
            *mine = folding.wait()?;
            ("iall_reduce", vec![total(); size])
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    let seed = std::env::args().nth(1).map_or(Ok(1), |seed| seed.parse())?;
    let mut dice = Dice(seed);
    for number in 0..CALLS {
        let length = LENGTHS[dice.below(LENGTHS.len())].next_multiple_of(world.size());
        let begin = |rank: usize| -> Vec<Map> {
            (0..length as u32).map(|at| [2 * rank as u32 + 3, at + number as u32]).collect()
        };
        let all: Vec<Vec<Map>> = (0..world.size()).map(begin).collect();
        let mut mine = all[world.rank()].clone();
        let (name, expected) = call(&world, &mut dice, &all, &mut mine)?;
        if mine != expected[world.rank()] {
            return Err(format!("rank {}: {name} of {length}, call {number}, is wrong", world.rank()).into());
        }
    }
    world.barrier()?;
    if world.rank() == 0 {
        println!("{CALLS} calls of {} ranks are right", world.size());
    }
    Ok(())
}
