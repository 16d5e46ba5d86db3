//! What is wanted: the command line, the variables, the script, put together into a submission.

use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::ZonedDateTime;
use serde_bytes::ByteBuf;

use crate::commands::dispatch::{fail, trace};
use crate::commands::{help, submission};
use crate::controller::api::{ErrorCode, JobView, Refusal, Script, Submission};
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
    /// The nodes to run it on.
    pub(super) shape: Shape,
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
}

impl Job {
    /// A line for a cluster that has more CPUs than this machine: the job runs, but its times mean little.
    pub(super) fn sharing(&self) -> Option<String> {
        let real = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let Shape { nodes, cpus, .. } = self.shape;
        (nodes as usize * cpus as usize > real)
            .then(|| format!("{nodes} × {cpus} CPUs share the {real} of this machine"))
    }

    /// Where the output is, for the summary; `None` when it was shown.
    pub(super) fn output_shown(&self, job: &JobView) -> Option<String> {
        let own = &self.submission.components[0];
        own.stdout.as_ref().map(|_| job.stdout.clone())
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
    trace(flags.verbose);
    let (name, script) = match (&flags.wrap, line.script.first()) {
        (Some(command), None) => ("wrap".to_owned(), format!("#!/bin/sh\n{command}\n").into_bytes()),
        (Some(_), Some(_)) => {
            return told(&Mistake::line(Command::Prun, "a script and `--wrap` are one too many", 1), "", b"");
        }
        (None, None) => {
            return told(
                &Mistake::line(Command::Prun, "no job script: name one, or `--wrap` a command", 2),
                "",
                b"",
            );
        }
        (None, Some(name)) => match submission::read_script(Path::new(name)) {
            Ok(script) => (name.clone(), script),
            Err(error) => return Asked::Told(fail("prun", &error)),
        },
    };
    let variable = |name: &str| env::var(name).ok();
    match read_batch(Command::Prun, &line, &variable, &script) {
        Ok(request) => put_together(request, name, script, &line.script, words),
        Err(mistake) => told(&mistake, &name, &script),
    }
}

fn put_together(
    mut request: Request,
    name: String,
    content: Vec<u8>,
    script_words: &[String],
    words: &[OsString],
) -> Asked {
    if let Err(error) = submission::complete(&mut request, &ZonedDateTime::now()) {
        return Asked::Told(fail("prun", &error));
    }
    let flags = request.flags.clone();
    let path = env::current_dir().unwrap_or_default().join(&name);
    let mut job = request.job;
    job.name.get_or_insert_with(|| {
        Path::new(&name).file_name().map_or_else(|| name.clone(), |file| file.to_string_lossy().into_owned())
    });
    let shape = match flags.local.as_deref().map(str::parse::<Shape>) {
        Some(Ok(shape)) => Ok(shape),
        // The table has read it already.
        Some(Err(error)) => return Asked::Told(fail("prun", &error)),
        None => Shape::fitting(&job),
    };
    let mut env = environment::exported(&job.export, submission::environment());
    if let Some(order) = &request.step.order {
        env.push((ByteBuf::from(prun_runtime::env::ORDER), ByteBuf::from(order.as_str())));
    } else if env::var_os(prun_runtime::env::ORDER).is_none() {
        // Under its own name prun orders by rank, always.
        env.push((ByteBuf::from(prun_runtime::env::ORDER), ByteBuf::from("rank")));
    }
    let streams = job.stdout.is_none();
    let script = Script {
        path: path.to_string_lossy().into_owned(),
        content: ByteBuf::from(content),
        args: words[words.len() - script_words.len().saturating_sub(1)..]
            .iter()
            .map(|word| ByteBuf::from(word.as_encoded_bytes()))
            .collect(),
    };
    let mut components = request.earlier;
    components.push(job);
    let submission = Submission {
        components,
        script: Some(script),
        env,
        submitter: submission::submitter(env::args_os()),
        streams,
    };
    let shape = match shape {
        Ok(shape) => shape,
        Err(refusal) => {
            let shape = Shape { nodes: 1, cpus: 1, memory_mb: None };
            let job = Job { name, shape, quiet: flags.quiet, submission };
            return Asked::Told(super::refusal::tell(&job, &refusal));
        }
    };
    let job = Box::new(Job { name, shape, quiet: flags.quiet, submission });
    if flags.plan { Asked::Plan(job) } else { Asked::Run(job) }
}

/// Says what is wrong, in prun's voice.
fn told(mistake: &Mistake, name: &str, script: &[u8]) -> Asked {
    let colour = std::io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    eprintln!("{}", mistake.render(name, script, colour));
    Asked::Told(ExitCode::from(mistake.exit_code))
}

/// Where the ranks of a step without options would go, and what the user should read about it.
pub(super) fn plan_of(job: &Job) -> Result<(Plan, Vec<String>), Refusal> {
    let spec = &job.submission.components[0];
    let nodes = job.shape.nodes("");
    let rooms: Vec<NodeRoom<'_>> = nodes
        .iter()
        .map(|facts| NodeRoom {
            facts,
            features: &[],
            gres: &[],
            free_cpus: (0..facts.cpus).collect(),
            free_memory_mb: facts.memory_mb,
            free_gres: Vec::new(),
            idle: true,
            usable: true,
        })
        .collect();
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
