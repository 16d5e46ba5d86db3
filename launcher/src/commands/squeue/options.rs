//! The command line of `squeue` and its input variables.

use super::filter::{Filter, States};
use crate::commands::elements;
use crate::commands::ending::Ending;
use crate::commands::jobref::{Named, split_list};
use crate::commands::states;
use crate::commands::switches::{COMMON, Switch, Value, Words, parse, switch};
use crate::controller::api::JobState;

/// `squeue(1)`, options.
pub const TABLE: &[Switch] = &[
    switch("account", Some('A'), Value::Needed, "jobs of these accounts"),
    switch("all", Some('a'), Value::None, "hidden partitions too"),
    switch("array", Some('r'), Value::None, "one line for each element of an array"),
    switch("array-unique", None, Value::None, "as --array"),
    switch("clusters", Some('M'), Value::Needed, "clusters to ask"),
    switch("federation", None, Value::None, "accepted; there are no federations"),
    switch("format", Some('o'), Value::Needed, "columns by letter: %.18i %j"),
    switch("Format", Some('O'), Value::Needed, "columns by name: JobID:10,State"),
    switch("helpstate", None, Value::None, "list the words for states"),
    switch("helpFormat", None, Value::None, "list the names of --Format"),
    switch("hide", None, Value::None, "no hidden partitions"),
    switch("iterate", Some('i'), Value::Needed, "again every so many seconds"),
    switch("jobs", Some('j'), Value::Joined, "these jobs: 12,13_4"),
    switch("job", Some('j'), Value::Joined, ""),
    switch("json", None, Value::Joined, "as JSON"),
    switch("licenses", Some('L'), Value::Needed, "jobs that want these licenses"),
    switch("local", None, Value::None, "accepted; there are no federations"),
    switch("long", Some('l'), Value::None, "more columns"),
    switch("me", None, Value::None, "my jobs"),
    switch("name", Some('n'), Value::Needed, "jobs of these names"),
    switch("noconvert", None, Value::None, "accepted; sizes stay exact"),
    switch("nodelist", Some('w'), Value::Needed, "jobs on these nodes"),
    switch("nodes", Some('w'), Value::Needed, ""),
    switch("noheader", Some('h'), Value::None, "no line of heads"),
    switch("notme", None, Value::None, "jobs of others"),
    switch("only-job-state", None, Value::None, "identifiers and states only"),
    switch("partition", Some('p'), Value::Needed, "jobs in these partitions"),
    switch("priority", Some('P'), Value::None, "a line for each partition asked for"),
    switch("qos", Some('q'), Value::Needed, "jobs of these qualities of service"),
    switch("reservation", Some('R'), Value::Needed, "jobs of this reservation"),
    switch("sibling", None, Value::None, "accepted; there are no federations"),
    switch("sort", Some('S'), Value::Needed, "order: letters of --format, - turns it round"),
    switch("start", None, Value::None, "expected starts of pending jobs"),
    switch("states", Some('t'), Value::Needed, "jobs in these states, or all"),
    switch("steps", Some('s'), Value::Joined, "steps instead of jobs"),
    switch("user", Some('u'), Value::Needed, "jobs of these users"),
    switch("users", Some('u'), Value::Needed, ""),
    switch("yaml", None, Value::Joined, ""),
];

/// Columns as chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// `-o`.
    Letters(String),
    /// `-O`.
    Names(String),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Steps instead of jobs.
    pub steps: bool,
    /// Columns.
    pub layout: Layout,
    /// A line of heads.
    pub header: bool,
    /// The date above it.
    pub headline: bool,
    /// Which jobs.
    pub filter: Filter,
    /// `--sort`.
    pub sort: String,
    /// One line for each element.
    pub elements: bool,
    /// One line for each partition.
    pub partitions: bool,
    /// `--json`.
    pub json: bool,
    /// `--iterate`.
    pub iterate: Option<u64>,
    /// `--clusters`.
    pub clusters: Option<String>,
    /// `SLURM_BITSTR_LEN`.
    pub list_length: usize,
    /// What to say on stderr and go on.
    pub warnings: Vec<String>,
}

/// What names become numbers by.
pub struct Who<'a> {
    /// The user's own number.
    pub me: u32,
    /// A user's number by name.
    pub uid_of: &'a dyn Fn(&str) -> Option<u32>,
}

