//! Components of a heterogeneous job start together or not at all: each is placed in what those before it leave.

use super::{Pass, Verdict};
use crate::controller::core::config::PartitionConfig;
use crate::controller::core::job::Job;
use crate::controller::core::lifecycle::Stage;
use crate::controller::core::reason::Reason;
use crate::controller::core::rooms::{full, take};
use crate::layout::allocate::{NodeRoom, Unfit};
use crate::layout::plan::Allocation;

/// Where a component would run.
type Place<'a> = (&'a PartitionConfig, Allocation);

impl<'a> Pass<'a> {
    /// Starts all components, or lets all wait.
    pub(super) fn look_at_together(&mut self, leader: &'a Job) {
        let components = self.cluster.components(leader);
        // One that is held back, or that its last run has not let go of, holds all back.
        if components.iter().any(|job| job.stage != Stage::Pending || job.hold.is_some()) {
            return;
        }
        let not_yet = components.iter().find_map(|job| self.not_yet(job, None));
        let reason = match not_yet.map_or_else(|| self.find_places(&components), Err) {
            Ok(places) => return self.start_together(&components, places),
            Err(reason) => reason,
        };
        self.verdicts.extend(components.iter().map(|job| (job.id, Verdict::Wait(reason.clone()))));
    }

    /// The leader last: its script finds the others there.
    fn start_together(&mut self, components: &[&'a Job], places: Vec<Place<'a>>) {
        for (job, (partition, allocation)) in components.iter().zip(places).rev() {
            self.count(job, partition, &allocation);
            let partition = partition.name.clone();
            self.verdicts.push((job.id, Verdict::Start { element: None, partition, allocation }));
        }
    }

    /// Places that delay no reservation; where there are none, their own are reserved.
    fn find_places(&mut self, components: &[&'a Job]) -> Result<Vec<Place<'a>>, Reason> {
        self.tries += usize::from(!self.headed.is_empty());
        let mut found = self.place_all(components, &self.unreserved);
        if found == Err(Reason::Resources) {
            let passing = self.place_all(components, &self.rooms);
            let over = |job: &&Job, place: &Place<'a>| self.over_before_shadow(&job.spec, place.0);
            found = passing.and_then(|places| {
                let all_over = components.iter().zip(&places).all(|(job, place)| over(job, place));
                all_over.then_some(places).ok_or(Reason::Resources)
            });
        }
        if found == Err(Reason::Resources) && !self.heads(components) {
            return Err(Reason::Priority);
        }
        if found == Err(Reason::Resources) && !full(&self.rooms) {
            self.reserve_together(components);
        }
        found
    }

    /// Whether these are the first that wait in some partition of theirs.
    fn heads(&mut self, components: &[&'a Job]) -> bool {
        let mut first = false;
        for name in components.iter().flat_map(|job| &job.partitions) {
            first |= self.headed.insert(name);
        }
        first
    }

    fn reserve_together(&mut self, components: &[&'a Job]) {
        let places = self.earliest(|rooms| self.place_all(components, rooms).ok());
        let Some((at, places)) = places else { return };
        for (job, (_, allocation)) in components.iter().zip(&places) {
            self.keep_for(job, at, allocation);
        }
    }

    /// A place for each component in what those before it leave free.
    fn place_all(&self, components: &[&Job], rooms: &[NodeRoom<'a>]) -> Result<Vec<Place<'a>>, Reason> {
        let mut rooms = rooms.to_vec();
        let mut places = Vec::new();
        for job in components {
            let place = self.place_somewhere(job, &rooms)?;
            take(&mut rooms, &place.1);
            places.push(place);
        }
        Ok(places)
    }

    /// A place in the first of a job's partitions that has one.
    fn place_somewhere(&self, job: &Job, rooms: &[NodeRoom<'a>]) -> Result<Place<'a>, Reason> {
        let mut reason = Reason::BadConstraints;
        for partition in job.partitions.iter().filter_map(|name| self.cluster.partition(name)) {
            if let Some(why) = partition.keeps_waiting(&job.spec) {
                reason = why;
                continue;
            }
            match self.place(&job.spec, partition, rooms) {
                Ok(allocation) => return Ok((partition, allocation)),
                Err(Unfit::Busy) => reason = Reason::Resources,
                Err(Unfit::NodesUnavailable) if reason != Reason::Resources => reason = self.unavailable(job),
                Err(Unfit::NodesUnavailable | Unfit::Never(_)) => {}
            }
        }
        Err(reason)
    }
}
