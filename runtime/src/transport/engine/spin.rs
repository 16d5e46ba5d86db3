//! How long a rank keeps its CPU while it waits.

use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity, sched_yield};

use super::super::sync::Ordering;
use super::Engine;

/// Looks that are taken without a thought for others: some ten microseconds.
const GREEDY_LOOKS: u32 = 500;

/// How long a rank looks before it sleeps. Being woken takes from five to some hundred microseconds, after which the
/// others have gone to sleep too where they wait for less than that; and a rank that waits for a second spends a
/// thousandth of it. After the first looks it lets everybody go first who wants its CPU.
const SPIN_TIME: Duration = Duration::from_millis(1);

/// One wait's looks.
#[derive(Debug)]
pub(crate) struct Spin {
    is_allowed: bool,
    looks: u32,
    begin: Option<Instant>,
}

impl Spin {
    /// Of a rank, which has a CPU of its own or not.
    pub(crate) fn of(engine: &Engine) -> Self {
        Self { is_allowed: engine.may_spin, looks: 0, begin: None }
    }

    /// Whether to look once more, while nothing else wants to be looked at for the moment.
    pub(crate) fn briefly(&mut self) -> bool {
        self.looks += 1;
        std::hint::spin_loop();
        self.is_allowed && self.looks < GREEDY_LOOKS
    }

    /// Looks at one thing alone for a moment; gives whether it has become so.
    pub(crate) fn alone(mut self, is_so: impl Fn() -> bool) -> bool {
        loop {
            if is_so() {
                return true;
            }
            if !self.briefly() {
                return false;
            }
        }
    }

    /// Whether to look once more before sleeping.
    pub(super) fn again(&mut self, engine: &mut Engine) -> bool {
        if !self.is_allowed || self.briefly() {
            return self.is_allowed;
        }
        // Who waits for sockets, too, lets others go first by sleeping over them.
        if engine.far.is_some() {
            return false;
        }
        sched_yield();
        let begin = *self.begin.get_or_insert_with(|| {
            engine.step_aside();
            Instant::now()
        });
        // Where others want the CPU, one look may take as long as all were to take.
        begin.elapsed() < SPIN_TIME
    }

    /// Something has happened: the next thing may be near.
    pub(super) fn renew(&mut self) {
        self.looks = 0;
        self.begin = None;
    }
}

impl Engine {
    /// Ranks that have a CPU each may be on one nevertheless: a busy system leaves them where they are, and each then
    /// spins while the other one waits for its CPU. So the later one of two goes to another CPU, if it has one; it may go
    /// everywhere again after that.
    fn step_aside(&mut self) {
        /// Where all CPUs are taken by others, ranks do not chase one another.
        const ASIDE_PAUSE: Duration = Duration::from_millis(10);
        let cpu = sched_getcpu();
        let (seat, segment) = (self.seat(), self.neighbours.segment());
        // 0: not known.
        let place = u32::try_from(cpu).map_or(0, |cpu| cpu + 1);
        seat.cpu.store(place, Ordering::Relaxed);
        let is_here = |local: usize| {
            let other = segment.seat(local);
            other.cpu.load(Ordering::Relaxed) == place && !other.waker.is_asleep()
        };
        if !(0..self.neighbours.me()).any(is_here) {
            return;
        }
        if self.stepped_aside.is_some_and(|last| last.elapsed() < ASIDE_PAUSE) {
            return;
        }
        self.stepped_aside = Some(Instant::now());
        let Ok(all) = sched_getaffinity(None) else { return };
        let mut others: CpuSet = all;
        others.unset(cpu);
        if others.count() > 0 && sched_setaffinity(None, &others).is_ok() {
            // It had this set before.
            let _ = sched_setaffinity(None, &all);
        }
    }
}
