//! A picture of the cluster as lines: which CPU is whose, which steps and ranks a job has.

use std::collections::HashMap;

use prun_runtime::ids::{JobId, StepId, StepKey};
use prun_runtime::wire::step::Exit;

use super::state::Source;
use crate::controller::api::{JobState, JobView, NodeView, StepView};

/// A line about a job's steps.
#[derive(Debug, Clone, Copy)]
pub enum RankRow<'a> {
    /// A step as a whole.
    Step(&'a StepView),
    /// One of its ranks.
    Task {
        /// Its step.
        step: &'a StepView,
        /// Which.
        rank: u32,
        /// Where.
        node: &'a str,
        /// CPUs that it is bound to; empty: to none of its own.
        cpus: &'a [u32],
        /// How it ended, if it has.
        exit: Option<&'a Exit>,
    },
}

/// Steps that run with their ranks in order, the script first; then steps that have ended, the last first.
#[must_use]
pub fn of_ranks(job: &JobView) -> Vec<RankRow<'_>> {
    let (over, live): (Vec<&StepView>, Vec<&StepView>) =
        job.steps.iter().partition(|step| step.end_time.is_some());
    let mut rows = Vec::new();
    for step in live {
        rows.push(RankRow::Step(step));
        // A script is one task, and its line says all.
        if !step.key.step.is_batch() {
            rows.extend(tasks(step));
        }
    }
    rows.extend(over.into_iter().rev().map(RankRow::Step));
    rows
}

fn tasks(step: &StepView) -> Vec<RankRow<'_>> {
    let exits: HashMap<u32, &Exit> = step.usage.iter().map(|(rank, exit)| (*rank, exit)).collect();
    let on_node = |node: &'_ crate::layout::plan::NodePlan| node.tasks.len();
    let mut rows = Vec::with_capacity(step.plan.nodes.iter().map(on_node).sum());
    for node in &step.plan.nodes {
        rows.extend(node.tasks.iter().map(|task| RankRow::Task {
            step,
            rank: task.rank,
            node: &node.name,
            cpus: &task.cpus,
            exit: exits.get(&task.rank).copied(),
        }));
    }
    rows.sort_by_key(|row| match row {
        RankRow::Task { rank, .. } => *rank,
        RankRow::Step(_) => 0,
    });
    rows
}

/// Who holds each CPU of a node.
#[must_use]
pub fn cpus(node: &NodeView, jobs: &[JobView]) -> Vec<Option<JobId>> {
    let mut cpus = vec![None; node.facts.cpus as usize];
    for job in jobs.iter().filter(|job| holds(job)) {
        let shares = job.allocation.iter().flat_map(|held| &held.nodes);
        for share in shares.filter(|share| share.name == node.facts.name) {
            for cpu in &share.cpus {
                if let Some(cell) = cpus.get_mut(*cpu as usize) {
                    *cell = Some(job.id);
                }
            }
        }
    }
    cpus
}

/// Jobs on a node with the CPUs that each holds there, the first CPU's first.
#[must_use]
pub fn holders(cpus: &[Option<JobId>]) -> Vec<(JobId, usize)> {
    let mut holders: Vec<(JobId, usize)> = Vec::new();
    for job in cpus.iter().flatten() {
        match holders.iter_mut().find(|(known, _)| known == job) {
            Some((_, count)) => *count += 1,
            None => holders.push((*job, 1)),
        }
    }
    holders
}

/// CPUs in at most so many cells: each stands for as many as it takes, and shows who holds most of them.
#[must_use]
pub fn cells(cpus: &[Option<JobId>], width: usize) -> Vec<Option<JobId>> {
    let each = cpus.len().div_ceil(width.max(1)).max(1);
    let most = |cpus: &[Option<JobId>]| holders(cpus).into_iter().rev().max_by_key(|(_, count)| *count);
    cpus.chunks(each).map(|cpus| most(cpus).map(|(job, _)| job)).collect()
}

/// The letter that stands for a job wherever its CPUs are drawn. Twenty-six that follow each other have different
/// ones.
#[must_use]
pub fn letter(job: JobId) -> char {
    // Below 26: it fits.
    char::from(b'a' + (job.0 % 26) as u8)
}

/// Whether a job holds its nodes.
#[must_use]
pub fn holds(job: &JobView) -> bool {
    matches!(job.state, JobState::Running | JobState::Suspended | JobState::Completing)
}

/// Whether a step of a job runs.
#[must_use]
pub fn is_live(job: &JobView, key: StepKey) -> bool {
    job.steps.iter().any(|step| step.key == key && step.end_time.is_none())
}

/// Where a job's output is: its script's file; the log of a script that has none; for a job without script, its last
/// step that runs.
#[must_use]
pub fn output_of(job: &JobView) -> Option<Source> {
    let live = job.steps.iter().rev().find(|step| step.end_time.is_none());
    match job.batch {
        true if !job.stdout.is_empty() => Some(Source::File(job.stdout.clone())),
        true => live.map(|_| Source::Step(StepKey { job: job.id, step: StepId::BATCH })),
        false => live.map(|step| Source::Step(step.key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::top::sample;

    fn text(job: &JobView) -> Vec<String> {
        let row = |row: &RankRow<'_>| match row {
            RankRow::Step(step) => step.key.to_string(),
            RankRow::Task { rank, node, exit, .. } => format!("{rank} {node} {:?}", exit.map(Exit::status)),
        };
        of_ranks(job).iter().map(row).collect()
    }

    #[test]
    fn steps_that_run_come_first_and_have_their_ranks() {
        let mut job = sample::running();
        let mut ended = job.steps[1].clone();
        ended.end_time = Some(1.0);
        for number in [1, 2] {
            ended.key.step = StepId(number);
            job.steps.push(ended.clone());
        }
        assert_eq!(
            text(&job),
            [
                "12.batch",
                "12.0",
                "0 slurmnode1 None",
                "1 slurmnode1 Some(1792)",
                "2 slurmnode2 None",
                "12.2",
                "12.1"
            ]
        );
    }

    #[test]
    fn ranks_are_in_order_however_they_lie_on_nodes() {
        let mut job = sample::running();
        job.steps[1].plan.nodes.reverse();
        assert_eq!(text(&job)[2..], ["0 slurmnode1 None", "1 slurmnode1 Some(1792)", "2 slurmnode2 None"]);
    }

    #[test]
    fn each_cpu_is_of_the_job_that_holds_it() {
        let picture = sample::picture();
        let of = |node: usize| cpus(&picture.nodes[node], &picture.jobs);
        let job = Some(JobId(12));
        assert_eq!((of(0), of(1), of(2)), (vec![job, job], vec![None, job], vec![None, None]));
        assert_eq!(holders(&of(0)), [(JobId(12), 2)]);
    }

    #[test]
    fn many_cpus_share_cells_and_the_job_with_most_of_them_is_shown() {
        let (a, b) = (Some(JobId(1)), Some(JobId(2)));
        let held = [a, a, b, None, b, b, a, None, None];
        assert_eq!(cells(&held, 9), held);
        assert_eq!(cells(&held, 3), [a, b, a]);
        assert_eq!(cells(&held, 2), [a, b], "of two that hold as many, the first");
        assert_eq!(cells(&[], 5), []);
        assert_eq!(cells(&held, 0).len(), 1);
    }

    #[test]
    fn jobs_that_follow_each_other_have_different_letters() {
        let letters: std::collections::BTreeSet<char> = (100..126).map(|id| letter(JobId(id))).collect();
        assert_eq!(letters.len(), 26);
    }
}
