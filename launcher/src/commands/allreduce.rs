//! `prun allreduce`: numbers of all ranks are folded, and the result comes to all.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::wire::rank::Call;

use super::folding::Folding;
use super::{number_lines, step_call};

/// Folds numbers of all ranks, and writes the result to the stdout of every rank
///
/// All ranks of the step call it.
///
/// Example: `slowest=$(prun allreduce --op max $seconds)`
#[derive(Debug, Parser)]
#[command(name = "prun allreduce", disable_version_flag = true, after_help = number_lines::FORMAT)]
struct Options {
    #[command(flatten)]
    folding: Folding,
}

/// Blocks until all ranks are there. Exits with 0 then, and with 1 when that cannot be any more.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun allreduce", words, |Options { folding }| {
        folding.call(Call::AllReduce { operation: folding.operation })
    })
}
