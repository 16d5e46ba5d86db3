//! The command line of `sacct` and its input variables.

use super::fields::FIELDS;
use super::filter::Filter;
use crate::commands::clock::Clock;
use crate::commands::columns::widths::{Chosen, Rows, parse as columns};
use crate::commands::ending::Ending;
use crate::commands::jobref::{Named, split_list};
use crate::commands::switches::{COMMON, Switch, Value, Words, help, parse, switch};
use crate::commands::{states, version};
use crate::script::begin;
use crate::script::hostlist::expand;
use crate::script::time::parse_limit;

/// `sacct(1)`, options.
const TABLE: &[Switch] = &[
    switch("accounts", Some('A'), Value::Needed, "jobs of these accounts"),
    switch("allclusters", Some('L'), Value::None, "accepted; there is one cluster"),
    switch("allocations", Some('X'), Value::None, "jobs without their steps"),
    switch("allusers", Some('a'), Value::None, "jobs of all users"),
    switch("array", None, Value::None, "accepted; elements that ran have rows of their own"),
    switch("associations", Some('x'), Value::Needed, ""),
    switch("brief", Some('b'), Value::None, "JobID, State, ExitCode"),
    switch("clusters", Some('M'), Value::Needed, "clusters to ask"),
    switch("cluster", Some('M'), Value::Needed, ""),
    switch("completion", Some('c'), Value::None, ""),
    switch("constraints", Some('C'), Value::Needed, ""),
    switch("delimiter", None, Value::Needed, "between fields with -p and -P instead of |"),
    switch("duplicates", Some('D'), Value::None, "accepted; job numbers are never used again"),
    switch("endtime", Some('E'), Value::Needed, "jobs before this time; default: now"),
    switch("federation", None, Value::None, ""),
    switch("file", Some('f'), Value::Needed, ""),
    switch("flags", Some('F'), Value::Needed, ""),
    switch("format", Some('o'), Value::Needed, "columns: jobid,state%20"),
    switch("group", Some('g'), Value::Needed, "jobs of these groups"),
    switch("gid", Some('g'), Value::Needed, ""),
    switch("help", Some('h'), Value::None, ""),
    switch("helpformat", Some('e'), Value::None, "list the names of columns"),
    switch("jobs", Some('j'), Value::Needed, "these jobs and steps: 12,13_4,14.0"),
    switch("json", None, Value::Joined, "as JSON"),
    switch("local", None, Value::None, ""),
    switch("long", Some('l'), Value::None, "many columns"),
    switch("name", None, Value::Needed, "jobs of these names"),
    switch("ncpus", Some('I'), Value::Needed, "jobs with so many CPUs: MIN[-MAX]"),
    switch("nnodes", Some('i'), Value::Needed, "jobs with so many nodes: MIN[-MAX]"),
    switch("noconvert", None, Value::None, "accepted; sizes stay exact"),
    switch("nodelist", Some('N'), Value::Needed, "jobs on these nodes"),
    switch("noheader", Some('n'), Value::None, "no line of heads"),
    switch("parsable", Some('p'), Value::None, "| between fields and at the end"),
    switch("parsable2", Some('P'), Value::None, "| between fields"),
    switch("partition", Some('r'), Value::Needed, "jobs in these partitions"),
    switch("qos", Some('q'), Value::Needed, "jobs of these qualities of service"),
    switch("starttime", Some('S'), Value::Needed, "jobs after this time; default: midnight"),
    switch("state", Some('s'), Value::Needed, "jobs in these states"),
    switch("timelimit-min", Some('k'), Value::Needed, "jobs with this time limit"),
    switch("timelimit-max", Some('K'), Value::Needed, "with -k: up to this one"),
    switch("truncate", Some('T'), Value::None, "times cut to the window"),
    switch("units", None, Value::Needed, "sizes in K, M, G, T or P"),
    switch("user", Some('u'), Value::Needed, "jobs of these users"),
    switch("uid", Some('u'), Value::Needed, ""),
    switch("wckeys", Some('W'), Value::Needed, "jobs of these keys"),
    switch("whole-hetjob", None, Value::Joined, ""),
    switch("yaml", None, Value::Joined, ""),
];

