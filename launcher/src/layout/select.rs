//! Which of the nodes that could take part do: as few as hold the tasks, in the cluster's order, out of the tightest
//! run of neighbours that is large enough.

/// A node that could take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its place in the cluster's order.
    pub place: usize,
    /// Tasks that it can take, at least 1.
    pub room: u32,
    /// CPUs that are free on it.
    pub cpus: u32,
    /// Devices that it adds to a request for the whole job.
    pub devices: u64,
    /// It must take part.
    pub required: bool,
}

/// What the chosen nodes must give together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Tasks.
    pub tasks: u32,
    /// Devices for the whole job.
    pub devices: u64,
    /// Fewest nodes.
    pub least: u32,
    /// Most nodes.
    pub most: u32,
    /// So many nodes where they can be had.
    pub nodes: u32,
    /// Neighbours only.
    pub contiguous: bool,
}

/// Chooses nodes: indexes into `candidates`, in the order in which they are to be filled.
pub(super) fn choose(candidates: &[Candidate], wanted: &Wanted) -> Option<Vec<usize>> {
    if wanted.contiguous {
        return neighbours(candidates, wanted);
    }
    let required: Vec<usize> = (0..candidates.len()).filter(|&i| candidates[i].required).collect();
    if required.len() as u64 > u64::from(wanted.most) {
        return None;
    }
    if required.is_empty() && wanted.nodes == 1 {
        let tightest = (0..candidates.len())
            .filter(|&i| enough(candidates, &[i], wanted, 1))
            .min_by_key(|&i| (candidates[i].cpus, i));
        if let Some(alone) = tightest {
            return Some(vec![alone]);
        }
    }
    let order = order(candidates, required, wanted);
    take(candidates, &order, wanted).or_else(|| roomiest(candidates, wanted))
}

/// Chooses nodes for a step: as they come, required ones first; indexes into `candidates`.
pub(super) fn first(candidates: &[Candidate], wanted: &Wanted) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&i| !candidates[i].required);
    take(candidates, &order, wanted).or_else(|| roomiest(candidates, wanted))
}

/// Where nodes do not suffice as they come, those with the most room may.
fn roomiest(candidates: &[Candidate], wanted: &Wanted) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&i| {
        let candidate = &candidates[i];
        (!candidate.required, std::cmp::Reverse((candidate.devices.min(wanted.devices), candidate.room)))
    });
    let mut chosen = take(candidates, &order, wanted)?;
    chosen.sort_unstable();
    Some(chosen)
}

fn enough(candidates: &[Candidate], chosen: &[usize], wanted: &Wanted, nodes: u32) -> bool {
    let sum = |of: fn(&Candidate) -> u64| chosen.iter().map(|&i| of(&candidates[i])).sum::<u64>();
    chosen.len() as u64 >= u64::from(nodes)
        && sum(|c| u64::from(c.room)) >= u64::from(wanted.tasks)
        && sum(|c| c.devices) >= wanted.devices
}

/// Takes nodes in order until they suffice.
fn take(candidates: &[Candidate], order: &[usize], wanted: &Wanted) -> Option<Vec<usize>> {
    let (mut tasks, mut devices) = (0_u64, 0_u64);
    let mut required_left = candidates.iter().filter(|c| c.required).count();
    let most = (wanted.most as usize).min(order.len());
    for (at, &i) in order[..most].iter().enumerate() {
        tasks += u64::from(candidates[i].room);
        devices += candidates[i].devices;
        required_left -= usize::from(candidates[i].required);
        let suffices = tasks >= u64::from(wanted.tasks) && devices >= wanted.devices && required_left == 0;
        let nodes = (at + 1) as u64;
        if suffices && nodes >= u64::from(wanted.nodes.min(wanted.most))
            || suffices && at + 1 == most && nodes >= u64::from(wanted.least)
        {
            return Some(order[..=at].to_vec());
        }
    }
    None
}

/// Required nodes; then their run of neighbours, upwards from the first of them and then downwards; then run after
/// run, each time the tightest that suffices, else the largest.
fn order(candidates: &[Candidate], required: Vec<usize>, wanted: &Wanted) -> Vec<usize> {
    let mut runs = runs(candidates);
    let mut order = required;
    let mut cpus: u64 = order.iter().map(|&i| u64::from(candidates[i].room)).sum();
    if let Some(&first) = order.first()
        && let Some(at) = runs.iter().position(|run| run.contains(&first))
    {
        let run = runs.swap_remove(at);
        let others = (first..run.end).chain((run.start..first).rev());
        order.extend(others.filter(|&i| !candidates[i].required));
    }
    let weigh = |run: &std::ops::Range<usize>| -> u64 {
        run.clone().filter(|&i| !candidates[i].required).map(|i| u64::from(candidates[i].room)).sum()
    };
    let mut weighed: Vec<(u64, std::ops::Range<usize>)> =
        runs.into_iter().map(|run| (weigh(&run), run)).collect();
    // Lightest first, earlier ones first among equals.
    weighed.sort_by_key(|(weight, run)| (*weight, run.start));
    while !weighed.is_empty() {
        let left = u64::from(wanted.tasks).saturating_sub(cpus);
        let nodes = u64::from(wanted.nodes).saturating_sub(order.len() as u64);
        let suffices =
            |(weight, run): &(u64, std::ops::Range<usize>)| *weight >= left && run.len() as u64 >= nodes;
        let at = weighed.iter().position(suffices).unwrap_or_else(|| heaviest(&weighed));
        let (weight, run) = weighed.remove(at);
        cpus += weight;
        order.extend(run.filter(|&i| !candidates[i].required));
    }
    order
}

