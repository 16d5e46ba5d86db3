//! `sacct`: what jobs and steps did and used (`sacct(1)`). There is no accounting daemon: the controller remembers.

pub mod fields;
pub mod filter;
pub mod options;
mod text;
pub mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use super::ask::Asking;
use super::clock::Clock;
use super::ending::{Ending, finish};
use super::{json, users, utf8_words};
use crate::controller::api::JobView;
use fields::{Field, Manner};
use options::Query;

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let clock = Clock::system();
    let query = Query::read(&utf8_words(words), &|name| std::env::var(name).ok(), &users::uid_of, &clock);
    finish(query.and_then(|query| {
        if let Some(group) = query.filter.groups.iter().find(|group| !users::is_group(group)) {
            return Err(Ending::error(format!("sacct: error: Invalid group id: {group}"), 1));
        }
        let mut asking = Asking::connect("sacct")?;
        if let Some(wanted) = &query.clusters
            && super::clusters::check("sacct", wanted, &asking.config()?).is_err()
        {
            return Ok(show(&query, Vec::new(), clock));
        }
        Ok(show(&query, asking.jobs(true)?, clock))
    }))
}

/// What is printed about these jobs.
#[must_use]
pub fn show(query: &Query, mut jobs: Vec<JobView>, clock: Clock) -> Ending {
    jobs.retain(|job| query.filter.job(job));
    if query.truncate {
        jobs.iter_mut().for_each(|job| truncate(job, query.filter.from, query.filter.until));
    }
    if let Some(states) = query.json {
        return Ending::text(json::accounting(jobs.iter(), clock.now, states));
    }
    let columns: Vec<(&Field, i32)> = query
        .columns
        .iter()
        .filter_map(|chosen| fields::find(&chosen.name).map(|f| (f, chosen.width.unwrap_or(f.width))))
        .collect();
    let mut lines = Vec::new();
    if query.header {
        lines.extend(
            query.rows.head(&columns.iter().map(|(f, w)| (f.name.to_owned(), *w)).collect::<Vec<_>>()),
        );
    }
    let manner = Manner { clock, unit: query.unit };
    for job in &jobs {
        if query.filter.row(job) {
            let cells: Vec<_> = columns.iter().map(|(f, w)| ((f.job)(job, &manner), *w)).collect();
            lines.push(query.rows.row(&cells));
        }
        for step in job.steps.iter().filter(|step| !query.jobs_only && query.filter.step(job, step)) {
            let cells: Vec<_> = columns.iter().map(|(f, w)| ((f.step)(job, step, &manner), *w)).collect();
            lines.push(query.rows.row(&cells));
        }
    }
    Ending::text(lines.into_iter().map(|line| line + "\n").collect::<String>())
}

/// Times within the window.
fn truncate(job: &mut JobView, from: f64, until: f64) {
    job.start_time = job.start_time.map(|start| start.clamp(from, until));
    job.end_time = job.end_time.map(|end| end.clamp(from, until));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;
    use crate::controller::api::JobState;

    fn lines(line: &str) -> Vec<String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let query = Query::read(&words, &|_| None, &|_| Some(0), &samples::clock()).unwrap();
        let mut cancelled = samples::pending(42);
        cancelled.state = JobState::Cancelled;
        cancelled.cancelled_by = Some(0);
        cancelled.end_time = Some(cancelled.submit_time);
        let jobs = vec![samples::failed(41), cancelled, samples::pending_array(50, &[1, 2, 3], Some(2))];
        let shown = show(&query, jobs, samples::clock()).stdout;
        shown.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_default_columns_are_those_of_slurm() {
        assert_eq!(
            lines("-j 41"),
            [
                "JobID           JobName  Partition    Account  AllocCPUS      State ExitCode ",
                "------------ ---------- ---------- ---------- ---------- ---------- -------- ",
                "41                probe   slurmpar       root          2     FAILED      3:0 ",
                "41.batch          batch                  root          2     FAILED      3:0 ",
                "41.0              sleep                  root          2  COMPLETED      0:0 ",
            ]
        );
        assert_eq!(
            lines("-j 41 -X --parsable2")[0],
            "JobID|JobName|Partition|Account|AllocCPUS|State|ExitCode"
        );
    }

    #[test]
    fn rows_are_chosen_and_cut() {
        for (line, expected) in [
            ("-n -X -j 42 -o State,JobName", vec!["CANCELLED+       held "]),
            ("-nXP -j 42 -o State,JobName", vec!["CANCELLED by 0|held"]),
            ("-nP -j 41.0 -o jobid,jobidraw,ntasks", vec!["41.0|41.0|2"]),
            ("-nXp -j 50 -o jobid,jobidraw,state", vec!["50_[1-3%2]|50|PENDING|"]),
            ("-n -j 41 -X -o jobname%3,state%-5,exitcode%.4", vec!["pr+ FAIL+      3:0 "]),
            ("-nPX -s F -S now-1hour -o jobid", vec!["41"]),
            ("-nP -j 999", vec![]),
            ("-b -X -P -j 41", vec!["JobID|State|ExitCode", "41|FAILED|3:0"]),
        ] {
            assert_eq!(lines(line), expected, "{line}");
        }
    }
}
