//! What `srun` in a job asks for, with what it takes from the job: tasks, nodes, distribution.
//!
//! Warnings and refusals are those of `srun` itself, before the controller is asked.

use std::collections::HashSet;

use prun_runtime::limits::RANKS_MAX;

use super::demand::{Demand, each_once, per_node_ignored, too_few, too_many_named};
use super::fill::Deal;
use super::place::is_arbitrary;
use super::plan::Allocation;
use super::step::StepUnfit;
use crate::controller::api::ErrorCode;
use crate::script::spec::{JobSpec, NodeDistribution, Sharing, StepSpec};

/// A step's request, settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepDemand {
    /// Tasks; where nobody said how many, those of the fewest nodes.
    pub tasks: u32,
    /// Whether somebody said how many; else each node that takes part has as many.
    pub tasks_given: bool,
    /// Fewest and most nodes.
    pub nodes: (u32, u32),
    /// CPUs of each task.
    pub cpus_per_task: u32,
    /// Most tasks of a node.
    pub tasks_per_node: Option<u32>,
    /// Nodes that must be there.
    pub required: Vec<String>,
    /// The node of each task, for an arbitrary distribution.
    pub node_of_task: Option<Vec<String>>,
    /// How tasks go over nodes otherwise.
    pub deal: Deal,
    /// It takes only the CPUs that its tasks need.
    pub exact: bool,
    /// More tasks than CPUs.
    pub overcommit: bool,
    /// What the user should read, without the command's name.
    pub warnings: Vec<String>,
}

fn refused(lines: &[String]) -> StepUnfit {
    StepUnfit::Never(ErrorCode::StepOptions, lines.to_vec())
}

impl StepDemand {
    /// Settles a request.
    pub(super) fn of(
        job: &JobSpec,
        allocation: &Allocation,
        asked: &JobSpec,
        step: &StepSpec,
    ) -> Result<Self, StepUnfit> {
        if repeats(job, asked) {
            // `--exclusive` was said of the job.
            let sharing = None;
            let asked =
                JobSpec { nodes: None, nodelist: Vec::new(), exclude: Vec::new(), sharing, ..asked.clone() };
            return Ok(Self { warnings: Vec::new(), ..Self::settle(job, allocation, &asked, step)? });
        }
        Self::settle(job, allocation, asked, step)
    }

    fn settle(
        job: &JobSpec,
        allocation: &Allocation,
        asked: &JobSpec,
        step: &StepSpec,
    ) -> Result<Self, StepUnfit> {
        let of_job = Demand::of(job).map_err(|refusal| StepUnfit::Never(refusal.code, refusal.detail))?;
        // The word comes from the job where its step names no nodes: so do the places.
        let places = if asked.nodelist.is_empty() && is_arbitrary(job) { job } else { asked };
        let node_of_task = is_arbitrary(asked).then(|| places.nodelist.clone());
        let nodes = allocation.nodes.len() as u32;
        let cpus_per_task = asked.cpus_per_task.or(job.cpus_per_task);
        let overcommit = asked.overcommit || job.overcommit;
        let exact = step.exact || asked.sharing == Some(Sharing::Exclusive);
        let mut demand = Self {
            tasks: 0,
            tasks_given: true,
            nodes: asked.nodes.unwrap_or((nodes, nodes)),
            cpus_per_task: cpus_per_task.unwrap_or(1).max(1),
            tasks_per_node: asked.ntasks_per_node.or(of_job.tasks_per_node).filter(|&tasks| tasks > 0),
            required: each_once(node_of_task.as_ref().unwrap_or(&asked.nodelist)),
            node_of_task,
            deal: Deal::Block,
            exact: (exact || cpus_per_task.is_some() && !overcommit) && !step.whole,
            overcommit,
            warnings: Vec::new(),
        };
        demand.count_tasks(&of_job, allocation, asked)?;
        if demand.tasks > RANKS_MAX {
            return Err(StepUnfit::Never(ErrorCode::InvalidTaskCount, Vec::new()));
        }
        demand.check_nodes(allocation, asked, step)?;
        demand.deal = deal(asked.distribution.or(job.distribution).map(|d| d.nodes));
        Ok(demand)
    }

    fn warn(&mut self, text: &str) {
        self.warnings.push(format!("warning: {text}"));
    }

