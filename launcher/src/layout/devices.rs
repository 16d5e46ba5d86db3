//! Generic resources (`--gres`, `--gpus*`): how many a node must have, and which numbers a job or step gets.

use std::collections::BTreeSet;

use crate::script::spec::{Gres, GresPer};

/// Whether a pool of devices (`gpu`, `gpu:a100`) serves a request.
#[must_use]
pub fn serves(pool: &str, wanted: &Gres) -> bool {
    let (name, kind) = pool.split_once(':').map_or((pool, None), |(name, kind)| (name, Some(kind)));
    name == wanted.name && (wanted.kind.is_none() || wanted.kind.as_deref() == kind)
}

/// Devices that serve a request, out of counted pools.
pub(super) fn available<'a>(pools: impl Iterator<Item = (&'a str, u64)>, wanted: &Gres) -> u64 {
    pools.filter(|(pool, _)| serves(pool, wanted)).map(|(_, count)| count).sum()
}

/// Devices that a request takes of one node with so many tasks and CPUs of the job, `left` being what a request for
/// the whole job still lacks there.
pub(super) fn on_node(wanted: &Gres, tasks: u32, sockets: u32, left: u64) -> u64 {
    match wanted.per {
        GresPer::Job => left,
        GresPer::Node => wanted.count,
        GresPer::Socket => wanted.count.saturating_mul(u64::from(sockets)),
        GresPer::Task => wanted.count.saturating_mul(u64::from(tasks)),
    }
}

/// Takes the lowest numbers of the pools that serve a request, out of `free` into `held`.
pub(super) fn take(
    free: &mut [(String, BTreeSet<u32>)],
    wanted: &Gres,
    count: u64,
    held: &mut Vec<(String, Vec<u32>)>,
) {
    let mut left = count;
    for (pool, numbers) in free.iter_mut().filter(|(pool, _)| serves(pool, wanted)) {
        let mut taken = Vec::new();
        while left > 0
            && let Some(number) = numbers.pop_first()
        {
            taken.push(number);
            left -= 1;
        }
        if taken.is_empty() {
            continue;
        }
        match held.iter_mut().find(|(name, _)| name == pool) {
            Some((_, numbers)) => numbers.extend(taken),
            None => held.push((pool.clone(), taken)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(kind: Option<&str>, count: u64, per: GresPer) -> Gres {
        Gres { name: "gpu".to_owned(), kind: kind.map(str::to_owned), count, per }
    }

    #[test]
    fn a_kind_is_served_by_its_own_pool_only() {
        let any = gpus(None, 1, GresPer::Node);
        let a100 = gpus(Some("a100"), 1, GresPer::Node);
        assert!(serves("gpu", &any) && serves("gpu:a100", &any) && serves("gpu:a100", &a100));
        assert!(!serves("gpu", &a100) && !serves("gpu:v100", &a100) && !serves("nic", &any));
        assert_eq!(available([("gpu:a100", 2), ("gpu:v100", 4), ("nic", 1)].into_iter(), &any), 6);
    }

    #[test]
    fn lowest_numbers_are_taken() {
        let mut free =
            vec![("gpu:a".to_owned(), BTreeSet::from([1, 3])), ("gpu:b".to_owned(), BTreeSet::from([0, 4]))];
        let mut held = Vec::new();
        take(&mut free, &gpus(None, 3, GresPer::Node), 3, &mut held);
        assert_eq!(held, [("gpu:a".to_owned(), vec![1, 3]), ("gpu:b".to_owned(), vec![0])]);
        assert_eq!(free[1].1, BTreeSet::from([4]));
    }

    #[test]
    fn counts_follow_what_they_are_for() {
        assert_eq!(on_node(&gpus(None, 2, GresPer::Task), 3, 2, 0), 6);
        assert_eq!(on_node(&gpus(None, 2, GresPer::Socket), 3, 2, 0), 4);
        assert_eq!(on_node(&gpus(None, 2, GresPer::Node), 3, 2, 0), 2);
        assert_eq!(on_node(&gpus(None, 8, GresPer::Job), 3, 2, 5), 5);
    }
}
