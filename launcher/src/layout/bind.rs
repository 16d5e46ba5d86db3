//! `--cpu-bind`: which CPUs of its node a task may run on (`srun(1)`, "cpu-bind").
//!
//! A node's CPUs are taken as sockets of one core and one thread each, and as one locality domain.

use crate::script::spec::StepSpec;

/// Binding as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// `verbose` was asked for.
    pub verbose: bool,
    /// How tasks are bound; `None`: not asked, so as the numbers fit.
    pub kind: Option<BindKind>,
}

/// Kinds of binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindKind {
    /// `none`.
    None,
    /// `rank`: task by task.
    Rank,
    /// `map_cpu:`: this CPU for each task in turn.
    Map(Vec<u32>),
    /// `mask_cpu:`: these CPUs for each task in turn.
    Mask(Vec<Vec<u32>>),
    /// `threads`, `cores`, `sockets`, `boards`: as many as the task has CPUs; the word is kept.
    Units(&'static str),
    /// `ldoms`, `rank_ldom`, `map_ldom`, `mask_ldom`: the whole node; the word is kept.
    Domains(&'static str),
}

/// Why a binding is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// Not a word of `--cpu-bind`.
    #[error("unrecognized --cpu-bind argument \"{0}\"")]
    Word(String),
    /// Not a list of CPU numbers or masks.
    #[error("invalid list `{0}` for --cpu-bind")]
    List(String),
    /// It names CPUs that the step does not have.
    #[error("Unable to satisfy cpu bind request")]
    Unsatisfied,
}

/// CPUs that a mask may name, and times that a list may repeat one (`1*8`): no machine has more CPUs.
const CPUS_MAX: u32 = 4096;

impl Binding {
    /// Reads the option.
    ///
    /// # Errors
    /// [`BindError::Word`], [`BindError::List`].
    pub fn of(step: &StepSpec) -> Result<Self, BindError> {
        let mut binding = Self { verbose: false, kind: None };
        let mut rest = step.cpu_bind.as_deref().unwrap_or_default();
        while !rest.is_empty() {
            let (word, after) = rest.split_once(',').unwrap_or((rest, ""));
            match word.to_ascii_lowercase().as_str() {
                "q" | "quiet" => binding.verbose = false,
                "v" | "verbose" => binding.verbose = true,
                _ => {
                    binding.kind = Some(kind(rest)?);
                    break;
                }
            }
            rest = after;
        }
        Ok(binding)
    }

    /// CPUs for each of a node's tasks, out of those that the step `held`s there; empty: not bound.
    ///
    /// # Errors
    /// [`BindError::Unsatisfied`].
    pub fn cpus(&self, held: &[u32], tasks: usize, cpus_per_task: u32) -> Result<Vec<Vec<u32>>, BindError> {
        let each = cpus_per_task.max(1) as usize;
        let in_turn = |task: usize| -> Vec<u32> {
            let mut cpus: Vec<u32> =
                (0..each.min(held.len())).map(|cpu| held[(task * each + cpu) % held.len()]).collect();
            cpus.sort_unstable();
            cpus
        };
        let of = |task: usize| -> Result<Vec<u32>, BindError> {
            let cpus = match &self.kind {
                None if tasks.saturating_mul(each) == held.len() => in_turn(task),
                None | Some(BindKind::None) => return Ok(Vec::new()),
                Some(BindKind::Rank | BindKind::Units(_)) => in_turn(task),
                Some(BindKind::Map(list)) => vec![list[task % list.len()]],
                Some(BindKind::Mask(list)) => list[task % list.len()].clone(),
                Some(BindKind::Domains(_)) => held.to_vec(),
            };
            let allowed: Vec<u32> = cpus.into_iter().filter(|cpu| held.contains(cpu)).collect();
            if allowed.is_empty() { Err(BindError::Unsatisfied) } else { Ok(allowed) }
        };
        (0..tasks).map(of).collect()
    }
}

fn kind(text: &str) -> Result<BindKind, BindError> {
    let (word, list) = text.split_once(':').map_or((text, None), |(word, list)| (word, Some(list)));
    let listed = || list.filter(|list| !list.is_empty()).ok_or_else(|| BindError::List(text.to_owned()));
    let kind = match word.to_ascii_lowercase().as_str() {
        "map_cpu" => {
            BindKind::Map(entries(listed()?, |item| item.parse().ok().filter(|&cpu| cpu < CPUS_MAX))?)
        }
        "mask_cpu" => BindKind::Mask(entries(listed()?, mask)?),
        "map_ldom" => listed().map(|_| BindKind::Domains("map_ldom:"))?,
        "mask_ldom" => listed().map(|_| BindKind::Domains("mask_ldom:"))?,
        _ if list.is_some() => return Err(BindError::Word(text.to_owned())),
        "no" | "none" => BindKind::None,
        "rank" => BindKind::Rank,
        "rank_ldom" => BindKind::Domains("rank_ldom"),
        "ldom" | "ldoms" => BindKind::Domains("ldoms"),
        "socket" | "sockets" => BindKind::Units("sockets"),
        "core" | "cores" => BindKind::Units("cores"),
        "thread" | "threads" => BindKind::Units("threads"),
        "board" | "boards" => BindKind::Units("boards"),
        _ => return Err(BindError::Word(text.to_owned())),
    };
    Ok(kind)
}

