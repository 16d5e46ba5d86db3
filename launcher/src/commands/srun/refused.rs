//! Why srun cannot begin: lines for the user, and the exit code.

use crate::commands::ending::unreachable;
use crate::controller::api::Refusal;
use crate::controller::client::ClientError;
use crate::script::mistake::Mistake;

/// Lines with their prefix, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) lines: Vec<String>,
    pub(super) code: u8,
}

impl Refused {
    /// `srun: error: …`, with the exit code for errors of srun itself.
    pub(super) fn error(text: &str) -> Self {
        Self::errors(&[text.to_owned()])
    }

    /// The same with several lines.
    pub(super) fn errors(lines: &[String]) -> Self {
        Self { lines: lines.iter().map(|line| format!("srun: error: {line}")).collect(), code: error_code() }
    }

    /// `srun: fatal: …`.
    pub(super) fn fatal(text: &str) -> Self {
        Self { lines: vec![format!("srun: fatal: {text}")], code: error_code() }
    }

    /// Nothing more to say.
    pub(super) fn silent(code: u8) -> Self {
        Self { lines: Vec::new(), code }
    }

    /// What the controller says, behind the verb that failed (`Unable to allocate resources`).
    pub(super) fn by_controller(verb: &str, refusal: &Refusal) -> Self {
        let mut lines = refusal.detail.clone();
        let verb = if refusal.code.stands_alone() { String::new() } else { format!("{verb}: ") };
        lines.push(format!("{verb}{}", refusal.code.text()));
        Self::errors(&lines)
    }

    /// The controller cannot be asked, or answers something else.
    pub(super) fn link(error: &ClientError) -> Self {
        Self { lines: unreachable("srun", error), code: error_code() }
    }
}

impl From<Mistake> for Refused {
    fn from(mistake: Mistake) -> Self {
        Self { lines: mistake.slurm, code: mistake.exit_code }
    }
}

/// `SLURM_EXIT_ERROR`, or 1.
fn error_code() -> u8 {
    code("SLURM_EXIT_ERROR")
}

/// `SLURM_EXIT_IMMEDIATE`, or 1: for `--immediate` when there is no room.
pub(super) fn immediate_code() -> u8 {
    code("SLURM_EXIT_IMMEDIATE")
}

fn code(variable: &str) -> u8 {
    std::env::var(variable).ok().and_then(|code| code.parse().ok()).unwrap_or(1)
}
