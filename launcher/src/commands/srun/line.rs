//! srun's command line and input variables (`srun(1)`, "INPUT ENVIRONMENT VARIABLES").

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use prun_runtime::ids::JobId;
use prun_runtime::limits::HET_COMPONENTS_MAX;
use serde_bytes::ByteBuf;

use super::het_group;
use super::refused::Refused;
use crate::script::options::{Command, Request};
use crate::script::{BETWEEN_COMPONENTS, read_line, read_line_after};

/// What the user asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) request: Request,
    /// The program and its arguments.
    pub(super) argv: Vec<ByteBuf>,
    /// Programs behind `:`, each for so many ranks after those before it, in a job of one kind.
    pub(super) more: Vec<Component>,
    /// What is asked of the other components of a heterogeneous job, whose ranks come after those before them.
    pub(super) parts: Vec<Part>,
    /// The job to run in; `None`: one of its own.
    pub(super) job: Option<JobId>,
    /// The command line as typed.
    pub(super) command_line: String,
}

/// One program of several (`srun -n1 A : -n4 B`) in one job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    pub(super) ranks: u32,
    pub(super) argv: Vec<ByteBuf>,
}

/// What is asked of one component of a heterogeneous job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The component; `None`: one of the job that is to be asked for.
    pub(super) job: Option<JobId>,
    pub(super) request: Request,
    pub(super) argv: Vec<ByteBuf>,
}

/// A variable of the environment.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the words after `srun`.
pub(super) fn read(words: &[OsString], variable: Lookup<'_>) -> Result<Asked, Refused> {
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (own, _) = read_line(Command::Srun, &texts, &|_| None)?;
    let surrounding = surrounding_job(variable)?;
    let size =
        het_group::size(variable).filter(|_| own.step.job_id.is_none_or(|id| Some(JobId(id)) == surrounding));
    let mut asked = match (size.filter(|_| surrounding.is_some()), own.step.job_id.map(JobId).or(surrounding))
    {
        (Some(size), _) => in_components(words, size, variable)?,
        (None, Some(job)) => {
            het_group::outside(own.step.het_group.as_deref())?;
            in_job(words, &own, job, variable)?
        }
        (None, None) => alone(words, variable)?,
    };
    asked.request.step.own_job = asked.job.is_none();
    asked.command_line = std::iter::once("srun".to_owned()).chain(texts).collect::<Vec<_>>().join(" ");
    Ok(asked)
}

/// In a job of one kind: one step, whatever stands side by side in it.
fn in_job(words: &[OsString], own: &Request, job: JobId, variable: Lookup<'_>) -> Result<Asked, Refused> {
    let given = own.job.ntasks.is_some();
    let mut segments = components(words).into_iter();
    let (mut request, argv) = segment(segments.next().unwrap_or_default(), None, given, true, variable)?;
    let more = segments.map(component).collect::<Result<Vec<_>, _>>()?;
    if !more.is_empty() {
        // The first component's own number counts, not that of the whole job.
        let first = own.job.ntasks.unwrap_or(1);
        request.job.ntasks = Some(more.iter().fold(first, |sum, part| sum.saturating_add(part.ranks)));
    }
    Ok(Asked { request, argv, more, parts: Vec::new(), job: Some(job), command_line: String::new() })
}

/// In a heterogeneous job: each segment of the line for its components.
fn in_components(words: &[OsString], size: u32, variable: Lookup<'_>) -> Result<Asked, Refused> {
    let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
    let mut before: Option<Request> = None;
    for (place, words) in (0..).zip(components(words)) {
        let (own, _) = read_line(Command::Srun, &strings(words), &|_| None)?;
        let given = own.job.ntasks.is_some();
        let mut last = None;
        for group in het_group::of_part(own.step.het_group.as_deref(), place, size)? {
            let of_component = |name: &str| het_group::lookup(name, Some(group), variable);
            let (request, argv) = segment(words, before.as_ref(), given, true, &of_component)?;
            last = Some(request.clone());
            let part = Part { job: surrounding_job(&of_component)?, request, argv };
            if parts.insert(group, part).is_some() {
                return Err(Refused::fatal("Duplicate het groups in single srun not supported"));
            }
        }
        before = last;
    }
    together(parts.into_values())
}

/// Outside of a job: a component of a heterogeneous job for each segment.
fn alone(words: &[OsString], variable: Lookup<'_>) -> Result<Asked, Refused> {
    let mut parts: Vec<Part> = Vec::new();
    for words in components(words) {
        let before = parts.last().map(|part| &part.request);
        let given = read_line(Command::Srun, &strings(words), &|_| None)?.0.job.ntasks.is_some();
        let (request, argv) = segment(words, before, given, false, variable)?;
        parts.push(Part { job: None, request, argv });
    }
    if parts.len() > HET_COMPONENTS_MAX {
        let text = format!("a heterogeneous job has at most {HET_COMPONENTS_MAX} components");
        return Err(Refused::error(&text));
    }
    together(parts.into_iter())
}

fn together(mut parts: impl Iterator<Item = Part>) -> Result<Asked, Refused> {
    let Part { job, request, argv } =
        parts.next().ok_or_else(|| Refused::fatal("No command given to execute."))?;
    let parts = parts.collect();
    Ok(Asked { request, argv, more: Vec::new(), parts, job, command_line: String::new() })
}

