use super::*;
use crate::collective::Operation;
use crate::wire::numbers::Numbers;

fn end() -> End {
    End { node: "n1".into(), how: "exited with code 1".into() }
}

fn gone(rank: u32) -> Answer {
    end().told_of(Rank(rank))
}

fn barrier<W>(calls: &mut Collectives<W>, rank: u32, waiter: W) -> Told<W> {
    calls.arrive(Rank(rank), Call::Barrier, Ok(Bytes::new()), waiter)
}

fn released() -> Answer {
    Answer::done(Bytes::new())
}

/// Makes a call on all ranks, the last one first; gives what each gets.
fn all(call: Call, given: &[&[u8]]) -> Vec<Answer> {
    let mut calls = Collectives::new(given.len() as u32);
    let mut told = Vec::new();
    for (rank, bytes) in given.iter().enumerate().rev() {
        assert!(told.is_empty());
        told = calls.arrive(Rank(rank as u32), call, Ok(Bytes::copy_from_slice(bytes)), rank);
    }
    told.sort_by_key(|(rank, _)| *rank);
    told.into_iter().map(|(_, answer)| answer).collect()
}

fn done(results: &[&[u8]]) -> Vec<Answer> {
    results.iter().map(|bytes| Answer::done(Bytes::copy_from_slice(bytes))).collect()
}

#[test]
fn all_are_released_by_the_last_and_the_next_barrier_is_a_new_one() {
    let mut calls = Collectives::new(3);
    for _ in 0..3 {
        assert!(barrier(&mut calls, 0, "a").is_empty());
        assert!(barrier(&mut calls, 2, "c").is_empty());
        let told = barrier(&mut calls, 1, "b");
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|(_, answer)| *answer == released()));
    }
}

#[test]
fn a_rank_may_run_ahead_by_its_other_processes() {
    let mut calls = Collectives::new(2);
    assert!(barrier(&mut calls, 0, "first").is_empty());
    assert!(barrier(&mut calls, 0, "second").is_empty());
    assert_eq!(barrier(&mut calls, 1, "x"), [("first", released()), ("x", released())]);
    assert_eq!(barrier(&mut calls, 1, "y").len(), 2);
}

#[test]
fn a_rank_that_ended_short_of_it_is_named_to_those_who_wait_and_who_come() {
    let mut calls = Collectives::new(3);
    assert!(barrier(&mut calls, 0, "a").is_empty());
    assert_eq!(calls.leave(Rank(2), end()), [("a", gone(2))]);
    assert_eq!(barrier(&mut calls, 1, "b"), [("b", gone(2))]);
}

#[test]
fn a_rank_that_ended_after_reaching_it_does_no_harm() {
    // Its barrier command may be in the background.
    let mut calls = Collectives::new(2);
    assert!(barrier(&mut calls, 0, "a").is_empty());
    assert!(calls.leave(Rank(0), end()).is_empty());
    assert_eq!(barrier(&mut calls, 1, "b").len(), 2);
    assert_eq!(barrier(&mut calls, 1, "b"), [("b", gone(0))]);
}

#[test]
fn bytes_come_to_all_or_to_one() {
    let (root, given) = (Rank(1), [&b"a\n"[..], b"bc", b""]);
    assert_eq!(all(Call::Broadcast { root }, &given), done(&[b"bc", b"bc", b"bc"]));
    assert_eq!(all(Call::Gather { root }, &given), done(&[b"", b"a\nbc", b""]));
}

#[test]
fn numbers_are_folded_in_the_order_of_ranks() {
    let numbers = |values: &[i64]| Numbers::Integers(values.to_vec()).to_bytes();
    let given = [numbers(&[1, 5]), numbers(&[10, 6]), numbers(&[100, 7])];
    let given = [&given[0][..], &given[1], &given[2]];
    let (root, operation) = (Rank(2), Operation::Sum);
    let (first, second, sum) = (numbers(&[1, 5]), numbers(&[11, 11]), numbers(&[111, 18]));
    assert_eq!(all(Call::Reduce { root, operation }, &given), done(&[b"", b"", &sum]));
    assert_eq!(all(Call::AllReduce { operation }, &given), done(&[&sum, &sum, &sum]));
    let scan = |exclusive| all(Call::Scan { operation, exclusive }, &given);
    assert_eq!(scan(false), done(&[&first, &second, &sum]));
    assert_eq!(scan(true), done(&[b"", &first, &second]));
}

#[test]
fn what_cannot_be_folded_is_told_to_all() {
    let (one, two) = (Numbers::Integers(vec![1]).to_bytes(), Numbers::Integers(vec![1, 2]).to_bytes());
    let call = Call::AllReduce { operation: Operation::Max };
    let told = "`allreduce --op max`: rank 1: 2 numbers do not fold with 1";
    assert_eq!(all(call, &[&one, &two]), [Answer::refused(told), Answer::refused(told)]);
    let told = "`allreduce --op max`: rank 0 gave no numbers";
    assert_eq!(all(call, &[b"?", &two]), [Answer::refused(told), Answer::refused(told)]);
}

#[test]
fn calls_that_differ_fail_for_all_and_so_does_every_later_one() {
    let mut calls = Collectives::new(3);
    let gather = Call::Gather { root: Rank(0) };
    assert!(barrier(&mut calls, 0, "a").is_empty());
    assert!(barrier(&mut calls, 1, "b").is_empty());
    assert!(calls.arrive(Rank(1), gather, Ok(Bytes::new()), "b2").is_empty());
    // The first calls are the same, the second ones differ.
    assert_eq!(barrier(&mut calls, 2, "c").len(), 3);
    let mismatch = Answer::bare(FromServer::Mismatch {
        number: 2,
        first: Rank(1),
        called: gather,
        other: Rank(0),
        other_called: Call::Barrier,
    });
    assert_eq!(barrier(&mut calls, 0, "a2"), [("a2", mismatch.clone()), ("b2", mismatch.clone())]);
    assert_eq!(calls.arrive(Rank(2), gather, Ok(Bytes::new()), "c2"), [("c2", mismatch.clone())]);
    assert_eq!(barrier(&mut calls, 1, "b3"), [("b3", mismatch)]);
}

#[test]
fn a_rank_that_has_nothing_to_give_fails_the_call_but_not_the_next() {
    let mut calls = Collectives::new(2);
    let call = Call::Broadcast { root: Rank(1) };
    assert!(calls.arrive(Rank(1), call, Err("no input".into()), "b").is_empty());
    let told = Answer::refused("`bcast --root 1`: rank 1: no input");
    assert_eq!(calls.arrive(Rank(0), call, Ok(Bytes::new()), "a"), [("a", told.clone()), ("b", told)]);
    assert!(barrier(&mut calls, 0, "a").is_empty());
    assert_eq!(barrier(&mut calls, 1, "b"), [("a", released()), ("b", released())]);
}
