//! `prun recv`: the next message that another rank has sent with `prun send`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::ids::Rank;
use prun_runtime::wire::rank::{FromServer, ToServer};

use super::step_call;

/// Waits for a message that another rank has sent with `prun send`, and writes it to stdout
///
/// Of messages of one rank the first that was sent comes first.
#[derive(Debug, Parser)]
#[command(name = "prun recv", disable_version_flag = true)]
struct Options {
    /// Only from this rank
    #[arg(long, value_name = "RANK")]
    from: Option<u32>,
    /// Only with this tag
    #[arg(long)]
    tag: Option<u32>,
    /// Write a line before it: the sender's rank, the tag, and how many bytes follow
    #[arg(long)]
    header: bool,
}

/// Blocks until there is a message. Exits with 0 then, and with 1 when none can come: the other rank has ended, or all
/// others have.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    step_call::run("prun recv", words, |Options { from, tag, header }| {
        let reply = step_call::ask(&ToServer::Receive { from: from.map(Rank), tag }, &[])?;
        Ok(match reply.message {
            FromServer::Message { from, tag, bytes } if header => {
                [format!("{from} {tag} {bytes}\n").into_bytes(), reply.data].concat()
            }
            _ => reply.data,
        })
    })
}
