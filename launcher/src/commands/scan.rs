//! `prun scan`: each rank gets the fold of the numbers of all ranks up to it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::wire::rank::Call;

use super::folding::Folding;
use super::{number_lines, step_call};

/// Folds the numbers of ranks 0 to each, and writes the result to its stdout
///
/// All ranks of the step call it.
///
/// Example: `first_line=$(prun scan --exclusive $(wc -l < part.$PRUN_RANK))`
#[derive(Debug, Parser)]
#[command(name = "prun scan", disable_version_flag = true, after_help = number_lines::FORMAT)]
struct Options {
    /// Without the rank's own numbers: rank 0 gets nothing
    #[arg(long)]
    exclusive: bool,
    #[command(flatten)]
    folding: Folding,
}

/// Blocks until all ranks are there. Exits with 0 then, and with 1 when that cannot be any more.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun scan", words, |Options { exclusive, folding }| {
        folding.call(Call::Scan { operation: folding.operation, exclusive })
    })
}
