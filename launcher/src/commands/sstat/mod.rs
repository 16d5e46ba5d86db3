//! `sstat`: what the tasks of running steps use now (`sstat(1)`).
//!
//! [`fields`] says what can stand in a column, [`sample`] asks the steps' own processes.

pub mod fields;
pub mod sample;

use std::ffi::OsString;
use std::process::ExitCode;

use super::ask::Asking;
use super::columns::widths::{Chosen, Rows, parse as columns};
use super::ending::{Ending, finish};
use super::jobref::{Named, split_list};
use super::switches::{COMMON, Switch, Value, Words, help, parse, switch};
use super::{facts, utf8_words, version};
use crate::controller::api::{JobView, StepView};
use fields::{Field, Row};

/// `sstat(1)`, options.
const TABLE: &[Switch] = &[
    switch("allsteps", Some('a'), Value::None, "all steps of a job, the script too"),
    switch("format", Some('o'), Value::Needed, "columns: NAME[%WIDTH],…"),
    switch("fields", Some('o'), Value::Needed, ""),
    switch("help", Some('h'), Value::None, "show this text"),
    switch("helpformat", Some('e'), Value::None, "list the columns"),
    switch("jobs", Some('j'), Value::Needed, "jobs and steps"),
    switch("noconvert", None, Value::None, "accepted"),
    switch("noheader", Some('n'), Value::None, "no line of heads"),
    switch("parsable", Some('p'), Value::None, "bars between fields, and after the last"),
    switch("parsable2", Some('P'), Value::None, "bars between fields"),
    switch("pidformat", Some('i'), Value::None, "processes of each step"),
];

const USAGE: &str = "Usage: sstat [options] -j <job(.stepid)>\n\tUse --help for help\n";

/// Columns of `--pidformat`.
const PIDS: &str = "jobid,nodelist,pids";

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    finish(Query::read(&utf8_words(words)).and_then(|query| answer(&query)))
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
struct Query {
    steps: Vec<(String, Named)>,
    all_steps: bool,
    columns: Vec<Chosen>,
    rows: Rows,
    header: bool,
}

impl Query {
    fn read(words: &[String]) -> Result<Self, Ending> {
        let words =
            parse(&[TABLE, COMMON], words).map_err(|error| Ending::error(format!("sstat: {error}"), 1))?;
        if let Some(text) = about(&words) {
            return Err(Ending::text(text));
        }
        let names: Vec<&str> =
            words.values("jobs").chain(words.operands.iter().map(String::as_str)).collect();
        if names.is_empty() {
            return Err(Ending::error("sstat: error: You didn't give me any jobs to stat.", 1));
        }
        let bad = |name: &str| Ending::error(format!("sstat: fatal: Bad job/step specified: {name}"), 1);
        let named = |name: String| match Named::parse(&name) {
            Some(named) => Ok((name, named)),
            None => Err(bad(&name)),
        };
        let bar = "|".to_owned();
        Ok(Self {
            steps: split_list(&names.join(",")).into_iter().map(named).collect::<Result<_, _>>()?,
            all_steps: words.has("allsteps"),
            columns: chosen(&words)?,
            rows: match (words.has("parsable2"), words.has("parsable")) {
                (true, _) => Rows::Open(bar),
                (false, true) => Rows::Closed(bar),
                (false, false) => Rows::Columns,
            },
            header: !words.has("noheader"),
        })
    }
}

fn about(words: &Words) -> Option<String> {
    Some(match () {
        () if words.has("version") => version(),
        () if words.has("usage") => USAGE.to_owned(),
        () if words.has("help") => help("sstat [OPTIONS] -j JOB[.STEP]", &[TABLE, COMMON]),
        () if words.has("helpformat") => fields::list(),
        () => return None,
    })
}

fn chosen(words: &Words) -> Result<Vec<Chosen>, Ending> {
    let given: Vec<&str> = words.values("format").chain(words.values("fields")).collect();
    let text = match () {
        () if !given.is_empty() => given.join(","),
        () if words.has("pidformat") => PIDS.to_owned(),
        () => fields::DEFAULT.to_owned(),
    };
    let columns = columns(&text);
    match columns.iter().find(|column| fields::find(&column.name).is_none()) {
        None => Ok(columns),
        Some(column) => {
            let text = format!("sstat: error: Invalid field requested: \"{}\"", column.name);
            Err(Ending::error(text, 1))
        }
    }
}

