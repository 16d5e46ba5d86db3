//! Numbers that lie about on all ranks are sorted: each rank counts how many belong to which other (a histogram), all
//! exchange the counts and then the numbers, and each sorts what it got.

use std::error::Error;

use prun_examples::grid::part;
use prun_runtime::world::{Operation, World};

const NUMBERS: usize = 200_000;

/// The number at a place: the same, whoever makes it (SplitMix64).
fn number(place: usize) -> u32 {
    let mut bits = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ bits >> 31) as u32
}

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    let (rank, size) = (world.rank(), world.size());
    let owner = |number: u32| (u64::from(number) * size as u64 >> 32) as usize;
    let mut mine: Vec<u32> = part(NUMBERS, size, rank).map(number).collect();
    mine.sort_unstable_by_key(|&number| owner(number));

    let mut counts = vec![0_usize; size];
    mine.iter().for_each(|&number| counts[owner(number)] += 1);
    let mut coming = vec![0; size];
    world.all_to_all(&counts, &mut coming)?;
    let mut sorted = vec![0; coming.iter().sum()];
    world.all_to_all_v(&mine, &counts, &mut sorted, &coming)?;
    sorted.sort_unstable();

    // In order across ranks too: nobody before me has a larger one than my smallest.
    let mut before = [0];
    world.exclusive_scan(&[sorted.last().copied().unwrap_or(0)], &mut before, &Operation::Max)?;
    let in_order = sorted.is_sorted() && sorted.first().is_none_or(|&first| rank == 0 || before[0] <= first);
    let mut all = [u64::from(in_order), sorted.len() as u64, sorted.iter().map(|&n| u64::from(n)).sum()];
    world.reduce_in_place(&mut all[..1], &Operation::LogicalAnd, 0)?;
    world.reduce_in_place(&mut all[1..], &Operation::Sum, 0)?;
    let mut shares = vec![0; if rank == 0 { size } else { 0 }];
    world.gather(&[sorted.len()], &mut shares, 0)?;
    if rank == 0 {
        let in_order = if all[0] == 1 { "in order" } else { "OUT OF ORDER" };
        println!("{} numbers {in_order}, in all {}", all[1], all[2]);
        let even = NUMBERS / size;
        let fair = shares.iter().all(|share| share.abs_diff(even) < even / 10);
        println!("shares are {}", if fair { "fair" } else { "unfair" });
    }
    Ok(())
}