    /// The number of tasks, and no more nodes than that.
    fn count_tasks(
        &mut self,
        of_job: &Demand,
        allocation: &Allocation,
        asked: &JobSpec,
    ) -> Result<(), StepUnfit> {
        if let Some(list) = &self.node_of_task {
            let named = list.len() as u32;
            self.tasks = asked.ntasks.unwrap_or(named);
            if self.tasks != named || named == 0 {
                let tasks = if self.tasks == 0 { of_job.tasks } else { self.tasks };
                return Err(refused(&[format!(
                    "You asked for {tasks} tasks but hostlist specified {named} nodes"
                )]));
            }
            let nodes = self.required.len() as u32;
            self.nodes = (nodes, nodes);
            return Ok(());
        }
        let given = asked.ntasks.or(of_job.tasks_given.then_some(of_job.tasks));
        let Some(tasks) = given else {
            if asked.cpus_per_task.is_some() && self.tasks_per_node.is_none() {
                self.tasks = self.as_many_as_fit(allocation);
                return Ok(());
            }
            self.tasks_given = false;
            self.tasks = self.nodes.0.saturating_mul(self.tasks_per_node.unwrap_or(1));
            return Ok(());
        };
        self.tasks = tasks;
        if tasks < self.nodes.0 {
            self.warn(&too_few(tasks, self.nodes.0));
            self.nodes = (tasks, tasks);
        }
        self.nodes.1 = self.nodes.1.min(tasks).max(self.nodes.0);
        if let Some(per_node) = self.tasks_per_node.filter(|&per| per != tasks / self.nodes.0.max(1)) {
            if tasks > per_node {
                self.warn(&per_node_ignored(per_node, tasks, self.nodes.0));
            }
            self.tasks_per_node = None;
        }
        Ok(())
    }

    /// `-c` without `-n`: as many tasks as the nodes have CPUs for (`srun(1)`, "cpus-per-task").
    fn as_many_as_fit(&self, allocation: &Allocation) -> u32 {
        let nodes = allocation.nodes.iter().take(self.nodes.0 as usize);
        let tasks: u32 = nodes.map(|share| share.cpus.len() as u32 / self.cpus_per_task).sum();
        tasks.max(self.nodes.0)
    }

    /// Whether the job has such nodes at all.
    fn check_nodes(
        &mut self,
        allocation: &Allocation,
        asked: &JobSpec,
        step: &StepSpec,
    ) -> Result<(), StepUnfit> {
        let excluded: HashSet<&str> = asked.exclude.iter().map(String::as_str).collect();
        if step.relative.is_some() && !(asked.nodelist.is_empty() && asked.exclude.is_empty()) {
            let line = "-r,--relative not allowed with -w,--nodelist or -x,--exclude.";
            return Err(refused(&[line.to_owned()]));
        }
        let (named, most) = (self.required.len() as u32, self.nodes.1);
        if named > most {
            self.warnings.push(format!("error: {}", too_many_named(named, most)));
            self.required.truncate(most as usize);
        }
        if let Some(name) = self.required.iter().find(|name| excluded.contains(name.as_str())) {
            let line = format!("Requested node {name} is also in the excluded list.");
            return Err(refused(&[line, "Job not submitted.".to_owned()]));
        }
        self.check_count(allocation, asked, step, &excluded)?;
        let of_job: HashSet<&str> = allocation.nodes.iter().map(|node| node.name.as_str()).collect();
        if !self.required.iter().all(|name| of_job.contains(name.as_str())) {
            return Err(StepUnfit::Never(ErrorCode::NodeConfig, Vec::new()));
        }
        Ok(())
    }

    /// Whether it has so many.
    fn check_count(
        &self,
        allocation: &Allocation,
        asked: &JobSpec,
        step: &StepSpec,
        excluded: &HashSet<&str>,
    ) -> Result<(), StepUnfit> {
        let (all, least) = (allocation.nodes.len() as u32, self.nodes.0);
        if let Some(first) =
            step.relative.filter(|&first| u64::from(first) + u64::from(least) > u64::from(all))
        {
            let from_job = asked.nodes.is_none() && self.warnings.is_empty();
            let option = if from_job { "SLURM_JOB_NUM_NODES" } else { "--nodes" };
            return Err(refused(&[format!(
                "--relative and {option} option incompatible with count of allocated nodes ({first}+{least}>{all})"
            )]));
        }
        let left =
            allocation.nodes.iter().filter(|node| !excluded.contains(node.name.as_str())).count() as u32;
        if left == 0 {
            return Err(refused(&["Hostlist is empty!  Can't run job.".to_owned()]));
        }
        if left < least {
            let mut lines = vec![format!("Only allocated {left} nodes asked for {least}")];
            lines
                .extend((!excluded.is_empty()).then(|| "Are required nodes explicitly excluded?".to_owned()));
            return Err(refused(&lines));
        }
        Ok(())
    }
}

/// Whether this is the step of an `srun` that made the job itself: the same was asked of both, and has been said once.
fn repeats(job: &JobSpec, asked: &JobSpec) -> bool {
    let extent = |spec: &'_ JobSpec| {
        (spec.nodes, spec.ntasks, spec.ntasks_per_node, spec.nodelist.clone(), spec.exclude.clone())
    };
    extent(job) == extent(asked) && !is_arbitrary(asked)
}

fn deal(distribution: Option<NodeDistribution>) -> Deal {
    match distribution {
        Some(NodeDistribution::Cyclic) => Deal::Cyclic,
        Some(NodeDistribution::Plane(size)) => Deal::Plane(size),
        _ => Deal::Block,
    }
}
