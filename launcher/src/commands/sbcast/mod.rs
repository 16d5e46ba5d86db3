//! `sbcast`: copies a file to the nodes of a job (`sbcast(1)`).
//!
//! Exit codes as Slurm's: that of the system's error on a node (17: the file is there already), 255 for a source
//! that cannot be read or a job that is unknown, 1 for a command line that makes no sense.

mod libraries;
mod line;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use prun_runtime::ids::StepKey;
use serde_bytes::ByteBuf;

use super::ending::unreachable;
use crate::controller::api::{ErrorCode, JobState, JobView, Reply, Request};
use crate::controller::client::{Client, ClientError};
use crate::fanout::bcast::{Copy, Source, SourceError, broadcast};
use crate::gather::outputs::describe_error;
use crate::script::hostlist;
use line::{Asked, Job, Line};

/// Why the file was not copied.
#[derive(Debug)]
struct Failed {
    lines: Vec<String>,
    code: u8,
}

impl Failed {
    fn new(code: u8, text: &str) -> Self {
        Self { lines: vec![format!("sbcast: error: {text}")], code }
    }
}

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let outcome = line::read(words, &|name| std::env::var(name).ok()).and_then(|line| match line {
        Line::Text(text) => {
            // A reader that has seen enough is no error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(())
        }
        Line::Copy(asked) => copy(&asked),
    });
    let Err(failed) = outcome else { return ExitCode::SUCCESS };
    for line in failed.lines {
        eprintln!("{line}");
    }
    ExitCode::from(failed.code)
}

fn copy(asked: &Asked) -> Result<(), Failed> {
    let source = Source::open(&asked.source).map_err(|error| source_failed(&error))?;
    if source.size == 0 {
        eprintln!("sbcast: error: Warning: file `{}` is empty.", asked.source.display());
    }
    let nodes = nodes(&asked.job)?;
    if asked.verbose {
        explain(asked, &source, &nodes);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::new(1, &format!("cannot start: {error}")))?;
    let whole = Copy {
        force: asked.force,
        preserve: asked.preserve,
        chunk_bytes: asked.chunk_bytes,
        fanout: asked.fanout,
        ..Copy::new(asked.source.clone(), asked.destination.clone())
    };
    send(&runtime, asked, &whole, source, &nodes)?;
    if asked.send_libs {
        for library in libraries::of(&asked.source, &asked.exclude) {
            let file = Source::open(&library).map_err(|error| source_failed(&error))?;
            let destination = libraries::destination(&asked.destination, &library);
            let copy = Copy { source: library, destination, make_parents: true, ..whole.clone() };
            send(&runtime, asked, &copy, file, &nodes)?;
        }
    }
    Ok(())
}

fn source_failed(error: &SourceError) -> Failed {
    let why = match error {
        SourceError::Open { source, .. } => format!("{error}: {}", describe_error(source)),
        SourceError::NoFile(_) => error.to_string(),
    };
    Failed::new(255, &why)
}

fn send(
    runtime: &tokio::runtime::Runtime,
    asked: &Asked,
    copy: &Copy,
    source: Source,
    nodes: &[(String, String)],
) -> Result<(), Failed> {
    let sending = broadcast(copy, source, nodes);
    let not_sent = runtime.block_on(async {
        match asked.timeout {
            None => Ok(sending.await),
            Some(timeout) => tokio::time::timeout(timeout, sending).await,
        }
    });
    let not_sent = not_sent.map_err(|_| Failed::new(110, "Connection timed out"))?;
    let lines = not_sent.iter().map(|failure| {
        format!("sbcast: error: REQUEST_FILE_BCAST({}): {}", failure.node, describe_error(&failure.error))
    });
    let code = |error: &std::io::Error| error.raw_os_error().and_then(|n| u8::try_from(n).ok()).unwrap_or(1);
    match not_sent.first() {
        None => Ok(()),
        Some(first) => Err(Failed { code: code(&first.error), lines: lines.collect() }),
    }
}

