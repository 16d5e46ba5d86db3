//! Runs the schedules of all ranks of a call against one another: messages are queues between pairs of ranks, and whose
//! turn it is is drawn. Whatever a schedule must not do is a panic here.

use std::collections::{HashMap, VecDeque};

use prun_runtime::collective::{Buffer, Local, Round, Schedule, Side, Span};

/// What an element holds that nobody has written.
pub(crate) const UNWRITTEN: u32 = u32::MAX;

/// Maps `x → a·x + b` modulo a prime, `a` and `b` of 16 bits each: `∘` is associative and does not commute, and maps
/// with `a = 1` do.
pub(crate) fn fold(left: u32, right: u32) -> u32 {
    const PRIME: u64 = 65_521;
    assert!(left != UNWRITTEN && right != UNWRITTEN, "folds what nobody has written");
    let ([a, b], [c, d]) =
        ([left >> 16, left & 0xffff].map(u64::from), [right >> 16, right & 0xffff].map(u64::from));
    ((a * c % PRIME) << 16 | ((b * c + d) % PRIME)) as u32
}

/// A rank and its buffers.
pub(crate) struct Rank {
    pub(crate) schedule: Schedule,
    pub(crate) input: Vec<u32>,
    pub(crate) output: Vec<u32>,
    /// In place: the input is the output from this element on.
    pub(crate) in_place: Option<usize>,
}

/// What a rank has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The longest chain of messages that had to follow one another up to its end; sends of one round go at once.
    pub(crate) path: usize,
    /// Messages sent.
    pub(crate) messages: usize,
    /// Elements sent.
    pub(crate) elements: usize,
}

struct Message {
    data: Vec<u32>,
    len: usize,
    path: usize,
}

struct Running {
    rank: Rank,
    scratch: Vec<u32>,
    number: usize,
    round: Round,
    sent: bool,
    tally: Tally,
}

/// A simulation; `data`: whether elements are moved, or only counted.
pub(crate) struct Simulation {
    ranks: Vec<Running>,
    wires: HashMap<(u32, u32), VecDeque<Message>>,
    data: bool,
    seed: u64,
}

impl Simulation {
    pub(crate) fn new(ranks: Vec<Rank>, data: bool, seed: u64) -> Self {
        let begin = |rank: Rank| {
            let scratch = vec![UNWRITTEN; if data { rank.schedule.scratch() } else { 0 }];
            let mut round = Round::default();
            rank.schedule.round(0, &mut round);
            Running { rank, scratch, number: 0, round, sent: false, tally: Tally::default() }
        };
        Self { ranks: ranks.into_iter().map(begin).collect(), wires: HashMap::new(), data, seed }
    }

    /// Runs all ranks to their ends; gives their outputs and what they did.
    pub(crate) fn run(mut self) -> Vec<(Vec<u32>, Tally)> {
        let mut ready: Vec<u32> = (0..self.ranks.len() as u32).collect();
        while !ready.is_empty() {
            let drawn = self.draw(ready.len());
            let rank = ready.swap_remove(drawn);
            while self.advance(rank, &mut ready) {}
        }
        for (rank, running) in self.ranks.iter().enumerate() {
            let rounds = running.rank.schedule.rounds();
            assert_eq!(running.number, rounds, "rank {rank} waits for ever in {:?}", running.round);
        }
        let left: Vec<_> =
            self.wires.iter().filter(|(_, queue)| !queue.is_empty()).map(|(wire, _)| wire).collect();
        assert!(left.is_empty(), "messages that nobody receives: {left:?}");
        self.ranks.into_iter().map(|running| (running.rank.output, running.tally)).collect()
    }

    fn draw(&mut self, among: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % among
    }

