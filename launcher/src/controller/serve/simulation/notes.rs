//! What happened last, for when something goes wrong.

use std::collections::VecDeque;
use std::fmt;

/// Lines that are remembered.
const LINES_MAX: usize = 60;

#[derive(Debug, Default)]
pub(super) struct Notes(VecDeque<String>);

impl Notes {
    pub(super) fn add(&mut self, now: f64, line: fmt::Arguments<'_>) {
        if self.0.len() == LINES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(format!("{now:10.3} {line}"));
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