/// Options, over variables, and the program behind them.
fn segment(
    words: &[OsString],
    before: Option<&Request>,
    ntasks_given: bool,
    in_job: bool,
    variable: Lookup<'_>,
) -> Result<(Request, Vec<ByteBuf>), Refused> {
    let mut all = counts(variable, ntasks_given);
    let counted = all.len();
    all.extend(strings(words));
    let renamed = |name: &str| lookup(name, variable, in_job);
    let (request, end) = match before {
        None => read_line(Command::Srun, &all, &renamed)?,
        Some(before) => read_line_after(Command::Srun, before, &all, &renamed)?,
    };
    Ok((request, bytes(&words[end - counted..])))
}

fn strings(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Words which `:` stands between; never empty.
fn components(words: &[OsString]) -> Vec<&[OsString]> {
    let mut parts = Vec::new();
    let mut rest = words;
    while let Some(at) =
        rest.iter().position(|word| word == BETWEEN_COMPONENTS).filter(|at| at + 1 < rest.len())
    {
        parts.push(&rest[..at]);
        rest = &rest[at + 1..];
    }
    parts.push(rest);
    parts
}

/// One program behind a `:` in a job of one kind. All run in one step, so only their numbers of tasks may differ.
fn component(words: &[OsString]) -> Result<Component, Refused> {
    let (mut request, end) = read_line(Command::Srun, &strings(words), &|_| None)?;
    let ranks = request.job.ntasks.take().unwrap_or(1);
    if request != Request::default() {
        return Err(Refused::error(
            "behind `:` no option but `--ntasks` is supported in a job that is not heterogeneous",
        ));
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

impl Asked {
    /// What is asked of each component, and its program; of a job of one kind there is one.
    pub(super) fn components(&self) -> impl Iterator<Item = (&Request, &Vec<ByteBuf>)> {
        let others = self.parts.iter().map(|part| (&part.request, &part.argv));
        std::iter::once((&self.request, &self.argv)).chain(others)
    }
}

/// The name of a job or step after its program.
pub(super) fn program_name(argv: &[ByteBuf]) -> String {
    let path = argv.first().map(|word| PathBuf::from(OsString::from_vec(word.to_vec())));
    path.and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned())).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::script::spec::NodeDistribution;

    pub(in crate::commands::srun) fn asked(words: &[&str], variables: &[(&str, &str)]) -> Asked {
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
    fn programs_side_by_side_have_ranks_one_after_the_other() {
        let job = [("SLURM_JOB_ID", "12"), ("SLURM_NTASKS", "9")];
        let both = asked(&["-n2", "a", "x", ":", "-n", "3", "b", ":", "c"], &job);
        assert_eq!((both.request.job.ntasks, both.parts.len()), (Some(6), 0));
        assert_eq!(both.argv, ["a", "x"].map(ByteBuf::from));
        let more: Vec<_> = both.more.iter().map(|part| (part.ranks, part.argv.len())).collect();
        assert_eq!(more, [(3, 1), (1, 1)]);
        let words = ["a", ":", "-c2", "b"].map(OsString::from);
        let job = |name: &str| (name == "SLURM_JOB_ID").then(|| "12".to_owned());
        assert!(read(&words, &job).unwrap_err().lines[0].contains("behind `:`"));
        assert_eq!(asked(&["echo", ":"], &[]).argv.len(), 2, "the last word is no separator");
    }

    #[test]
    fn outside_of_a_job_they_are_components_of_one() {
        let both = asked(&["-n2", "-l", "-t5", "a", "x", ":", "-c2", "b"], &[]);
        assert_eq!((both.request.job.ntasks, both.more.len(), both.job), (Some(2), 0, None));
        let [part] = &both.parts[..] else { panic!("{both:?}") };
        assert_eq!((part.request.job.ntasks, part.request.job.cpus_per_task), (None, Some(2)));
        assert_eq!((part.request.job.time_limit, part.request.step.label), (Some(Some(5)), true));
        assert_eq!(part.argv, ["b"].map(ByteBuf::from));
    }

    #[test]
    fn in_a_heterogeneous_job_each_part_has_a_component() {
        let job = [
            ("SLURM_HET_SIZE", "3"),
            ("SLURM_JOB_ID", "12"),
            ("SLURM_JOB_ID_HET_GROUP_0", "12"),
            ("SLURM_JOB_ID_HET_GROUP_1", "13"),
            ("SLURM_JOB_ID_HET_GROUP_2", "14"),
            ("SLURM_NTASKS_HET_GROUP_0", "2"),
            ("SLURM_NTASKS_HET_GROUP_2", "4"),
        ];
        let shape = |words: &[&str]| {
            let asked = asked(words, &job);
            let first = (asked.job, asked.request.job.ntasks, asked.argv.len());
            let parts = asked.parts.iter().map(|part| (part.job, part.request.job.ntasks, part.argv.len()));
            std::iter::once(first)
                .chain(parts)
                .map(|(job, n, argv)| (job.unwrap().0, n, argv))
                .collect::<Vec<_>>()
        };
        assert_eq!(shape(&["a"]), [(12, Some(2), 1)]);
        assert_eq!(shape(&["--het-group=0-2", "a"]), [(12, Some(2), 1), (13, None, 1), (14, Some(4), 1)]);
        assert_eq!(shape(&["-n1", "a", "x", ":", "b"]), [(12, Some(1), 2), (13, None, 1)]);
        assert_eq!(
            shape(&["--het-group=2", "a", ":", "--het-group=1", "b", "x"]),
            [(13, None, 2), (14, Some(4), 1)]
        );
        let words = ["a", ":", "--het-group=0", "b"].map(OsString::from);
        let variable =
            |name: &str| job.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        assert!(read(&words, &variable).unwrap_err().lines[0].contains("Duplicate het groups"));
    }
}
