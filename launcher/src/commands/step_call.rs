//! How a process of a rank calls its step: who it is by the environment, one request, its answer.
//!
//! Every command of ranks goes through here, whatever language it is run from.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use prun_runtime::env::{JOB, RANK, SOCKET, STEP, STEP_SECRET, STEP_SOCKET};
use prun_runtime::ids::{JobId, Rank, StepId, StepKey};
use prun_runtime::limits::CALL_BYTES_MAX;
use prun_runtime::wire::frame::{FrameError, read_message, read_payload, write_message, write_payload};
use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::preamble::{Preamble, Target};
use prun_runtime::wire::rank::{Call, FromServer, ToServer};

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// This process belongs to no rank.
    #[error("not inside a rank: `{0}` is not set; run it from a program that `srun` started")]
    NotARank(&'static str),
    /// A variable was changed.
    #[error("`{0}` does not hold what prun sets it to")]
    Variable(&'static str),
    /// The step's socket does not answer.
    #[error("cannot reach the step at `{path}`")]
    Connect {
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The link broke.
    #[error("lost the step")]
    Lost(#[from] FrameError),
    /// Input cannot be read.
    #[error("cannot read the input")]
    Read(#[source] io::Error),
    /// Too much input.
    #[error("more than {CALL_BYTES_MAX} bytes of input; put larger data into a file")]
    TooLong,
    /// The result cannot be written.
    #[error("cannot write the output")]
    Write(#[source] io::Error),
    /// Somebody is missing.
    #[error("rank {rank} on {node} {how} and will not take part")]
    PeerGone {
        /// Who.
        rank: Rank,
        /// Where it was.
        node: String,
        /// How it ended.
        how: String,
    },
    /// Ranks called different things.
    #[error(
        "rank {other} called `{other_called}` while rank {first} called `{called}`, each as its collective call number \
         {number}; all ranks must call the same in the same order"
    )]
    Mismatch {
        /// Which call, from 1.
        number: u64,
        /// Who called first.
        first: Rank,
        /// What.
        called: Call,
        /// Who called something else.
        other: Rank,
        /// What.
        other_called: Call,
    },
    /// The step says no.
    #[error("{0}")]
    Refused(String),
    /// Input that is not as it should be.
    #[error(transparent)]
    Input(#[from] super::number_lines::NumberError),
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// `Done` or `Message`.
    pub message: FromServer,
    /// The data with it.
    pub data: Vec<u8>,
}

/// Makes a call of all ranks, and blocks until all have made it. Gives what this rank gets. A rank that has nothing to
/// give, though it should, takes part all the same: the call fails for all, and nobody waits for it.
///
/// # Errors
/// What is wrong with `given`, or else what came of the call.
pub fn collective(call: Call, given: Result<Vec<u8>, CallError>) -> Result<Vec<u8>, CallError> {
    let (data, failure) = match &given {
        Ok(data) => (data.as_slice(), None),
        Err(error) => (&[][..], Some(error.to_string())),
    };
    let answer = ask(&ToServer::Collective { call, bytes: data.len() as u64, failure }, data);
    given.and(answer).map(|reply| reply.data)
}

/// Sends a request with its data, and blocks until it is answered.
///
/// # Errors
/// [`CallError`].
pub fn ask(request: &ToServer, data: &[u8]) -> Result<Reply, CallError> {
    let socket =
        env::var_os(STEP_SOCKET).or_else(|| env::var_os(SOCKET)).ok_or(CallError::NotARank(SOCKET))?;
    let key = StepKey { job: JobId(number(JOB)?), step: StepId(number(STEP)?) };
    let secret = Secret::from_hex(&text(STEP_SECRET)?).ok_or(CallError::Variable(STEP_SECRET))?;
    let target = Target::Rank { key, secret, rank: own_rank()? };
    let mut stream = UnixStream::connect(&socket).map_err(|source| {
        let path = socket.to_string_lossy().into_owned();
        CallError::Connect { path, source }
    })?;
    write_message(&mut stream, &Preamble::new(target))?;
    write_message(&mut stream, request)?;
    write_payload(&mut stream, data)?;
    let message = read_message(&mut stream)?;
    match message {
        FromServer::Done { bytes } | FromServer::Message { bytes, .. } => {
            let data = read_payload(&mut stream, bytes)?;
            Ok(Reply { message, data })
        }
        FromServer::PeerGone { rank, node, how } => Err(CallError::PeerGone { rank, node, how }),
        FromServer::Mismatch { number, first, called, other, other_called } => {
            Err(CallError::Mismatch { number, first, called, other, other_called })
        }
        FromServer::Refused { reason } => Err(CallError::Refused(reason)),
        // The answers to step processes, and to programs that take part.
        _ => Err(FrameError::OutOfTurn.into()),
    }
}

/// The rank that this process belongs to.
///
/// # Errors
/// [`CallError::NotARank`], [`CallError::Variable`].
pub fn own_rank() -> Result<Rank, CallError> {
    number(RANK).map(Rank)
}

/// All of stdin, within the bound of a call.
///
/// # Errors
/// [`CallError::Read`], [`CallError::TooLong`].
pub fn input() -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    io::stdin().take(CALL_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(CallError::Read)?;
    if bytes.len() > CALL_BYTES_MAX { Err(CallError::TooLong) } else { Ok(bytes) }
}

/// Reads a command's options, does what they ask for, and writes what comes of it to stdout. Exits with 0 then, with 1
/// when the call came to nothing, with 2 when the options cannot be read.
pub fn run<T: clap::Parser>(
    command: &str,
    words: &[OsString],
    call: impl FnOnce(T) -> Result<Vec<u8>, CallError>,
) -> ExitCode {
    let options = match super::dispatch::parse(command, words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match call(options).and_then(|output| write(&output).map_err(CallError::Write)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::dispatch::fail(command, &error as &dyn Error),
    }
}

fn write(output: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout();
    match stdout.write_all(output).and_then(|()| stdout.flush()) {
        // Nobody wants the rest.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn text(name: &'static str) -> Result<String, CallError> {
    env::var(name).map_err(|error| match error {
        env::VarError::NotPresent => CallError::NotARank(name),
        env::VarError::NotUnicode(_) => CallError::Variable(name),
    })
}

fn number(name: &'static str) -> Result<u32, CallError> {
    text(name)?.parse().map_err(|_| CallError::Variable(name))
}
