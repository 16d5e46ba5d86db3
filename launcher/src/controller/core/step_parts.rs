//! Steps over several components of a heterogeneous job (`srun --het-group=0,1`).
//!
//! Rank servers and launchers know one step, under the number that it has in the first of its components. Each
//! component keeps its part as a step of its own, with ranks from 0 and ends of its own, as `sacct` and `squeue` show it.

use prun_runtime::ids::{JobId, Rank, StepId, StepKey};
use prun_runtime::limits::RANKS_MAX;

use super::Cluster;
use super::step::Step;
use crate::controller::api::{ErrorCode, JobView, StepPart, StepRequest};
use crate::layout::plan::{Allocation, NodePlan, Plan, TaskPlan};
use crate::layout::step::{StepLayout, StepUnfit};

impl StepRequest {
    /// What is asked of each component, in the order in which their ranks are counted.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }
}

/// The parts of a step that is over several components.
pub(super) fn parts_of(request: &StepRequest, step: StepId, layouts: &[StepLayout]) -> Vec<StepPart> {
    if request.others.is_empty() {
        return Vec::new();
    }
    let part = |(request, layout): (&StepRequest, &StepLayout)| StepPart {
        key: StepKey { job: request.job, step },
        ranks: layout.plan.size(),
    };
    request.parts().zip(layouts).map(part).collect()
}

/// One plan of several, with ranks counted through. A node that components share stands in it once.
pub(super) fn whole_plan<'a>(layouts: impl IntoIterator<Item = &'a StepLayout>) -> Plan {
    join(layouts.into_iter().map(|layout| &layout.plan))
}

fn join<'a>(plans: impl Iterator<Item = &'a Plan>) -> Plan {
    let mut whole = Plan::default();
    let mut first_rank = 0;
    for plan in plans {
        for node in &plan.nodes {
            let count = |task: &TaskPlan| TaskPlan { rank: task.rank + first_rank, ..task.clone() };
            let node = NodePlan { tasks: node.tasks.iter().map(count).collect(), ..node.clone() };
            match whole.nodes.iter_mut().find(|known| known.name == node.name) {
                Some(known) => {
                    known.cpus.extend(node.cpus);
                    known.memory_mb += node.memory_mb;
                    known.gres.extend(node.gres);
                    known.tasks.extend(node.tasks);
                }
                None => whole.nodes.push(node),
            }
        }
        first_rank += plan.size();
    }
    whole
}

impl Cluster {
    /// A place for every part, or for none.
    pub(super) fn place_parts(&self, request: &StepRequest) -> Result<Vec<StepLayout>, StepUnfit> {
        let never = |code| StepUnfit::Never(code, Vec::new());
        let leader = |id: JobId| self.jobs.get(&id).filter(|job| job.het.is_some()).map(|job| job.leader());
        let mut jobs: Vec<JobId> = request.parts().map(|part| part.job).collect();
        if jobs.len() > 1 {
            let of = leader(request.job);
            let together = of.is_some() && jobs.iter().all(|id| leader(*id) == of);
            jobs.sort_unstable();
            jobs.dedup();
            if !together || jobs.len() != request.others.len() + 1 {
                return Err(never(ErrorCode::InvalidJobId));
            }
        }
        // What can never be is said before anybody waits for what is busy.
        let mut busy = false;
        let mut layouts = Vec::new();
        for part in request.parts() {
            match self.place_step(part) {
                Ok(layout) => layouts.push(layout),
                Err(StepUnfit::Busy) => busy = true,
                Err(never) => return Err(never),
            }
        }
        let size: u64 = layouts.iter().map(|layout| u64::from(layout.plan.size())).sum();
        match busy {
            true => Err(StepUnfit::Busy),
            false if size > u64::from(RANKS_MAX) => Err(never(ErrorCode::InvalidTaskCount)),
            false => Ok(layouts),
        }
    }

