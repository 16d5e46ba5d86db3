//! `prun gather`: what the ranks have on stdin comes to the stdout of one.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::ids::Rank;
use prun_runtime::wire::rank::Call;

use super::step_call;

/// Writes what every rank has on stdin, in the order of ranks, to the stdout of one
///
/// All ranks of the step call it. It carries any bytes, up to 4 MiB a rank and 64 MiB in all; they are put together as
/// they are, so lines stay lines where every rank ends its last one. Other ranks than the root get nothing.
///
/// Example: `hostname | prun gather > hosts`
#[derive(Debug, Parser)]
#[command(name = "prun gather", disable_version_flag = true)]
struct Options {
    /// Whose stdout
    #[arg(long, value_name = "RANK", default_value_t = 0)]
    root: u32,
}

/// Blocks until all ranks are there. Exits with 0 then, and with 1 when that cannot be any more.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun gather", words, |Options { root }| {
        step_call::collective(Call::Gather { root: Rank(root) }, step_call::input())
    })
}
