//! `PMI_process_mapping`: which ranks share a node.

use crate::limits::PMI_VALUE_BYTES_MAX;

/// Consecutive nodes that have so many consecutive ranks each: first node, nodes, ranks a node.
type Block = (usize, usize, usize);

/// The ranks' nodes as `(vector,(first node,nodes,ranks a node),…)`, which is repeated until all ranks have one
/// (`pmi-1.1.txt`). `node_of` holds each rank's node by its number in the step. `None` where that is longer than a
/// value may be: libraries then ask one another.
#[must_use]
pub fn process_mapping(node_of: &[u32]) -> Option<String> {
    let blocks = blocks(node_of);
    let period = (1..=blocks.len() / 2)
        .find(|&period| blocks.len().is_multiple_of(period) && is_repeated(&blocks, period))
        .unwrap_or(blocks.len());
    let mut text = "(vector".to_owned();
    for (first, nodes, ranks) in &blocks[..period] {
        text.push_str(&format!(",({first},{nodes},{ranks})"));
        if text.len() >= PMI_VALUE_BYTES_MAX {
            return None;
        }
    }
    text.push(')');
    Some(text)
}

fn is_repeated(blocks: &[Block], period: usize) -> bool {
    blocks.iter().zip(&blocks[period..]).all(|(one, next)| one == next)
}

fn blocks(node_of: &[u32]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for run in node_of.chunk_by(|one, next| one == next) {
        let node = run[0] as usize;
        match blocks.last_mut() {
            Some((first, nodes, ranks)) if *first + *nodes == node && *ranks == run.len() => *nodes += 1,
            _ => blocks.push((node, 1, run.len())),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As MPICH reads it.
    fn read(text: &str, size: usize) -> Vec<u32> {
        let inner = text.strip_prefix("(vector,").unwrap().strip_suffix(')').unwrap();
        let numbers: Vec<usize> =
            inner.split(['(', ')', ',']).filter_map(|number| number.parse().ok()).collect();
        let mut nodes = Vec::new();
        while nodes.len() < size {
            for block in numbers.chunks(3) {
                for node in block[0]..block[0] + block[1] {
                    nodes.extend(std::iter::repeat_n(node as u32, block[2]));
                }
            }
        }
        nodes.truncate(size);
        nodes
    }

    #[test]
    fn blocks_and_turns_are_short() {
        for (node_of, expected) in [
            (&[0, 0][..], "(vector,(0,1,2))"),
            (&[0, 1], "(vector,(0,2,1))"),
            (&[0, 0, 1, 1, 2, 2], "(vector,(0,3,2))"),
            (&[0, 1, 2, 0, 1, 2], "(vector,(0,3,1))"),
            (&[0, 0, 1], "(vector,(0,1,2),(1,1,1))"),
            (&[1, 0], "(vector,(1,1,1),(0,1,1))"),
        ] {
            assert_eq!(process_mapping(node_of).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_mapping_longer_than_a_value_is_left_out() {
        let node_of: Vec<u32> = (0..4000).map(|rank| rank * 7 % 1009).collect();
        assert_eq!(process_mapping(&node_of), None);
    }

    proptest! {
        #[test]
        fn a_mapping_says_every_ranks_node(node_of in proptest::collection::vec(0..4_u32, 1..40)) {
            let text = process_mapping(&node_of).unwrap();
            prop_assert_eq!(read(&text, node_of.len()), node_of);
        }
    }
}
