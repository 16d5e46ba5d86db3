//! Rank server ↔ step process, over the socket pair that the step process is born with.
//!
//! File descriptors of launchers and ranks travel beside the frames (`SCM_RIGHTS`).

use serde::{Deserialize, Serialize};

use super::launch::StepLaunch;
use super::preamble::Target;
use super::step::Exit;
use crate::ids::Rank;

/// Rank server to step process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToStepd {
    /// Start this step. A step process starts exactly one.
    Launch(Box<StepLaunch>),
    /// A connection for this step; its socket travels with this message. `target` has been read off it, with
    /// the secret not yet checked.
    Adopt {
        /// What the peer asked for.
        target: Target,
    },
    /// A signal for every task.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// Ends the step: TERM, and after the step's `kill_wait_ms` KILL; `at_once`: KILL.
    Terminate {
        /// Without TERM first.
        at_once: bool,
        /// A line for the tasks' error output that says why.
        #[serde(default)]
        notice: Option<String>,
    },
}

/// Step process to rank server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromStepd {
    /// A task is gone (or could not be started: `code` is the errno then).
    Exited {
        /// Which.
        rank: Rank,
        /// How.
        exit: Exit,
    },
    /// Every task is gone, every descendant killed, every stream closed. The step process lives on until its
    /// launchers have pulled what they want.
    Done,
}
