//! `scontrol update jobid=…|nodename=…|partitionname=… KEY=VALUE …` (`scontrol(1)`, specifications for update).
//!
//! Which keys there are, and what is wrong beyond doubt, is said here; what a value does to a job is the controller's.

use crate::commands::ask::{Asking, NoAnswer};
use crate::commands::clock::Clock;
use crate::commands::ending::Ending;
use crate::commands::jobref::{Named, split_list};
use crate::controller::api::Request;
use crate::script::begin;
use crate::script::hostlist::expand;
use crate::script::time::parse_limit;

/// Keys of a job; a user may write the beginning of one.
const JOB_KEYS: &[&str] = &[
    "account",
    "admincomment",
    "arraytaskthrottle",
    "burstbuffer",
    "comment",
    "contiguous",
    "cpus/task",
    "cpuspertask",
    "deadline",
    "dependency",
    "eligibletime",
    "endtime",
    "excnodelist",
    "extra",
    "features",
    "gres",
    "jobname",
    "licenses",
    "mailtype",
    "mailuser",
    "mincpusnode",
    "minmemorycpu",
    "minmemorynode",
    "mintmpdisknode",
    "name",
    "nice",
    "nodelist",
    "numcpus",
    "numnodes",
    "numtasks",
    "oversubscribe",
    "partition",
    "prefer",
    "priority",
    "qos",
    "reboot",
    "reqnodelist",
    "reqnodes",
    "requeue",
    "reservationname",
    "shared",
    "sitefactor",
    "starttime",
    "stderr",
    "stdin",
    "stdout",
    "switches",
    "timelimit",
    "timemin",
    "userid",
    "wckey",
    "workdir",
];

/// Keys of a node.
const NODE_KEYS: &[&str] =
    &["comment", "extra", "features", "activefeatures", "gres", "reason", "state", "weight"];

/// Keys of a partition.
const PARTITION_KEYS: &[&str] = &[
    "default",
    "defaulttime",
    "defmempercpu",
    "maxnodes",
    "maxtime",
    "minnodes",
    "nodes",
    "prioritytier",
    "state",
];

/// States that a node can be set to.
const NODE_STATES: &[&str] = &["down", "drain", "fail", "idle", "resume", "undrain"];

/// What is to be changed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Jobs: as named, and how each is called in messages.
    Jobs(Vec<(String, Option<Named>)>, Changes),
    /// Nodes; `ALL` is no name.
    Nodes(Vec<String>, Changes),
    /// A partition.
    Partition(String, Changes),
}

/// Lower-case keys with their values.
pub type Changes = Vec<(String, String)>;

impl Update {
    /// Reads the words after `update`.
    ///
    /// # Errors
    /// What the command ends with.
    pub fn read(operands: &[String]) -> Result<Self, Ending> {
        if operands.is_empty() {
            return Err(Ending::error("too few arguments for update keyword", 1));
        }
        let pairs = pairs(operands)?;
        let entity = pairs.iter().find_map(|pair| match pair.key().as_str() {
            "job" | "jobid" => Some((JOB_KEYS, &pair.value)),
            "node" | "nodename" => Some((NODE_KEYS, &pair.value)),
            // A job has a partition too: as an entity it is named in full.
            "partitionname" => Some((PARTITION_KEYS, &pair.value)),
            _ => None,
        });
        let Some((keys, subject)) = entity else { return Err(no_entity()) };
        let is_subject = |key: &str| matches!(key, "job" | "jobid" | "node" | "nodename" | "partitionname");
        let mut changes = Changes::new();
        for pair in pairs.iter().filter(|pair| !is_subject(&pair.key())) {
            let full = complete(keys, &pair.key()).ok_or_else(|| unsupported(keys, pair))?;
            changes.push((full.to_owned(), pair.value.clone()));
        }
        if keys == JOB_KEYS {
            let changes = check_job(changes)?;
            let jobs = split_list(subject).into_iter().map(|name| (name.clone(), Named::parse(&name)));
            Ok(Self::Jobs(jobs.collect(), changes))
        } else if keys == NODE_KEYS {
            check_node(&changes)?;
            let names =
                expand(subject).map_err(|_| Ending::error(format!("Invalid hostlist: {subject}"), 1))?;
            Ok(Self::Nodes(names, changes))
        } else {
            check_partition(&changes)?;
            Ok(Self::Partition(subject.clone(), changes))
        }
    }

