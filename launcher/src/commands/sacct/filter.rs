//! Which jobs and steps `sacct` shows, by default those of today (`sacct(1)`, default time window).

use crate::commands::facts;
use crate::commands::jobref::Named;
use crate::controller::api::{JobState, JobView, StepView};

/// Conditions, all of which a job must meet; empty ones are met by every job.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// `--jobs`.
    pub jobs: Vec<Named>,
    /// `--state`.
    pub states: Vec<JobState>,
    /// Unix seconds: from when.
    pub from: f64,
    /// Until when.
    pub until: f64,
    /// `--user`.
    pub users: Option<Vec<u32>>,
    /// `--name`.
    pub names: Vec<String>,
    /// `--partition`.
    pub partitions: Vec<String>,
    /// `--accounts`.
    pub accounts: Vec<String>,
    /// `--qos`.
    pub qos: Vec<String>,
    /// `--wckeys`.
    pub wckeys: Vec<String>,
    /// `--group`, by name or number.
    pub groups: Vec<String>,
    /// `--nodelist`, expanded.
    pub nodes: Vec<String>,
    /// `--nnodes`: least and most.
    pub node_count: Option<(u32, u32)>,
    /// `--ncpus`: least and most.
    pub cpu_count: Option<(u32, u32)>,
    /// `--timelimit-min`, `--timelimit-max` in minutes.
    pub time_limit: Option<(u32, u32)>,
}

impl Filter {
    /// Whether a job, or steps of it, are shown.
    #[must_use]
    pub fn job(&self, job: &JobView) -> bool {
        let named = self.jobs.is_empty() || self.jobs.iter().any(|named| named.matches(job));
        // Without being named, a job that cannot run yet is none for accounting.
        let known = !self.jobs.is_empty() || job.eligible_time.is_some() || job.state.has_ended();
        named && known && self.window(job) && self.kind(job) && self.size(job)
    }

    /// Whether a job has a row of its own: not if only steps of it are named.
    #[must_use]
    pub fn row(&self, job: &JobView) -> bool {
        self.jobs.is_empty() || self.jobs.iter().any(|named| named.step.is_none() && named.matches(job))
    }

    /// Whether a step of a job that is shown has a row.
    #[must_use]
    pub fn step(&self, job: &JobView, step: &StepView) -> bool {
        self.jobs.is_empty()
            || self
                .jobs
                .iter()
                .any(|named| named.matches(job) && named.step.is_none_or(|wanted| wanted == step.key.step))
    }

    /// Whether it was there in the time asked for, in one of the states asked for.
    fn window(&self, job: &JobView) -> bool {
        let overlaps = |from: f64, until: f64| from <= self.until && until >= self.from;
        let end = job.end_time.filter(|_| job.state.has_ended()).unwrap_or(f64::MAX);
        if self.states.is_empty() {
            return overlaps(job.submit_time, end);
        }
        let start = job.start_time.filter(|_| job.state != JobState::Pending);
        self.states.iter().any(|state| match state {
            JobState::Pending => overlaps(job.eligible_time.unwrap_or(job.submit_time), start.unwrap_or(end)),
            JobState::Running => start.is_some_and(|start| overlaps(start, end)),
            other if other.has_ended() => *other == job.state && overlaps(end, end),
            other => *other == job.state,
        })
    }

    fn kind(&self, job: &JobView) -> bool {
        let one_of = |wanted: &[String], text: &str| wanted.is_empty() || wanted.iter().any(|w| w == text);
        let wckey = job.spec.wckey.as_deref().unwrap_or_default();
        let gid = job.submitter.gid.to_string();
        self.users.as_ref().is_none_or(|users| users.contains(&job.submitter.uid))
            && one_of(&self.names, &job.name)
            && (self.partitions.is_empty() || job.partition.split(',').any(|p| one_of(&self.partitions, p)))
            && one_of(&self.accounts, &job.account)
            && one_of(&self.qos, &job.qos)
            && one_of(&self.wckeys, wckey)
            && (one_of(&self.groups, &job.submitter.group) || one_of(&self.groups, &gid))
            && (self.nodes.is_empty() || facts::node_names(job).iter().any(|name| self.nodes.contains(name)))
    }

    fn size(&self, job: &JobView) -> bool {
        let within = |range: Option<(u32, u32)>, value: u32| {
            range.is_none_or(|(least, most)| (least..=most).contains(&value))
        };
        within(self.node_count, facts::node_count(job) as u32)
            && within(self.cpu_count, job.cpus)
            && (self.time_limit.is_none()
                || job.time_limit.is_some_and(|limit| within(self.time_limit, limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn shown(filter: Filter) -> Vec<u32> {
        let mut waiting = samples::pending(4);
        waiting.eligible_time = Some(waiting.submit_time);
        let jobs = [samples::pending(1), samples::running(2), samples::failed(3), waiting];
        jobs.iter().filter(|job| filter.job(job)).map(|job| job.id.0).collect()
    }

    fn at_noon(states: &[JobState]) -> Filter {
        let now = samples::clock().now;
        Filter { states: states.to_vec(), from: now - 3600.0, until: now, ..Filter::default() }
    }

    #[test]
    fn a_held_job_must_be_named() {
        assert_eq!(shown(at_noon(&[])), [2, 3, 4]);
        let named = vec![Named::parse("1").unwrap()];
        assert_eq!(shown(Filter { jobs: named, ..at_noon(&[]) }), [1]);
    }

    #[test]
    fn states_are_those_of_the_window() {
        assert_eq!(shown(at_noon(&[JobState::Failed])), [3]);
        assert_eq!(shown(at_noon(&[JobState::Completed])), [] as [u32; 0]);
        // It has ended since, but it ran within that time.
        assert_eq!(shown(at_noon(&[JobState::Running])), [2, 3]);
        let now = samples::clock().now;
        assert_eq!(shown(Filter { from: now, ..at_noon(&[JobState::Running]) }), [2]);
        assert_eq!(shown(Filter { from: now, ..at_noon(&[JobState::Failed]) }), [] as [u32; 0]);
        assert_eq!(shown(at_noon(&[JobState::Pending])), [2, 3, 4]);
    }

    #[test]
    fn steps_may_be_named_alone() {
        let job = samples::running(2);
        let filter = Filter { jobs: vec![Named::parse("2.0").unwrap()], ..at_noon(&[]) };
        assert!(filter.job(&job) && !filter.row(&job));
        let steps: Vec<bool> = job.steps.iter().map(|step| filter.step(&job, step)).collect();
        assert_eq!(steps, [false, true]);
    }

    #[test]
    fn sizes_are_ranges() {
        assert_eq!(shown(Filter { node_count: Some((2, 4)), ..at_noon(&[]) }), [] as [u32; 0]);
        assert_eq!(
            shown(Filter { cpu_count: Some((2, 2)), time_limit: Some((40, 50)), ..at_noon(&[]) }),
            [2, 3, 4]
        );
    }
}
