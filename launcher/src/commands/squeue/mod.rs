//! `squeue`: jobs and steps in the queue (`squeue(1)`).
//!
//! [`options`] reads the command line, [`row`] makes lines of jobs, [`filter`] and [`sort`] choose and order them,
//! [`fields`] and [`step_fields`] say what can stand in a column. Only [`run`] speaks with anybody.

pub mod fields;
pub mod filter;
pub mod help;
pub mod options;
pub mod row;
pub mod sort;
pub mod step_fields;

use std::ffi::OsString;
use std::process::ExitCode;
use std::rc::Rc;

use super::ask::Asking;
use super::clock::Clock;
use super::columns::{self, Column, Field, letters, names};
use super::ending::{Ending, finish, repeat, say};
use super::{elements, json, users, utf8_words};
use crate::controller::api::{ErrorCode, JobView};
use filter::Filter;
use options::{Layout, Query, Who};
use row::Manner;

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let who = Who { me: rustix::process::getuid().as_raw(), uid_of: &users::uid_of };
    let query = match Query::read(&utf8_words(words), &|name| std::env::var(name).ok(), &who) {
        Ok(query) => query,
        Err(ending) => return finish(Err(ending)),
    };
    say(&query.warnings);
    repeat(query.iterate, || once(&query))
}

/// Asks the controller once. Blocks.
fn once(query: &Query) -> Result<Ending, Ending> {
    let mut asking = Asking::connect("squeue")?;
    let cluster = match &query.clusters {
        Some(wanted) => Some(super::clusters::check("squeue", wanted, &asking.config()?)?),
        None => None,
    };
    if !query.filter.nodes.is_empty() {
        let nodes = asking.nodes()?;
        let unknown = |name: &&String| !nodes.iter().any(|node| node.facts.name == **name);
        if let Some(name) = query.filter.nodes.iter().find(unknown) {
            return Err(Ending::error(format!("squeue: error: Invalid node name {name}"), 1));
        }
    }
    let jobs: Vec<Rc<JobView>> = asking.jobs(false)?.into_iter().map(Rc::new).collect();
    let mut ending = show(query, &jobs, Clock::system())?;
    if let Some(name) = cluster.filter(|_| query.header) {
        ending.stdout.insert_str(0, &format!("CLUSTER: {name}\n"));
    }
    Ok(ending)
}

/// What is printed about these jobs.
///
/// # Errors
/// What the command ends with: a job that is not there, an order that is none.
pub fn show(query: &Query, jobs: &[Rc<JobView>], clock: Clock) -> Result<Ending, Ending> {
    if let [only] = query.filter.jobs.as_slice()
        && !jobs.iter().any(|job| only.is_of(job))
    {
        let text = ErrorCode::InvalidJobId.text();
        return Err(Ending::error(format!("slurm_load_jobs error: {text}"), 1));
    }
    if query.json {
        return Ok(Ending::text(json::jobs(jobs.iter().map(AsRef::as_ref))));
    }
    let manner = Manner { clock, list_length: query.list_length };
    let bad_order = |letter| Ending::error(format!("squeue: error: Invalid sort specification: {letter}"), 1);
    if query.steps {
        let mut rows = row::step_rows(jobs);
        rows.retain(|row| query.filter.step(row));
        let known = |letter| step_fields::FIELDS.iter().any(|field| field.letter == Some(letter));
        sort::steps(&mut rows, &sort::parse(&query.sort, known).map_err(bad_order)?, &manner);
        Ok(table(query, step_fields::FIELDS, &rows, &manner))
    } else {
        let mut jobs: Vec<Rc<JobView>> = jobs.iter().map(|job| narrowed(job, &query.filter)).collect();
        if let [_] = query.filter.jobs.as_slice() {
            jobs.sort_by_key(|job| elements::place_in_array(job));
        }
        let jobs = if query.elements { jobs } else { row::merged(&jobs) };
        let mut rows = row::job_rows(&jobs, query.elements, query.partitions);
        rows.retain(|row| query.filter.job(row));
        let known = |letter| {
            !sort::UNSORTED.contains(letter) && fields::FIELDS.iter().any(|f| f.letter == Some(letter))
        };
        sort::jobs(&mut rows, &sort::parse(&query.sort, known).map_err(bad_order)?, &manner);
        Ok(table(query, fields::FIELDS, &rows, &manner))
    }
}

/// Of elements that wait together, those that are named.
fn narrowed(job: &Rc<JobView>, filter: &Filter) -> Rc<JobView> {
    elements::narrowed(job, &filter.jobs).map_or_else(|| Rc::clone(job), Rc::new)
}