const DEFAULT: &str = "jobid,jobname,partition,account,alloccpus,state,exitcode";
const BRIEF: &str = "jobid,state,exitcode";
const LONG: &str = "jobid,jobidraw,jobname,partition,maxvmsize,maxvmsizenode,maxvmsizetask,avevmsize,maxrss,\
maxrssnode,maxrsstask,averss,maxpages,maxpagesnode,maxpagestask,avepages,mincpu,mincpunode,mincputask,avecpu,\
ntasks,alloccpus,elapsed,state,exitcode,avecpufreq,reqcpufreqmin,reqcpufreqmax,reqcpufreqgov,reqmem,\
consumedenergy,maxdiskread,maxdiskreadnode,maxdiskreadtask,avediskread,maxdiskwrite,maxdiskwritenode,\
maxdiskwritetask,avediskwrite,reqtres,alloctres,tresusageinave,tresusageinmax,tresusageinmaxnode,\
tresusageinmaxtask,tresusageinmin,tresusageinminnode,tresusageinmintask,tresusageintot,tresusageoutmax,\
tresusageoutmaxnode,tresusageoutmaxtask,tresusageoutave,tresusageouttot";

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Columns.
    pub columns: Vec<Chosen>,
    /// How rows are written.
    pub rows: Rows,
    /// A line of heads.
    pub header: bool,
    /// `--allocations`: no rows of steps.
    pub jobs_only: bool,
    /// Which jobs.
    pub filter: Filter,
    /// `--units`.
    pub unit: Option<char>,
    /// `--truncate`.
    pub truncate: bool,
    /// `--json`.
    pub json: bool,
    /// `--clusters`, but for `all`.
    pub clusters: Option<String>,
}

impl Query {
    /// Reads the words after `sacct`.
    ///
    /// # Errors
    /// What the command ends with: help too.
    pub fn read(
        words: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
        uid_of: &dyn Fn(&str) -> Option<u32>,
        clock: &Clock,
    ) -> Result<Self, Ending> {
        let words =
            parse(&[TABLE, COMMON], words).map_err(|error| Ending::error(format!("sacct: {error}"), 1))?;
        if let Some(ending) = about(&words) {
            return Err(ending);
        }
        if !words.operands.is_empty() {
            let mut ending = Ending::error("sacct: error: Unknown arguments:", 1);
            ending.stderr.extend(words.operands.iter().map(|word| format!("sacct: error:  {word}")));
            return Err(ending);
        }
        let delimiter = words.value("delimiter").unwrap_or("|").to_owned();
        Ok(Self {
            columns: chosen(&words, variable)?,
            rows: match (words.has("parsable2"), words.has("parsable")) {
                (true, _) => Rows::Open(delimiter),
                (false, true) => Rows::Closed(delimiter),
                (false, false) => Rows::Columns,
            },
            header: !words.has("noheader"),
            jobs_only: words.has("allocations"),
            filter: filter(&words, uid_of, clock)?,
            unit: words.value("units").map(unit).transpose()?,
            truncate: words.has("truncate"),
            json: words.has("json"),
            clusters: clusters(&words, variable),
        })
    }
}

/// `--help` and its kin.
fn about(words: &Words) -> Option<Ending> {
    let text = match () {
        () if words.has("version") => version(),
        () if words.has("usage") => "Usage: sacct [options]\n\tUse --help for help\n".to_owned(),
        () if words.has("help") => help("sacct [OPTIONS]", &[TABLE, COMMON]),
        () if words.has("helpformat") => field_list(),
        () if words.has("yaml") => {
            return Some(Ending::error("sacct: error: --yaml is not supported, --json is", 1));
        }
        () => return None,
    };
    Some(Ending::text(text))
}

/// All names, four a line: clients hand them back as `--format`.
fn field_list() -> String {
    let lines = FIELDS.chunks(4).map(|four| {
        let names: Vec<String> = four.iter().map(|field| format!("{:<19}", field.name)).collect();
        names.join(" ") + "\n"
    });
    lines.collect()
}