impl Query {
    /// Reads the words after `squeue`.
    ///
    /// # Errors
    /// What the command ends with: help too.
    pub fn read(
        words: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
        who: &Who<'_>,
    ) -> Result<Self, Ending> {
        let mut words = parse(&[TABLE, COMMON], words).map_err(|error| {
            let mut ending = Ending::error(format!("squeue: {error}"), 1);
            ending.stderr.push("Try \"squeue --help\" for more information".to_owned());
            ending
        })?;
        if let Some(ending) = super::help::answer(&words) {
            return Err(ending);
        }
        take_operands(&mut words)?;
        let mut warnings = Vec::new();
        let steps = words.has("steps");
        let pick =
            |option: &str, name: &str| words.value(option).map(str::to_owned).or_else(|| variable(name));
        let query = Self {
            steps,
            layout: layout(&words, variable),
            header: !words.has("noheader"),
            headline: words.has("long") || words.has("iterate"),
            sort: pick("sort", "SQUEUE_SORT").unwrap_or_else(|| default_sort(&words).to_owned()),
            elements: words.has("array") || words.has("array-unique") || variable("SQUEUE_ARRAY").is_some(),
            partitions: words.has("priority") || variable("SQUEUE_PRIORITY").is_some(),
            json: words.has("json"),
            iterate: words.value("iterate").map(seconds).transpose()?,
            clusters: pick("clusters", "SLURM_CLUSTERS"),
            list_length: elements::length(variable),
            filter: filter(&words, variable, who, &mut warnings)?,
            warnings: Vec::new(),
        };
        Ok(Self { warnings, ..query })
    }
}

/// A word that follows `-j` or `-s` with a blank is its list.
fn take_operands(words: &mut Words) -> Result<(), Ending> {
    let mut rest = std::mem::take(&mut words.operands).into_iter();
    for option in ["jobs", "job", "steps"] {
        if let Some((_, value @ None)) = words.options.iter_mut().find(|(name, _)| *name == option) {
            *value = rest.next();
            break;
        }
    }
    match rest.next() {
        None => Ok(()),
        Some(extra) => {
            let ending = Ending::error(format!("squeue: error: Unrecognized option: {extra}"), 1);
            Err(Ending { stdout: format!("{}\n", super::help::USAGE.trim_end()), ..ending })
        }
    }
}

const DEFAULT: &str = "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R";
const LONG: &str = "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R";
const START: &str = "%.18i %.9P %.8j %.8u %.2t %.19S %.6D %20Y %R";
const STEPS: &str = "%.15i %.8j %.9P %.8u %.9M %N";
const ONLY_STATE: &str = "%.18i %.8T";

fn layout(words: &Words, variable: &dyn Fn(&str) -> Option<String>) -> Layout {
    let last = words.options.iter().rev().find(|(name, _)| matches!(*name, "format" | "Format"));
    match last {
        Some(("format", Some(format))) => return Layout::Letters(format.clone()),
        Some((_, Some(format))) => return Layout::Names(format.clone()),
        _ => {}
    }
    if let Some(format) = variable("SQUEUE_FORMAT") {
        return Layout::Letters(format);
    }
    if let Some(format) = variable("SQUEUE_FORMAT2") {
        return Layout::Names(format);
    }
    let format = match () {
        () if words.has("steps") => STEPS,
        () if words.has("start") => START,
        () if words.has("long") => LONG,
        () if words.has("only-job-state") => ONLY_STATE,
        () => DEFAULT,
    };
    Layout::Letters(format.to_owned())
}

fn default_sort(words: &Words) -> &'static str {
    if words.has("steps") {
        "P,i"
    } else if words.has("start") {
        "S"
    } else {
        "P,t,-p"
    }
}

fn seconds(text: &str) -> Result<u64, Ending> {
    let seconds = text.parse().ok().filter(|&seconds| seconds > 0);
    seconds.ok_or_else(|| Ending::error(format!("squeue: error: --iterate={text}"), 1))
}