/// Entries of a list, each as often as `*N` after it says.
fn entries<T: Clone>(list: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, BindError> {
    let mut entries = Vec::new();
    for item in list.split(',') {
        let (item, times) = item.split_once('*').unwrap_or((item, "1"));
        let times: u32 = times.parse().unwrap_or(0);
        match read(item) {
            Some(entry) if (1..=CPUS_MAX).contains(&times) => {
                entries.extend(std::iter::repeat_n(entry, times as usize));
            }
            _ => return Err(BindError::List(list.to_owned())),
        }
    }
    Ok(entries)
}

/// CPUs of a hexadecimal mask, with or without `0x`.
fn mask(text: &str) -> Option<Vec<u32>> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.is_empty() || digits.len() as u32 * 4 > CPUS_MAX {
        return None;
    }
    let mut cpus = Vec::new();
    for (at, digit) in digits.chars().rev().enumerate() {
        let bits = digit.to_digit(16)?;
        cpus.extend((0..4).filter(|bit| bits & (1 << bit) != 0).map(|bit| at as u32 * 4 + bit));
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bound(option: &str, held: &[u32], tasks: usize, each: u32) -> Result<Vec<Vec<u32>>, BindError> {
        let option = Some(option.to_owned()).filter(|option| !option.is_empty());
        Binding::of(&StepSpec { cpu_bind: option, ..StepSpec::default() })?.cpus(held, tasks, each)
    }

    #[test]
    fn tasks_are_bound_where_numbers_match() {
        assert_eq!(bound("", &[2, 3], 2, 1), Ok(vec![vec![2], vec![3]]));
        assert_eq!(bound("", &[0, 1, 2, 3], 2, 2), Ok(vec![vec![0, 1], vec![2, 3]]));
        assert_eq!(bound("", &[0, 1], 1, 1), Ok(vec![vec![]]));
        assert_eq!(bound("quiet", &[0, 1], 3, 1), Ok(vec![vec![], vec![], vec![]]));
    }

    #[test]
    fn kinds_choose_cpus() {
        for (option, expected) in [
            ("none", vec![vec![], vec![], vec![]]),
            ("verbose,none", vec![vec![], vec![], vec![]]),
            ("rank", vec![vec![4], vec![5], vec![4]]),
            ("cores", vec![vec![4], vec![5], vec![4]]),
            ("map_cpu:5,4", vec![vec![5], vec![4], vec![5]]),
            ("v,map_cpu:5*2,4", vec![vec![5], vec![5], vec![4]]),
            ("mask_cpu:0x10,30", vec![vec![4], vec![4, 5], vec![4]]),
            ("ldoms", vec![vec![4, 5]; 3]),
        ] {
            assert_eq!(bound(option, &[4, 5], 3, 1), Ok(expected), "{option}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(bound("map_cpu:7", &[0, 1], 1, 1), Err(BindError::Unsatisfied));
        assert_eq!(bound("mask_cpu:0", &[0, 1], 1, 1), Err(BindError::Unsatisfied));
        for option in
            ["map_cpu:", "map_cpu", "map_cpu:x", "mask_cpu:g", "map_cpu:1*999999999", "map_cpu:4096"]
        {
            assert!(matches!(bound(option, &[0], 1, 1), Err(BindError::List(_))), "{option}");
        }
        for option in ["nonsense", "none:1", "verbose,x"] {
            assert!(matches!(bound(option, &[0], 1, 1), Err(BindError::Word(_))), "{option}");
        }
    }

    proptest! {
        #[test]
        fn only_cpus_of_the_step_are_given(option in "[a-z_]{0,9}(:[0-9a-fx,*]{0,12})?", cpus in 1_u32..8, tasks in 0_usize..9, each in 0_u32..4) {
            let held: Vec<u32> = (0..cpus).collect();
            if let Ok(given) = bound(&option, &held, tasks, each) {
                prop_assert_eq!(given.len(), tasks);
                prop_assert!(given.iter().flatten().all(|cpu| held.contains(cpu)));
            }
        }
    }
}
