//! The merger against step processes that do what they may: send in any order and any pieces, within their credit.

use proptest::prelude::*;

use super::*;

/// Step processes that hold what ranks have written.
struct Logs {
    content: Vec<Vec<u8>>,
    sent: Vec<usize>,
    may_send: Vec<usize>,
    ended: Vec<bool>,
}

impl Logs {
    fn new(content: Vec<Vec<u8>>) -> Self {
        let ranks = content.len();
        Self { content, sent: vec![0; ranks], may_send: vec![0; ranks], ended: vec![false; ranks] }
    }

    fn take_pulls(&mut self, merger: &mut Merger) {
        for pull in merger.pulls() {
            assert_eq!(pull.offset as usize, self.sent[pull.source], "a pull asks for what comes next");
            self.may_send[pull.source] = (pull.offset + pull.credit) as usize;
        }
    }

    /// The next piece of one log, or its end; false: there is nothing to send.
    fn send(&mut self, merger: &mut Merger, rank: usize, piece: usize, now: u64) -> bool {
        let (sent, length) = (self.sent[rank], self.content[rank].len());
        let to = length.min(self.may_send[rank]).min(sent + piece.max(1));
        if to > sent {
            let bytes = Bytes::copy_from_slice(&self.content[rank][sent..to]);
            merger.data(rank, sent as u64, bytes, now).unwrap();
            self.sent[rank] = to;
        } else if sent == length && self.may_send[rank] > sent && !self.ended[rank] {
            self.ended[rank] = true;
            merger.end(rank, length as u64).unwrap();
        } else {
            return false;
        }
        true
    }
}

/// Runs a merger over logs that send in the order of `picks` (rank, bytes); gives what was written.
fn merge(merger: &mut Merger, content: Vec<Vec<u8>>, picks: &[(usize, usize)], memory_max: usize) -> Vec<u8> {
    let ranks = content.len();
    let mut logs = Logs::new(content);
    let mut written = Vec::new();
    let mut idle = 0;
    for step in 0.. {
        logs.take_pulls(merger);
        let (pick, piece) = picks[step % picks.len()];
        // Every log gets its turn in the end, whatever is picked.
        let rank = (pick + step / picks.len()) % ranks;
        let progress = logs.send(merger, rank, piece, step as u64);
        merger.tick(step as u64);
        assert!(merger.memory() <= memory_max, "{} bytes", merger.memory());
        for bytes in merger.take(piece) {
            merger.written(bytes.len());
            written.extend_from_slice(&bytes);
        }
        idle = if progress { 0 } else { idle + 1 };
        if merger.is_finished() {
            return written;
        }
        assert!(idle < 100_000, "nobody moves: {merger:?}");
    }
    written
}

fn logs() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec("([a-c]{0,6}\n){0,8}[a-c]{0,40}(\n|)", 1..6).prop_map(|texts| {
        // Each byte names its rank, so that nothing can be taken for another's.
        let of = |rank: usize, text: String| {
            text.bytes().map(|b| if b == b'\n' { b } else { b'A' + rank as u8 }).collect()
        };
        texts.into_iter().enumerate().map(|(rank, text)| of(rank, text)).collect()
    })
}

fn picks() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0_usize..6, 1_usize..9), 1..40)
}

/// What of the output belongs to a rank, with the line ends that stand behind its bytes.
fn lines_of(output: &[u8]) -> Vec<Vec<u8>> {
    output.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
}

