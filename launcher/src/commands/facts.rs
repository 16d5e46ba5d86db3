//! What several commands show of a job, in Slurm's words.

use prun_runtime::wire::step::Exit;

use super::clock::Clock;
use super::elements;
use crate::controller::api::{JobState, JobView, StepView};
use crate::layout::is_arbitrary;
use crate::layout::plan::Allocation;
use crate::script::hostlist;
use crate::script::memory::format_mb;
use crate::script::spec::{Gres, GresPer, JobSpec, Memory, Sharing};

/// What Slurm shows where there is no text.
pub const NULL: &str = "(null)";

/// A text, or `(null)`.
#[must_use]
pub fn or_null(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or(NULL).to_owned()
}

/// `12`, `12_3`, `12_[3-8%2]`: the job's number as users name it.
#[must_use]
pub fn shown_id(job: &JobView) -> String {
    match &job.array {
        None => job.id.to_string(),
        Some(array) => match array.element {
            Some(element) => format!("{}_{element}", array.id),
            None => format!("{}_[{}]", array.id, pending_elements(job, 0)),
        },
    }
}

/// `12+1` for a component of a heterogeneous job, else as [`shown_id`].
#[must_use]
pub fn component_id(job: &JobView) -> String {
    job.het.map_or_else(|| shown_id(job), |het| format!("{}+{}", het.leader, het.offset))
}

/// Elements of an array that wait, cut to a length, with their limit: `3-8%2`. Empty for other jobs.
#[must_use]
pub fn pending_elements(job: &JobView, length: usize) -> String {
    let Some(array) = &job.array else { return String::new() };
    let limit = array.limit.map(|limit| format!("%{limit}")).unwrap_or_default();
    elements::text(&array.elements, length) + &limit
}

/// The element of an array, or the list of those that wait, cut to a length; `None` for other jobs.
#[must_use]
pub fn element(job: &JobView, length: usize) -> Option<String> {
    let array = job.array.as_ref()?;
    Some(array.element.map_or_else(|| pending_elements(job, length), |element| element.to_string()))
}

/// `--nodelist`: in order and each once, unless each name is the place of a task.
#[must_use]
pub fn required_nodes(job: &JobView) -> String {
    if is_arbitrary(&job.spec) {
        hostlist::compress(&job.spec.nodelist)
    } else {
        hostlist::compress(&hostlist::sorted(&job.spec.nodelist))
    }
}

/// `--exclude`, in order and each once.
#[must_use]
pub fn excluded_nodes(job: &JobView) -> String {
    hostlist::compress(&hostlist::sorted(&job.spec.exclude))
}

/// Its number of tasks, which is forgotten of a job that ended before it began.
#[must_use]
pub fn tasks(job: &JobView) -> String {
    let never_began = job.state.has_ended() && job.allocation.is_none();
    if never_began { "N/A".to_owned() } else { job.ntasks.to_string() }
}

/// Sockets, cores and threads that were asked for, `--hint` counted in.
#[must_use]
pub fn geometry(spec: &JobSpec) -> (Option<u32>, Option<u32>, Option<u32>) {
    let (sockets, cores, threads) = spec.geometry;
    match spec.hint.as_deref() {
        Some("compute_bound" | "nomultithread") => (sockets, cores, threads.or(Some(1))),
        Some("memory_bound") => (sockets, cores.or(Some(1)), threads.or(Some(1))),
        _ => (sockets, cores, threads),
    }
}

/// The array's number, or the job's.
#[must_use]
pub fn array_id(job: &JobView) -> u32 {
    job.array.as_ref().map_or(job.id.0, |array| array.id.0)
}

/// Seconds that a job has run, without those that it was suspended.
#[must_use]
pub fn elapsed(job: &JobView, clock: &Clock) -> u64 {
    let Some(start) = job.start_time.filter(|_| job.state != JobState::Pending) else { return 0 };
    let until = match job.state {
        // The time that a suspension has lasted is part of `suspended_secs`.
        JobState::Running | JobState::Completing | JobState::Suspended => clock.now,
        _ => job.end_time.unwrap_or(start),
    };
    whole_seconds(start, until - job.suspended_secs)
}

/// Seconds between two times as Slurm counts them, which keeps whole seconds.
#[must_use]
pub fn whole_seconds(from: f64, to: f64) -> u64 {
    (to.floor() - from.floor()).max(0.0) as u64
}

