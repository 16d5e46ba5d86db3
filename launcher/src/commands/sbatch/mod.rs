//! `sbatch`: submits a job script (`sbatch(1)`).

mod wait;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use super::ask::{Asking, NoAnswer};
use super::clock::Clock;
use super::ending::{Ending, finish, say};
use super::submit::{complete, export_file, notes, own_variables, script_source, settle, submitter};
use super::{option_help, utf8_words, version};
use crate::controller::api::{ErrorCode, Reply, Request as Ask, Submission};
use crate::environment::{Variables, exported_to_job};
use crate::script::mistake::Mistake;
use crate::script::options::{Command, Flags, Request};
use crate::script::{read_batch, read_batch_line};

const USAGE: &str = "sbatch [OPTIONS] [SCRIPT [ARGUMENTS]]";

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    finish(answer(&utf8_words(words)))
}

fn answer(words: &[String]) -> Result<Ending, Ending> {
    let line = read_batch_line(Command::Sbatch, words).map_err(|mistake| refusal(&mistake))?;
    let flags = &line.request.flags;
    if flags.version {
        return Ok(Ending::text(version()));
    }
    if flags.help {
        return Ok(Ending::text(option_help::help(Command::Sbatch, USAGE)));
    }
    if flags.usage {
        return Ok(Ending::text(option_help::usage(Command::Sbatch, USAGE)));
    }
    let directory = env::current_dir().map_err(|error| {
        Ending::error(format!("sbatch: error: Unable to get the working directory: {error}"), 1)
    })?;
    let source = script_source::read(&line.script, flags.wrap.as_deref(), &directory)
        .map_err(|error| Ending::error(format!("sbatch: error: {error}"), 1))?;
    let variable = |name: &str| env::var(name).ok();
    let mut request = read_batch(Command::Sbatch, &line, &variable, &source.script.content)
        .map_err(|mistake| refusal(&mistake))?;
    let hostfile = variable("SLURM_HOSTFILE");
    let now = Clock::system().zoned();
    complete::complete(Command::Sbatch, &mut request, &directory, &now, hostfile.as_deref())
        .map_err(|mistake| refusal(&mistake))?;
    say(&notes::ignored(Command::Sbatch, &request));
    say(&settle::settle(Command::Sbatch, &mut request).map_err(|mistake| refusal(&mistake))?);
    for job in request.components_mut() {
        job.name = job.name.take().or_else(|| source.name.clone());
    }
    let env = variables(&request, &directory)?;
    let submission = Submission {
        script: Some(source.script),
        env,
        submitter: submitter("sbatch", words, request.job.propagate.as_deref()),
        streams: false,
        components: request.earlier.into_iter().chain([request.job]).collect(),
    };
    submit(Box::new(submission), &request.flags)
}

fn refusal(mistake: &Mistake) -> Ending {
    Ending { stderr: mistake.slurm.clone(), code: mistake.exit_code, ..Ending::default() }
}

/// The environment that the job is to have.
fn variables(request: &Request, directory: &std::path::Path) -> Result<Variables, Ending> {
    let own = exported_to_job(&request.job.export, own_variables());
    match &request.flags.export_file {
        None => Ok(own),
        Some(file) => {
            let more = export_file::read(file, directory)
                .map_err(|line| Ending::error(format!("sbatch: error: {line}"), 1))?;
            Ok(export_file::merge(own, more))
        }
    }
}

/// Hands the script over. Blocks until the controller has it, with `--wait` until the job has ended.
fn submit(submission: Box<Submission>, flags: &Flags) -> Result<Ending, Ending> {
    let mut asking = Asking::connect("sbatch")?;
    if flags.test_only {
        return test_only(&mut asking, submission, flags.quiet);
    }
    let cluster = match &flags.clusters {
        Some(wanted) => Some(super::clusters::check("sbatch", wanted, &asking.config()?)?),
        None => None,
    };
    let (job, warnings) = match asking.ask(Ask::Submit(submission)) {
        Ok(Reply::Submitted { job, warnings }) => (job, warnings),
        Ok(_) => return Err(Ending::unexpected("sbatch")),
        Err(no) => return Err(no.ending("sbatch", "Batch job submission failed")),
    };
    let told = match (flags.quiet, flags.parsable, cluster) {
        (true, ..) => String::new(),
        (false, true, None) => format!("{job}\n"),
        (false, true, Some(cluster)) => format!("{job};{cluster}\n"),
        (false, false, None) => format!("Submitted batch job {job}\n"),
        (false, false, Some(cluster)) => format!("Submitted batch job {job} on cluster {cluster}\n"),
    };
    say(&warnings.iter().map(|line| format!("sbatch: warning: {line}")).collect::<Vec<_>>());
    if !flags.wait {
        return Ok(Ending::text(told));
    }
    // The number is told before the wait, which may be long.
    let _ = finish(Ok(Ending::text(told)));
    wait::until_ended(&mut asking, job)
}

fn test_only(asking: &mut Asking, submission: Box<Submission>, quiet: bool) -> Result<Ending, Ending> {
    match asking.ask(Ask::TestOnly(submission)) {
        Ok(Reply::WouldStart { job, at, cpus, nodes, partition }) => {
            let time = Clock::system().time(at as f64);
            let line = format!(
                "sbatch: Job {job} to start at {time} using {cpus} processors on nodes {nodes} in partition {partition}"
            );
            Ok(Ending { stderr: if quiet { vec![] } else { vec![line] }, ..Ending::default() })
        }
        Ok(_) => Err(Ending::unexpected("sbatch")),
        Err(NoAnswer::Refused(refusal)) => {
            // What no node has is not told one by one, as it is where a job is submitted.
            let detail = refusal.detail.iter().filter(|_| refusal.code != ErrorCode::NodeConfig);
            let mut stderr: Vec<String> = detail.map(|line| format!("sbatch: error: {line}")).collect();
            stderr.push(format!("allocation failure: {}", refusal.code.text()));
            Err(Ending { stderr, code: 1, ..Ending::default() })
        }
        Err(no) => Err(no.ending("sbatch", "allocation failure")),
    }
}
