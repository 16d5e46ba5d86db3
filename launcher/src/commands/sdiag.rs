//! `sdiag`: how busy the controller is (`sdiag(1)`): jobs by what became of them. Cycles are not counted: the queue is
//! looked at when something changes, not in turns.

use std::ffi::OsString;
use std::process::ExitCode;

use super::ask::Asking;
use super::clock::Clock;
use super::ending::{Ending, finish};
use super::switches::{COMMON, Switch, Value, help, parse, switch};
use super::{utf8_words, version};
use crate::controller::api::{JobState, JobView};

/// `sdiag(1)`, options.
const TABLE: &[Switch] = &[
    switch("all", Some('a'), Value::None, "all there is, as without it"),
    switch("cluster", Some('M'), Value::Needed, "accepted; there is one cluster"),
    switch("clusters", None, Value::Needed, ""),
    switch("reset", Some('r'), Value::None, "not supported"),
    switch("sort-by-id", Some('i'), Value::None, "accepted"),
    switch("sort-by-time", Some('t'), Value::None, "accepted"),
    switch("sort-by-time2", Some('T'), Value::None, "accepted"),
];

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    finish(answer(&utf8_words(words)))
}

/// Asks the controller. Blocks.
fn answer(words: &[String]) -> Result<Ending, Ending> {
    let words = parse(&[TABLE, COMMON], words).map_err(|error| {
        let mut ending = Ending::error(format!("sdiag: {error}"), 1);
        ending.stderr.push("Try \"sdiag --help\" for more information".to_owned());
        ending
    })?;
    if words.has("version") {
        return Ok(Ending::text(version()));
    }
    if words.has("help") || words.has("usage") {
        return Ok(Ending::text(help("sdiag [OPTIONS]", &[TABLE, COMMON])));
    }
    if words.has("reset") {
        return Err(Ending::error("sdiag: error: `--reset` is not supported by prun: nothing is counted", 1));
    }
    let jobs = Asking::connect("sdiag")?.jobs(true)?;
    Ok(Ending::text(text(&jobs, &Clock::system())))
}

/// Jobs by what became of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// All that are known.
    pub submitted: usize,
    /// Those that had nodes.
    pub started: usize,
    /// Those that ended well.
    pub completed: usize,
    /// Those that somebody, or their deadline, ended.
    pub cancelled: usize,
    /// Those that ended otherwise.
    pub failed: usize,
    /// Those that wait.
    pub pending: usize,
    /// Those that have nodes.
    pub running: usize,
    /// Those that wait and are not held.
    pub queue: usize,
    /// When the first of them was submitted, Unix seconds.
    pub since: Option<f64>,
}

impl Counts {
    /// Of jobs that the controller knows, those of the past included.
    #[must_use]
    pub fn of(jobs: &[JobView]) -> Self {
        let count = |wanted: &[JobState]| jobs.iter().filter(|job| wanted.contains(&job.state)).count();
        Self {
            submitted: jobs.len(),
            started: jobs.iter().filter(|job| job.allocation.is_some()).count(),
            completed: count(&[JobState::Completed]),
            cancelled: count(&[JobState::Cancelled, JobState::Deadline]),
            failed: count(&[JobState::Failed, JobState::Timeout, JobState::NodeFail, JobState::OutOfMemory]),
            pending: count(&[JobState::Pending]),
            running: count(&[JobState::Running, JobState::Completing, JobState::Suspended]),
            queue: jobs.iter().filter(|job| job.state == JobState::Pending && job.priority > 0).count(),
            since: jobs.iter().map(|job| job.submit_time).reduce(f64::min),
        }
    }
}

/// What is printed of these jobs.
fn text(jobs: &[JobView], clock: &Clock) -> String {
    let counts = Counts::of(jobs);
    let line = "*******************************************************";
    let now = format!("{} ({})", clock.headline(), clock.now as i64);
    let first = counts.since.unwrap_or(clock.now).min(clock.now);
    let since = Clock::new(first, clock.zoned().time_zone().clone(), None).headline();
    let since = format!("{since} ({})", first as i64);
    let numbers = [
        ("Jobs submitted:", counts.submitted),
        ("Jobs started:", counts.started),
        ("Jobs completed:", counts.completed),
        ("Jobs canceled:", counts.cancelled),
        ("Jobs failed:", counts.failed),
    ];
    let numbers: String = numbers.iter().map(|(name, count)| format!("{name:<16}{count}\n")).collect();
    format!(
        "{line}\nsdiag output at {now}\nData since      {since}\n{line}\n{numbers}\n\
         Job states ts:  {now}\n\
         Jobs pending:   {}\nJobs running:   {}\n\n\
         Main schedule statistics (microseconds):\n\tLast queue length: {}\n",
        counts.pending, counts.running, counts.queue,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn jobs_are_counted_by_what_became_of_them() {
        let text = text(&[samples::running(1), samples::pending(2), samples::failed(3)], &samples::clock());
        for line in [
            "sdiag output at Tue Nov 24 12:11:34 2026 (1795522294)",
            "Data since      Tue Nov 24 12:10:32 2026 (1795522232)",
            "Jobs submitted: 3",
            "Jobs started:   2",
            "Jobs failed:    1",
            "Jobs pending:   1",
            "Jobs running:   1",
            "\tLast queue length: 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }
}