fn filter(
    words: &Words,
    variable: &dyn Fn(&str) -> Option<String>,
    who: &Who<'_>,
    warnings: &mut Vec<String>,
) -> Result<Filter, Ending> {
    let lists = |options: &[&str], name: &str| -> Vec<String> {
        let given: Vec<&str> = options.iter().flat_map(|option| words.values(option)).collect();
        let text = if given.is_empty() { variable(name).unwrap_or_default() } else { given.join(",") };
        text.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let states = match words.value("states").map(str::to_owned).or_else(|| variable("SQUEUE_STATES")) {
        None if words.has("start") => States::Only(vec![JobState::Pending]),
        None => States::NotEnded,
        Some(text) => state_list(&text)?,
    };
    let mut filter = Filter {
        jobs: names(&lists(&["jobs", "job"], ""), "Invalid job id")?,
        steps: names(&lists(&["steps"], ""), "Invalid job_step id")?,
        states,
        users: None,
        not_user: words.has("notme").then_some(who.me),
        names: lists(&["name"], "SQUEUE_NAMES"),
        partitions: lists(&["partition"], "SQUEUE_PARTITION"),
        accounts: lists(&["account"], "SQUEUE_ACCOUNT"),
        qos: lists(&["qos"], "SQUEUE_QOS"),
        licenses: lists(&["licenses"], "SQUEUE_LICENSES"),
        reservation: words.value("reservation").map(str::to_owned),
        nodes: Vec::new(),
    };
    let users = lists(&["user", "users"], "SQUEUE_USERS");
    if words.has("me") {
        filter.users = Some(vec![who.me]);
    } else if !users.is_empty() {
        let mut known = Vec::new();
        for user in users {
            match (who.uid_of)(&user) {
                Some(uid) => known.push(uid),
                None => warnings.push(format!("squeue: error: Invalid user: {user}")),
            }
        }
        filter.users = Some(known);
    }
    if let Some(nodes) = words.value("nodelist").or_else(|| words.value("nodes")) {
        filter.nodes = crate::script::hostlist::expand(nodes)
            .map_err(|_| Ending::error(format!("squeue: error: Invalid node name {nodes}"), 1))?;
    }
    Ok(filter)
}

fn names(list: &[String], what: &str) -> Result<Vec<Named>, Ending> {
    let read = |text: &String| {
        Named::parse(text).ok_or_else(|| Ending::error(format!("squeue: error: {what}: {text}"), 1))
    };
    if list.is_empty() {
        return Ok(Vec::new());
    }
    // A list of elements has commas of its own.
    split_list(&list.join(",")).iter().map(read).collect()
}

/// `pd,RUNNING`, `all`. States that no job here is ever in are left out, so that a list of them leaves no jobs.
fn state_list(text: &str) -> Result<States, Ending> {
    if text.is_empty() {
        return Ok(States::NotEnded);
    }
    let mut wanted = Vec::new();
    for word in text.split(',') {
        if word.eq_ignore_ascii_case("all") {
            return Ok(States::All);
        }
        match states::parse(word) {
            Some(state) => wanted.extend(state),
            None => {
                let mut ending =
                    Ending::error(format!("squeue: error: Invalid job state specified: {word}"), 1);
                ending.stderr.push(format!("squeue: error: Valid job states include: {}", states::list()));
                return Err(ending);
            }
        }
    }
    Ok(States::Only(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(line: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Query, Ending> {
        let words: Vec<String> = line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        let uid_of = |name: &str| (name == "ada").then_some(1000);
        Query::read(&words, variable, &Who { me: 7, uid_of: &uid_of })
    }

    fn read(line: &str) -> Result<Query, Ending> {
        read_with(line, &|_| None)
    }

    #[test]
    fn a_list_may_follow_with_a_blank() {
        for line in ["-h -j 12,13_4 -o %i", "--jobs=12,13_4", "-j12,13_4", "-j12 --job=13_4"] {
            let query = read(line).unwrap();
            let jobs: Vec<u32> = query.filter.jobs.iter().map(|named| named.job.job.0).collect();
            assert_eq!(jobs, [12, 13], "{line}");
        }
        assert_eq!(read("-j 12_[1,3]").unwrap().filter.jobs[0].job.elements, Some(vec![1, 3]));
        assert!(read("-s -j 5").unwrap().steps);
        assert!(read("-s 5.0").unwrap().filter.steps[0].step.is_some());
    }

    #[test]
    fn columns_come_from_options_before_variables() {
        let variable = |name: &str| (name == "SQUEUE_FORMAT").then(|| "%j+%T".to_owned());
        assert_eq!(read_with("-h", &variable).unwrap().layout, Layout::Letters("%j+%T".to_owned()));
        assert_eq!(read_with("-O JobID", &variable).unwrap().layout, Layout::Names("JobID".to_owned()));
        assert_eq!(read("-ro %i").unwrap().layout, Layout::Letters("%i".to_owned()));
        assert_eq!(read("-l").unwrap().layout, Layout::Letters(LONG.to_owned()));
    }

    #[test]
    fn filters_are_read() {
        let query = read("-uada,nobody -t pd,R --name=a,b -p x").unwrap();
        assert_eq!(query.filter.users, Some(vec![1000]));
        assert_eq!(query.warnings, ["squeue: error: Invalid user: nobody"]);
        assert_eq!(query.filter.states, States::Only(vec![JobState::Pending, JobState::Running]));
        assert_eq!(query.filter.names, ["a", "b"]);
        assert_eq!(read("-t all").unwrap().filter.states, States::All);
        assert_eq!(read("-t CF").unwrap().filter.states, States::Only(Vec::new()));
        assert_eq!(read("--me").unwrap().filter.users, Some(vec![7]));
    }

    #[test]
    fn mistakes_end_the_command() {
        for (line, text) in [
            ("-j abc", "squeue: error: Invalid job id: abc"),
            ("-t nitem", "squeue: error: Invalid job state specified: nitem"),
            ("extra", "squeue: error: Unrecognized option: extra"),
            ("-i 0", "squeue: error: --iterate=0"),
            ("--foo", "squeue: unrecognized option '--foo'"),
        ] {
            let ending = read(line).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1), "{line}");
        }
        assert_eq!(read("-V").unwrap_err().stdout, "slurm 24.11.5\n");
    }
}