/// Seconds that a step has run.
#[must_use]
pub fn step_elapsed(step: &StepView, clock: &Clock) -> u64 {
    whole_seconds(step.start_time, step.end_time.unwrap_or(clock.now))
}

/// Nodes held, or wanted at least.
#[must_use]
pub fn node_count(job: &JobView) -> usize {
    job.allocation.as_ref().map_or(job.node_range.0 as usize, |allocation| allocation.nodes.len())
}

/// Names of the nodes held.
#[must_use]
pub fn node_names(job: &JobView) -> Vec<String> {
    let nodes = job.allocation.iter().flat_map(|allocation| &allocation.nodes);
    nodes.map(|node| node.name.clone()).collect()
}

/// The nodes held as a hostlist; empty for none.
#[must_use]
pub fn node_list(job: &JobView) -> String {
    hostlist::compress(&node_names(job))
}

/// Names of a step's nodes.
#[must_use]
pub fn step_node_names(step: &StepView) -> Vec<String> {
    step.plan.nodes.iter().map(|node| node.name.clone()).collect()
}

/// `(REASON)` for a job that waits or failed, the nodes for any other (`squeue(1)`, `%R`).
#[must_use]
pub fn nodes_or_reason(job: &JobView) -> String {
    use JobState::{Deadline, Failed, OutOfMemory, Pending, Timeout};
    if matches!(job.state, Pending | Failed | Timeout | OutOfMemory | Deadline) {
        format!("({})", job.reason)
    } else {
        node_list(job)
    }
}

/// The state in long form, with who cancelled (`sacct(1)`).
#[must_use]
pub fn state_with_canceller(state: JobState, cancelled_by: Option<u32>) -> String {
    match cancelled_by {
        Some(uid) if state == JobState::Cancelled => format!("CANCELLED by {uid}"),
        _ => state.long().to_owned(),
    }
}

/// `CODE:SIGNAL`.
#[must_use]
pub fn exit(exit: &Exit) -> String {
    format!("{}:{}", exit.code, exit.signal)
}

/// The same as `sacct` shows it: codes from 128 on, which shells give for signals, without their 128.
#[must_use]
pub fn accounted_exit(exit: &Exit) -> String {
    let code = if exit.code >= 128 { exit.code - 128 } else { exit.code };
    format!("{code}:{}", exit.signal)
}

/// Whether other jobs may be on its CPUs or nodes (`squeue(1)`, `%h`).
#[must_use]
pub fn oversubscribe(job: &JobView) -> &'static str {
    match job.spec.sharing {
        // A node that is rebooted is for one job.
        None if job.spec.reboot => "NO",
        None => "OK",
        Some(Sharing::Shared) => "YES",
        Some(Sharing::Exclusive) => "NO",
        Some(Sharing::User) => "USER",
        Some(Sharing::Mcs) => "MCS",
        Some(Sharing::Topo) => "TOPO",
    }
}

/// Least memory of a node or CPU, as `squeue` and `scontrol` show it.
#[must_use]
pub fn memory(job: &JobView) -> String {
    match job.memory {
        None => "0".to_owned(),
        Some(Memory::PerNode(mb) | Memory::PerCpu(mb) | Memory::PerGpu(mb)) => format_mb(mb),
    }
}

/// Memory wanted in all, in MiB. A job that asks for none is counted with all of its nodes' memory.
#[must_use]
pub fn memory_total(job: &JobView) -> Option<u64> {
    let nodes = u64::from(job.nodes_asked.max(1));
    let asked = match job.memory {
        Some(Memory::PerNode(mb)) => mb.saturating_mul(nodes),
        Some(Memory::PerCpu(mb)) => mb.saturating_mul(u64::from(job.cpus)),
        Some(Memory::PerGpu(_)) => return None,
        None => 0,
    };
    let total = if asked > 0 { asked } else { job.node_memory_mb.saturating_mul(nodes) };
    (total > 0).then_some(total)
}

/// Trackable resources wanted: `cpu=2,mem=1000M,node=1,billing=2`.
#[must_use]
pub fn requested_tres(job: &JobView) -> String {
    let devices = devices_asked(job).filter(|gres| matches!(gres.per, GresPer::Job | GresPer::Node));
    let devices = devices.map(|gres| {
        let factor = if gres.per == GresPer::Node { u64::from(job.nodes_asked) } else { 1 };
        (gres.name.clone(), gres.count.saturating_mul(factor))
    });
    tres(u64::from(job.cpus), memory_total(job), job.nodes_asked as usize, devices)
}

