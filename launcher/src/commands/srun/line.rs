//! srun's command line and input variables (`srun(1)`, "INPUT ENVIRONMENT VARIABLES").

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use prun_runtime::ids::JobId;
use serde_bytes::ByteBuf;

use super::refused::Refused;
use super::{het_group, mpi, program};
use crate::commands::ending::say;
use crate::commands::submit::node_files::read_names;
use crate::commands::submit::settle::settle;
use crate::script::options::{Command, Request};
use crate::script::{bad_time, begin, read_line};

/// What the user asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) request: Request,
    /// The program and its arguments.
    pub(super) argv: Vec<ByteBuf>,
    /// Programs behind `:`, each for so many ranks after those before it.
    pub(super) more: Vec<Component>,
    /// The job to run in; `None`: one of its own.
    pub(super) job: Option<JobId>,
    /// The command line as typed.
    pub(super) command_line: String,
}

/// One program of several (`srun -n1 A : -n4 B`).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    pub(super) ranks: u32,
    pub(super) argv: Vec<ByteBuf>,
}

/// A variable of the environment.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the words after `srun`.
pub(super) fn read(words: &[OsString], variable: Lookup<'_>) -> Result<Asked, Refused> {
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (own, _) = read_line(Command::Srun, &texts, &|_| None)?;
    let group = het_group::read(own.step.het_group.as_deref(), variable)?;
    let of_component = |name: &str| het_group::lookup(name, group, variable);
    let job = match own.step.job_id {
        Some(number) => Some(JobId(number)),
        None => surrounding_job(&of_component)?,
    };
    let mut all = counts(&of_component, own.job.ntasks.is_some());
    let counted = all.len();
    all.extend(texts.iter().cloned());
    let renamed = |name: &str| lookup(name, &of_component, job.is_some());
    let (mut request, end) = read_line(Command::Srun, &all, &renamed)?;
    let mut parts = components(&words[end - counted..]);
    let argv = bytes(parts.remove(0));
    let more = parts.into_iter().map(component).collect::<Result<Vec<_>, _>>()?;
    if !more.is_empty() {
        // The first component's own number counts, not that of the whole job.
        let first = own.job.ntasks.unwrap_or(1);
        request.job.ntasks = Some(more.iter().fold(first, |sum, part| sum.saturating_add(part.ranks)));
    }
    let command_line = std::iter::once("srun".to_owned()).chain(texts).collect::<Vec<_>>().join(" ");
    request.step.own_job = job.is_none();
    Ok(Asked { request, argv, more, job, command_line })
}

/// Words of programs, which `:` stands between; never empty.
fn components(words: &[OsString]) -> Vec<&[OsString]> {
    let mut parts = Vec::new();
    let mut rest = words;
    while let Some(at) = rest.iter().position(|word| word == ":").filter(|at| at + 1 < rest.len()) {
        parts.push(&rest[..at]);
        rest = &rest[at + 1..];
    }
    parts.push(rest);
    parts
}

/// One component behind a `:`. All run in one step, so only their numbers of tasks may differ.
fn component(words: &[OsString]) -> Result<Component, Refused> {
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (mut request, end) = read_line(Command::Srun, &texts, &|_| None)?;
    let ranks = request.job.ntasks.take().unwrap_or(1);
    if request != Request::default() {
        return Err(Refused::error("behind `:` no option but `--ntasks` is supported"));
    }
    Ok(Component { ranks, argv: bytes(&words[end..]) })
}

fn bytes(words: &[OsString]) -> Vec<ByteBuf> {
    words.iter().map(|word| ByteBuf::from(word.as_bytes())).collect()
}

/// The job whose processes we are one of.
fn surrounding_job(variable: Lookup<'_>) -> Result<Option<JobId>, Refused> {
    let Some(text) = variable("SLURM_JOB_ID").or_else(|| variable("SLURM_JOBID")) else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(|number| Some(JobId(number)))
        .map_err(|_| Refused::error(&format!("Invalid SLURM_JOB_ID environment variable: {text}")))
}

/// Numbers that a job sets for its steps, as the options that they stand for. Tasks a node say nothing where the
/// command line has a number of tasks.
fn counts(variable: Lookup<'_>, ntasks_given: bool) -> Vec<String> {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name)).filter(|text| !text.is_empty());
    let mut words = Vec::new();
    for (option, names) in [
        ("ntasks", &["SLURM_NTASKS", "SLURM_NPROCS"][..]),
        ("nodes", &["SLURM_JOB_NUM_NODES"]),
        ("cpus-per-task", &["SRUN_CPUS_PER_TASK", "SLURM_CPUS_PER_TASK"]),
        ("ntasks-per-node", &["SLURM_NTASKS_PER_NODE"]),
    ] {
        if let Some(value) = first(names).filter(|_| option != "ntasks-per-node" || !ntasks_given) {
            words.push(format!("--{option}={value}"));
        }
    }
    words
}

