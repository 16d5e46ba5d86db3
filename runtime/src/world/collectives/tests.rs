//! Collective calls of ranks that are threads.

mod programs;

use super::*;
use crate::world::threads::run;
use crate::world::{Error, Failure};

/// Elements of a rank: a few, as many as go whole, and as many as do not.
const LENGTHS: [usize; 3] = [1, 70, 20_000];

fn elements(rank: usize, length: usize) -> Vec<u64> {
    (0..length as u64).map(|at| rank as u64 * 1_000_003 + at).collect()
}

/// Runs something on one to seven ranks and all lengths.
fn on_all(rank: impl Fn(&Communicator, usize, usize) + Sync) {
    for size in [1, 2, 3, 4, 7] {
        for length in LENGTHS {
            run(size, |world| rank(world, world.size(), length));
        }
    }
}

#[test]
fn elements_go_from_one_to_all_and_back() {
    on_all(|world, size, length| {
        let (me, root) = (world.rank(), size - 1);
        let all: Vec<u64> = (0..size).flat_map(|rank| elements(rank, length)).collect();
        let mut data = elements(me, length);
        world.broadcast(&mut data, root).unwrap();
        assert_eq!(data, elements(root, length));
        let mut own = vec![0; length];
        world.scatter(if me == root { &all } else { &[] }, &mut own, root).unwrap();
        assert_eq!(own, elements(me, length));
        let mut gathered = vec![0; if me == root { all.len() } else { 0 }];
        world.gather(&own, &mut gathered, root).unwrap();
        assert!(me != root || gathered == all);
        let mut gathered = vec![0; all.len()];
        world.all_gather(&own, &mut gathered).unwrap();
        assert_eq!(gathered, all);
        let mut gathered = vec![0; all.len()];
        gathered[me * length..(me + 1) * length].copy_from_slice(&own);
        world.all_gather_in_place(&mut gathered).unwrap();
        assert_eq!(gathered, all);
        world.barrier().unwrap();
    });
}

#[test]
fn blocks_of_any_length() {
    on_all(|world, size, length| {
        let (me, root) = (world.rank(), size / 2);
        let counts: Vec<usize> = (0..size).map(|rank| (rank + 1) % 3 * length).collect();
        let all: Vec<u64> = (0..size).flat_map(|rank| elements(rank, counts[rank])).collect();
        let own = elements(me, counts[me]);
        let mut room = vec![0; counts[me]];
        world.scatter_v(if me == root { &all } else { &[] }, &counts, &mut room, root).unwrap();
        assert_eq!(room, own);
        let mut room = vec![0; if me == root { all.len() } else { 0 }];
        world.gather_v(&own, &mut room, &counts, root).unwrap();
        assert!(me != root || room == all);
        let mut room = vec![0; all.len()];
        world.all_gather_v(&own, &mut room, &counts).unwrap();
        assert_eq!(room, all);
    });
}

#[test]
fn everybody_has_something_for_each() {
    on_all(|world, size, length| {
        let me = world.rank();
        let data: Vec<u64> = (0..size).flat_map(|to| elements(me * size + to, length)).collect();
        let expected: Vec<u64> = (0..size).flat_map(|from| elements(from * size + me, length)).collect();
        let mut room = vec![0; data.len()];
        world.all_to_all(&data, &mut room).unwrap();
        assert_eq!(room, expected);
        let count = |from: usize, to: usize| (from * 2 + to) % 3 * length;
        let outgoing: Vec<usize> = (0..size).map(|to| count(me, to)).collect();
        let incoming: Vec<usize> = (0..size).map(|from| count(from, me)).collect();
        let data: Vec<u64> = (0..size).flat_map(|to| elements(me * size + to, count(me, to))).collect();
        let expected: Vec<u64> =
            (0..size).flat_map(|from| elements(from * size + me, count(from, me))).collect();
        let mut room = vec![0; expected.len()];
        world.all_to_all_v(&data, &outgoing, &mut room, &incoming).unwrap();
        assert_eq!(room, expected);
    });
}

/// `x → a·x + b`: associative, and does not commute.
fn compose(left: &[u32; 2], right: &[u32; 2]) -> [u32; 2] {
    [left[0].wrapping_mul(right[0]), left[1].wrapping_mul(right[0]).wrapping_add(right[1])]
}

fn maps(rank: usize, length: usize) -> Vec<[u32; 2]> {
    (0..length as u32).map(|at| [2 * rank as u32 + 3, at]).collect()
}

