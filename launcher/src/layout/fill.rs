//! How many tasks each node gets, given how many each can take.

/// Order in which tasks are dealt to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deal {
    /// Every node one, then node after node to its limit.
    Block,
    /// One a node in turn.
    Cyclic,
    /// Blocks of this size in turn.
    Plane(u32),
}

/// Deals `tasks` to nodes that take up to `room` each; every node gets one at least. With `overcommit` what is left
/// when all are full goes one a node in turn. `None`: they do not fit, or a node would stay empty.
pub(super) fn fill(room: &[u32], tasks: u32, deal: Deal, overcommit: bool) -> Option<Vec<u32>> {
    let nodes = room.len() as u32;
    let total: u64 = room.iter().map(|&room| u64::from(room)).sum();
    let fits = total >= u64::from(tasks) && !room.contains(&0);
    if nodes == 0 || tasks < nodes || !(fits || overcommit) {
        return None;
    }
    let dealt = u64::from(tasks).min(total.max(u64::from(nodes))) as u32;
    // In turn, without room for all, means in turn from the first task on.
    let unlimited = !fits && deal == Deal::Cyclic;
    let dealt = if unlimited { tasks } else { dealt };
    let limits: Vec<u32> = room.iter().map(|&room| if unlimited { tasks } else { room.max(1) }).collect();
    let mut counts = match deal {
        Deal::Block => block(&limits, dealt),
        Deal::Cyclic => in_turn(&limits, dealt, 1),
        Deal::Plane(size) => in_turn(&limits, dealt, size.max(1)),
    };
    let left = tasks - counts.iter().sum::<u32>();
    for (node, count) in counts.iter_mut().enumerate() {
        *count += left / nodes + u32::from((node as u32) < left % nodes);
    }
    Some(counts)
}

fn block(room: &[u32], tasks: u32) -> Vec<u32> {
    let mut left = tasks;
    let mut others = room.len() as u32;
    room.iter()
        .map(|&room| {
            others -= 1;
            let count = room.min(left.saturating_sub(others));
            left -= count;
            count
        })
        .collect()
}

/// Blocks of `size` in turn, the first round leaving one for each node after.
fn in_turn(room: &[u32], tasks: u32, size: u32) -> Vec<u32> {
    let mut left = tasks;
    let mut others = room.len() as u32;
    let mut counts = vec![0; room.len()];
    let mut open: Vec<usize> = (0..room.len()).collect();
    while left > 0 && !open.is_empty() {
        for &node in &open {
            others = others.saturating_sub(1);
            let count = size.min(room[node] - counts[node]).min(left.saturating_sub(others));
            counts[node] += count;
            left -= count;
        }
        open.retain(|&node| counts[node] < room[node]);
    }
    counts
}

/// The ranks of each node, where each has so many of them.
pub(super) fn ranks(counts: &[u32], deal: Deal) -> Vec<Vec<u32>> {
    let mut ranks: Vec<Vec<u32>> = counts.iter().map(|&count| Vec::with_capacity(count as usize)).collect();
    let mut next = 0;
    let size = match deal {
        Deal::Block => u32::MAX,
        Deal::Cyclic => 1,
        Deal::Plane(size) => size.max(1),
    };
    let mut open: Vec<usize> = (0..counts.len()).filter(|&node| counts[node] > 0).collect();
    while !open.is_empty() {
        for &node in &open {
            let count = size.min(counts[node] - ranks[node].len() as u32);
            ranks[node].extend(next..next + count);
            next += count;
        }
        open.retain(|&node| (ranks[node].len() as u32) < counts[node]);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nodes_are_filled_as_slurm_does() {
        let two = [2, 2, 2];
        for (room, tasks, deal, expected) in [
            (&two[..], 4, Deal::Block, vec![2, 1, 1]),
            (&two, 5, Deal::Block, vec![2, 2, 1]),
            (&two, 5, Deal::Cyclic, vec![2, 2, 1]),
            (&two, 5, Deal::Plane(2), vec![2, 2, 1]),
            (&[2, 2, 1], 4, Deal::Plane(2), vec![2, 1, 1]),
            (&[2, 2, 1], 5, Deal::Plane(4), vec![2, 2, 1]),
            (&[4, 4], 4, Deal::Block, vec![3, 1]),
            (&[4, 4], 4, Deal::Cyclic, vec![2, 2]),
            (&[1, 4], 4, Deal::Cyclic, vec![1, 3]),
        ] {
            assert_eq!(fill(room, tasks, deal, false), Some(expected), "{room:?} {tasks} {deal:?}");
        }
        assert_eq!(fill(&two, 7, Deal::Block, false), None);
        assert_eq!(fill(&two, 2, Deal::Block, false), None);
        assert_eq!(fill(&[2, 2], 9, Deal::Block, true), Some(vec![5, 4]));
        assert_eq!(fill(&[2, 1], 5, Deal::Block, true), Some(vec![3, 2]));
        assert_eq!(fill(&[2, 1], 4, Deal::Cyclic, true), Some(vec![2, 2]));
    }

    #[test]
    fn ranks_follow_the_distribution() {
        assert_eq!(ranks(&[2, 1], Deal::Block), [vec![0, 1], vec![2]]);
        assert_eq!(ranks(&[2, 2, 1], Deal::Cyclic), [vec![0, 3], vec![1, 4], vec![2]]);
        assert_eq!(ranks(&[4, 3], Deal::Plane(2)), [vec![0, 1, 4, 5], vec![2, 3, 6]]);
    }

    fn deals() -> impl Strategy<Value = Deal> {
        prop_oneof![Just(Deal::Block), Just(Deal::Cyclic), (1_u32..5).prop_map(Deal::Plane)]
    }

    proptest! {
        #[test]
        fn every_task_has_one_place(room in prop::collection::vec(0_u32..6, 1..9), tasks in 1_u32..60, deal in deals(), overcommit: bool) {
            let fits = room.iter().sum::<u32>() >= tasks && !room.contains(&0) && tasks >= room.len() as u32;
            match fill(&room, tasks, deal, overcommit) {
                Some(counts) => {
                    prop_assert_eq!(counts.iter().sum::<u32>(), tasks);
                    prop_assert!(counts.iter().all(|&count| count > 0));
                    prop_assert!(overcommit || counts.iter().zip(&room).all(|(count, room)| count <= room));
                    let placed = ranks(&counts, deal);
                    let mut all: Vec<u32> = placed.iter().flatten().copied().collect();
                    all.sort_unstable();
                    prop_assert_eq!(all, (0..tasks).collect::<Vec<_>>());
                    for (ranks, count) in placed.iter().zip(&counts) {
                        prop_assert_eq!(ranks.len() as u32, *count);
                        prop_assert!(ranks.is_sorted());
                    }
                }
                None => prop_assert!(!fits),
            }
        }
    }
}
