//! What holds after everything that happens, and at the end of all trouble.

use prun_runtime::ids::JobId;

use super::agenda::Happening;
use super::processes::Life;
use super::world::World;
use crate::controller::api::{Action, JobState};
use crate::controller::core::audit::Glance;

/// Happenings after which a cluster that is well must have come to rest.
const REST_MAX: usize = 200_000;

impl World {
    /// What holds always: no job lost, none run twice, no CPU given twice.
    pub(super) fn check(&mut self) -> Result<(), String> {
        if let Some(offence) = self.truth.offences.first() {
            return Err(offence.clone());
        }
        let Some(controller) = &self.controller else { return Ok(()) };
        let cluster = &controller.owner.cluster;
        cluster.audit()?;
        if let Some(id) = self.truth.promised().find(|id| !cluster.has_submission(*id)) {
            return Err(format!("job {id} was acknowledged and is lost"));
        }
        for (job, starts) in self.truth.started() {
            let Some(glance) = cluster.glance(job) else {
                return Err(format!("job {job} has run and is unknown"));
            };
            if starts.len() as u32 > glance.restarts + 1 {
                return Err(format!(
                    "job {job} ran {} times, requeued {} times",
                    starts.len(),
                    glance.restarts
                ));
            }
        }
        Ok(())
    }

    /// When nothing breaks any more, everything comes to its end, and as it was.
    pub(super) fn comes_to_rest(&mut self) -> Result<(), String> {
        self.heal();
        let mut look_at = self.now + 100.0;
        for _ in 0..REST_MAX {
            if self.now >= look_at {
                if self.rests() {
                    return self.check_end();
                }
                self.help();
                look_at = self.now + 100.0;
            }
            // The clock goes on also where nothing happens.
            self.after(10.0, Happening::Room);
            self.step()?;
        }
        let open = self.controller.as_ref().map(|controller| {
            let cluster = &controller.owner.cluster;
            let ids = cluster.open_ids();
            ids.into_iter().map(|id| format!("{id} {:?}", cluster.glance(id))).collect::<Vec<_>>()
        });
        let alive: Vec<String> =
            self.alive().map(|process| format!("{} {:?}", process.key, process.life)).collect();
        Err(format!("no rest: open {open:#?}, alive {alive:?}, waiting {:?}", self.still_wait()))
    }

    /// Users take back what they did: no node is drained, no job held or stopped; what can never start is cancelled.
    fn help(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.set_node(at, "resume"));
        let Some(controller) = &self.controller else { return };
        let cluster = &controller.owner.cluster;
        let open: Vec<(JobId, Glance)> =
            cluster.open_ids().into_iter().filter_map(|id| Some((id, cluster.glance(id)?))).collect();
        for (job, glance) in open {
            match glance.state {
                JobState::Pending if glance.reason == "DependencyNeverSatisfied" => self.cancel(job),
                JobState::Pending => self.act(job, Action::Release),
                JobState::Suspended => self.act(job, Action::Resume),
                _ => {}
            }
        }
    }

    fn rests(&self) -> bool {
        let Some(controller) = &self.controller else { return false };
        controller.owner.cluster.open_ids().is_empty()
            && self.alive().next().is_none()
            && self.still_wait().is_empty()
    }

    /// Outcomes are what really happened.
    fn check_end(&self) -> Result<(), String> {
        let Some(controller) = &self.controller else { return Ok(()) };
        let cluster = &controller.owner.cluster;
        for job in cluster.ids() {
            let Some(glance) = cluster.glance(job) else { continue };
            let last = self.truth.starts_of(job).last().copied();
            let exit = last.and_then(|number| self.script_exit(number));
            let process = last.map(|number| &self.processes[number as usize]);
            let lost = process.is_some_and(|process| process.lost);
            let told = (glance.state, glance.exit.code, glance.exit.signal);
            let wrong = match (glance.state, exit) {
                (JobState::Completed, Some(exit)) => exit.code != 0 || exit.signal != 0,
                (JobState::Completed, None) => process.is_some(),
                (JobState::Failed, Some(exit)) => (exit.code, exit.signal) != (told.1, told.2),
                (JobState::Failed, None) => !lost,
                _ => false,
            };
            let troubled = process.is_none_or(|process| self.truth.is_troubled(process.node));
            if wrong && !troubled && !self.truth.is_meddled(job) {
                return Err(format!("job {job} is {told:?}, its script ended as {exit:?} (lost: {lost})"));
            }
        }
        if let Some(process) = self.processes.iter().find(|process| process.life != Life::Gone) {
            return Err(format!("{} is left over", process.key));
        }
        Ok(())
    }
}
