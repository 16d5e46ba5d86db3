//! What rank servers say about steps.

use prun_runtime::ids::{Rank, StepKey};
use prun_runtime::wire::step::Exit;

use super::Cluster;
use super::event::LinkId;
use super::finish::{Ending, SIGKILL};
use super::lifecycle::Stage;
use super::step::StepStage;
use super::turn::Turn;

impl Cluster {
    /// A task is gone.
    pub(super) fn task_exited(&mut self, turn: &mut Turn<'_>, key: StepKey, rank: Rank, exit: Exit) {
        let Some((part, rank)) = self.part_with(key, rank) else { return };
        self.with_step(part, |step| step.exits.insert(rank, exit));
        turn.changed.insert(part.job);
    }

    /// A step could not be started on a rank server.
    pub(super) fn launch_failed(&mut self, turn: &mut Turn<'_>, link: LinkId, key: StepKey) {
        if key.step.is_batch() {
            self.with_step(key, |step| step.open.remove(&link));
            self.end_job(turn, key.job, Ending::launch_failure());
        }
        self.done_on(turn, link, key, true);
    }

    /// Every task that a rank server had of a step is gone.
    pub(super) fn step_done(&mut self, turn: &mut Turn<'_>, link: LinkId, key: StepKey, lost: bool) {
        self.done_on(turn, link, key, lost);
    }

    fn done_on(&mut self, turn: &mut Turn<'_>, link: LinkId, key: StepKey, lost: bool) {
        for part in self.parts(key) {
            let over = self.with_step(part, |step| {
                let had_tasks = step.open.remove(&link);
                step.unheard.remove(&link);
                step.lost |= lost && had_tasks;
                step.stage == StepStage::Running && step.open.is_empty()
            });
            if over == Some(true) {
                self.step_ended(turn, part);
            }
        }
    }

    /// No task of a step is left.
    pub(super) fn step_ended(&mut self, turn: &mut Turn<'_>, key: StepKey) {
        let killed = Exit { signal: SIGKILL, ..Exit::default() };
        let exit = self.with_step(key, |step| {
            step.stage = StepStage::Ended;
            step.end_time = Some(turn.now);
            // A step process that died has told nothing of its tasks, which died with it.
            if step.lost && step.exits.is_empty() { killed } else { step.exit() }
        });
        let (Some(exit), Some(job)) = (exit, self.jobs.get_mut(&key.job)) else { return };
        turn.changed.insert(key.job);
        if key.step.is_batch() {
            job.run.exit = exit;
        } else if exit.status() > job.run.derived_exit.status() {
            job.run.derived_exit = exit;
        }
        match job.stage {
            Stage::Running | Stage::Suspended if key.step.is_batch() => {
                self.end_job(turn, key.job, Ending::by_itself(exit));
            }
            Stage::Completing => self.settle(turn, key.job),
            _ => self.retry_steps_of_all(turn, key.job),
        }
    }
}