fn chosen(words: &Words, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Chosen>, Ending> {
    let given: Vec<&str> = words.values("format").collect();
    let text = match () {
        () if !given.is_empty() => given.join(","),
        () if words.has("brief") => BRIEF.to_owned(),
        () if words.has("long") => LONG.to_owned(),
        () => variable("SACCT_FORMAT").unwrap_or_else(|| DEFAULT.to_owned()),
    };
    let mut all = Vec::new();
    for column in columns(&text) {
        if column.name.eq_ignore_ascii_case("all") {
            all.extend(FIELDS.iter().map(|field| Chosen { name: field.name.to_owned(), width: None }));
        } else if super::fields::find(&column.name).is_some() {
            all.push(column);
        } else {
            let text = format!("sacct: error: Invalid field requested: \"{}\"", column.name);
            return Err(Ending::error(text, 1));
        }
    }
    Ok(all)
}

fn clusters(words: &Words, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let wanted = words.value("clusters").or_else(|| words.value("cluster")).map(str::to_owned);
    let wanted = wanted.or_else(|| variable("SLURM_CLUSTERS"));
    wanted.filter(|list| !list.split(',').any(|name| name.eq_ignore_ascii_case("all")))
}

fn unit(text: &str) -> Result<char, Ending> {
    let unit = text.chars().next().map(|c| c.to_ascii_uppercase()).filter(|c| "KMGTP".contains(*c));
    unit.filter(|_| text.len() == 1)
        .ok_or_else(|| Ending::error(format!("sacct: fatal: Invalid unit type: {text}"), 1))
}

fn filter(words: &Words, uid_of: &dyn Fn(&str) -> Option<u32>, clock: &Clock) -> Result<Filter, Ending> {
    let list = |options: &[&str]| -> Vec<String> {
        let given = options.iter().flat_map(|option| words.values(option));
        given.flat_map(|text| text.split(',')).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let jobs: Vec<String> = words.values("jobs").flat_map(split_list).collect();
    let states = list(&["state"]);
    let (from, until) = window(words, clock, jobs.is_empty(), states.is_empty())?;
    let nodes = words.value("nodelist").map(expand).transpose();
    Ok(Filter {
        jobs: jobs.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
        states: state_list(&states)?,
        from,
        until,
        users: users(&list(&["user", "uid"]), uid_of)?,
        names: list(&["name"]),
        partitions: list(&["partition"]),
        accounts: list(&["accounts"]),
        qos: list(&["qos"]),
        wckeys: list(&["wckeys"]),
        groups: list(&["group", "gid"]),
        nodes: nodes.map_err(|error| Ending::error(format!("sacct: error: {error}"), 1))?.unwrap_or_default(),
        node_count: words.value("nnodes").map(|text| range("nnodes", text)).transpose()?,
        cpu_count: words.value("ncpus").map(|text| range("ncpus", text)).transpose()?,
        time_limit: time_limits(words)?,
    })
}

/// The default window: today; all time for jobs that are named; now for states.
fn window(words: &Words, clock: &Clock, all_jobs: bool, any_state: bool) -> Result<(f64, f64), Ending> {
    let now = clock.zoned();
    let read = |text: &str| match begin::parse_past(text, &now) {
        Ok(second) => Ok(second as f64),
        Err(why) => {
            Err(Ending { stderr: why.line(text).into_iter().collect(), code: 1, ..Ending::default() })
        }
    };
    let midnight = now.start_of_day().map_or(0.0, |start| start.timestamp().as_second() as f64);
    let from = match (words.value("starttime"), all_jobs, any_state) {
        // What is over counts from its first second, so that today's does.
        (Some("midnight" | "today"), ..) => midnight,
        (Some(text), ..) => read(text)?,
        (None, false, _) => 0.0,
        (None, true, true) => midnight,
        (None, true, false) => clock.now.floor(),
    };
    let until = words.value("endtime").map(read).transpose()?.unwrap_or(clock.now);
    if from > until {
        return Err(Ending::error(
            format!(
                "sacct: error: Start time ({}) requested is after end time ({}).",
                clock.time(from),
                clock.time(until)
            ),
            1,
        ));
    }
    Ok((from, until))
}

fn named(name: &str) -> Result<Named, Ending> {
    Named::parse(name)
        .ok_or_else(|| Ending::error(format!("sacct: fatal: Bad job/step specified: {name}"), 1))
}

fn state_list(words: &[String]) -> Result<Vec<crate::controller::api::JobState>, Ending> {
    let mut wanted = Vec::new();
    for word in words {
        let state = states::parse(word).ok_or_else(|| {
            Ending::error(format!("sacct: fatal: unrecognized job state value '{word}'"), 1)
        })?;
        // A state that no job here is ever in is one that matches none.
        wanted.push(state.unwrap_or(crate::controller::api::JobState::Completing));
    }
    Ok(wanted)
}

fn users(names: &[String], uid_of: &dyn Fn(&str) -> Option<u32>) -> Result<Option<Vec<u32>>, Ending> {
    let read = |name: &String| {
        uid_of(name).ok_or_else(|| Ending::error(format!("sacct: error: Invalid user id: {name}"), 1))
    };
    let uids = names.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok((!uids.is_empty()).then_some(uids))
}

/// `MIN[-MAX]`.
fn range(option: &str, text: &str) -> Result<(u32, u32), Ending> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    match (least.parse(), most.parse()) {
        (Ok(least), Ok(most)) if least <= most => Ok((least, most)),
        _ => Err(Ending::error(format!("sacct: error: Invalid --{option} specification"), 1)),
    }
}

fn time_limits(words: &Words) -> Result<Option<(u32, u32)>, Ending> {
    let read = |option: &str| match words.value(option) {
        None => Ok(None),
        Some(text) => match parse_limit(text) {
            Some(limit) => Ok(Some(limit.unwrap_or(u32::MAX))),
            None => Err(Ending::error(format!("sacct: error: Invalid --{option} specification"), 1)),
        },
    };
    let most = read("timelimit-max")?;
    Ok(read("timelimit-min")?.map(|least| (least, most.unwrap_or(least))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn read(line: &str) -> Result<Query, Ending> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Query::read(&words, &|_| None, &|name| (name == "ada").then_some(1000), &samples::clock())
    }

    #[test]
    fn the_window_depends_on_what_is_named() {
        let now = samples::clock().now;
        let midnight = 1_795_522_232.0 - 12.0 * 3600.0 - 632.0;
        for (line, from, until) in [
            ("", midnight, now),
            ("-j 5", 0.0, now),
            ("-j 5 -s F", 0.0, now),
            ("-s F", now.floor(), now),
            ("-S now-1hour -E now", now.floor() - 3600.0, now.floor()),
            ("-S 1970-01-01-00:00:01", 1.0, now),
        ] {
            let filter = read(line).unwrap().filter;
            assert_eq!((filter.from, filter.until), (from, until), "{line}");
        }
    }

    #[test]
    fn jobs_and_columns_accumulate() {
        let query = read("-X -P -n -j A1 -j 5").unwrap_err();
        assert_eq!(query.stderr, ["sacct: fatal: Bad job/step specified: A1"]);
        let query = read("--job 5,6_[1,2] -j 7.0 -o jobid,state%20 --format=JobName").unwrap();
        assert_eq!(query.filter.jobs.len(), 3);
        assert_eq!(
            query.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
            ["jobid", "state", "JobName"]
        );
        assert_eq!(read("-o ALL").unwrap().columns.len(), FIELDS.len());
        assert_eq!(read("-l").unwrap().columns.len(), 54);
        let list = field_list().split_whitespace().collect::<Vec<_>>().join(",");
        assert_eq!(read(&format!("--format={list}")).unwrap().columns.len(), FIELDS.len());
    }

    #[test]
    fn mistakes_are_said_as_slurm_says_them() {
        for (line, text) in [
            ("-s foo", "sacct: fatal: unrecognized job state value 'foo'"),
            ("-u sosob", "sacct: error: Invalid user id: sosob"),
            ("-S xx", "Invalid time specification (pos=0): xx"),
            ("-o foo", "sacct: error: Invalid field requested: \"foo\""),
            ("-1", "sacct: invalid option -- '1'"),
            ("--foo", "sacct: unrecognized option '--foo'"),
            ("extra", "sacct: error: Unknown arguments:"),
            (
                "-S now-1hour -E now-2hour",
                "sacct: error: Start time (2026-11-24T11:11:34) requested is after end time (2026-11-24T10:11:34).",
            ),
        ] {
            let ending = read(line).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1), "{line}");
        }
    }
}
