//! `prun bcast`: what one rank has on stdin comes to the stdout of all.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::ids::Rank;
use prun_runtime::wire::rank::Call;

use super::step_call;

/// Writes what one rank has on stdin, to the stdout of every rank
///
/// All ranks of the step call it. It carries any bytes, up to 4 MiB; only the root reads its stdin.
///
/// Example: `token=$(hostname | prun bcast)`
#[derive(Debug, Parser)]
#[command(name = "prun bcast", disable_version_flag = true)]
struct Options {
    /// Whose stdin
    #[arg(long, value_name = "RANK", default_value_t = 0)]
    root: u32,
}

/// Blocks until all ranks are there. Exits with 0 then, and with 1 when that cannot be any more.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun bcast", words, |Options { root }| {
        let root = Rank(root);
        let data = if step_call::own_rank()? == root { step_call::input() } else { Ok(Vec::new()) };
        step_call::collective(Call::Broadcast { root }, data)
    })
}