fn table<R>(query: &Query, fields: &'static [Field<R, Manner>], rows: &[R], manner: &Manner) -> Ending {
    let (columns, unknown) = layout(&query.layout, fields);
    let kind = if query.steps { "job step" } else { "job" };
    let mut ending = Ending::default();
    for name in unknown {
        ending.stderr.push(format!("squeue: error: Invalid {kind} format specification: {name}"));
    }
    let mut lines = Vec::new();
    if query.header {
        lines.extend(query.headline.then(|| manner.clock.headline()));
        lines.push(columns::header(&columns));
    }
    lines.extend(rows.iter().map(|row| columns::line(&columns, row, manner)));
    ending.stdout = lines.into_iter().map(|line| line + "\n").collect();
    ending
}

fn layout<R>(layout: &Layout, fields: &'static [Field<R, Manner>]) -> (Vec<Column<R, Manner>>, Vec<String>) {
    match layout {
        Layout::Letters(format) => {
            let (columns, unknown) = letters::parse(format, fields);
            (columns, unknown.into_iter().map(String::from).collect())
        }
        Layout::Names(format) => names::parse(format, fields),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn squeue(line: &str) -> Result<Ending, Ending> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let query = Query::read(&words, &|_| None, &Who { me: 0, uid_of: &|_| Some(0) })?;
        let jobs =
            [samples::running(1), samples::pending_array(2, &[1, 3, 5, 7, 9], Some(3)), samples::failed(3)];
        show(&query, &jobs.map(Rc::new), samples::clock())
    }

    #[test]
    fn the_default_table_is_slurms() {
        let lines = |line| squeue(line).unwrap().stdout.lines().map(str::to_owned).collect::<Vec<_>>();
        let expected = [
            "             JOBID PARTITION     NAME     USER ST       TIME  NODES NODELIST(REASON)",
            "   2_[1,3,5,7,9%3]  slurmpar     held     root PD       0:00      1 (JobHeldUser)",
            "                 1  slurmpar    probe     root  R       1:02      1 slurmnode1",
        ];
        assert_eq!(lines(""), expected);
        let long = [
            "Tue Nov 24 12:11:34 2026",
            "             JOBID PARTITION     NAME     USER    STATE       TIME TIME_LIMI  NODES NODELIST(REASON)",
            "                 3  slurmpar    probe     root   FAILED       0:21     45:00      1 (NonZeroExitCode)",
        ];
        assert_eq!(lines("-l -t F"), long);
    }

    #[test]
    fn an_array_alone_is_told_from_its_youngest_element_back() {
        let query = Query::read(
            &["-h", "-o%i", "-j12"].map(str::to_owned),
            &|_| None,
            &Who { me: 0, uid_of: &|_| Some(0) },
        );
        let jobs = [
            samples::element(13, 12, 4),
            samples::element(14, 12, 5),
            samples::pending_array(12, &[6, 7], None),
        ];
        let told = show(&query.unwrap(), &jobs.map(Rc::new), samples::clock()).unwrap().stdout;
        assert_eq!(told, "12_[6-7]\n12_5\n12_4\n");
    }

    #[test]
    fn elements_have_lines_of_their_own_if_asked() {
        assert_eq!(
            squeue("-hro%i@%F@%K -tPD").unwrap().stdout,
            "2_1@2@1\n2_3@2@3\n2_5@2@5\n2_7@2@7\n2_9@2@9\n"
        );
    }

    #[test]
    fn a_single_unknown_job_is_an_error_and_of_several_none() {
        let ending = squeue("-j 99").unwrap_err();
        assert_eq!(
            (ending.stderr[0].as_str(), ending.code),
            ("slurm_load_jobs error: Invalid job id specified", 1)
        );
        assert_eq!(squeue("-hj 99,99").unwrap(), Ending::default());
        assert_eq!(squeue("-hj 3").unwrap(), Ending::default());
        assert_eq!(squeue("-hj 2_4").unwrap(), Ending::default());
    }

    #[test]
    fn named_elements_that_wait_are_shown_without_the_others() {
        for (line, expected) in [("2_5", "2_5 5\n"), ("2_1,2_[3-7]", "2_[1,3,5,7] 1,3,5,7\n")] {
            assert_eq!(squeue(&format!("-ho %i_%K -j {line}")).unwrap().stdout, expected.replace(' ', "_"));
        }
    }

    #[test]
    fn what_no_field_has_is_named() {
        assert_eq!(
            squeue("-ho %q%! -j1").unwrap().stderr,
            ["squeue: error: Invalid job format specification: !"]
        );
        assert_eq!(squeue("-S t,o").unwrap_err().stderr, ["squeue: error: Invalid sort specification: o"]);
        assert_eq!(squeue("-S !").unwrap_err().stderr, ["squeue: error: Invalid sort specification: !"]);
        assert_eq!(squeue("-h -O jobid:4,state:9 -j1").unwrap().stdout, "1   RUNNING  \n");
    }
}
