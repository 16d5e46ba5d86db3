//! The way of a job, as one table. What is not in it cannot happen: it is an error with a name.
//!
//! Where a job ends up (`COMPLETED`, `FAILED`, …) is its outcome, kept beside the stage.

use serde::{Deserialize, Serialize};

use crate::controller::api::ErrorCode;

/// Where a job is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// In the queue.
    Pending,
    /// Holds its allocation.
    Running,
    /// Holds its allocation, its processes are stopped.
    Suspended,
    /// Its outcome is known, its last processes are being ended.
    Completing,
    /// Holds nothing any more.
    Ended,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// The scheduler gives it an allocation.
    Start,
    /// Its processes are stopped.
    Suspend,
    /// They go on.
    Resume,
    /// Its outcome is decided: it ended by itself, was cancelled, ran out of time, lost a node.
    End,
    /// Its last process is gone.
    Emptied,
    /// It goes back into the queue.
    PutBack,
}

use Happening::{Emptied, End, PutBack, Resume, Start, Suspend};
use Stage::{Completing, Ended, Pending, Running, Suspended};

const TABLE: &[(Stage, Happening, Stage)] = &[
    (Pending, Start, Running),
    (Pending, End, Ended),
    (Running, Suspend, Suspended),
    (Running, End, Completing),
    (Suspended, Resume, Running),
    (Suspended, End, Completing),
    (Completing, Emptied, Ended),
    (Completing, PutBack, Pending),
    (Ended, PutBack, Pending),
];

/// Something that cannot happen to a job at this stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{happening:?}` cannot happen to a job that is `{stage:?}`")]
pub(super) struct Illegal {
    stage: Stage,
    happening: Happening,
}

impl Stage {
    /// The stage after something happened.
    pub(super) fn after(self, happening: Happening) -> Result<Self, Illegal> {
        let row = TABLE.iter().find(|(from, what, _)| (*from, *what) == (self, happening));
        row.map(|(.., to)| *to).ok_or(Illegal { stage: self, happening })
    }

    /// Whether it holds CPUs.
    pub(super) fn holds(self) -> bool {
        matches!(self, Running | Suspended | Completing)
    }
}

impl From<Illegal> for ErrorCode {
    fn from(illegal: Illegal) -> Self {
        match illegal.stage {
            Pending => Self::JobPending,
            Running | Suspended => Self::Disabled,
            Completing | Ended => Self::AlreadyDone,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn every_stage_and_happening_is_decided() {
        let mut printed = String::new();
        for stage in [Pending, Running, Suspended, Completing, Ended] {
            for happening in [Start, Suspend, Resume, End, Emptied, PutBack] {
                match stage.after(happening) {
                    Ok(next) => writeln!(printed, "{stage:?} + {happening:?} = {next:?}").unwrap(),
                    Err(error) => {
                        writeln!(printed, "{stage:?} + {happening:?} ! {:?}", ErrorCode::from(error))
                            .unwrap();
                    }
                }
            }
        }
        let expected = "\
Pending + Start = Running
Pending + Suspend ! JobPending
Pending + Resume ! JobPending
Pending + End = Ended
Pending + Emptied ! JobPending
Pending + PutBack ! JobPending
Running + Start ! Disabled
Running + Suspend = Suspended
Running + Resume ! Disabled
Running + End = Completing
Running + Emptied ! Disabled
Running + PutBack ! Disabled
Suspended + Start ! Disabled
Suspended + Suspend ! Disabled
Suspended + Resume = Running
Suspended + End = Completing
Suspended + Emptied ! Disabled
Suspended + PutBack ! Disabled
Completing + Start ! AlreadyDone
Completing + Suspend ! AlreadyDone
Completing + Resume ! AlreadyDone
Completing + End ! AlreadyDone
Completing + Emptied = Ended
Completing + PutBack = Pending
Ended + Start ! AlreadyDone
Ended + Suspend ! AlreadyDone
Ended + Resume ! AlreadyDone
Ended + End ! AlreadyDone
Ended + Emptied ! AlreadyDone
Ended + PutBack = Pending
";
        assert_eq!(printed, expected);
    }
}