/// The variable of an option by the table's name, under the name that srun has for it.
fn lookup(name: &str, variable: Lookup<'_>, in_job: bool) -> Option<String> {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    match name {
        "SLURM_EXPORT" => first(&["SRUN_EXPORT_ENV", "SLURM_EXPORT_ENV"]),
        "SLURM_OUTPUT" => first(&["SRUN_OUTPUT", "SLURM_STDOUTMODE"]),
        "SLURM_ERROR" => first(&["SRUN_ERROR", "SLURM_STDERRMODE"]),
        "SLURM_INPUT" => first(&["SRUN_INPUT", "SLURM_STDINMODE"]),
        "SLURM_CHDIR" => first(&["SLURM_WORKING_DIR", "SLURM_REMOTE_CWD"]),
        "SLURM_MULTI_PROG" => variable("SLURM_SRUN_MULTI"),
        // What every job sets for its programs is no wish of theirs.
        "SLURM_NODELIST" | "SLURM_EXCLUDE" => None,
        // A step is not named after its job.
        "SLURM_JOB_NAME" if in_job => None,
        "SLURM_DISTRIBUTION" => match (variable(name), variable("SLURM_DIST_PLANESIZE")) {
            (Some(way), Some(size)) if way == "plane" => Some(format!("plane={size}")),
            (way, _) => way,
        },
        _ => variable(name),
    }
}

/// Looks at what the options leave to files, the clock and the working directory.
pub(super) fn complete(mut asked: Asked) -> Result<Asked, Refused> {
    let cwd = std::env::current_dir()
        .map_err(|error| Refused::error(&format!("cannot find the working directory: {error}")))?;
    check(&asked)?;
    let request = &mut asked.request;
    let work_dir = request.flags.chdir.as_ref().map_or(cwd.clone(), |chdir| cwd.join(chdir));
    request.job.work_dir = ByteBuf::from(work_dir.into_os_string().into_vec());
    request.job.submit_dir = ByteBuf::from(cwd.as_os_str().as_bytes());
    // The clock's zone is read from files: only where it is wanted.
    let now = std::cell::LazyCell::new(crate::local_time::now);
    let moment = |option, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => begin::parse(text, &now)
            .map(Some)
            .map_err(|why| Refused::from(bad_time(Command::Srun, option, text, why))),
    };
    request.job.begin = moment("begin", &request.flags.begin)?;
    request.job.deadline = moment("deadline", &request.flags.deadline)?;
    let hostfile = std::env::var("SLURM_HOSTFILE").ok();
    read_names(Command::Srun, request, &cwd, hostfile.as_deref())?;
    if asked.job.is_none() {
        say(&settle(Command::Srun, request)?);
    }
    if request.step.multi_prog {
        // What is wrong with the file is said before anything is allocated.
        let file = program::read_multi_prog(&asked.argv)?;
        let ntasks = *request.job.ntasks.get_or_insert_with(|| file.ranks());
        file.programs(ntasks).map_err(|error| program::multi_prog_failed(&asked.argv, &error))?;
    }
    if asked.job.is_none() && request.job.name.is_none() {
        request.job.name = Some(program_name(&asked.argv));
    }
    Ok(asked)
}

/// The name of a job or step after its program.
pub(super) fn program_name(argv: &[ByteBuf]) -> String {
    let path = argv.first().map(|word| PathBuf::from(OsString::from_vec(word.to_vec())));
    path.and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned())).unwrap_or_default()
}