    /// The number of the next step of a job: components count theirs together.
    pub(super) fn next_step(&mut self, id: JobId) -> Option<StepId> {
        let leader = self.jobs.get(&id)?.leader();
        // A leader that is gone leaves the count to those that are still there.
        let holder = if self.jobs.contains_key(&leader) { leader } else { id };
        let run = &mut self.jobs.get_mut(&holder)?.run;
        run.next_step += 1;
        Some(StepId(run.next_step - 1))
    }

    /// The parts of a step; of one that has none, itself.
    pub(super) fn parts(&self, key: StepKey) -> Vec<StepKey> {
        let step = self.step(key);
        step.map(|step| step.parts.clone()).filter(|parts| !parts.is_empty()).unwrap_or_else(|| vec![key])
    }

    /// What rank servers know a step by.
    pub(super) fn launched_as(&self, key: StepKey) -> StepKey {
        self.step(key).map_or(key, Step::launched_as)
    }

    /// Whether a step has tasks on a node.
    pub(super) fn plans(&self, key: StepKey, node: &str) -> bool {
        self.step(key).is_some_and(|step| step.plan.nodes.iter().any(|planned| planned.name == node))
    }

    /// The part that has a rank of a step, and the rank's number there.
    pub(super) fn part_with(&self, key: StepKey, rank: Rank) -> Option<(StepKey, u32)> {
        let part = |key: StepKey| {
            let step = self.step(key)?;
            let own = rank.0.checked_sub(step.first_rank)?;
            (own < step.plan.size()).then_some((key, own))
        };
        self.parts(key).into_iter().find_map(part)
    }

    /// The plan that a step was launched with.
    pub(super) fn plan_of_parts(&self, step: &Step) -> Plan {
        let parts = self.parts(step.key);
        join(parts.iter().filter_map(|key| self.step(*key)).map(|step| &step.plan))
    }

    /// The job of a step as its programs see it: of several components the first, with what all of them hold.
    pub(super) fn view_of_parts(&self, request: &StepRequest, now: f64) -> Option<JobView> {
        let mut view = self.view(self.jobs.get(&request.job)?, now);
        let others = request.others.iter().filter_map(|part| self.jobs.get(&part.job));
        for other in others.filter_map(|job| job.run.allocation.as_ref()) {
            hold_too(view.allocation.get_or_insert_default(), other);
        }
        Some(view)
    }
}

/// Adds what another component holds.
fn hold_too(all: &mut Allocation, other: &Allocation) {
    for share in &other.nodes {
        match all.nodes.iter_mut().find(|known| known.name == share.name) {
            Some(known) => {
                known.cpus.extend(&share.cpus);
                known.memory_mb += share.memory_mb;
                known.tasks += share.tasks;
                known.gres.extend(share.gres.iter().cloned());
            }
            None => all.nodes.push(share.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(nodes: &[(&str, &[u32])]) -> StepLayout {
        let task = |rank: &u32| TaskPlan { rank: *rank, ..TaskPlan::default() };
        let node = |(name, ranks): &(&str, &[u32])| NodePlan {
            name: (*name).to_owned(),
            cpus: ranks.to_vec(),
            tasks: ranks.iter().map(task).collect(),
            ..NodePlan::default()
        };
        StepLayout { plan: Plan { nodes: nodes.iter().map(node).collect() }, warnings: Vec::new() }
    }

    #[test]
    fn ranks_are_counted_through_and_a_shared_node_stands_once() {
        let whole = whole_plan(&[layout(&[("n1", &[0, 1])]), layout(&[("n2", &[0]), ("n1", &[1])])]);
        let ranks = |node: &NodePlan| node.tasks.iter().map(|task| task.rank).collect::<Vec<_>>();
        assert_eq!(whole.nodes.iter().map(ranks).collect::<Vec<_>>(), [vec![0, 1, 3], vec![2]]);
        assert_eq!(whole.nodes[0].cpus, [0, 1, 1]);
    }
}