/// Names and addresses of a job's or step's nodes.
fn nodes(wanted: &Job) -> Result<Vec<(String, String)>, Failed> {
    let mut client = Client::connect().map_err(|error| unreachable_controller(&error))?;
    let names = match wanted.step {
        Some(step) => step_nodes(&mut client, wanted, step)?,
        None => job_nodes(&mut client, wanted)?,
    };
    match ask(&mut client, Request::Nodes)? {
        Reply::Nodes(all) => {
            let address = |name: &String| all.iter().find(|node| node.facts.name == *name);
            let found =
                names.iter().filter_map(|name| Some((name.clone(), address(name)?.facts.address.clone())));
            Ok(found.collect())
        }
        _ => Err(lookup_failed(wanted, ErrorCode::Unspecified)),
    }
}

fn job_nodes(client: &mut Client, wanted: &Job) -> Result<Vec<String>, Failed> {
    let Reply::Jobs(jobs) = ask(client, Request::Jobs { history: false })? else {
        return Err(lookup_failed(wanted, ErrorCode::Unspecified));
    };
    let is_wanted = |job: &&JobView| job.id == wanted.id;
    let job = jobs.iter().find(is_wanted).ok_or_else(|| lookup_failed(wanted, ErrorCode::InvalidJobId))?;
    match (&job.allocation, job.state) {
        (Some(held), JobState::Running | JobState::Suspended | JobState::Completing) => {
            Ok(held.nodes.iter().map(|node| node.name.clone()).collect())
        }
        (_, JobState::Pending) => Err(lookup_failed(wanted, ErrorCode::JobPending)),
        _ => Err(lookup_failed(wanted, ErrorCode::AlreadyDone)),
    }
}

fn step_nodes(
    client: &mut Client,
    wanted: &Job,
    step: prun_runtime::ids::StepId,
) -> Result<Vec<String>, Failed> {
    match ask(client, Request::AttachStep { key: StepKey { job: wanted.id, step } })? {
        Reply::Step(found) => Ok(found.plan.nodes.iter().map(|node| node.name.clone()).collect()),
        Reply::Error(refusal) => Err(lookup_failed(wanted, refusal.code)),
        _ => Err(lookup_failed(wanted, ErrorCode::Unspecified)),
    }
}

fn ask(client: &mut Client, request: Request) -> Result<Reply, Failed> {
    client.call(request).map_err(|error| unreachable_controller(&error))
}

fn lookup_failed(wanted: &Job, code: ErrorCode) -> Failed {
    Failed::new(255, &format!("Slurm job {wanted} lookup error: {}", code.text()))
}

fn unreachable_controller(error: &ClientError) -> Failed {
    Failed { lines: unreachable("sbcast", error), code: 1 }
}

/// What `-v` shows.
fn explain(asked: &Asked, source: &Source, nodes: &[(String, String)]) {
    let names: Vec<String> = nodes.iter().map(|(name, _)| name.clone()).collect();
    let rule = "-----------------------------".to_owned();
    let lines = [
        rule.clone(),
        format!("block_size = {}", asked.chunk_bytes),
        format!("force      = {}", asked.force),
        format!("fanout     = {}", asked.fanout),
        format!("preserve   = {}", asked.preserve),
        format!("send_libs  = {}", asked.send_libs),
        format!("timeout    = {}", asked.timeout.map_or(0, |timeout| timeout.as_secs())),
        format!("source     = {}", asked.source.display()),
        format!("dest       = {}", String::from_utf8_lossy(&asked.destination)),
        rule,
        format!("modes      = {:o}", source.mode),
        format!("size       = {}", source.size),
        format!("jobid      = {}", asked.job),
        format!("node_list  = {}", hostlist::compress(&names)),
    ];
    for line in lines {
        eprintln!("sbcast: {line}");
    }
}

/// An absolute path: relative ones are taken from where the command runs.
fn absolute(path: &str) -> std::io::Result<ByteBuf> {
    let whole = std::env::current_dir()?.join(path);
    Ok(ByteBuf::from(whole.into_os_string().into_encoded_bytes()))
}
