//! What `squeue` makes lines of: jobs, elements of arrays, steps.

use std::collections::HashMap;
use std::rc::Rc;

use prun_runtime::ids::JobId;

use crate::commands::clock::Clock;
use crate::commands::facts;
use crate::controller::api::{JobState, JobView, StepView};

/// What a line depends on beside its record.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The hour, and how times are written.
    pub clock: Clock,
    /// Characters of a list of elements, by `SLURM_BITSTR_LEN`; 0 for all.
    pub list_length: usize,
}

/// One line about a job.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// The job.
    pub job: Rc<JobView>,
    /// The element of an array that waits, where each has a line of its own.
    pub element: Option<u32>,
    /// The partition, where each that was asked for has a line of its own.
    pub partition: Option<String>,
}

impl JobRow {
    /// `12`, `12_3`, `12_[3-8%2]`, `12+1`.
    #[must_use]
    pub fn id(&self, manner: &Manner) -> String {
        match (&self.job.array, self.element(manner)) {
            (Some(array), Some(list)) if self.is_list() => format!("{}_[{list}]", array.id),
            (Some(array), Some(element)) => format!("{}_{element}", array.id),
            _ => facts::component_id(&self.job),
        }
    }

    /// The element or the list of elements.
    #[must_use]
    pub fn element(&self, manner: &Manner) -> Option<String> {
        match self.element {
            Some(element) => Some(element.to_string()),
            None => facts::element(&self.job, manner.list_length),
        }
    }

    fn is_list(&self) -> bool {
        self.element.is_none() && self.job.array.as_ref().is_some_and(|array| array.element.is_none())
    }

    /// The partition shown.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.partition.as_deref().unwrap_or(&self.job.partition)
    }
}

/// One line about a step.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// Its job.
    pub job: Rc<JobView>,
    /// Which of the job's steps.
    pub step: StepView,
}

impl StepRow {
    /// `12.0`, `12_3.batch`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}.{}", facts::shown_id(&self.job), self.step.key.step)
    }
}

/// Records of one array that wait, such as those of which one element was held, as one: what `squeue` shows where
/// elements share a line. The limit is not shown then.
#[must_use]
pub fn merged(jobs: &[Rc<JobView>]) -> Vec<Rc<JobView>> {
    let mut all: Vec<Rc<JobView>> = Vec::with_capacity(jobs.len());
    let mut first_of: HashMap<JobId, usize> = HashMap::new();
    for job in jobs {
        let array = job.array.as_ref().filter(|_| job.state == JobState::Pending);
        match array.and_then(|array| first_of.get(&array.id).map(|&at| (at, array))) {
            Some((at, array)) => {
                let first = Rc::make_mut(&mut all[at]);
                if !first.reason.split(',').any(|known| known == job.reason) {
                    first.reason = format!("{},{}", first.reason, job.reason);
                }
                if let Some(known) = &mut first.array {
                    known.elements.extend(known.element.take());
                    known.elements.extend(array.elements.iter().copied().chain(array.element));
                    known.elements.sort_unstable();
                    known.limit = None;
                }
            }
            None => {
                first_of.extend(array.map(|array| (array.id, all.len())));
                all.push(Rc::clone(job));
            }
        }
    }
    all
}

/// Lines of jobs: pending arrays as one or element by element, partitions together or one by one.
#[must_use]
pub fn job_rows(jobs: &[Rc<JobView>], elements: bool, partitions: bool) -> Vec<JobRow> {
    let mut rows = Vec::new();
    for job in jobs {
        let waiting: Vec<Option<u32>> = match &job.array {
            Some(array) if elements && array.element.is_none() => {
                array.elements.iter().copied().map(Some).collect()
            }
            _ => vec![None],
        };
        let places: Vec<Option<String>> = if partitions && job.state == JobState::Pending {
            job.partition.split(',').map(|name| Some(name.to_owned())).collect()
        } else {
            vec![None]
        };
        for element in waiting {
            rows.extend(places.iter().map(|partition| JobRow {
                job: Rc::clone(job),
                element,
                partition: partition.clone(),
            }));
        }
    }
    rows
}

/// Lines of the steps that run.
#[must_use]
pub fn step_rows(jobs: &[Rc<JobView>]) -> Vec<StepRow> {
    let running = |step: &&StepView| !step.state.has_ended() && step.state != JobState::Pending;
    let rows = jobs.iter().flat_map(|job| {
        job.steps.iter().filter(running).map(|step| StepRow { job: Rc::clone(job), step: step.clone() })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn manner(list_length: usize) -> Manner {
        Manner { clock: samples::clock(), list_length }
    }

    #[test]
    fn a_pending_array_is_one_line_or_many() {
        let array = Rc::new(samples::pending_array(12, &[0, 1, 2], Some(2)));
        let ids = |elements| {
            let rows = job_rows(&[Rc::clone(&array)], elements, false);
            rows.iter().map(|row| row.id(&manner(64))).collect::<Vec<_>>()
        };
        assert_eq!(ids(false), ["12_[0-2%2]"]);
        assert_eq!(ids(true), ["12_0", "12_1", "12_2"]);
    }

    #[test]
    fn what_waits_of_an_array_shares_a_line_with_all_its_reasons() {
        let mut held = samples::element(14, 12, 6);
        (held.state, held.reason) = (JobState::Pending, "JobHeldAdmin".to_owned());
        let mut rest = samples::pending_array(12, &[5, 7], Some(2));
        rest.reason = "JobArrayTaskLimit".to_owned();
        let jobs = [rest, held, samples::element(13, 12, 4)].map(Rc::new);
        let rows = job_rows(&merged(&jobs), false, false);
        let shown: Vec<String> =
            rows.iter().map(|row| format!("{} {}", row.id(&manner(64)), row.job.reason)).collect();
        assert_eq!(shown, ["12_[5-7] JobArrayTaskLimit,JobHeldAdmin", "12_4 None"]);
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<u32> = (0..200).map(|n| n * 2).chain([401]).collect();
        let rows = job_rows(&[Rc::new(samples::pending_array(12, &many, Some(4)))], false, false);
        let cut = rows[0].id(&manner(64));
        assert!(cut.ends_with("...%4]") && cut.len() < 80, "{cut}");
        assert!(rows[0].id(&manner(0)).ends_with(",396,398,401%4]"));
    }

    #[test]
    fn a_job_for_several_partitions_may_have_a_line_for_each() {
        let mut job = samples::pending(1);
        job.partition = "a,b".to_owned();
        let rows = job_rows(&[Rc::new(job)], false, true);
        assert_eq!(rows.iter().map(JobRow::partition).collect::<Vec<_>>(), ["a", "b"]);
    }
}
