//! What is wanted: the command line, the variables, the script, put together into a submission.

use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use prun_runtime::env::ORDER;
use serde_bytes::ByteBuf;

use super::on_slurm::{self, OnSlurm};
use super::place::{NoPlace, Node, Place};
use crate::commands::dispatch::{fail, trace};
use crate::commands::help;
use crate::commands::submit::complete::complete;
use crate::commands::submit::script_source::{self, Source, SourceError};
use crate::commands::submit::{own_variables, submitter};
use crate::controller::api::{ErrorCode, JobView, Refusal, Submission};
use crate::embedded::shape::Shape;
use crate::environment;
use crate::layout::allocate::{NodeRoom, Unfit, allocate};
use crate::layout::plan::Plan;
use crate::layout::step::{StepUnfit, lay_out};
use crate::script::mistake::Mistake;
use crate::script::options::{Command, Request};
use crate::script::spec::{JobSpec, StepSpec};
use crate::script::{read_batch, read_batch_line};

/// A job that can be run.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// The script's name as typed, for messages.
    pub(super) name: String,
    /// Where it runs.
    pub(super) place: Place,
    /// Only errors.
    pub(super) quiet: bool,
    /// What goes to the controller.
    pub(super) submission: Submission,
}

/// What a command line comes to.
#[derive(Debug)]
pub(super) enum Asked {
    /// All has been said already.
    Told(ExitCode),
    /// `--plan`.
    Plan(Box<Job>),
    /// A job to run.
    Run(Box<Job>),
    /// `--on slurm`.
    OnSlurm(Box<OnSlurm>),
}

impl Job {
    /// Where the output is, for the summary; `None` when it was shown.
    pub(super) fn output_shown(&self, job: &JobView) -> Option<String> {
        (!self.submission.streams).then(|| job.stdout.clone())
    }
}

/// Reads everything. Blocks on the script.
pub(super) fn ask(words: &[OsString]) -> Asked {
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let line = match read_batch_line(Command::Prun, &texts) {
        Ok(line) => line,
        Err(mistake) => return told(&mistake, "", b""),
    };
    let flags = &line.request.flags;
    if flags.help || flags.usage || words.is_empty() {
        // Nothing asked, nothing done: that is a mistake to a script, and help to a person.
        let _ = std::io::stdout().write_all(help::cli().render_help().to_string().as_bytes());
        return Asked::Told(if words.is_empty() { ExitCode::from(2) } else { ExitCode::SUCCESS });
    }
    if flags.version {
        let _ = writeln!(std::io::stdout(), "prun {}", env!("CARGO_PKG_VERSION"));
        return Asked::Told(ExitCode::SUCCESS);
    }
    trace(flags.verbose, "off");
    let nothing = flags.wrap.is_none() && line.script.is_empty() && std::io::stdin().is_terminal();
    if nothing {
        return told(
            &Mistake::line(Command::Prun, "no job script: name one, or `--wrap` a command", 2),
            "",
            b"",
        );
    }
    let here = env::current_dir().unwrap_or_default();
    if let Some(directory) = line.script.first().filter(|name| Path::new(name).is_dir()) {
        return Asked::Told(fail("prun", &Unreadable::of(directory.clone())));
    }
    let source = match script_source::read(&line.script, flags.wrap.as_deref(), &here) {
        Ok(source) => source,
        Err(SourceError::Open(path)) => return Asked::Told(fail("prun", &Unreadable::of(path))),
        Err(error) => return told(&Mistake::line(Command::Prun, &error.to_string(), 1), "", b""),
    };
    let name =
        line.script.first().cloned().or_else(|| source.name.clone()).unwrap_or_else(|| "stdin".to_owned());
    let variable = |name: &str| env::var(name).ok();
    match read_batch(Command::Prun, &line, &variable, &source.script.content) {
        Ok(request) if request.flags.on.is_some() => {
            let options = texts[..texts.len() - line.script.len()].to_vec();
            Asked::OnSlurm(Box::new(OnSlurm { request, name, source, options }))
        }
        Ok(request) => put_together(request, name, source, &here, &texts),
        Err(mistake) => told(&mistake, &name, &source.script.content),
    }
}