fn check(asked: &Asked) -> Result<(), Refused> {
    let step = &asked.request.step;
    if asked.argv.is_empty() || asked.more.iter().any(|part| part.argv.is_empty()) {
        return Err(Refused::fatal("No command given to execute."));
    }
    if step.no_allocate {
        return Err(Refused::error("steps without the controller (`--no-allocate`) are not supported"));
    }
    if !asked.more.is_empty() && (step.multi_prog || step.bcast.is_some()) {
        return Err(Refused::error("`--multi-prog` and `--bcast` are not supported with several components"));
    }
    if step.relative.is_some() && asked.job.is_none() {
        return Err(Refused::fatal("--relative option invalid for job allocation request"));
    }
    let named = step.mpi.clone().or_else(|| std::env::var(mpi::VARIABLE).ok());
    match named.as_deref() {
        Some(kind) if !mpi::TYPES.contains(&kind) => {
            Err(Refused::error(&format!("Invalid MPI type '{kind}', --mpi=list for acceptable types")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::spec::NodeDistribution;

    fn asked(words: &[&str], variables: &[(&str, &str)]) -> Asked {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        read(&words, &variable).unwrap()
    }

    #[test]
    fn options_end_at_the_program() {
        let asked = asked(&["-n", "3", "-l", "prog", "-n", "4"], &[]);
        assert_eq!((asked.request.job.ntasks, asked.request.step.label, asked.job), (Some(3), true, None));
        assert_eq!(asked.argv, ["prog", "-n", "4"].map(ByteBuf::from));
        assert_eq!(asked.command_line, "srun -n 3 -l prog -n 4");
    }

    #[test]
    fn a_step_takes_its_numbers_from_its_job_and_lets_the_command_line_win() {
        let job = [
            ("SLURM_JOB_ID", "12"),
            ("SLURM_NTASKS", "6"),
            ("SLURM_JOB_NUM_NODES", "3"),
            ("SLURM_NTASKS_PER_NODE", "2"),
            ("SLURM_NODELIST", "n[1-3]"),
            ("SLURM_JOB_NAME", "whole"),
            ("SLURM_CPUS_PER_TASK", "4"),
        ];
        let all = asked(&["prog"], &job);
        let spec = &all.request.job;
        assert_eq!((spec.ntasks, spec.nodes, spec.ntasks_per_node), (Some(6), Some((3, 3)), Some(2)));
        assert_eq!((spec.cpus_per_task, spec.name.clone(), spec.nodelist.len()), (Some(4), None, 0));
        assert_eq!(all.job, Some(JobId(12)));
        let some = asked(&["-n2", "-N1", "prog"], &job);
        let spec = &some.request.job;
        assert_eq!((spec.ntasks, spec.nodes, spec.ntasks_per_node), (Some(2), Some((1, 1)), None));
    }

    #[test]
    fn variables_have_sruns_own_names() {
        let asked = asked(
            &["prog"],
            &[
                ("SLURM_EXPORT_ENV", "NONE"),
                ("SRUN_OUTPUT", "o"),
                ("SLURM_DISTRIBUTION", "plane"),
                ("SLURM_DIST_PLANESIZE", "2"),
                ("SLURM_JOB_NAME", "named"),
                ("SRUN_CPUS_PER_TASK", "2"),
                ("SLURM_CPUS_PER_TASK", "4"),
            ],
        );
        let spec = &asked.request.job;
        assert_eq!(spec.export, crate::script::spec::Export::None);
        assert_eq!((spec.stdout.as_deref(), spec.name.as_deref()), (Some("o"), Some("named")));
        assert_eq!(spec.distribution.map(|d| d.nodes), Some(NodeDistribution::Plane(2)));
        assert_eq!(spec.cpus_per_task, Some(2));
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        let refused = |words: &[&str]| check(&asked(words, &[])).unwrap_err().lines.join("\n");
        assert_eq!(refused(&[]), "srun: fatal: No command given to execute.");
        assert!(refused(&["--mpi=foo", "x"]).contains("Invalid MPI type 'foo'"));
        assert!(refused(&["--bcast", "a", ":", "b"]).contains("not supported"));
        assert_eq!(refused(&["a", ":", "-n2"]), "srun: fatal: No command given to execute.");
        assert!(refused(&["-r", "1", "a"]).contains("--relative option invalid"));
    }

    #[test]
    fn programs_side_by_side_have_ranks_one_after_the_other() {
        let both = asked(&["-n2", "a", "x", ":", "-n", "3", "b", ":", "c"], &[("SLURM_NTASKS", "9")]);
        assert_eq!(both.request.job.ntasks, Some(6));
        assert_eq!(both.argv, ["a", "x"].map(ByteBuf::from));
        let more: Vec<_> = both.more.iter().map(|part| (part.ranks, part.argv.len())).collect();
        assert_eq!(more, [(3, 1), (1, 1)]);
        let words = ["a", ":", "-c2", "b"].map(OsString::from);
        assert!(read(&words, &|_| None).unwrap_err().lines[0].contains("behind `:`"));
        assert_eq!(asked(&["echo", ":"], &[]).argv.len(), 2, "the last word is no separator");
    }
}
