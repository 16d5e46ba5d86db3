//! A job's request with every default in its place: how many tasks, on how many nodes.
//!
//! Slurm's commands settle this before they submit (`sbatch(1)`: `--ntasks`, `--nodes`, `--nodelist`), and the
//! variables of the job (`SLURM_NTASKS`) and its columns in `squeue` show the outcome.

use crate::controller::api::{ErrorCode, Refusal};
use crate::script::spec::{JobSpec, NodeDistribution};

/// A job's request, settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Tasks.
    pub tasks: u32,
    /// Whether the request says how many; else there is one a node, and `SLURM_NTASKS` is not set.
    pub tasks_given: bool,
    /// Fewest nodes.
    pub nodes_min: u32,
    /// Most nodes; `u32::MAX`: as many as there are.
    pub nodes_max: u32,
    /// Nodes to take where they can be had, between the two.
    pub nodes_wanted: u32,
    /// CPUs of each task.
    pub cpus_per_task: u32,
    /// Tasks of each node, if the request says so.
    pub tasks_per_node: Option<u32>,
    /// Nodes that must be there, each once.
    pub required: Vec<String>,
    /// What the user should read, without prefix.
    pub warnings: Vec<String>,
}

impl Demand {
    /// Settles a request.
    ///
    /// # Errors
    /// A [`Refusal`] where more nodes are named than may be used.
    pub fn of(spec: &JobSpec) -> Result<Self, Refusal> {
        let required = each_once(&spec.nodelist);
        let named = required.len() as u32;
        let (least, most) = spec.nodes.unwrap_or((named.max(1), u32::MAX));
        if named > most {
            return Err(Refusal {
                code: ErrorCode::NodeCount,
                detail: vec![format!("invalid number of nodes (-N {named}-{most})")],
            });
        }
        let tasks_per_node = spec.ntasks_per_node.filter(|&tasks| tasks > 0);
        let mut demand = Self {
            tasks: 0,
            tasks_given: true,
            nodes_min: least.max(named),
            nodes_max: most,
            nodes_wanted: 0,
            cpus_per_task: spec.cpus_per_task.unwrap_or(1).max(1),
            tasks_per_node,
            required,
            warnings: Vec::new(),
        };
        demand.count_tasks(spec);
        demand.fit_nodes_to_tasks(spec);
        Ok(demand)
    }

    /// Refines `-n`; without it `--ntasks-per-node`, a host file, or `-B` give the number.
    fn count_tasks(&mut self, spec: &JobSpec) {
        let arbitrary = spec.distribution.is_some_and(|d| d.nodes == NodeDistribution::Arbitrary);
        if let Some(tasks) = spec.ntasks {
            self.tasks = tasks;
        } else if arbitrary && !spec.nodelist.is_empty() {
            self.tasks = spec.nodelist.len() as u32;
        } else if let Some(per_node) = self.tasks_per_node {
            self.tasks = per_node.saturating_mul(self.nodes_min);
        } else if let Some(per_node) = geometry_tasks(spec) {
            self.tasks = per_node.saturating_mul(self.nodes_min);
        } else {
            self.tasks = self.nodes_min;
            self.tasks_given = false;
        }
    }

    /// No node stays without a task, where the number of tasks is known.
    fn fit_nodes_to_tasks(&mut self, spec: &JobSpec) {
        if self.tasks_given {
            if self.tasks < self.nodes_min {
                self.warnings.push(too_few(self.tasks, self.nodes_min));
                self.nodes_min = self.tasks;
                self.required.truncate(self.tasks as usize);
            }
            // Without `-N`, a limit of tasks a node says how many nodes there must be.
            if let (None, Some(per_node)) = (spec.nodes, self.tasks_per_node) {
                self.nodes_min = self.nodes_min.max(self.tasks.div_ceil(per_node));
            }
            self.nodes_max = self.nodes_max.min(self.tasks).max(self.nodes_min);
        }
        let range = spec.nodes.is_some() && self.nodes_max > self.nodes_min;
        let spread = spec.spread && self.tasks_given;
        self.nodes_wanted =
            if (range && !spec.use_min_nodes) || spread { self.nodes_max } else { self.nodes_min };
    }

    /// CPUs that every node of the job must give.
    #[must_use]
    pub fn node_cpus_min(&self, spec: &JobSpec) -> u32 {
        if spec.overcommit {
            return self.cpus_per_task;
        }
        // A job of one task needs no room for more, whatever it says of each node.
        let tasks = self.tasks_per_node.unwrap_or(1).min(self.tasks.max(1));
        let cpus = self.cpus_per_task.saturating_mul(tasks.max(geometry_tasks(spec).unwrap_or(1)));
        cpus.max(spec.min_cpus.unwrap_or(1))
    }
}