/// Trackable resources held; `None` without an allocation.
#[must_use]
pub fn allocated_tres(job: &JobView) -> Option<String> {
    let allocation = job.allocation.as_ref()?;
    let memory = allocation.nodes.iter().map(|node| node.memory_mb).sum::<u64>();
    let mut devices: Vec<(String, u64)> = Vec::new();
    for (name, numbers) in allocation.nodes.iter().flat_map(|node| &node.gres) {
        match devices.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += numbers.len() as u64,
            None => devices.push((name.clone(), numbers.len() as u64)),
        }
    }
    let cpus = allocated_cpus(allocation);
    Some(tres(cpus, Some(memory).filter(|&mb| mb > 0), allocation.nodes.len(), devices.into_iter()))
}

fn allocated_cpus(allocation: &Allocation) -> u64 {
    allocation.nodes.iter().map(|node| node.cpus.len() as u64).sum()
}

fn tres(
    cpus: u64,
    memory: Option<u64>,
    nodes: usize,
    devices: impl Iterator<Item = (String, u64)>,
) -> String {
    let memory = memory.map(|mb| format!(",mem={}", format_mb(mb))).unwrap_or_default();
    let devices: String = devices.map(|(name, count)| format!(",gres/{name}={count}")).collect();
    format!("cpu={cpus}{memory},node={nodes},billing={cpus}{devices}")
}

/// Generic resources but for `none` and none.
fn devices_asked(job: &JobView) -> impl Iterator<Item = &Gres> {
    job.spec.gres.iter().filter(|gres| gres.name != "none" && gres.count > 0)
}

/// Generic resources of one kind as written: `gres/gpu:a100:2`; `None` if there are none.
#[must_use]
pub fn gres_per(job: &JobView, per: GresPer) -> Option<String> {
    let one = |gres: &Gres| {
        let kind = gres.kind.as_deref().map(|kind| format!(":{kind}")).unwrap_or_default();
        format!("gres/{}{kind}:{}", gres.name, gres.count)
    };
    let all: Vec<String> = devices_asked(job).filter(|gres| gres.per == per).map(one).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// A count that was asked for, or Slurm's star.
#[must_use]
pub fn or_star(count: Option<u32>) -> String {
    count.map_or_else(|| "*".to_owned(), |count| count.to_string())
}

/// Least CPUs of each node: what tasks on one node need together.
#[must_use]
pub fn min_cpus(job: &JobView) -> u32 {
    let spec = &job.spec;
    let tasks = spec.ntasks_per_node.filter(|&tasks| tasks > 0).unwrap_or(1);
    spec.min_cpus.unwrap_or(1).max(spec.cpus_per_task.unwrap_or(1).saturating_mul(tasks))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn jobs_and_elements_have_names() {
        assert_eq!(shown_id(&samples::running(12)), "12");
        assert_eq!(shown_id(&samples::pending_array(12, &[1, 3, 5, 7, 9], Some(3))), "12_[1,3,5,7,9%3]");
        assert_eq!(shown_id(&samples::element(14, 12, 2)), "12_2");
    }

    #[test]
    fn accounting_takes_128_off_high_codes() {
        let exit_of = |code, signal| Exit { code, signal, ..Exit::default() };
        for (code, signal, text) in [(127, 0, "127:0"), (128, 0, "0:0"), (153, 0, "25:0"), (0, 9, "0:9")] {
            assert_eq!(accounted_exit(&exit_of(code, signal)), text);
        }
        assert_eq!(exit(&exit_of(153, 0)), "153:0");
    }

    #[test]
    fn time_stands_still_while_a_job_waits_or_is_suspended() {
        let clock = samples::clock();
        let mut job = samples::running(1);
        assert_eq!(elapsed(&job, &clock), 62);
        job.state = JobState::Suspended;
        job.suspended_secs = 56.0;
        assert_eq!(elapsed(&job, &clock), 6);
        assert_eq!(elapsed(&samples::pending(1), &clock), 0);
    }

    #[test]
    fn resources_are_listed_as_slurm_lists_them() {
        let mut job = samples::running(1);
        assert_eq!(allocated_tres(&job).as_deref(), Some("cpu=2,mem=200M,node=1,billing=2"));
        job.memory = Some(Memory::PerCpu(512));
        assert_eq!(requested_tres(&job), "cpu=2,mem=1G,node=1,billing=2");
        assert_eq!(allocated_tres(&samples::pending(1)), None);
    }
}
