//! What will happen, in the order of virtual time.

use std::collections::BTreeMap;

use prun_runtime::ids::StepKey;

use super::users::Act;
use super::wire::{Side, WireId};

/// Something that will happen.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// The next thing on a wire comes out at this side.
    Arrive(WireId, Side),
    /// The controller starts.
    Controller,
    /// A controller of this generation is to look what is due, unless it was asked otherwise since.
    Timer { generation: u32, number: u64 },
    /// What a controller of this generation is writing is on the disk.
    Written { generation: u32 },
    /// A rank server of this generation tries to reach the controller.
    Dial { node: usize, generation: u32 },
    /// A rank server starts.
    Server { node: usize },
    /// A rank would end by itself now, if it lives.
    Exit { process: u64, rank: u32, code: i32 },
    /// A rank that was told to end is gone now, if it lived.
    Kill { process: u64, rank: u32, signal: i32 },
    /// A script comes to its next line.
    Script { process: u64 },
    /// The `srun` of a script looks whether all parts of its step have started.
    Attach { process: u64, step: StepKey, tries: u32 },
    /// A user does something.
    User(Act),
    /// Something breaks.
    Fault,
    /// The disk has room again.
    Room,
}

/// Happenings that are to come; those of one moment in the order in which they were noted.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// By nanosecond, which have a total order, and number.
    due: BTreeMap<(u64, u64), Happening>,
    noted: u64,
}

const NANOSECONDS: f64 = 1e9;

impl Agenda {
    /// Notes something for a time in seconds.
    pub(super) fn add(&mut self, at: f64, happening: Happening) {
        self.noted += 1;
        self.due.insert(((at * NANOSECONDS).ceil() as u64, self.noted), happening);
    }

    /// The next one, and when.
    pub(super) fn next(&mut self) -> Option<(f64, Happening)> {
        let ((at, _), happening) = self.due.pop_first()?;
        Some((at as f64 / NANOSECONDS, happening))
    }
}
