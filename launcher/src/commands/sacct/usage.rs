//! What the tasks of a step used, as `sacct` sums it up (`sacct(1)`, job accounting fields).

use prun_runtime::wire::step::Exit;

use crate::commands::clock;
use crate::controller::api::{JobView, StepView};
use crate::script::memory::format_in;

/// CPU time in user and system mode, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// Of the program itself.
    pub user: u64,
    /// Of the system for it.
    pub system: u64,
}

/// CPU time of a step's ended tasks.
#[must_use]
pub fn cpu_of_step(step: &StepView) -> CpuTime {
    step.usage.iter().fold(CpuTime::default(), |sum, (_, exit)| CpuTime {
        user: sum.user.saturating_add(exit.user_us),
        system: sum.system.saturating_add(exit.system_us),
    })
}

/// CPU time of a job's steps.
#[must_use]
pub fn cpu_of_job(job: &JobView) -> CpuTime {
    job.steps.iter().map(cpu_of_step).fold(CpuTime::default(), |sum, one| CpuTime {
        user: sum.user.saturating_add(one.user),
        system: sum.system.saturating_add(one.system),
    })
}

/// Which end of a quantity over the tasks of a step is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The least.
    Least,
    /// The most.
    Most,
}

/// A quantity of one task.
pub type Quantity = fn(&Exit) -> u64;

/// Largest resident set in KiB.
pub fn memory(exit: &Exit) -> u64 {
    exit.max_rss_kib
}

/// CPU time in microseconds.
pub fn cpu(exit: &Exit) -> u64 {
    exit.user_us.saturating_add(exit.system_us)
}

/// The task with the least or the most of it, and how much that is.
#[must_use]
pub fn extreme(step: &StepView, quantity: Quantity, end: End) -> Option<(u32, u64)> {
    let values = step.usage.iter().map(|(rank, exit)| (*rank, quantity(exit)));
    match end {
        End::Least => values.min_by_key(|&(rank, value)| (value, rank)),
        End::Most => values.max_by_key(|&(rank, value)| (value, u32::MAX - rank)),
    }
}

/// The mean over the tasks.
#[must_use]
pub fn mean(step: &StepView, quantity: Quantity) -> Option<u64> {
    let count = step.usage.len() as u64;
    (count > 0).then(|| total(step, quantity) / count)
}

/// The sum over the tasks.
#[must_use]
pub fn total(step: &StepView, quantity: Quantity) -> u64 {
    step.usage.iter().map(|(_, exit)| quantity(exit)).fold(0, u64::saturating_add)
}

/// The node of a task.
#[must_use]
pub fn node_of(step: &StepView, rank: u32) -> &str {
    let holds = |node: &&crate::layout::plan::NodePlan| node.tasks.iter().any(|task| task.rank == rank);
    step.plan.nodes.iter().find(holds).map_or("", |node| node.name.as_str())
}

/// KiB as Slurm writes them: the largest unit that leaves a whole number or a half, or the one asked for.
#[must_use]
pub fn kib(value: u64, unit: Option<char>) -> String {
    const UNITS: &[char] = &['K', 'M', 'G', 'T', 'P'];
    match unit.and_then(|unit| UNITS.iter().position(|known| *known == unit)) {
        Some(0) => format!("{value}K"),
        Some(power) => format!("{:.2}{}", value as f64 / 1024_f64.powi(power as i32), UNITS[power]),
        None => format_in(value, &["K", "M", "G", "T", "P"]),
    }
}

/// `cpu=00:00:01,mem=3508K` of these amounts.
#[must_use]
pub fn tres(cpu_us: u64, memory_kib: u64) -> String {
    let seconds = cpu_us / 1_000_000;
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("cpu={time},mem={}", kib(memory_kib, None))
}

/// CPU time in Slurm's words.
#[must_use]
pub fn cpu_text(microseconds: u64) -> String {
    clock::cpu(microseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn tasks_are_summed_and_compared() {
        let job = samples::failed(1);
        let batch = &job.steps[0];
        assert_eq!(cpu_of_job(&job), CpuTime { user: 13_000, system: 7_000 });
        assert_eq!(extreme(batch, memory, End::Most), Some((0, 3508)));
        assert_eq!((mean(batch, cpu), total(batch, cpu)), (Some(20_000), 20_000));
        assert_eq!(mean(&job.steps[1], cpu), None);
        assert_eq!(node_of(batch, 0), "slurmnode1");
    }

    #[test]
    fn sizes_have_units() {
        for (value, unit, text) in [
            (0, None, "0"),
            (3508, None, "3508K"),
            (4096, None, "4M"),
            (1536, None, "1.50M"),
            (4096, Some('K'), "4096K"),
            (1536, Some('M'), "1.50M"),
        ] {
            assert_eq!(kib(value, unit), text);
        }
        assert_eq!(tres(1_500_000, 3508), "cpu=00:00:01,mem=3508K");
    }
}
