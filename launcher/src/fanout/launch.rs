//! What a step needs to start, from what its launcher knows. Pure.

use std::collections::HashMap;

use prun_runtime::ids::{LaunchId, Rank};
use prun_runtime::wire::launch::{
    Machine, Mpi, MpiKind, NodeRanks, NodeTasks, Program, StepLaunch, TaskLaunch,
};
use serde_bytes::ByteBuf;

use crate::controller::api::StepCreated;
use crate::environment::{Variables, of_node, of_step, of_task};
use crate::gather::files::Streams;
use crate::layout::plan::NodePlan;
use crate::script::options::Request;

/// Milliseconds that a step goes on when its `srun` is gone: long enough for a link to be made again.
pub const OWNER_GRACE_MS: u64 = 5_000;

/// What the ranks run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Programs {
    /// All the same.
    One(Vec<ByteBuf>),
    /// By rank (`--multi-prog`).
    ByRank(Vec<Vec<ByteBuf>>),
}

/// What is offered to the programs' MPI libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MpiOffer {
    /// What they are served with.
    pub kind: MpiKind,
    /// The one that the program is linked with, where it is.
    pub linked: Option<String>,
}

/// What a launcher hands on of its own process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own {
    /// Its variables, as `--export` lets them through.
    pub environ: Variables,
    /// File mode creation mask.
    pub umask: u32,
    /// Soft limits by name.
    pub rlimits: Vec<(String, u64)>,
    /// Rows and columns of its terminal, with `--pty`.
    pub terminal: Option<(u16, u16)>,
    /// Working directory of the tasks.
    pub cwd: ByteBuf,
    /// What the programs' MPI libraries speak, as found by looking at them.
    pub mpi: Option<MpiOffer>,
}

/// The launch of a step with all of its nodes.
#[must_use]
pub fn launch(
    created: &StepCreated,
    request: &Request,
    programs: Programs,
    streams: &Streams,
    own: Own,
) -> StepLaunch {
    let mut env = own.environ;
    env.extend(of_step(created, request));
    let (programs, program_of) = number(programs, created.plan.size());
    let nodes = created.plan.nodes.iter().enumerate().map(|(node_id, node)| NodeTasks {
        name: node.name.clone(),
        node_id: node_id as u32,
        env: of_node(created, node_id),
        tasks: (0..)
            .zip(&node.tasks)
            .map(|(local_rank, task)| {
                let streams = &streams.tasks[task.rank as usize];
                TaskLaunch {
                    rank: Rank(task.rank),
                    local_rank,
                    program: program_of[task.rank as usize],
                    env: of_task(created, node_id, local_rank as usize),
                    cpus: task.cpus.clone(),
                    stdin: streams.stdin.clone(),
                    stdout: streams.stdout.clone(),
                    stderr: streams.stderr.clone(),
                }
            })
            .collect(),
    });
    let script = |path: &Option<String>| path.clone().filter(|path| path != "none").map(ByteBuf::from);
    StepLaunch {
        key: created.key,
        launch: LaunchId::default(),
        server_grace_ms: None,
        secret: created.secret.clone(),
        job_name: created.job.name.clone(),
        size: created.plan.size(),
        node_count: created.plan.nodes.len() as u32,
        programs,
        env,
        cwd: own.cwd,
        umask: own.umask,
        rlimits: own.rlimits,
        script: None,
        pty: own.terminal.filter(|_| request.step.pty),
        unbuffered: request.step.unbuffered,
        task_prolog: script(&request.step.task_prolog),
        task_epilog: script(&request.step.task_epilog),
        kill_wait_ms: created.kill_wait_ms,
        owner_grace_ms: Some(OWNER_GRACE_MS),
        root: created.addresses.first().cloned(),
        mpi: own.mpi.map(|MpiOffer { kind, linked }| Mpi { kind, linked }),
        machine: Machine::default(),
        layout: layout(created),
        nodes: nodes.collect(),
    }
}

/// Which ranks are where: what the ranks need to reach each other.
fn layout(created: &StepCreated) -> Vec<NodeRanks> {
    let nodes = created.plan.nodes.iter().zip(&created.addresses);
    let node = |(node, address): (&NodePlan, &String)| {
        NodeRanks::new(node.name.clone(), address.clone(), node.tasks.iter().map(|task| task.rank))
    };
    nodes.map(node).collect()
}

/// Each different program once, and by rank its number.
fn number(programs: Programs, size: u32) -> (Vec<Program>, Vec<u32>) {
    let by_rank = match programs {
        Programs::One(argv) => return (vec![Program { argv }], vec![0; size as usize]),
        Programs::ByRank(by_rank) => by_rank,
    };
    let (mut numbers, mut all) = (HashMap::new(), Vec::new());
    let number_of = |argv: Vec<ByteBuf>| {
        *numbers.entry(argv).or_insert_with_key(|argv| {
            all.push(Program { argv: argv.clone() });
            all.len() as u32 - 1
        })
    };
    let program_of = by_rank.into_iter().map(number_of).collect();
    (all, program_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_programs_are_sent_once() {
        let argv = |words: &[&str]| words.iter().map(|word| ByteBuf::from(*word)).collect::<Vec<_>>();
        let by_rank = vec![argv(&["a"]), argv(&["b", "1"]), argv(&["a"]), argv(&["b", "2"])];
        let (programs, of) = number(Programs::ByRank(by_rank), 4);
        assert_eq!((programs.len(), of), (3, vec![0, 1, 0, 2]));
        assert_eq!(programs[1].argv, argv(&["b", "1"]));
        assert_eq!(number(Programs::One(argv(&["x"])), 3).1, [0, 0, 0]);
    }
}