/// The first of the heaviest runs.
fn heaviest(weighed: &[(u64, std::ops::Range<usize>)]) -> usize {
    let weight = weighed.last().map_or(0, |(weight, _)| *weight);
    weighed.partition_point(|(other, _)| *other < weight)
}

/// Runs of neighbours, as ranges of indexes.
fn runs(candidates: &[Candidate]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for (i, candidate) in candidates.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if candidates[run.end - 1].place + 1 == candidate.place => run.end = i + 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// The first stretch of neighbours that suffices, in the tightest run that has one.
fn neighbours(candidates: &[Candidate], wanted: &Wanted) -> Option<Vec<usize>> {
    let mut runs = runs(candidates);
    runs.sort_by_key(std::ops::Range::len);
    runs.into_iter().find_map(|run| {
        run.clone().find_map(|start| {
            let order: Vec<usize> = (start..run.end).collect();
            take(candidates, &order, wanted)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes with this room each, all neighbours; 0 is a node that cannot take part.
    fn candidates(rooms: &[u32], required: &[usize]) -> Vec<Candidate> {
        (0..rooms.len())
            .filter(|&place| rooms[place] > 0)
            .map(|place| Candidate {
                place,
                room: rooms[place],
                cpus: rooms[place],
                devices: 0,
                required: required.contains(&place),
            })
            .collect()
    }

    fn places(rooms: &[u32], required: &[usize], tasks: u32, nodes: (u32, u32)) -> Option<Vec<usize>> {
        let wanted =
            Wanted { tasks, devices: 0, least: nodes.0, most: nodes.1, nodes: nodes.0, contiguous: false };
        let candidates = candidates(rooms, required);
        Some(choose(&candidates, &wanted)?.into_iter().map(|i| candidates[i].place).collect())
    }

    const ANY: u32 = u32::MAX;

    #[test]
    fn one_node_is_the_tightest() {
        assert_eq!(places(&[2, 1, 2], &[], 1, (1, ANY)), Some(vec![1]));
        assert_eq!(places(&[1, 2, 2], &[], 2, (1, ANY)), Some(vec![1]));
    }

    #[test]
    fn several_are_taken_in_order() {
        assert_eq!(places(&[1, 2, 2], &[], 3, (1, ANY)), Some(vec![0, 1]));
        assert_eq!(places(&[1, 2, 2], &[], 4, (1, ANY)), Some(vec![0, 1, 2]));
        assert_eq!(places(&[2, 0, 2], &[], 3, (1, ANY)), Some(vec![0, 2]));
    }

    #[test]
    fn the_roomiest_help_out() {
        assert_eq!(places(&[2, 1, 2], &[], 4, (2, 2)), Some(vec![0, 2]));
        assert_eq!(places(&[1, 1, 2], &[], 4, (2, 2)), None);
    }

    #[test]
    fn required_nodes_come_first_then_those_above_then_those_below() {
        assert_eq!(places(&[2, 2, 2], &[1], 5, (1, ANY)), Some(vec![1, 2, 0]));
        assert_eq!(places(&[2, 2, 2], &[2], 3, (1, ANY)), Some(vec![2, 1]));
        assert_eq!(places(&[2, 2, 2], &[0, 2], 5, (2, ANY)), Some(vec![0, 2, 1]));
    }

    #[test]
    fn the_tightest_run_is_taken() {
        assert_eq!(places(&[1, 1, 1, 0, 1, 1], &[], 2, (2, 2)), Some(vec![4, 5]));
        assert_eq!(places(&[1, 1, 0, 1, 1, 1], &[], 4, (4, 4)), Some(vec![3, 4, 5, 0]));
    }

    #[test]
    fn neighbours_only() {
        let wanted = Wanted { tasks: 2, devices: 0, least: 2, most: 2, nodes: 2, contiguous: true };
        assert_eq!(choose(&candidates(&[1, 0, 1], &[]), &wanted), None);
        assert_eq!(choose(&candidates(&[1, 0, 1, 1], &[]), &wanted), Some(vec![1, 2]));
    }
}
