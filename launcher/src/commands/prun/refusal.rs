//! A refusal of the controller, in prun's voice: what, where in the script, what to do.

use std::env;
use std::io::IsTerminal;
use std::process::ExitCode;

use super::ask::Job;
use super::place::{Place, Size};
use crate::controller::api::{ErrorCode, Refusal};
use crate::script::mistake::Mistake;
use crate::script::place_of_option;
use crate::script::spec::JobSpec;

/// Says why the job cannot run. The exit code is `sbatch`'s.
pub(super) fn tell(job: &Job, refusal: &Refusal) -> ExitCode {
    let spec = &job.submission.components[0];
    let script = job.submission.script.as_ref().map_or(&b""[..], |script| &script.content);
    let Complaint { title, option, help } = complaint(job, spec, refusal);
    let mistake = Mistake {
        exit_code: 1,
        slurm: Vec::new(),
        title,
        place: option.and_then(|option| place_of_option(script, option)),
        help: Some(help),
    };
    let colour = std::io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    eprintln!("{}", mistake.render(&job.name, script, colour));
    ExitCode::FAILURE
}

/// What is wrong, which option says so, what to do.
struct Complaint {
    title: String,
    option: Option<&'static str>,
    help: String,
}

fn complaint(job: &Job, spec: &JobSpec, refusal: &Refusal) -> Complaint {
    let too_big = matches!(
        refusal.code,
        ErrorCode::NodeConfig | ErrorCode::TooManyCpus | ErrorCode::CpuCount | ErrorCode::NodeCount
    );
    // A controller that cannot be asked about its nodes has still said what it thinks.
    match job.place.nodes() {
        Ok(nodes) if too_big => too_big_for(job, spec, refusal, Size::of(&nodes)),
        _ => {
            let mut title = refusal.detail.join("; ");
            if title.is_empty() {
                refusal.code.text().clone_into(&mut title);
            }
            Complaint { title, option: option_of(refusal.code), help: "see `prun --help`".to_owned() }
        }
    }
}

/// The job asks for more than the cluster has.
fn too_big_for(job: &Job, spec: &JobSpec, refusal: &Refusal, size: Size) -> Complaint {
    let cluster = format!("the cluster has {} on {}", count(size.cpus, "CPU"), count(size.nodes, "node"));
    let each = spec.cpus_per_task.unwrap_or(1);
    let here = matches!(job.place, Place::Here(_));
    // Nodes of this machine can be had by asking; those of a cluster are as they are.
    let complain = |title: String, option, less: &str, more: &str, end: &str| {
        let more = if here { more } else { "" };
        Complaint { title, option, help: format!("{less}{more}{end}") }
    };
    match (spec.ntasks, spec.nodes) {
        _ if each > size.cpus_a_node => complain(
            format!("{} a task asked, but {cluster}, {} each", count(each, "CPU"), size.cpus_a_node),
            Some("cpus-per-task"),
            "lower `--cpus-per-task`",
            ", or give nodes more CPUs with `--local`",
            "",
        ),
        (_, Some((nodes, _))) if nodes > size.nodes => complain(
            format!("{} asked, but {cluster}", count(nodes, "node")),
            Some("nodes"),
            "lower `--nodes`",
            ", or add nodes with `--local`",
            "",
        ),
        (Some(tasks), _) if u64::from(tasks) * u64::from(each) > u64::from(size.cpus) => complain(
            format!("{} asked, but {cluster}", tasks_text(tasks, each)),
            Some("ntasks"),
            "lower `--ntasks`",
            ", add nodes with `--local`",
            ", or allow sharing with `--overcommit`",
        ),
        _ if spec.memory.is_some() => complain(
            format!("more memory asked than a node has, which is {} MiB", size.memory_mb),
            if matches!(spec.memory, Some(crate::script::spec::Memory::PerCpu(_))) {
                Some("mem-per-cpu")
            } else {
                Some("mem")
            },
            "lower it",
            ", or give nodes more with `--local NODESxCPUS:MEMORY_MB`",
            "",
        ),
        _ => complain(
            format!("{}: {cluster}", refusal.code.text()),
            option_of(refusal.code),
            "ask for less",
            ", or for other nodes with `--local`",
            "",
        ),
    }
}

fn count(number: u32, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

fn tasks_text(tasks: u32, each: u32) -> String {
    match each {
        1 => count(tasks, "task"),
        each => format!("{} of {} each", count(tasks, "task"), count(each, "CPU")),
    }
}

/// The option that an error is about.
fn option_of(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::InvalidPartition | ErrorCode::PartitionNotAvailable | ErrorCode::PartitionDown => {
            "partition"
        }
        ErrorCode::InvalidNodeName => "nodelist",
        ErrorCode::InvalidFeature => "constraint",
        ErrorCode::InvalidGres => "gres",
        ErrorCode::InvalidLicenses => "licenses",
        ErrorCode::InvalidArray => "array",
        ErrorCode::Dependency | ErrorCode::CircularDependency => "dependency",
        ErrorCode::InvalidTimeLimit => "time",
        ErrorCode::InvalidTaskMemory => "mem",
        ErrorCode::NodeCount => "nodes",
        ErrorCode::InvalidTaskCount => "ntasks",
        _ => return None,
    })
}
