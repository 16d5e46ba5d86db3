//! What a call on a communicator fails with.

use std::fmt;
use std::panic::Location;

pub(crate) use crate::transport::call::Call;
use crate::transport::failure::Failure;

/// A failed call: who called what, where, and what went wrong.
#[derive(Clone)]
pub struct Error {
    rank: usize,
    call: Call,
    failure: Failure,
}

impl Error {
    /// Of a rank of the world.
    pub(crate) fn new(rank: usize, call: Call, failure: Failure) -> Self {
        Self { rank, call, failure }
    }

    /// What went wrong.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Name of the call, as `recv`.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.call.name
    }

    /// The line of the program that has made it.
    #[must_use]
    pub fn place(&self) -> &'static Location<'static> {
        self.call.place
    }
}

/// `rank 1: `recv` at src/main.rs:12: rank 0 on n1 was killed by signal 9`
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {}: {}: {}", self.rank, self.call, self.failure)
    }
}

/// As [`fmt::Display`]: it is what a program shows whose `main` returns it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
