//! Texts of single fields of `sacct`: what is not simply there.

use super::usage::{self, CpuTime, End, Quantity};
use crate::commands::facts;
use crate::controller::api::{JobState, JobView, StepView};
use crate::script::hostlist::compress;
use crate::script::memory::format_mb;
use crate::script::spec::Memory;

/// Nodes as a hostlist.
pub(super) fn nodes(names: Vec<String>) -> String {
    if names.is_empty() { "None assigned".to_owned() } else { compress(&names) }
}

/// Accounting lists resources by name.
pub(super) fn sorted(tres: &str) -> String {
    let mut parts: Vec<&str> = tres.split(',').collect();
    parts.sort_unstable();
    parts.join(",")
}

/// Resources held, by name.
pub(super) fn allocated_tres(job: &JobView) -> String {
    facts::allocated_tres(job).map(|tres| sorted(&tres)).unwrap_or_default()
}

/// Resources of a step.
pub(super) fn step_tres(step: &StepView) -> String {
    let memory: u64 = step.plan.nodes.iter().map(|node| node.memory_mb).sum();
    format!("cpu={},mem={},node={}", step.cpus, format_mb(memory), step.plan.nodes.len())
}

/// When it began. One that was cancelled before that has an end only.
pub(super) fn started(job: &JobView) -> Option<f64> {
    match job.state {
        JobState::Pending => None,
        _ => job.start_time.or(job.end_time),
    }
}

/// Seconds between being able to run and running.
pub(super) fn planned(job: &JobView) -> Option<u64> {
    match (job.eligible_time, started(job)) {
        (Some(eligible), Some(start)) => Some(facts::whole_seconds(eligible, start)),
        (None, _) => Some(0),
        (Some(_), None) => None,
    }
}

/// How its script ended. One that was cut short is accounted for before its script has ended: it has no exit then.
pub(super) fn exit(job: &JobView) -> String {
    match job.state {
        JobState::Cancelled | JobState::Timeout | JobState::NodeFail | JobState::Deadline => "0:0".to_owned(),
        _ => facts::accounted_exit(&job.exit),
    }
}

/// Why it waited last; accounting says nothing about how it ended.
pub(super) fn reason(job: &JobView) -> String {
    if job.allocation.is_some() { "None".to_owned() } else { job.reason.clone() }
}

/// Memory wanted in all.
pub(super) fn requested_memory(job: &JobView, unit: Option<char>) -> String {
    let total = match job.memory {
        Some(Memory::PerGpu(mb)) => Some(mb),
        _ => facts::memory_total(job),
    };
    match (total, unit) {
        (None, _) => "0".to_owned(),
        (Some(mb), None) => format_mb(mb),
        (Some(mb), Some('M')) => format!("{mb}M"),
        (Some(mb), unit) => usage::kib(mb * 1024, unit),
    }
}

/// User and system time together.
pub(super) fn both(time: CpuTime) -> String {
    usage::cpu_text(time.user.saturating_add(time.system))
}

/// The mean over the tasks of a step, as text.
pub(super) fn mean(step: &StepView, quantity: Quantity, text: impl Fn(u64, u32) -> String) -> String {
    usage::mean(step, quantity).map(|value| text(value, 0)).unwrap_or_default()
}

/// The task that had the most of it, as text.
pub(super) fn most(step: &StepView, quantity: Quantity, text: impl Fn(u64, u32) -> String) -> String {
    usage::extreme(step, quantity, End::Most).map(|(rank, value)| text(value, rank)).unwrap_or_default()
}

/// The task that had the least of it, as text.
pub(super) fn least(step: &StepView, quantity: Quantity, text: impl Fn(u64, u32) -> String) -> String {
    usage::extreme(step, quantity, End::Least).map(|(rank, value)| text(value, rank)).unwrap_or_default()
}

/// CPU time and memory together.
pub(super) fn tres_of(step: &StepView, amount: impl Fn(&StepView, Quantity) -> Option<u64>) -> String {
    match (amount(step, usage::cpu), amount(step, usage::memory)) {
        (Some(cpu), Some(memory)) => usage::tres(cpu, memory),
        _ => String::new(),
    }
}

/// Where the least or the most of both was.
pub(super) fn tres_places(step: &StepView, end: End, place: impl Fn(u32) -> String) -> String {
    let of = |quantity| usage::extreme(step, quantity, end).map(|(rank, _)| place(rank));
    match (of(usage::cpu), of(usage::memory)) {
        (Some(cpu), Some(memory)) => format!("cpu={cpu},mem={memory}"),
        _ => String::new(),
    }
}
