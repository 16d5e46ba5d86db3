//! The last lines of `prun job.sh`: what ran, where, for how long, how it ended, where its output is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::controller::api::{JobState, JobView};
use crate::script::hostlist;

/// A job that has ended, in a few lines.
#[must_use]
pub fn summarise(job: &JobView, output: Option<&str>) -> String {
    let mut text = String::new();
    let seconds = job.end_time.zip(job.start_time).map_or(0.0, |(end, start)| end - start);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "job {} {} {} after {seconds:.1} s", job.id, job.name, ending(job));
    let nodes: Vec<String> =
        job.allocation.iter().flat_map(|held| &held.nodes).map(|node| node.name.clone()).collect();
    let ranks: u32 = job.steps.iter().filter(|s| !s.key.step.is_batch()).map(|s| s.ntasks).sum();
    let steps = job.steps.iter().filter(|s| !s.key.step.is_batch()).count();
    if !nodes.is_empty() {
        let _ = writeln!(text, "  nodes   {} ({})", nodes.len(), hostlist::compress(&nodes));
    }
    if ranks > 0 {
        let _ = writeln!(text, "  ranks   {ranks} in {steps} step{}", if steps == 1 { "" } else { "s" });
    }
    if let Some(codes) = failures(job) {
        let _ = writeln!(text, "  failed  {codes}");
    }
    if let Some(output) = output {
        let _ = writeln!(text, "  output  {output}");
    }
    text
}

/// `completed`, `failed with exit code 3`, `was cancelled`, ….
fn ending(job: &JobView) -> String {
    match job.state {
        JobState::Completed => "completed".to_owned(),
        JobState::Failed if job.exit.signal != 0 => format!("was killed by signal {}", job.exit.signal),
        JobState::Failed => format!("failed with exit code {}", job.exit.code),
        JobState::Cancelled => "was cancelled".to_owned(),
        JobState::Timeout => "reached its time limit".to_owned(),
        JobState::NodeFail => "lost a node".to_owned(),
        other => format!("ended ({other:?})"),
    }
}

/// `rank 2 of step 0: exit code 7`, for the first few ranks that did not end well.
fn failures(job: &JobView) -> Option<String> {
    const SHOWN: usize = 4;
    let mut by_step: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for step in job.steps.iter().filter(|s| !s.key.step.is_batch()) {
        for (rank, exit) in step.usage.iter().filter(|(_, exit)| exit.status() != 0) {
            let how = match exit.signal {
                0 => format!("exit code {}", exit.code),
                signal => format!("signal {signal}"),
            };
            by_step
                .entry(step.key.step.0)
                .or_default()
                .push(format!("rank {rank} of step {}: {how}", step.key.step));
        }
    }
    let all: Vec<String> = by_step.into_values().flatten().collect();
    let more = all.len().saturating_sub(SHOWN);
    let mut text = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    (!all.is_empty()).then_some(text)
}
