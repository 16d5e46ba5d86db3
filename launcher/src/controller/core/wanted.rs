//! How much a job holds, or asks for as far as that is known before it starts: what `squeue` and `scontrol` count.

use super::Cluster;
use super::job::Job;
use crate::layout::demand::Demand;
use crate::script::spec::JobSpec;

/// Numbers of a job as users see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) tasks: u32,
    pub(super) cpus: u32,
    /// Least nodes, and most; 0 where nothing bounds them.
    pub(super) nodes: (u32, u32),
    /// Least nodes as asked for, without regard to what they hold.
    pub(super) nodes_asked: u32,
}

impl Cluster {
    /// What a job holds, or asks for.
    pub(super) fn wanted(&self, job: &Job, now: f64) -> Wanted {
        let spec = &job.spec;
        let asked = asked(spec, self.nodes.iter().count() as u32);
        if let Some(allocation) = &job.run.allocation {
            let nodes = allocation.nodes.len() as u32;
            let cpus = allocation.nodes.iter().map(|node| node.cpus.len() as u32).sum();
            let tasks = if spec.ntasks.is_some() {
                asked.tasks
            } else {
                asked.tasks / asked.nodes_asked.max(1) * nodes
            };
            return Wanted { tasks, cpus, nodes: (nodes, nodes), ..asked };
        }
        let largest = |of: fn((u32, u32, u32)) -> u32| {
            self.nodes.iter().map(|node| of(node.facts.topology)).max().unwrap_or(1).max(1)
        };
        let cores = largest(|(sockets, cores, _)| sockets.saturating_mul(cores));
        let cpus = self.nodes.iter().map(|node| node.facts.cpus).max().unwrap_or(1).max(1);
        let looked_at = job.begins() <= now;
        let nodes = nodes_shown(spec, &asked, Largest { cpus, cores }, looked_at);
        Wanted { nodes, cpus: asked.cpus.max(asked.nodes.0), ..asked }
    }
}

/// The largest node of the cluster.
#[derive(Debug, Clone, Copy)]
struct Largest {
    cpus: u32,
    cores: u32,
}

/// The request with its defaults, in a cluster of so many nodes.
fn asked(spec: &JobSpec, cluster: u32) -> Wanted {
    let (tasks, given, named) = match Demand::of(spec) {
        Ok(demand) => (demand.tasks, demand.tasks_given, demand.required.len() as u32),
        // More nodes are named than may be used; the job waits for an update.
        Err(_) => (spec.ntasks.unwrap_or(1), spec.ntasks.is_some(), 1),
    };
    let tasks_at_most = |nodes: u32| if given { nodes.min(tasks) } else { nodes };
    let least = tasks_at_most(spec.nodes.map_or(1, |(least, _)| least).max(named));
    let most = match spec.nodes {
        Some((_, most)) => tasks_at_most(most).max(least),
        None if spec.spread && given => tasks_at_most(cluster),
        // Nodes that are named are a lower bound only, unless there are more of them than tasks.
        None if given && spec.nodelist.len() as u32 > tasks => least,
        None => 0,
    };
    let cpus = tasks.saturating_mul(spec.cpus_per_task.unwrap_or(1));
    Wanted { tasks, cpus, nodes: (least, most), nodes_asked: least }
}

/// How many nodes a job that waits is said to need (`scontrol show job` of 24.11, `NumNodes`): a guess from the
/// largest node of the cluster. The upper end is taken along where tasks alone decide, once the job was looked at.
fn nodes_shown(spec: &JobSpec, asked: &Wanted, largest: Largest, looked_at: bool) -> (u32, u32) {
    let (least, most) = asked.nodes;
    let per_task = spec.cpus_per_task.unwrap_or(1);
    let guess = if let Some(per_node) = spec.ntasks_per_node.filter(|&tasks| tasks > 0) {
        asked.tasks / per_node
    } else if per_task > 1 {
        asked.tasks.div_ceil((largest.cpus / per_task).max(1))
    } else if let Some(per_core) = spec.ntasks_per_core {
        asked.tasks.div_ceil(per_core).div_ceil(largest.cores)
    } else {
        let guess = asked.tasks.div_ceil(largest.cpus).max(least);
        return (guess, if looked_at { most.max(guess) } else { most });
    };
    (guess.max(least), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::options::Command;
    use crate::script::read_line;

    fn shown(line: &str, looked_at: bool) -> (u32, u32) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let spec = read_line(Command::Sbatch, &words, &|_| None).unwrap().0.job;
        nodes_shown(&spec, &asked(&spec, 3), Largest { cpus: 2, cores: 2 }, looked_at)
    }

    #[test]
    fn nodes_are_guessed_from_the_largest_node() {
        for (line, nodes) in [
            ("", (1, 1)),
            ("-n 4", (2, 2)),
            ("-n 16 -N 1", (8, 8)),
            ("-n 4 -N 1-3", (2, 3)),
            ("-N 5-7", (5, 7)),
            ("-n 1 -c 6", (1, 0)),
            ("-n 4 -c 8", (4, 0)),
            ("-N 1 -n 4 -c 8", (4, 1)),
            ("-n 64 -c 8 -N 2-70", (64, 64)),
            ("--ntasks-per-node=11", (1, 0)),
            ("-n 5 --ntasks-per-node=2", (2, 0)),
            ("-N 2 --ntasks-per-node=4 -c 32", (2, 2)),
            ("-n 4 --ntasks-per-core=1", (2, 0)),
            ("-N 4 -n 3", (3, 3)),
            ("-w a,b -n 4 -c 2", (4, 0)),
            ("-w a,b,c -n 2", (2, 2)),
            ("--spread-job -n 2", (1, 2)),
            ("--spread-job -n 292 -c 2", (292, 3)),
        ] {
            assert_eq!(shown(line, true), nodes, "{line}");
        }
        assert_eq!(shown("-n 1", false), (1, 0));
    }

    #[test]
    fn geometry_gives_tasks() {
        let words = ["--threads-per-core=2", "-N", "16"].map(str::to_owned);
        let spec = read_line(Command::Sbatch, &words, &|_| None).unwrap().0.job;
        assert_eq!(asked(&spec, 3), Wanted { tasks: 32, cpus: 32, nodes: (16, 16), nodes_asked: 16 });
    }
}
