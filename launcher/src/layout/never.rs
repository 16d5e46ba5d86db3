//! What to tell about a request that no node can satisfy, in Slurm's words.

use super::allocate::NodeRoom;
use super::demand::Demand;
use crate::script::spec::{JobSpec, Memory};

/// Lines that go before `Requested node configuration is not available`: what not even the best of the nodes has.
pub(super) fn reasons(spec: &JobSpec, demand: &Demand, rooms: &[NodeRoom<'_>]) -> Vec<String> {
    let most = |of: fn(&NodeRoom<'_>) -> u64| rooms.iter().map(of).max().unwrap_or(0);
    let memory = match spec.memory {
        Some(Memory::PerNode(memory) | Memory::PerCpu(memory)) => memory,
        _ => 0,
    };
    let lacks = [
        (
            u64::from(demand.node_cpus_min(spec)) > most(|room| u64::from(room.facts.cpus)),
            "CPU count per node can not be satisfied",
        ),
        (memory > most(|room| room.facts.memory_mb), "Memory specification can not be satisfied"),
        (
            spec.tmp_mb.unwrap_or(0) > most(|room| room.facts.tmp_mb),
            "Temporary disk specification can not be satisfied",
        ),
        (
            !rooms.iter().any(|room| has_geometry(spec, room)),
            "Socket, core and/or thread specification can not be satisfied",
        ),
    ];
    lacks.iter().filter(|(lacking, _)| *lacking).map(|(_, line)| (*line).to_owned()).collect()
}

/// Whether a node has the sockets, cores and threads of `-B` and its like.
pub(super) fn has_geometry(spec: &JobSpec, room: &NodeRoom<'_>) -> bool {
    let (sockets, cores, threads) = spec.geometry;
    let has = room.facts.topology;
    [(sockets, has.0), (cores, has.1), (threads, has.2)].iter().all(|(asked, has)| asked.unwrap_or(1) <= *has)
}
