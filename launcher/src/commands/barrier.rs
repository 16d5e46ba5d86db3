//! `prun barrier`: waits until every rank of the step has come to the same barrier.
//!
//! Any process of a rank may call it, in any language: the rank is known by the environment.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use prun_runtime::env::{JOB, RANK, SOCKET, STEP, STEP_SECRET};
use prun_runtime::ids::{JobId, Rank, StepId, StepKey};
use prun_runtime::wire::frame::{FrameError, read_message, write_message};
use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::preamble::{Preamble, Target};
use prun_runtime::wire::rank::{FromServer, ToServer};

/// Why a barrier was not passed.
#[derive(Debug, thiserror::Error)]
enum BarrierError {
    #[error("not inside a rank: `{0}` is not set; run it from a program that `srun` started")]
    NotARank(&'static str),
    #[error("`{0}` does not hold what prun sets it to")]
    Variable(&'static str),
    #[error("cannot reach the step at `{path}`")]
    Connect { path: String, source: io::Error },
    #[error("lost the step")]
    Lost(#[from] FrameError),
    #[error("rank {rank} on {node} {how} and will not come to the barrier")]
    PeerGone { rank: Rank, node: String, how: String },
    #[error("{0}")]
    Refused(String),
}

/// Blocks until all ranks are there. Exits with 0 then, and with 1 when that cannot be any more.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    if !words.is_empty() {
        eprintln!("usage: prun barrier\n\nWaits until all ranks of the step have called it.");
        return if words == ["--help"] { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    match wait() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::dispatch::fail("prun barrier", &error),
    }
}

fn wait() -> Result<(), BarrierError> {
    let socket = env::var_os(SOCKET).ok_or(BarrierError::NotARank(SOCKET))?;
    let target = Target::Rank {
        key: StepKey { job: JobId(number(JOB)?), step: StepId(number(STEP)?) },
        secret: Secret::from_hex(&text(STEP_SECRET)?).ok_or(BarrierError::Variable(STEP_SECRET))?,
        rank: Rank(number(RANK)?),
    };
    let mut stream = UnixStream::connect(&socket).map_err(|source| {
        let path = socket.to_string_lossy().into_owned();
        BarrierError::Connect { path, source }
    })?;
    write_message(&mut stream, &Preamble::new(target))?;
    write_message(&mut stream, &ToServer::Barrier)?;
    match read_message(&mut stream)? {
        FromServer::Released => Ok(()),
        FromServer::PeerGone { rank, node, how } => Err(BarrierError::PeerGone { rank, node, how }),
        FromServer::Refused { reason } => Err(BarrierError::Refused(reason)),
        _ => Err(BarrierError::Refused("an answer out of turn".to_owned())),
    }
}

fn text(name: &'static str) -> Result<String, BarrierError> {
    env::var(name).map_err(|error| match error {
        env::VarError::NotPresent => BarrierError::NotARank(name),
        env::VarError::NotUnicode(_) => BarrierError::Variable(name),
    })
}

fn number(name: &'static str) -> Result<u32, BarrierError> {
    text(name)?.parse().map_err(|_| BarrierError::Variable(name))
}
