//! `scontrol show ENTITY [ID]`.

use std::borrow::Cow;
use std::env;

use super::keyword::Entity;
use super::record::Shape;
use super::{show_hosts, show_job, show_node, show_partition, show_step};
use crate::commands::ask::Asking;
use crate::commands::clock::Clock;
use crate::commands::elements;
use crate::commands::ending::Ending;
use crate::commands::jobref::{Named, split_list};
use crate::commands::json;
use crate::controller::api::{ErrorCode, JobView, NodeView, PartitionView};
use crate::script::hostlist::expand;

/// Shows it. Blocks, unless it is a hostlist.
///
/// # Errors
/// What the command ends with.
pub fn run(operands: &[String], shape: Shape, as_json: bool) -> Result<Ending, Ending> {
    let (written, id) = match operands {
        [] => return Err(Ending::error("too few arguments for keyword:show", 1)),
        [word] => match word.split_once('=') {
            Some((entity, id)) => (entity, Some(id)),
            None => (word.as_str(), None),
        },
        [word, id] => (word.as_str(), Some(id.as_str())),
        _ => return Err(Ending::error("too many arguments for keyword:show", 1)),
    };
    let id = id.map(|id| id.split_once('=').filter(|(key, _)| !key.contains('[')).map_or(id, |(_, id)| id));
    let Some(entity) = Entity::find(written) else {
        return Err(Ending::error(format!("invalid entity:{written} for keyword:show "), 1));
    };
    match entity {
        Entity::Hosts(form) => {
            let nodes = env::var("SLURM_JOB_NODELIST").or_else(|_| env::var("SLURM_NODELIST")).ok();
            show_hosts::run(form, id, nodes.as_deref())
        }
        Entity::Daemons => Ok(Ending::text("slurmctld slurmd\n")),
        Entity::None("No reservations in the system\n") if id.is_some() => {
            missing(&format!("Reservation {} not found", id.unwrap_or_default()))
        }
        Entity::None(text) => Ok(Ending::text(text)),
        Entity::Error(text) => Err(Ending::error(text, 0)),
        Entity::Missing(name) => {
            Err(Ending::error(format!("scontrol: error: `show {name}` is not supported by prun"), 1))
        }
        Entity::Job => jobs(&Asking::connect("scontrol")?.jobs(false)?, id, shape, as_json),
        Entity::Step => steps(&Asking::connect("scontrol")?.jobs(false)?, id, shape),
        Entity::Node => nodes(&Asking::connect("scontrol")?.nodes()?, id, shape, as_json),
        Entity::Partition => partitions(&Asking::connect("scontrol")?.partitions()?, id, shape, as_json),
        Entity::Config => {
            let mut asking = Asking::connect("scontrol")?;
            Ok(Ending::text(config(&asking.config()?, &Clock::system()) + &super::ping::line(&mut asking)?))
        }
    }
}

/// A record that is not there is named on stdout, as Slurm does.
fn missing(line: &str) -> Result<Ending, Ending> {
    Ok(Ending { stdout: format!("{line}\n"), code: 1, ..Ending::default() })
}

fn jobs(all: &[JobView], id: Option<&str>, shape: Shape, as_json: bool) -> Result<Ending, Ending> {
    let mut wanted: Vec<Cow<'_, JobView>> = Vec::new();
    match id {
        None if all.is_empty() => return Ok(Ending::text("No jobs in the system\n")),
        None => wanted.extend(all.iter().map(Cow::Borrowed)),
        Some(id) => {
            for name in split_list(id) {
                wanted.extend(named(all, &name)?);
            }
        }
    }
    if as_json {
        return Ok(Ending::text(json::jobs(wanted.iter().map(AsRef::as_ref))));
    }
    let clock = Clock::system();
    Ok(Ending::text(wanted.iter().map(|job| show_job::text(job, shape, &clock)).collect::<String>()))
}

/// The records that a name means; of elements that wait together, only the one that is named.
fn named<'a>(all: &'a [JobView], name: &str) -> Result<Vec<Cow<'a, JobView>>, Ending> {
    let invalid = |verb: &str| Ending::error(format!("{verb}: {}", ErrorCode::InvalidJobId.text()), 1);
    let named = Named::parse(name).filter(|_| !name.contains('['));
    let named = named.ok_or_else(|| invalid("scontrol_print_job error"))?;
    let names = std::slice::from_ref(&named);
    let narrow = |job: &'a JobView| elements::narrowed(job, names).map_or(Cow::Borrowed(job), Cow::Owned);
    let mut found: Vec<_> = all.iter().filter(|job| named.matches(job)).map(narrow).collect();
    found.sort_by_key(|job| elements::place_in_array(job));
    if !found.is_empty() {
        return Ok(found);
    }
    let whole = |job: &&JobView| {
        job.array.as_ref().is_some_and(|array| array.id == named.job.job)
            || job.het.is_some_and(|het| het.leader == named.job.job)
    };
    match all.iter().find(whole) {
        Some(_) => missing(&format!("Job {name} not found")).and_then(Err),
        None => Err(invalid("slurm_load_jobs error")),
    }
}