proptest! {
    #[test]
    fn by_rank_the_output_is_one_rank_after_the_other(logs in logs(), picks in picks()) {
        let ranks: Vec<u32> = (0..logs.len() as u32).collect();
        let mut merger = Merger::new(Order::Rank, None, &ranks, 1 << 14);
        let expected = logs.concat();
        prop_assert_eq!(merge(&mut merger, logs, &picks, (1 << 15) + OUT_BYTES_MAX + WINDOW_BYTES), expected);
    }

    #[test]
    fn by_line_no_line_is_torn_and_each_rank_keeps_its_order(
        logs in logs(), picks in picks(), memory in 1_usize..64, hold in prop::option::of(0_u64..30),
    ) {
        let ranks: Vec<u32> = (0..logs.len() as u32).collect();
        let order = hold.map_or(Order::Line, |hold_ms| Order::Auto { hold_ms });
        // Each log ends in a line end, so that every line of the output is one rank's.
        let logs: Vec<Vec<u8>> = logs.into_iter().map(|mut log| { log.push(b'\n'); log }).collect();
        let mut merger = Merger::new(order, None, &ranks, memory);
        let output = merge(&mut merger, logs.clone(), &picks, usize::MAX);
        prop_assert_eq!(output.len(), logs.concat().len());
        for (rank, log) in logs.iter().enumerate() {
            let own = |line: &Vec<u8>| line[0] == b'A' + rank as u8;
            let expected: Vec<_> = lines_of(log).into_iter().filter(own).collect();
            prop_assert_eq!(lines_of(&output).into_iter().filter(own).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn without_order_every_byte_is_there(logs in logs(), picks in picks()) {
        let ranks: Vec<u32> = (0..logs.len() as u32).collect();
        let mut merger = Merger::new(Order::None, None, &ranks, 64);
        let mut output = merge(&mut merger, logs.clone(), &picks, usize::MAX);
        let mut expected = logs.concat();
        output.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(output, expected);
    }
}

fn pulled(merger: &mut Merger) -> Vec<(usize, u64, u64)> {
    merger.pulls().map(|pull| (pull.source, pull.offset, pull.credit)).collect()
}

fn written(merger: &mut Merger) -> String {
    let taken = merger.take(usize::MAX);
    merger.written(taken.iter().map(Bytes::len).sum());
    String::from_utf8(taken.concat()).unwrap()
}

#[test]
fn by_rank_only_beginnings_are_pulled_before_their_turn() {
    let ranks: Vec<u32> = (0..10).collect();
    let mut merger = Merger::new(Order::Rank, None, &ranks, 2 * AHEAD_BYTES_MIN);
    let ahead = AHEAD_BYTES_MIN as u64;
    assert_eq!(pulled(&mut merger), [(0, 0, WINDOW_BYTES as u64), (1, 0, ahead), (2, 0, ahead)]);
    merger.end(1, 0).unwrap();
    assert_eq!(pulled(&mut merger), []);
    merger.end(0, 0).unwrap();
    assert_eq!(pulled(&mut merger), [(3, 0, ahead), (4, 0, ahead)]);
}

#[test]
fn a_slow_reader_is_not_run_over() {
    let mut merger = Merger::new(Order::Rank, None, &[0], 1 << 20);
    let window = WINDOW_BYTES as u64;
    let mut asked = 0;
    while let [(0, offset, credit)] = pulled(&mut merger)[..] {
        assert_eq!((offset, credit), (asked, window));
        merger.data(0, offset, Bytes::from(vec![b'x'; WINDOW_BYTES]), 0).unwrap();
        asked += window;
    }
    assert_eq!(asked, OUT_BYTES_MAX as u64, "what waits to be written must go first");
    written(&mut merger);
    assert_eq!(pulled(&mut merger), [(0, asked, window)]);
}

#[test]
fn the_window_moves_on_before_it_is_used_up() {
    let mut merger = Merger::new(Order::Rank, None, &[0, 1], 1 << 20);
    let window = WINDOW_BYTES as u64;
    assert_eq!(pulled(&mut merger)[0], (0, 0, window));
    merger.data(0, 0, Bytes::from(vec![b'x'; ADVANCE_BYTES - 1]), 0).unwrap();
    assert_eq!(pulled(&mut merger), [], "a few lines are no reason for a message");
    merger.data(0, ADVANCE_BYTES as u64 - 1, "x".into(), 0).unwrap();
    assert_eq!(pulled(&mut merger), [(0, ADVANCE_BYTES as u64, window)]);
}

#[test]
fn auto_lets_go_of_what_was_held_too_long() {
    let mut merger = Merger::new(Order::Auto { hold_ms: 60_000 }, None, &[0, 1], 1 << 20);
    merger.data(0, 0, "begun".into(), 5).unwrap();
    merger.data(1, 0, "one\ntwo\nthr".into(), 1_000).unwrap();
    assert_eq!(merger.deadline(), Some(61_000));
    merger.tick(60_999);
    assert_eq!(written(&mut merger), "begun");
    merger.tick(61_000);
    assert_eq!(written(&mut merger), "", "the live rank is in the middle of a line");
    merger.data(0, 5, " and ended\n".into(), 61_001).unwrap();
    assert_eq!(written(&mut merger), " and ended\none\ntwo\n");
    merger.data(1, 11, "ee\n".into(), 61_002).unwrap();
    assert_eq!((written(&mut merger).as_str(), merger.deadline()), ("three\n", None));
}

#[test]
fn auto_is_by_rank_as_long_as_ranks_end_in_time() {
    let mut merger = Merger::new(Order::Auto { hold_ms: 60_000 }, None, &[0, 1, 2], 1 << 20);
    merger.data(2, 0, "c\n".into(), 1).unwrap();
    merger.data(1, 0, "b\n".into(), 2).unwrap();
    merger.end(1, 2).unwrap();
    merger.end(0, 0).unwrap();
    assert_eq!((written(&mut merger).as_str(), merger.deadline()), ("b\nc\n", None));
}

#[test]
fn a_line_too_long_to_be_held_keeps_the_others_waiting() {
    let mut merger = Merger::new(Order::Line, None, &[0, 1], 16);
    pulled(&mut merger);
    merger.data(0, 0, "01234567".into(), 0).unwrap();
    merger.data(1, 0, "b\n".into(), 0).unwrap();
    assert_eq!(written(&mut merger), "01234567");
    merger.data(0, 8, "89\nx".into(), 0).unwrap();
    assert_eq!(written(&mut merger), "89\nb\n");
}

#[test]
fn labels_stand_before_every_line_and_end_the_last_one() {
    let mut merger = Merger::new(Order::Rank, Some(Labels::new(2)), &[0, 1], 1 << 20);
    merger.data(0, 0, "a\nb".into(), 0).unwrap();
    merger.data(0, 3, "c".into(), 0).unwrap();
    merger.end(0, 4).unwrap();
    merger.data(1, 0, "d".into(), 0).unwrap();
    merger.end(1, 1).unwrap();
    assert_eq!(written(&mut merger), "0: a\n0: bc\n1: d\n");
    assert!(merger.is_finished());
}

#[test]
fn an_end_that_comes_before_its_bytes_waits_for_them() {
    let mut merger = Merger::new(Order::Rank, None, &[0, 1], 1 << 20);
    merger.end(0, 3).unwrap();
    merger.end(1, 0).unwrap();
    assert!(!merger.is_finished());
    merger.data(0, 0, "abc".into(), 0).unwrap();
    assert_eq!(written(&mut merger), "abc");
    assert!(merger.is_finished());
}

#[test]
fn a_stream_that_is_cut_ends_where_it_stands() {
    for order in [Order::Rank, Order::Line, Order::None] {
        let mut merger = Merger::new(order, None, &[0, 1], 1 << 20);
        merger.data(0, 0, "abc".into(), 0).unwrap();
        merger.cut(0);
        merger.cut(1);
        assert_eq!(written(&mut merger), "abc");
        assert!(merger.is_finished());
    }
}

#[test]
fn no_streams_are_nothing_to_wait_for() {
    let mut merger = Merger::new(Order::Rank, None, &[], 1 << 20);
    merger.say("x\n".into());
    assert!(!merger.is_finished());
    assert_eq!(written(&mut merger), "x\n");
    assert!(merger.is_finished());
}

/// What was written so far.
fn out(merger: &mut Merger) -> String {
    let mut text = String::new();
    for bytes in merger.take(usize::MAX) {
        merger.written(bytes.len());
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    text
}

#[test]
fn a_message_waits_for_the_end_of_a_line_but_not_for_ever() {
    // A rank writes its line in pieces, and its launcher's message came between two of them.
    let message = || Bytes::from_static(b"said\n");
    let mut merger = Merger::new(Order::Rank, None, &[0], 1 << 20);
    merger.data(0, 0, Bytes::from_static(b"rank 0: "), 1000).unwrap();
    merger.say(message());
    assert_eq!(out(&mut merger), "rank 0: ");
    merger.data(0, 8, Bytes::from_static(b"bad\nmore"), 1100).unwrap();
    assert_eq!(out(&mut merger), "bad\nsaid\nmore");
    // It asks for something, and waits.
    merger.say(message());
    assert_eq!((out(&mut merger).as_str(), merger.deadline()), ("", Some(1600)));
    merger.tick(1600);
    assert_eq!((out(&mut merger).as_str(), merger.deadline()), ("said\n", None));
    merger.say(message());
    merger.end(0, 16).unwrap();
    assert_eq!(out(&mut merger), "said\n", "its last line has no end");
    assert!(merger.is_finished());
}