    /// Has it done. Blocks.
    ///
    /// # Errors
    /// What the command ends with if the controller cannot be asked.
    pub fn run(self) -> Result<Ending, Ending> {
        let mut asking = Asking::connect("scontrol")?;
        let (requests, per_job): (Vec<(String, Request)>, bool) = match self {
            Self::Jobs(jobs, changes) => {
                let mut requests = Vec::new();
                for (name, named) in jobs {
                    let Some(named) = named else {
                        return Err(Ending::error(format!("Invalid job id specified for job {name}"), 1));
                    };
                    requests.push((name, Request::UpdateJob { job: named.job, changes: changes.clone() }));
                }
                (requests, true)
            }
            Self::Nodes(mut nodes, changes) => {
                if nodes.iter().any(|name| name.eq_ignore_ascii_case("ALL")) {
                    nodes = asking.nodes()?.into_iter().map(|node| node.facts.name).collect();
                }
                (vec![(String::new(), Request::UpdateNode { nodes, changes })], false)
            }
            Self::Partition(partition, changes) => {
                (vec![(String::new(), Request::UpdatePartition { partition, changes })], false)
            }
        };
        let mut ending = Ending::default();
        for (name, request) in requests {
            match asking.ask(request) {
                Ok(_) => {}
                Err(NoAnswer::Refused(refusal)) => {
                    ending.stderr.extend(refusal.detail.iter().cloned());
                    ending.stderr.push(if per_job {
                        format!("{} for job {name}", refusal.code.text())
                    } else {
                        format!("slurm_update error: {}", refusal.code.text())
                    });
                    ending.code = 1;
                }
                Err(other) => return Err(other.ending("scontrol", "slurm_update error")),
            }
        }
        Ok(ending)
    }
}

/// A word, split at its `=`.
#[derive(Debug)]
struct Pair {
    written: String,
    value: String,
}

impl Pair {
    fn new(key: &str, value: &str) -> Self {
        Self { written: key.to_owned(), value: value.to_owned() }
    }

    /// Keys are words in any case.
    fn key(&self) -> String {
        self.written.to_ascii_lowercase()
    }
}

/// `KEY=VALUE` words; the first may be `job 12`, and `Nice` needs no value.
fn pairs(operands: &[String]) -> Result<Vec<Pair>, Ending> {
    let mut pairs = Vec::new();
    let mut words = operands.iter();
    while let Some(word) = words.next() {
        match word.split_once('=') {
            // `+=` and `-=` change lists; the sign goes with the value.
            Some((key, value)) => match key.strip_suffix(['+', '-']) {
                Some(bare) => pairs.push(Pair::new(bare, &format!("{}{value}", &key[bare.len()..]))),
                None => pairs.push(Pair::new(key, value)),
            },
            None if pairs.is_empty() => match words.next() {
                Some(value) => pairs.push(Pair::new(word, value)),
                None => return Err(no_entity()),
            },
            None if word.eq_ignore_ascii_case("nice") => pairs.push(Pair::new(word, "100")),
            None => {
                let mut ending = Ending::error(format!("Invalid input: {word}"), 1);
                ending.stderr.push("Request aborted".to_owned());
                return Err(ending);
            }
        }
    }
    Ok(pairs)
}