/// `can't honor --ntasks-per-node …`: the number of tasks counts.
pub(crate) fn per_node_ignored(per_node: u32, tasks: u32, nodes: u32) -> String {
    format!(
        "can't honor --ntasks-per-node set to {per_node} which doesn't match the requested tasks {tasks} with the \
         number of requested nodes {nodes}. Ignoring --ntasks-per-node."
    )
}

/// What `srun` says as an error, and goes on.
pub(crate) fn too_many_named(named: u32, most: u32) -> String {
    format!(
        "Required nodelist includes more nodes than permitted by max-node count ({named} > {most}). Eliminating nodes \
         from the nodelist."
    )
}

/// `can't run 2 processes on 3 nodes, setting nnodes to 2`.
pub(super) fn too_few(tasks: u32, nodes: u32) -> String {
    format!("can't run {tasks} processes on {nodes} nodes, setting nnodes to {tasks}")
}

/// Names without their repetitions, in the order written.
pub(crate) fn each_once(names: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    names.iter().filter(|name| seen.insert(name.as_str())).cloned().collect()
}

/// Tasks a node that `-B SOCKETS[:CORES[:THREADS]]` asks for. A single `--sockets-per-node` or the like, without
/// `-N`, only chooses nodes.
fn geometry_tasks(spec: &JobSpec) -> Option<u32> {
    let (sockets, cores, threads) = spec.geometry;
    let given = [sockets, cores, threads].into_iter().flatten();
    let counts = given.clone().count() > 1 || spec.nodes.is_some() && given.clone().count() == 1;
    counts.then(|| given.fold(1, u32::saturating_mul))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(change: impl FnOnce(&mut JobSpec)) -> JobSpec {
        let mut spec = JobSpec::default();
        change(&mut spec);
        spec
    }

    fn nodes(demand: &Demand) -> (u32, u32, u32) {
        (demand.nodes_min, demand.nodes_max, demand.nodes_wanted)
    }

    #[test]
    fn defaults_are_slurms() {
        let one = Demand::of(&JobSpec::default()).unwrap();
        assert_eq!((one.tasks, one.tasks_given, nodes(&one)), (1, false, (1, u32::MAX, 1)));
        let many = Demand::of(&spec(|s| s.ntasks = Some(5))).unwrap();
        assert_eq!((many.tasks, many.tasks_given, nodes(&many)), (5, true, (1, 5, 1)));
        let per_node = Demand::of(&spec(|s| (s.nodes, s.ntasks_per_node) = (Some((3, 3)), Some(2)))).unwrap();
        assert_eq!((per_node.tasks, per_node.tasks_given, nodes(&per_node)), (6, true, (3, 3, 3)));
        let limited = Demand::of(&spec(|s| (s.ntasks, s.ntasks_per_node) = (Some(5), Some(2)))).unwrap();
        assert_eq!(nodes(&limited), (3, 5, 3));
        let range = Demand::of(&spec(|s| s.nodes = Some((1, 3)))).unwrap();
        assert_eq!((range.tasks_given, nodes(&range)), (false, (1, 3, 3)));
    }

    #[test]
    fn fewer_tasks_than_nodes_make_fewer_nodes() {
        let demand = Demand::of(&spec(|s| {
            s.ntasks = Some(2);
            s.nodes = Some((3, 3));
        }))
        .unwrap();
        assert_eq!(nodes(&demand), (2, 2, 2));
        assert_eq!(demand.warnings, ["can't run 2 processes on 3 nodes, setting nnodes to 2"]);
    }

    #[test]
    fn named_nodes_count() {
        let named = |nodes| {
            Demand::of(&spec(|s| {
                s.nodelist = vec!["b".into(), "a".into(), "b".into()];
                s.nodes = nodes;
            }))
        };
        assert_eq!(nodes(&named(None).unwrap()), (2, u32::MAX, 2));
        assert_eq!(named(Some((3, 3))).unwrap().required, ["b", "a"]);
        assert_eq!(named(Some((1, 1))).unwrap_err().code, ErrorCode::NodeCount);
    }

    #[test]
    fn geometry_makes_tasks() {
        let demand = Demand::of(&spec(|s| s.geometry = (Some(2), Some(1), Some(1)))).unwrap();
        assert_eq!((demand.tasks, demand.tasks_given), (2, true));
        let alone = Demand::of(&spec(|s| s.geometry.0 = Some(2))).unwrap();
        assert_eq!((alone.tasks, alone.tasks_given), (1, false));
    }
}
