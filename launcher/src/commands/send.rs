//! `prun send`: what stands on stdin goes to a rank, which gets it with `prun recv`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::ids::Rank;
use prun_runtime::wire::rank::ToServer;

use super::step_call;

/// Sends what stands on stdin to a rank, which gets it with `prun recv`
///
/// It carries any bytes, up to 4 MiB. It returns as soon as the step has the message, which may be before it is received;
/// a step that holds 16 MiB of messages makes who sends more wait.
#[derive(Debug, Parser)]
#[command(name = "prun send", disable_version_flag = true)]
struct Options {
    /// To which rank
    #[arg(long, value_name = "RANK")]
    to: u32,
    /// A number by which it can be asked for
    #[arg(long, default_value_t = 0)]
    tag: u32,
}

/// Blocks until the step has the message. Exits with 0 then, and with 1 when that cannot be: the other rank has ended.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun send", words, |Options { to, tag }| {
        let data = step_call::input()?;
        let request = ToServer::Send { to: Rank(to), tag, bytes: data.len() as u64 };
        step_call::ask(&request, &data).map(|reply| reply.data)
    })
}