fn complete(keys: &[&'static str], written: &str) -> Option<&'static str> {
    const LEAST: usize = 3;
    let exact = keys.iter().find(|key| **key == written);
    exact.or_else(|| keys.iter().find(|key| written.len() >= LEAST && key.starts_with(written))).copied()
}

fn no_entity() -> Ending {
    let mut ending = Ending::error("No valid entity in update command", 1);
    ending.stderr.push(
        "Input line must include \"NodeName\", \"PartitionName\", \"Reservation\", \"JobId\", or \"SlurmctldDebug\""
            .to_owned(),
    );
    ending
}

fn unsupported(keys: &[&str], pair: &Pair) -> Ending {
    let Pair { written, value } = pair;
    // Slurm puts its name before these lines for partitions only.
    let prefix = if keys == PARTITION_KEYS { "scontrol: error: " } else { "" };
    let mut ending =
        Ending::error(format!("{prefix}Update of this parameter is not supported: {written}={value}"), 1);
    ending.stderr.push(format!("{prefix}Request aborted"));
    ending
}

fn value<'a>(changes: &'a Changes, key: &str) -> Option<&'a str> {
    changes.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// Without what Slurm's command takes for no change: points in time that are none, and an owner.
fn check_job(changes: Changes) -> Result<Changes, Ending> {
    let now = Clock::system().zoned();
    let (changes, dropped): (Changes, Changes) = changes.into_iter().partition(|(key, value)| {
        let is_time = matches!(key.as_str(), "deadline" | "eligibletime" | "endtime" | "starttime");
        key != "userid" && (!is_time || begin::parse(value, &now).is_ok())
    });
    if changes.is_empty() {
        let times = dropped.iter().filter(|(key, _)| key != "userid");
        let line = |value: &String| begin::parse(value, &now).err().and_then(|why| why.line(value));
        let mut stderr: Vec<String> = times.filter_map(|(_, value)| line(value)).collect();
        stderr.push("No changes specified".to_owned());
        return Err(Ending { stderr, code: 1, ..Ending::default() });
    }
    for (key, title) in [("timelimit", "TimeLimit"), ("timemin", "TimeMin")] {
        let text = value(&changes, key).map(|text| text.trim_start_matches(['+', '-']));
        if text.is_some_and(|text| parse_limit(text).is_none()) {
            return Err(Ending::error(format!("scontrol: error: Invalid {title} value"), 1));
        }
    }
    Ok(changes)
}

fn check_node(changes: &Changes) -> Result<(), Ending> {
    let Some(state) = value(changes, "state").map(str::to_ascii_lowercase) else { return Ok(()) };
    if !NODE_STATES.contains(&state.as_str()) {
        let mut ending = Ending::error(format!("Invalid input: state={state}"), 1);
        ending.stderr.push("Request aborted".to_owned());
        ending
            .stderr
            .push("Valid states are: NoResp DRAIN FAIL FUTURE RESUME POWER_DOWN POWER_UP UNDRAIN".to_owned());
        ending.stderr.push("Not all states are valid given a node's prior state".to_owned());
        return Err(ending);
    }
    let needs_reason = ["down", "drain", "fail"].contains(&state.as_str());
    if needs_reason && value(changes, "reason").is_none_or(str::is_empty) {
        let text = "You must specify a reason when DOWNING or DRAINING a node. Request denied";
        return Err(Ending::error(text, 1));
    }
    Ok(())
}

fn check_partition(changes: &Changes) -> Result<(), Ending> {
    let state = value(changes, "state");
    if state.is_some_and(|s| !["UP", "DOWN", "DRAIN", "INACTIVE"].iter().any(|k| k.eq_ignore_ascii_case(s))) {
        let mut ending =
            Ending::error(format!("scontrol: error: Invalid input: state={}", state.unwrap_or_default()), 1);
        ending
            .stderr
            .push("scontrol: error: Acceptable State values are UP, DOWN, DRAIN and INACTIVE".to_owned());
        return Err(ending);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Update, Ending> {
        let words: Vec<String> = line.split('|').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        Update::read(&words)
    }

    fn changes(list: &[(&str, &str)]) -> Changes {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn jobs_nodes_and_partitions_are_told_apart() {
        let jobs =
            |list: &[&str]| list.iter().map(|n| ((*n).to_owned(), Named::parse(n))).collect::<Vec<_>>();
        for (line, expected) in [
            ("JobId=12|TimeLimit=5", Update::Jobs(jobs(&["12"]), changes(&[("timelimit", "5")]))),
            (
                "job|12,13_[1,2]|Time=+5",
                Update::Jobs(jobs(&["12", "13_[1,2]"]), changes(&[("timelimit", "+5")])),
            ),
            ("jobid=1|JobName=a b=c", Update::Jobs(jobs(&["1"]), changes(&[("jobname", "a b=c")]))),
            ("jobid=1|Nice", Update::Jobs(jobs(&["1"]), changes(&[("nice", "100")]))),
            ("jobid=1|partition=debug", Update::Jobs(jobs(&["1"]), changes(&[("partition", "debug")]))),
            (
                "NodeName=n[1-2]|State=DRAIN|Reason=butoz pirim",
                Update::Nodes(
                    vec!["n1".to_owned(), "n2".to_owned()],
                    changes(&[("state", "DRAIN"), ("reason", "butoz pirim")]),
                ),
            ),
            ("PartitionName=p|State=up", Update::Partition("p".to_owned(), changes(&[("state", "up")]))),
        ] {
            assert_eq!(read(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn mistakes_are_said_as_slurm_says_them() {
        for (line, text) in [
            ("", "too few arguments for update keyword"),
            ("foo=1", "No valid entity in update command"),
            ("jobid=9", "No changes specified"),
            ("jobid=9|Foo=1", "Update of this parameter is not supported: Foo=1"),
            ("jobid=9|UserId=root", "No changes specified"),
            ("jobid=9|StartTime=abc", "Invalid time specification (pos=0): abc"),
            ("jobid=9|TimeLimit=x", "scontrol: error: Invalid TimeLimit value"),
            ("nodename=n|state=foo", "Invalid input: state=foo"),
            (
                "nodename=n|state=drain",
                "You must specify a reason when DOWNING or DRAINING a node. Request denied",
            ),
            ("partitionname=p|state=foo", "scontrol: error: Invalid input: state=foo"),
            ("partitionname=p|foo=1", "scontrol: error: Update of this parameter is not supported: foo=1"),
        ] {
            let ending = read(line).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1), "{line}");
        }
    }
}