#[test]
fn folds_keep_the_order_of_ranks() {
    on_all(|world, size, length| {
        let (me, root) = (world.rank(), size - 1);
        let operation = UserOperation::new(compose);
        let folded = |ranks: std::ops::Range<usize>, length: usize| {
            ranks.map(|rank| maps(rank, length)).reduce(|mut left, right| {
                operation.fold_all(&mut left, &right, Side::Right);
                left
            })
        };
        let (own, all) = (maps(me, length), folded(0..size, length).unwrap());
        let mut room = vec![[0; 2]; length];
        world.all_reduce(&own, &mut room, &operation).unwrap();
        assert_eq!(room, all);
        let mut room = own.clone();
        world.all_reduce_in_place(&mut room, &operation).unwrap();
        assert_eq!(room, all);
        let mut room = own.clone();
        world.reduce_in_place(&mut room, &operation, root).unwrap();
        assert_eq!(room, if me == root { all.clone() } else { own.clone() });
        world.reduce(&own, &mut room[..if me == root { length } else { 0 }], &operation, root).unwrap();
        let mut room = own.clone();
        world.scan_in_place(&mut room, &operation).unwrap();
        assert_eq!(Some(room), folded(0..me + 1, length));
        let mut room = vec![[0; 2]; length];
        world.exclusive_scan(&own, &mut room, &operation).unwrap();
        assert_eq!(room, folded(0..me, length).unwrap_or(vec![[0; 2]; length]));
        let data = maps(me, size * length);
        let mut room = vec![[0; 2]; length];
        world.reduce_scatter(&data, &mut room, &operation).unwrap();
        assert_eq!(room, folded(0..size, size * length).unwrap()[me * length..(me + 1) * length]);
    });
}

#[test]
fn built_in_operations_on_numbers() {
    on_all(|world, size, length| {
        let own: Vec<f64> = elements(world.rank(), length).into_iter().map(|number| number as f64).collect();
        let mut most = vec![0.0; length];
        world.all_reduce(&own, &mut most, &Operation::Max).unwrap();
        assert_eq!(most[0], ((size - 1) * 1_000_003) as f64);
        let counts: Vec<usize> = (0..size).map(|rank| rank * length).collect();
        let mut sums = vec![0; counts[world.rank()]];
        let data = vec![world.rank() as i32; counts.iter().sum()];
        world.reduce_scatter_v(&data, &mut sums, &counts, &Operation::Sum).unwrap();
        assert!(sums.iter().all(|&sum| sum as usize == size * (size - 1) / 2));
        let refused = world.all_reduce_in_place(&mut most, &Operation::BitXor).unwrap_err();
        assert!(
            refused.to_string().ends_with("cannot be folded: `bxor` takes whole numbers only"),
            "{refused}"
        );
    });
}

#[test]
fn values_of_any_length() {
    run(5, |world| {
        let own = vec!["x".repeat(world.rank()); 2];
        let all: Vec<Vec<String>> = (0..5).map(|rank| vec!["x".repeat(rank); 2]).collect();
        assert_eq!(world.all_gather_values(&own).unwrap(), all);
        assert_eq!(world.gather_values(&own, 3).unwrap(), (world.rank() == 3).then_some(all));
        assert_eq!(world.broadcast_value(Some(&own), 4).unwrap()[1], "xxxx");
    });
}

#[test]
fn background_calls_go_on_beside_others_in_any_order() {
    on_all(|world, size, length| {
        let me = world.rank();
        let sum = world.iall_reduce(vec![me as u64; length], Operation::Sum).unwrap();
        let barrier = world.ibarrier().unwrap();
        let data = world.ibroadcast(elements(me, length), size - 1).unwrap();
        let ordered = world.iall_reduce(maps(me, 3), UserOperation::new(compose)).unwrap();
        // A call that blocks and messages, while all of these are under way.
        let mut most = [me];
        world.all_reduce_in_place(&mut most, &Operation::Max).unwrap();
        assert_eq!(most, [size - 1]);
        let mut from = [9];
        world.send_recv(&[me], (me + 1) % size, &mut from, (me + size - 1) % size, 0).unwrap();
        assert_eq!(from, [(me + size - 1) % size]);
        assert_eq!(data.wait().unwrap(), elements(size - 1, length));
        assert_eq!(sum.wait().unwrap(), vec![(size * (size - 1) / 2) as u64; length]);
        let expected = (0..size).map(|rank| maps(rank, 3)[2]).reduce(|left, right| compose(&left, &right));
        assert_eq!(Some(ordered.wait().unwrap()[2]), expected);
        while !barrier.test().unwrap() {
            std::thread::yield_now();
        }
        barrier.wait().unwrap();
        world.barrier().unwrap();
    });
}

