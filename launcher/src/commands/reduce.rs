//! `prun reduce`: numbers of all ranks are folded, and the result comes to one.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::ids::Rank;
use prun_runtime::wire::rank::Call;

use super::folding::Folding;
use super::{number_lines, step_call};

/// Folds numbers of all ranks, and writes the result to the stdout of one
///
/// All ranks of the step call it. Other ranks than the root get nothing.
///
/// Example: `wc -l < part.$PRUN_RANK | prun reduce --op sum`
#[derive(Debug, Parser)]
#[command(name = "prun reduce", disable_version_flag = true, after_help = number_lines::FORMAT)]
struct Options {
    /// Whose stdout
    #[arg(long, value_name = "RANK", default_value_t = 0)]
    root: u32,
    #[command(flatten)]
    folding: Folding,
}

/// Blocks until all ranks are there. Exits with 0 then, and with 1 when that cannot be any more.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun reduce", words, |Options { root, folding }| {
        folding.call(Call::Reduce { root: Rank(root), operation: folding.operation })
    })
}
