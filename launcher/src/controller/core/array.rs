//! Arrays: elements that wait are one record; one that starts, or is treated apart, gets a record of its own.
//!
//! As in Slurm the array's own number stays with the elements that wait, and so goes to the last of them.

use std::collections::BTreeSet;

use prun_runtime::ids::JobId;

use super::Cluster;
use super::job::{Elements, Job, Membership};
use super::lifecycle::Stage;
use crate::controller::api::{ErrorCode, JobRef};

impl Membership {
    /// Elements as shown: `3-7%4`; a step is told apart only as Slurm does, by listing.
    pub(super) fn text(&self) -> Option<String> {
        let Elements::Waiting(elements) = &self.elements else { return None };
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for &element in elements {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == element => *last = element,
                _ => ranges.push((element, element)),
            }
        }
        let range = |&(low, high): &(u32, u32)| {
            if low == high { low.to_string() } else { format!("{low}-{high}") }
        };
        let list = ranges.iter().map(range).collect::<Vec<_>>().join(",");
        Some(match self.limit {
            Some(limit) => format!("{list}%{limit}"),
            None => list,
        })
    }
}

impl Cluster {
    /// Gives one waiting element of an array a record of its own, and its number. For a job that stands for one
    /// thing only this is the job itself.
    pub(super) fn split_off(&mut self, id: JobId, element: u32) -> JobId {
        let new = JobId(self.next_job);
        let Some(job) = self.jobs.get_mut(&id) else { return id };
        let Some(array) = &mut job.array else { return id };
        let Elements::Waiting(waiting) = &mut array.elements else { return id };
        if !waiting.remove(&element) {
            return id;
        }
        if waiting.is_empty() {
            array.elements = Elements::One(element);
            return id;
        }
        let array_id = array.array;
        let mut own = job.clone();
        own.id = new;
        if let Some(array) = &mut own.array {
            array.elements = Elements::One(element);
        }
        self.next_job += 1;
        self.arrays.entry(array_id).or_default().insert(new);
        self.jobs.insert(new, own);
        self.rekey(new);
        new
    }

    /// Every record of the array of this number; none where it is no array's.
    pub(super) fn records_of(&self, array: JobId) -> impl Iterator<Item = &Job> {
        let ids = self.arrays.get(&array).into_iter().flatten();
        ids.filter_map(|id| self.jobs.get(id))
    }

    /// Elements of an array that hold CPUs.
    pub(super) fn running_elements(&self, array: JobId) -> usize {
        self.records_of(array).filter(|job| job.stage.holds()).count()
    }

    /// The records that a user means, each standing only for what is meant: an element named alone that waits with
    /// others is split off. Of a heterogeneous job the leader comes first.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidJobId`].
    pub(super) fn resolve(&mut self, named: &JobRef) -> Result<Vec<JobId>, ErrorCode> {
        let Some(elements) = &named.elements else {
            if let Some(components) = self.components_named(named)? {
                return Ok(components);
            }
            let all: Vec<JobId> = self.records_of(named.job).map(|job| job.id).collect();
            if !all.is_empty() {
                return Ok(all);
            }
            return self.jobs.get(&named.job).map(|job| vec![job.id]).ok_or(ErrorCode::InvalidJobId);
        };
        let wanted: BTreeSet<u32> = elements.iter().copied().collect();
        let mut found = Vec::new();
        let records: Vec<JobId> = self.records_of(named.job).map(|job| job.id).collect();
        for id in records {
            let own = self.jobs.get(&id).map(Job::elements).unwrap_or_default();
            let meant: Vec<u32> = own.iter().copied().filter(|element| wanted.contains(element)).collect();
            if meant.len() == own.len() {
                found.push(id);
            } else {
                found.extend(meant.into_iter().map(|element| self.split_off(id, element)));
            }
        }
        if found.is_empty() { Err(ErrorCode::InvalidJobId) } else { Ok(found) }
    }

    /// Whether every record of the array, or the job, of this number has ended.
    pub(super) fn all_ended(&self, id: JobId) -> bool {
        let mut records = self.records_of(id).peekable();
        if records.peek().is_some() {
            return records.all(|job| job.stage == Stage::Ended);
        }
        self.jobs.get(&id).is_none_or(|job| job.stage == Stage::Ended)
    }
}