#[test]
fn a_background_call_that_nobody_waits_for_moves_in_other_calls_and_before_leaving() {
    run(3, |world| {
        let (me, mut one) = (world.rank(), [0_u8]);
        if me == 0 {
            // Rank 1 sends only when it has passed the barrier, which this rank does not wait for.
            drop(world.ibarrier().unwrap());
            world.recv(&mut one, 1, 0).unwrap();
        } else {
            world.ibarrier().unwrap().wait().unwrap();
            if me == 1 {
                world.send(&one, 0, 0).unwrap();
            }
        }
        drop(world.ibarrier().unwrap());
    });
}

#[test]
fn communicators_are_divided_and_do_not_hear_each_other() {
    run(7, |world| {
        let me = world.rank();
        // Rank 6 is in none; the others by parity, the highest first.
        let color = (me < 6).then_some(me as u32 % 2);
        let part = world.split(color, -(me as i64)).unwrap();
        assert_eq!(part.is_none(), me == 6);
        if let Some(part) = part {
            assert_eq!((part.rank(), part.size()), ((5 - me) / 2, 3));
            let mut ranks = [9; 3];
            part.all_gather(&[me], &mut ranks).unwrap();
            assert_eq!(ranks, [4 + me % 2, 2 + me % 2, me % 2]);
            // Divided again, with messages of the whole under way.
            let pair = part.split(Some(u32::from(part.rank() == 0)), 0).unwrap().unwrap();
            let mut sum = [me];
            pair.all_reduce_in_place(&mut sum, &Operation::Sum).unwrap();
            assert_eq!(sum[0], if part.rank() == 0 { me } else { 2 + 2 * (me % 2) });
        }
        let twin = world.duplicate().unwrap();
        let (next, last) = ((me + 1) % 7, (me + 6) % 7);
        world.scope(|scope| scope.isend(&[1_u8], next, 0).map(drop)).unwrap();
        let mut got = [0_u8];
        twin.send_recv(&[2_u8], next, &mut got, last, 0).unwrap();
        assert_eq!(got, [2]);
        world.recv(&mut got, last, 0).unwrap();
        assert_eq!(got, [1]);
        assert_eq!(world.split_by_node().unwrap().size(), 7);
    });
}

fn told(result: Result<(), Error>) -> String {
    match result.unwrap_err().failure() {
        Failure::Mismatch(told) => told.clone(),
        other => other.to_string(),
    }
}

#[test]
fn calls_that_do_not_match_are_told_by_rank_and_name() {
    let tellings = run(2, |world| match world.rank() {
        0 => told(world.barrier()),
        _ => told(world.all_reduce_in_place(&mut [1], &Operation::Sum)),
    });
    assert_eq!(tellings[0], "rank 1 called all_reduce while rank 0 called barrier");
    assert_eq!(tellings[1], "rank 0 called barrier while rank 1 called all_reduce");
    let tellings = run(2, |world| {
        let operation = [Operation::Sum, Operation::Max][world.rank()];
        told(world.all_reduce_in_place(&mut [1], &operation))
    });
    let how = "with another number or type of elements, or another operation";
    assert_eq!(tellings[0], format!("rank 1 called all_reduce while rank 0 called all_reduce {how}"));
    let tellings = run(2, |world| match world.rank() {
        0 => told(world.all_gather_v(&[1_u8], &mut [0; 2], &[1, 1])),
        // What it gets is what it expects.
        _ => world
            .all_gather_v(&[1_u8; 2], &mut [0; 3], &[1, 2])
            .map_or_else(|e| e.to_string(), |()| String::new()),
    });
    assert_eq!(tellings[0], "rank 1 gave 2 bytes to all_gather where rank 0 expects 1");
}

#[test]
fn a_call_that_a_rank_leaves_out_fails_for_those_who_wait_for_it() {
    let tellings = run(3, |world| if world.rank() == 2 { String::new() } else { told(world.barrier()) });
    assert!(tellings[..2].iter().any(|telling| telling == "rank 2 has left"), "{tellings:?}");
}

#[test]
fn arguments_that_do_not_fit_are_told_where_they_are() {
    run(2, |world| {
        let short = world.gather(&[1, 2], &mut [0; 3], 0);
        if world.rank() == 0 {
            assert_eq!(told(short), "`room` has 3 elements where 4 are needed");
        }
        let unknown = world.broadcast(&mut [1], 2).unwrap_err();
        assert!(matches!(unknown.failure(), Failure::NoSuchRank { rank: 2, size: 2 }), "{unknown}");
        assert_eq!(unknown.place().line(), line!() - 2);
    });
}
