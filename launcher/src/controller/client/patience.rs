//! How long a link may be silent.

use std::env;
use std::time::Duration;

use prun_runtime::env::MESSAGE_TIMEOUT;
use prun_runtime::limits::ANSWER_WAIT;

/// What to do about a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Ask whether anybody is there.
    Ask,
    /// Nobody is.
    GiveUp,
}

/// The patience of one link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// After so long without a word.
    pub(super) wait: Duration,
    asked: bool,
}

impl Patience {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, asked: false }
    }

    /// The usual one, or that of `PRUN_MSG_TIMEOUT`.
    pub(super) fn usual() -> Self {
        let seconds = env::var(MESSAGE_TIMEOUT).ok().and_then(|text| text.parse().ok());
        Self::new(seconds.filter(|seconds| *seconds > 0).map_or(ANSWER_WAIT, Duration::from_secs))
    }

    /// Something was heard.
    pub(super) fn heard(&mut self) {
        self.asked = false;
    }

    /// Nothing was, for so long.
    pub(super) fn passed(&mut self) -> Silence {
        if std::mem::replace(&mut self.asked, true) { Silence::GiveUp } else { Silence::Ask }
    }
}
