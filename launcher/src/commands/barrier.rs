//! `prun barrier`: waits until every rank of the step has come to the same barrier.
//!
//! Any process of a rank may call it, in any language: the rank is known by the environment.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::wire::rank::Call;

use super::step_call;

/// Waits until all ranks of the step have called it
#[derive(Debug, Parser)]
#[command(name = "prun barrier", disable_version_flag = true)]
struct Options {}

/// Blocks until all ranks are there. Exits with 0 then, and with 1 when that cannot be any more.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun barrier", words, |Options {}| step_call::collective(Call::Barrier, Ok(Vec::new())))
}
