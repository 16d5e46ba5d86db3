//! How much: tasks, nodes, CPUs, memory, devices.

use super::values::{count, memory, node_range, positive, without_effect};
use super::{A, ALL, B, Bad, R, Request, Row, Takes, row};
use crate::script::spec::{Gres, GresPer, Memory};

pub(super) const ROWS: &[Row] = &[
    row("ntasks", Some('n'), Takes::Value, ALL, "", "number of tasks to run", |r, v| {
        r.job.ntasks = Some(positive(v)?);
        Ok(())
    }),
    row("nodes", Some('N'), Takes::Value, ALL, "", "number of nodes, or MIN-MAX", |r, v| {
        r.job.nodes = Some(node_range(v)?);
        Ok(())
    }),
    row("cpus-per-task", Some('c'), Takes::Value, ALL, "", "CPUs of each task", |r, v| {
        r.job.cpus_per_task = Some(positive(v)?);
        Ok(())
    }),
    row("ntasks-per-node", None, Takes::Value, ALL, "", "tasks on each node", |r, v| {
        r.job.ntasks_per_node = Some(positive(v)?);
        Ok(())
    }),
    row("tasks-per-node", None, Takes::Value, ALL, "", "the same by its old name", |r, v| {
        r.job.ntasks_per_node = Some(positive(v)?);
        Ok(())
    }),
    row("ntasks-per-socket", None, Takes::Value, ALL, "", "tasks on each socket", |r, v| {
        r.job.ntasks_per_socket = Some(positive(v)?);
        Ok(())
    }),
    row("ntasks-per-core", None, Takes::Value, ALL, "", "tasks on each core", |r, v| {
        r.job.ntasks_per_core = Some(positive(v)?);
        Ok(())
    }),
    row("ntasks-per-gpu", None, Takes::Value, ALL, "", "tasks for each GPU", |r, v| {
        r.job.ntasks_per_gpu = Some(positive(v)?);
        Ok(())
    }),
    row("mincpus", None, Takes::Value, ALL, "", "least CPUs a node", |r, v| {
        r.job.min_cpus = Some(positive(v)?);
        Ok(())
    }),
    row("mem", None, Takes::Value, ALL, "MEM_PER_NODE", "memory of each node", |r, v| {
        ask_memory(r, Memory::PerNode(memory(v)?))
    }),
    row("mem-per-cpu", None, Takes::Value, ALL, "MEM_PER_CPU", "memory of each CPU", |r, v| {
        ask_memory(r, Memory::PerCpu(memory(v)?))
    }),
    row("mem-per-gpu", None, Takes::Value, ALL, "MEM_PER_GPU", "memory of each GPU", |r, v| {
        ask_memory(r, Memory::PerGpu(memory(v)?))
    }),
    row("tmp", None, Takes::Value, ALL, "", "temporary disk of each node", |r, v| {
        r.job.tmp_mb = Some(memory(v)?);
        Ok(())
    }),
    row("gres", None, Takes::Value, ALL, "GRES", "devices of each node: gpu:2", |r, v| {
        let devices = v.split(',').map(|item| gres(item, GresPer::Node)).collect::<Result<Vec<_>, _>>()?;
        r.job.gres.retain(|g| g.per != GresPer::Node);
        r.job.gres.extend(devices);
        Ok(())
    }),
    row("gpus", Some('G'), Takes::Value, ALL, "GPUS", "GPUs of the job", |r, v| gpus(r, v, GresPer::Job)),
    row("gpus-per-node", None, Takes::Value, ALL, "GPUS_PER_NODE", "GPUs of each node", |r, v| {
        gpus(r, v, GresPer::Node)
    }),
    row("gpus-per-socket", None, Takes::Value, ALL, "GPUS_PER_SOCKET", "GPUs of each socket", |r, v| {
        gpus(r, v, GresPer::Socket)
    }),
    row("gpus-per-task", None, Takes::Value, ALL, "GPUS_PER_TASK", "GPUs of each task", |r, v| {
        gpus(r, v, GresPer::Task)
    }),
    row("cpus-per-gpu", None, Takes::Value, ALL, "CPUS_PER_GPU", "CPUs for each GPU", |r, v| {
        positive(v)?;
        without_effect(r, "cpus-per-gpu", v);
        Ok(())
    }),
    row("licenses", Some('L'), Takes::Value, ALL, "", "licences", |r, v| {
        r.job.licenses = Some(v.to_owned());
        Ok(())
    }),
    row("exclusive", None, Takes::Maybe, ALL, "EXCLUSIVE", "nodes for this job alone", |r, v| {
        use crate::script::spec::Sharing;
        r.job.sharing = Some(match v {
            "" | "exclusive" => Sharing::Exclusive,
            "user" => Sharing::User,
            "mcs" => Sharing::Mcs,
            "topo" => Sharing::Topo,
            _ => return Err(Bad::Specification),
        });
        Ok(())
    }),
    row("oversubscribe", Some('s'), Takes::Nothing, ALL, "", "share CPUs with other jobs", |r, _| {
        r.job.sharing = Some(crate::script::spec::Sharing::Shared);
        Ok(())
    }),
    row("overcommit", Some('O'), Takes::Nothing, ALL, "OVERCOMMIT", "more tasks than CPUs", |r, _| {
        r.job.overcommit = true;
        Ok(())
    }),
    row("core-spec", Some('S'), Takes::Value, B | R | A, "CORE_SPEC", "cores kept for the system", |r, v| {
        count(v)?;
        ignore(r, "-S");
        Ok(())
    }),
    row("thread-spec", None, Takes::Value, ALL, "THREAD_SPEC", "threads kept for the system", |r, v| {
        count(v)?;
        ignore(r, "--thread-spec");
        Ok(())
    }),
];

fn ask_memory(request: &mut Request, memory: Memory) -> Result<(), Bad> {
    request.memory.say(request.voice, memory);
    request.job.memory = Some(memory);
    Ok(())
}

fn ignore(request: &mut Request, option: &'static str) {
    if !request.ignored.contains(&option) {
        request.ignored.push(option);
    }
}

/// `name[:type][:count]`.
fn gres(item: &str, per: GresPer) -> Result<Gres, Bad> {
    let invalid = || Bad::Line("Invalid generic resource (gres) specification".to_owned(), 1);
    let mut parts: Vec<&str> = item.strip_prefix("gres/").unwrap_or(item).split([':', '=']).collect();
    let count = match parts.last().and_then(|last| last.parse::<u64>().ok()) {
        Some(count) if parts.len() > 1 => {
            parts.pop();
            count
        }
        _ => 1,
    };
    match parts.as_slice() {
        [name] if !name.is_empty() => Ok(Gres { name: (*name).to_owned(), kind: None, count, per }),
        [name, kind] if !name.is_empty() => {
            Ok(Gres { name: (*name).to_owned(), kind: Some((*kind).to_owned()), count, per })
        }
        _ => Err(invalid()),
    }
}

fn gpus(request: &mut Request, text: &str, per: GresPer) -> Result<(), Bad> {
    let devices =
        text.split(',').map(|item| gres(&format!("gpu:{item}"), per)).collect::<Result<Vec<_>, _>>()?;
    request.job.gres.retain(|known| known.per != per || known.name != "gpu");
    request.job.gres.extend(devices);
    Ok(())
}