/// Asks the controller which steps there are, and each of them what it uses. Blocks.
fn answer(query: &Query) -> Result<Ending, Ending> {
    let mut asking = Asking::connect("sstat")?;
    let jobs = asking.jobs(false)?;
    let mut ending = Ending::default();
    let mut rows = Vec::new();
    for (name, named) in &query.steps {
        let steps = meant(&jobs, named, query.all_steps);
        if steps.is_empty() {
            ending.stderr.push(format!("sstat: error: couldn't get steps for job {name}"));
        }
        for (job, step) in steps {
            let tasks = sample::of(&mut asking, step.key)?;
            let tasks = tasks.into_iter().map(|(rank, usage)| (rank.0, usage)).collect();
            let id = format!("{}.{}", facts::shown_id(job), step.key.step);
            rows.push(Row { id, step: step.clone(), tasks });
        }
    }
    ending.stdout = table(query, &rows);
    Ok(ending)
}

/// Running steps that a name means: the step, or of a job the lowest but its script, or all of them.
fn meant<'a>(jobs: &'a [JobView], named: &Named, all: bool) -> Vec<(&'a JobView, &'a StepView)> {
    let mut meant = Vec::new();
    for job in jobs.iter().filter(|job| named.matches(job)) {
        let running = job.steps.iter().filter(|step| step.end_time.is_none());
        match named.step {
            Some(wanted) => meant.extend(running.filter(|step| step.key.step == wanted).map(|s| (job, s))),
            None if all => meant.extend(running.map(|step| (job, step))),
            None => {
                let lowest =
                    running.filter(|step| !step.key.step.is_batch()).min_by_key(|step| step.key.step.0);
                meant.extend(lowest.map(|step| (job, step)));
            }
        }
    }
    meant
}

fn table(query: &Query, rows: &[Row]) -> String {
    let chosen = query.columns.iter().filter_map(|column| {
        fields::find(&column.name).map(|field| (field, column.width.unwrap_or(field.width)))
    });
    let columns: Vec<(&Field, i32)> = chosen.collect();
    let mut lines = Vec::new();
    if query.header {
        let heads: Vec<_> = columns.iter().map(|(field, width)| (field.name.to_owned(), *width)).collect();
        lines.extend(query.rows.head(&heads));
    }
    lines.extend(rows.iter().map(|row| {
        let cells: Vec<_> = columns.iter().map(|(field, width)| ((field.value)(row), *width)).collect();
        query.rows.row(&cells)
    }));
    lines.into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use prun_runtime::ids::StepId;

    use super::*;
    use crate::commands::samples;

    fn read(line: &str) -> Result<Query, Ending> {
        Query::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn mistakes_are_said_as_slurm_says_them() {
        for (line, text) in [
            ("", "sstat: error: You didn't give me any jobs to stat."),
            ("-j abc", "sstat: fatal: Bad job/step specified: abc"),
            ("-j 1 -o foo", "sstat: error: Invalid field requested: \"foo\""),
            ("--foo", "sstat: unrecognized option '--foo'"),
        ] {
            let ending = read(line).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1), "{line}");
        }
        assert!(read("-e").unwrap_err().stdout.starts_with("AveCPU              AveCPUFreq "));
        assert_eq!(read("-i 5").unwrap().columns.len(), 3);
    }

    #[test]
    fn a_job_means_its_lowest_step() {
        let jobs = [samples::running(5), samples::failed(6)];
        let ids = |line: &str| {
            let query = read(line).unwrap();
            let steps = meant(&jobs, &query.steps[0].1, query.all_steps);
            steps.iter().map(|(_, step)| step.key.step).collect::<Vec<_>>()
        };
        assert_eq!(ids("-j 5"), [StepId(0)]);
        assert_eq!(ids("-a -j 5"), [StepId::BATCH, StepId(0)]);
        assert_eq!(ids("5.batch"), [StepId::BATCH]);
        assert_eq!(ids("5.7"), []);
        assert_eq!(ids("6"), []);
    }
}