    /// Does a round of a rank as far as it can be done; whether it is over and another one follows.
    fn advance(&mut self, rank: u32, ready: &mut Vec<u32>) -> bool {
        let running = &mut self.ranks[rank as usize];
        if running.number == running.rank.schedule.rounds() {
            return false;
        }
        if !running.sent {
            running.sent = true;
            check(rank, running);
            for send in &running.round.sends {
                let data = if self.data { running.read(send.span) } else { Vec::new() };
                let message = Message { data, len: send.span.len, path: running.tally.path + 1 };
                self.wires.entry((rank, send.peer)).or_default().push_back(message);
                ready.push(send.peer);
            }
        }
        let waits = |peer| self.wires.get(&(peer, rank)).is_none_or(VecDeque::is_empty);
        if running.round.receives.iter().any(|receive| waits(receive.peer)) {
            return false;
        }
        let mut path = running.tally.path + usize::from(!running.round.sends.is_empty());
        let round = std::mem::take(&mut running.round);
        for receive in &round.receives {
            let message = self.wires.get_mut(&(receive.peer, rank)).unwrap().pop_front().unwrap();
            assert_eq!(message.len, receive.span.len, "rank {rank} from {}: {round:?}", receive.peer);
            path = path.max(message.path);
            if self.data {
                running.write(receive.span, &message.data);
            }
        }
        if self.data {
            round.locals.iter().for_each(|local| running.work(local));
        }
        running.tally.path = path;
        running.tally.messages += round.sends.len();
        running.tally.elements += round.sends.iter().map(|send| send.span.len).sum::<usize>();
        running.number += 1;
        running.round = round;
        running.rank.schedule.round(running.number, &mut running.round);
        running.sent = false;
        true
    }
}

impl Running {
    /// The span in terms of what is really there.
    fn actual(&self, span: Span) -> Span {
        match (span.buffer, self.rank.in_place) {
            (Buffer::Input, Some(at)) => Span { buffer: Buffer::Output, start: span.start + at, ..span },
            _ => span,
        }
    }

    fn read(&self, span: Span) -> Vec<u32> {
        let span = self.actual(span);
        let buffer = match span.buffer {
            Buffer::Input => &self.rank.input,
            Buffer::Output => &self.rank.output,
            Buffer::Scratch => &self.scratch,
        };
        buffer[span.range()].to_vec()
    }

    fn write(&mut self, span: Span, data: &[u32]) {
        let buffer = match span.buffer {
            Buffer::Input => panic!("the input is written"),
            Buffer::Output => &mut self.rank.output,
            Buffer::Scratch => &mut self.scratch,
        };
        buffer[span.range()].copy_from_slice(data);
    }

    fn work(&mut self, local: &Local) {
        match *local {
            Local::Copy { from, to } => {
                assert!(self.actual(from) == to || !self.actual(from).overlaps(&to), "{local:?}");
                let data = self.read(from);
                self.write(to, &data);
            }
            Local::Fold { into, other, side } => {
                assert!(!into.overlaps(&self.actual(other)), "{local:?}");
                let pairs = self.read(into).into_iter().zip(self.read(other));
                let data: Vec<u32> = match side {
                    Side::Left => pairs.map(|(into, other)| fold(other, into)).collect(),
                    Side::Right => pairs.map(|(into, other)| fold(into, other)).collect(),
                };
                self.write(into, &data);
            }
        }
    }
}

/// Transfers of a round may be under way at once: no receive touches what another one or a send does.
fn check(rank: u32, running: &Running) {
    let round = &running.round;
    let spans = |transfers: &[prun_runtime::collective::Transfer], receives| {
        let spans = transfers.iter().filter(|transfer| transfer.span.len > 0);
        spans.map(|transfer| (running.actual(transfer.span), receives)).collect::<Vec<_>>()
    };
    let mut all = [spans(&round.sends, false), spans(&round.receives, true)].concat();
    all.sort_by_key(|(span, _)| (span.buffer, span.start));
    for pair in all.windows(2) {
        let [(one, receives), (other, too)] = pair else { unreachable!() };
        assert!(!(one.overlaps(other) && (*receives || *too)), "rank {rank}: {round:?}");
    }
    assert!(
        round.receives.iter().all(|receive| receive.span.buffer != Buffer::Input),
        "rank {rank}: {round:?}"
    );
}
