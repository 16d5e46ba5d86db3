//! What users type: one file a command, named as it is.

pub mod barrier;
pub mod completions;
pub mod links;
pub mod prun;
pub mod sacct;
pub mod salloc;
pub mod sattach;
pub mod sbatch;
pub mod sbcast;
pub mod scancel;
pub mod scontrol;
pub mod sinfo;
pub mod squeue;
pub mod srun;
pub mod submitter;

use std::ffi::OsString;
use std::process::ExitCode;

/// A command as it is called with the words after its name.
pub type Run = fn(&[OsString]) -> ExitCode;

/// The command of this name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<Run> {
    Some(match name {
        "barrier" => barrier::run,
        "completions" => completions::run,
        "sacct" => sacct::run,
        "salloc" => salloc::run,
        "sattach" => sattach::run,
        "sbatch" => sbatch::run,
        "sbcast" => sbcast::run,
        "scancel" => scancel::run,
        "scontrol" => scontrol::run,
        "sinfo" => sinfo::run,
        "squeue" => squeue::run,
        "srun" => srun::run,
        _ => return None,
    })
}
