//! What is free on the nodes, as one pass of the scheduler sees it: it takes from it what it gives away.

use crate::layout::allocate::NodeRoom;
use crate::layout::plan::{Allocation, NodeShare};

/// Takes an allocation out of what is free.
pub(super) fn take(rooms: &mut [NodeRoom<'_>], allocation: &Allocation) {
    each(rooms, allocation, |room, share| {
        share.cpus.iter().for_each(|cpu| {
            room.free_cpus.remove(cpu);
        });
        room.free_memory_mb = room.free_memory_mb.saturating_sub(share.memory_mb);
        room.idle = false;
        for (name, devices) in &share.gres {
            if let Some((_, free)) = room.free_gres.iter_mut().find(|(free, _)| free == name) {
                free.retain(|device| !devices.contains(device));
            }
        }
    });
}

/// Puts an allocation back into what is free.
pub(super) fn give(rooms: &mut [NodeRoom<'_>], allocation: &Allocation) {
    each(rooms, allocation, |room, share| {
        room.free_cpus.extend(&share.cpus);
        room.free_memory_mb = (room.free_memory_mb + share.memory_mb).min(room.facts.memory_mb);
        room.idle = room.free_cpus.len() as u32 >= room.facts.cpus;
        for (name, devices) in &share.gres {
            if let Some((_, free)) = room.free_gres.iter_mut().find(|(free, _)| free == name) {
                free.extend(devices);
            }
        }
    });
}

/// Whether no usable node has a CPU left.
pub(super) fn full(rooms: &[NodeRoom<'_>]) -> bool {
    rooms.iter().all(|room| !room.usable || room.free_cpus.is_empty())
}

fn each(rooms: &mut [NodeRoom<'_>], allocation: &Allocation, act: impl Fn(&mut NodeRoom<'_>, &NodeShare)) {
    for share in &allocation.nodes {
        if let Some(room) = rooms.iter_mut().find(|room| room.facts.name == share.name) {
            act(room, share);
        }
    }
}