fn steps(all: &[JobView], id: Option<&str>, shape: Shape) -> Result<Ending, Ending> {
    let invalid = || Ending::error("slurm_get_job_steps error: Invalid job id specified", 1);
    let named = id.map(|id| Named::parse(id).ok_or_else(invalid)).transpose()?;
    match show_step::text(all, named.as_ref(), shape, &Clock::system()) {
        Some(text) if text.is_empty() => Ok(Ending::text("No job steps in the system\n")),
        Some(text) => Ok(Ending::text(text)),
        None => missing(&format!("Job step {} not found", id.unwrap_or_default())),
    }
}

fn nodes(all: &[NodeView], id: Option<&str>, shape: Shape, as_json: bool) -> Result<Ending, Ending> {
    let names = match id.filter(|id| !id.eq_ignore_ascii_case("ALL")) {
        None => all.iter().map(|node| node.facts.name.clone()).collect(),
        Some(id) => expand(id).map_err(|_| Ending::error(format!("Invalid hostlist: {id}"), 1))?,
    };
    let find = |name: &String| all.iter().find(|node| node.facts.name == *name);
    if as_json {
        return Ok(Ending::text(json::nodes(names.iter().filter_map(find))));
    }
    let (clock, mut ending) = (Clock::system(), Ending::default());
    for name in &names {
        match find(name) {
            Some(node) => ending.stdout.push_str(&show_node::text(node, shape, &clock)),
            None => {
                ending.stdout.push_str(&format!("Node {name} not found\n"));
                ending.code = 1;
            }
        }
    }
    Ok(ending)
}

fn partitions(
    all: &[PartitionView],
    id: Option<&str>,
    shape: Shape,
    as_json: bool,
) -> Result<Ending, Ending> {
    let wanted: Vec<&PartitionView> = all
        .iter()
        .filter(|partition| id.is_none_or(|id| id.split(',').any(|n| n == partition.name)))
        .collect();
    match id {
        Some(id) if wanted.is_empty() => missing(&format!("Partition {id} not found")),
        _ if as_json => Ok(Ending::text(json::partitions(wanted.into_iter()))),
        _ => Ok(Ending::text(wanted.iter().map(|p| show_partition::text(p, shape)).collect::<String>())),
    }
}

fn config(config: &[(String, String)], clock: &Clock) -> String {
    let lines: String = config.iter().map(|(key, value)| format!("{key:<23} = {value}\n")).collect();
    format!("Configuration data as of {}\n{lines}\n", clock.time(clock.now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn a_job_that_is_not_there_is_said_in_three_ways() {
        let all = [samples::running(5), samples::element(14, 12, 2)];
        let shape = Shape { one_line: true, ..Shape::default() };
        let stderr = |id| jobs(&all, Some(id), shape, false).unwrap_err();
        assert_eq!(stderr("99").stderr, ["slurm_load_jobs error: Invalid job id specified"]);
        assert_eq!(stderr("abc").stderr, ["scontrol_print_job error: Invalid job id specified"]);
        let other = jobs(&all, Some("12_9"), shape, false).unwrap_err();
        assert_eq!((other.stdout.as_str(), other.code), ("Job 12_9 not found\n", 1));
        let waiting = [samples::pending_array(12, &[1, 2, 3], Some(2))];
        let one = jobs(&waiting, Some("12_3"), shape, false).unwrap();
        assert!(one.stdout.starts_with("JobId=12 ArrayJobId=12 ArrayTaskId=3 ArrayTaskThrottle=2 JobName="));
        assert_eq!(jobs(&waiting, Some("12_[1-2]"), shape, false).unwrap_err().code, 1);
        let one = jobs(&all, Some("12_2"), shape, false).unwrap();
        assert!(one.stdout.starts_with("JobId=14 ArrayJobId=12 ArrayTaskId=2 JobName=probe "));
    }

    #[test]
    fn nodes_that_are_not_there_are_named_among_the_others() {
        let all = [samples::node(1), samples::node(2)];
        let ending = nodes(&all, Some("slurmnode[2-3]"), Shape::default(), false).unwrap();
        assert!(ending.stdout.starts_with("NodeName=slurmnode2 "));
        assert!(ending.stdout.ends_with("\n\nNode slurmnode3 not found\n"));
        assert_eq!(ending.code, 1);
        let ending = partitions(&[samples::partition()], Some("foo"), Shape::default(), false).unwrap();
        assert_eq!((ending.stdout.as_str(), ending.code), ("Partition foo not found\n", 1));
    }

    #[test]
    fn configuration_is_a_table() {
        let pairs = [("MinJobAge".to_owned(), "300 sec".to_owned())];
        assert_eq!(
            config(&pairs, &samples::clock()),
            "Configuration data as of 2026-11-24T12:11:34\nMinJobAge               = 300 sec\n\n"
        );
    }

    #[test]
    fn an_entity_is_needed_and_must_be_known() {
        let words =
            |line: &str| line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        for (line, text) in [
            ("", "too few arguments for keyword:show"),
            ("foo", "invalid entity:foo for keyword:show "),
            ("job 1 2", "too many arguments for keyword:show"),
        ] {
            let ending = run(&words(line), Shape::default(), false).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1));
        }
        assert_eq!(run(&words("hostn n[1-2]"), Shape::default(), false).unwrap().stdout, "n1\nn2\n");
        assert_eq!(run(&words("reservation foo"), Shape::default(), false).unwrap().code, 1);
    }
}
