//! The words of a text are counted: rank 0 reads it, each rank counts every n-th line, and rank 0 puts the counts together.
//!
//! `words FILE`

use std::collections::BTreeMap;
use std::error::Error;

use prun_runtime::world::World;

type Counts = BTreeMap<String, u64>;

fn count<'a>(lines: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::new();
    for word in lines.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric())) {
        if !word.is_empty() {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    counts
}

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    let text = match world.rank() {
        0 => Some(std::fs::read_to_string(std::env::args().nth(1).ok_or("usage: words FILE")?)?),
        _ => None,
    };
    let text = world.broadcast_value(text.as_ref(), 0)?;
    let mine = count(text.lines().skip(world.rank()).step_by(world.size()));
    let Some(all) = world.gather_values(&mine, 0)? else { return Ok(()) };
    let mut counts = Counts::new();
    for (word, number) in all.into_iter().flatten() {
        *counts.entry(word).or_default() += number;
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
    println!("{} different words; the most frequent:", counts.len());
    counts.iter().take(5).for_each(|(word, number)| println!("{number:4} {word}"));
    Ok(())
}
