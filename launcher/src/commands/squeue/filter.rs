//! Which jobs and steps `squeue` shows.

use super::row::{JobRow, StepRow};
use crate::commands::facts;
use crate::commands::jobref::Named;
use crate::controller::api::{JobState, JobView};

/// States of the jobs that are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum States {
    /// Those in which something may still happen.
    #[default]
    NotEnded,
    /// All of them.
    All,
    /// These.
    Only(Vec<JobState>),
}

/// Conditions, all of which a job must meet; empty ones are met by every job.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// `--jobs`.
    pub jobs: Vec<Named>,
    /// `--steps` with a list.
    pub steps: Vec<Named>,
    /// `--states`.
    pub states: States,
    /// `--user`, `--me`.
    pub users: Option<Vec<u32>>,
    /// `--notme`.
    pub not_user: Option<u32>,
    /// `--name`.
    pub names: Vec<String>,
    /// `--partition`.
    pub partitions: Vec<String>,
    /// `--account`.
    pub accounts: Vec<String>,
    /// `--qos`.
    pub qos: Vec<String>,
    /// `--licenses`.
    pub licenses: Vec<String>,
    /// `--reservation`.
    pub reservation: Option<String>,
    /// `--nodelist`, expanded.
    pub nodes: Vec<String>,
}

impl Filter {
    /// Whether a line about a job is shown.
    #[must_use]
    pub fn job(&self, row: &JobRow) -> bool {
        let named = self.jobs.is_empty() || self.jobs.iter().any(|named| names_row(named, row));
        named && self.state(row.job.state) && self.owner(&row.job) && self.kind(&row.job)
    }

    /// Whether a line about a step is shown.
    #[must_use]
    pub fn step(&self, row: &StepRow) -> bool {
        let job = self.jobs.is_empty() || self.jobs.iter().any(|named| named.matches(&row.job));
        let step = self.steps.is_empty()
            || self.steps.iter().any(|named| {
                named.matches(&row.job) && named.step.is_none_or(|step| step == row.step.key.step)
            });
        let name = self.names.is_empty() || self.names.contains(&row.step.name);
        let nodes = self.nodes.is_empty()
            || facts::step_node_names(&row.step).iter().any(|node| self.nodes.contains(node));
        job && step && name && nodes && self.owner(&row.job) && self.partition(&row.job)
    }

    fn state(&self, state: JobState) -> bool {
        match &self.states {
            States::NotEnded => !state.has_ended(),
            States::All => true,
            States::Only(wanted) => wanted.contains(&state),
        }
    }

    fn owner(&self, job: &JobView) -> bool {
        let uid = job.submitter.uid;
        self.users.as_ref().is_none_or(|users| users.contains(&uid)) && self.not_user != Some(uid)
    }

    fn partition(&self, job: &JobView) -> bool {
        self.partitions.is_empty()
            || job.partition.split(',').any(|name| self.partitions.iter().any(|wanted| wanted == name))
    }

    fn kind(&self, job: &JobView) -> bool {
        let one_of = |wanted: &[String], text: &str| wanted.is_empty() || wanted.iter().any(|w| w == text);
        let licenses = job.spec.licenses.as_deref().unwrap_or_default();
        let wants_license = |wanted: &String| {
            licenses.split([',', ';']).any(|license| license.split([':', '@']).next() == Some(wanted))
        };
        one_of(&self.names, &job.name)
            && self.partition(job)
            && one_of(&self.accounts, &job.account)
            && one_of(&self.qos, &job.qos)
            && self.reservation.as_ref().is_none_or(|name| job.spec.reservation.as_ref() == Some(name))
            && (self.licenses.is_empty() || self.licenses.iter().any(wants_license))
            && (self.nodes.is_empty() || facts::node_names(job).iter().any(|node| self.nodes.contains(node)))
    }
}

/// An element that has a line of its own is named by its number; the line of many by any of them.
fn names_row(named: &Named, row: &JobRow) -> bool {
    named.matches(&row.job)
        && match (&named.job.elements, row.element) {
            (Some(wanted), Some(element)) => wanted.contains(&element),
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::commands::samples;
    use crate::commands::squeue::row::{job_rows, step_rows};

    fn shown(filter: &Filter) -> Vec<u32> {
        let jobs = [
            samples::pending(1),
            samples::running(2),
            samples::failed(3),
            samples::element(14, 12, 6),
            samples::pending_array(12, &[7, 8], None),
        ];
        let rows = job_rows(&jobs.map(Rc::new), false, false);
        rows.iter().filter(|row| filter.job(row)).map(|row| row.job.id.0).collect()
    }

    fn named(text: &str) -> Vec<Named> {
        vec![Named::parse(text).unwrap()]
    }

    #[test]
    fn by_default_jobs_that_have_ended_are_left_out() {
        assert_eq!(shown(&Filter::default()), [1, 2, 14, 12]);
        assert_eq!(shown(&Filter { states: States::All, ..Filter::default() }), [1, 2, 3, 14, 12]);
        assert_eq!(shown(&Filter { states: States::Only(vec![JobState::Failed]), ..Filter::default() }), [3]);
    }

    #[test]
    fn jobs_are_found_by_array_and_element() {
        for (name, expected) in [("2", vec![2]), ("12", vec![14, 12]), ("12_6", vec![14]), ("12_8", vec![12])]
        {
            assert_eq!(shown(&Filter { jobs: named(name), ..Filter::default() }), expected, "{name}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let names = vec!["probe".to_owned()];
        let nodes = vec!["slurmnode1".to_owned()];
        assert_eq!(shown(&Filter { names: names.clone(), ..Filter::default() }), [2, 14]);
        assert_eq!(shown(&Filter { nodes, names: names.clone(), ..Filter::default() }), [2, 14]);
        assert_eq!(shown(&Filter { users: Some(vec![]), names, ..Filter::default() }), [] as [u32; 0]);
        let partitions = vec!["x".to_owned()];
        assert_eq!(shown(&Filter { partitions, ..Filter::default() }), [] as [u32; 0]);
    }

    #[test]
    fn steps_are_found_by_number() {
        let rows = step_rows(&[Rc::new(samples::running(2))]);
        let filter = Filter { steps: named("2.0"), ..Filter::default() };
        assert_eq!(rows.iter().filter(|row| filter.step(row)).count(), 1);
    }
}
