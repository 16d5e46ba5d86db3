//! Rank server ↔ step process, over the socket pair that the step process is born with; or, where that rank server is
//! gone and another one has come, over a connection to the step's own door ([`Target::Heir`]).
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
    /// Start this step. A step process starts exactly one. One that is to outlive its rank server gets, with this
    /// message, the socket that it listens at.
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
    /// The controller knows of the step's end.
    Kept,
}

/// Step process to rank server. A rank server that comes later is told again what its predecessor was.
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
    /// launchers have pulled what they want and, where it outlives rank servers, until the controller knows.
    Done,
}