/// A script that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{path}`")]
struct Unreadable {
    path: String,
    source: std::io::Error,
}

impl Unreadable {
    /// Asks the system once more why.
    fn of(path: String) -> Self {
        let source = match std::fs::File::open(&path).and_then(|file| file.metadata()) {
            Ok(file) if file.is_dir() => std::io::ErrorKind::IsADirectory.into(),
            Ok(_) => std::io::ErrorKind::Other.into(),
            Err(error) => error,
        };
        Self { path, source }
    }
}

fn put_together(mut request: Request, name: String, source: Source, here: &Path, words: &[String]) -> Asked {
    if let Err(mistake) = complete(Command::Prun, &mut request, here, &crate::local_time::now(), None) {
        return told(&mistake, &name, b"");
    }
    let flags = request.flags.clone();
    for job in request.components_mut() {
        job.name = job.name.take().or_else(|| source.name.clone());
    }
    let mut job = request.job;
    let (place, refusal) = match Place::of(&flags, &job) {
        Ok(place) => (place, None),
        Err(NoPlace::Refused(refusal)) => (Place::Here(Shape::of_this_machine()), Some(refusal)),
        Err(error) => return Asked::Told(fail("prun", &error)),
    };
    let mut env = environment::exported_to_job(&job.export, own_variables());
    if let Place::Allocation(_) = place {
        on_slurm::settle_inside(&mut job, &mut env);
    }
    // The elements of an array run side by side: each has its file, as under `sbatch`.
    let streams = job.stdout.is_none() && job.array.is_none();
    // Under its own name prun orders by rank; but a person who watches wants to see every rank as it goes.
    let usual = if streams && std::io::stdout().is_terminal() { "line" } else { "rank" };
    let order =
        request.step.order.clone().or_else(|| env::var(ORDER).ok()).unwrap_or_else(|| usual.to_owned());
    env.retain(|(key, _)| key != ORDER.as_bytes());
    env.push((ByteBuf::from(ORDER), ByteBuf::from(order)));
    let submitter = submitter("prun", words, job.propagate.as_deref());
    let mut components = request.earlier;
    components.push(job);
    let submission = Submission { components, script: Some(source.script), env, submitter, streams };
    let job = Job { name, place, quiet: flags.quiet, submission };
    match refusal {
        Some(refusal) => Asked::Told(super::refusal::tell(&job, &refusal)),
        None if flags.plan => Asked::Plan(Box::new(job)),
        None => Asked::Run(Box::new(job)),
    }
}

/// Says what is wrong, in prun's voice.
fn told(mistake: &Mistake, name: &str, script: &[u8]) -> Asked {
    let colour = std::io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    eprintln!("{}", mistake.render(name, script, colour));
    Asked::Told(ExitCode::from(mistake.exit_code))
}

/// Where the ranks of a step without options would go, and what the user should read about it.
pub(super) fn plan_of(job: &Job, nodes: &[Node]) -> Result<(Plan, Vec<String>), Refusal> {
    let spec = &job.submission.components[0];
    let rooms: Vec<NodeRoom<'_>> = nodes.iter().map(Node::room).collect();
    let refuse = |code| Refusal { code, detail: Vec::new() };
    let allocation = allocate(spec, None, &rooms).map_err(|unfit| match unfit {
        Unfit::Never(refusal) => refusal,
        Unfit::NodesUnavailable | Unfit::Busy => refuse(ErrorCode::NodesBusy),
    })?;
    match lay_out(spec, &allocation, &[], &JobSpec::default(), &StepSpec::default()) {
        Ok(layout) => Ok((layout.plan, layout.warnings)),
        Err(StepUnfit::Never(code, detail)) => Err(Refusal { code, detail }),
        Err(StepUnfit::Busy) => Err(refuse(ErrorCode::StepsBusy)),
    }
}
