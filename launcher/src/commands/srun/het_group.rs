//! `--het-group`: which components of a heterogeneous job a step runs in (`srun(1)`).

use std::collections::BTreeSet;

use prun_runtime::limits::HET_COMPONENTS_MAX;

use super::line::Lookup;
use super::refused::Refused;
use crate::environment::is_of_component;

/// How many components the job has whose processes we are one of; `None` where it is of one kind.
pub(super) fn size(variable: Lookup<'_>) -> Option<u32> {
    variable("SLURM_HET_SIZE").and_then(|text| text.parse().ok()).filter(|size| *size > 0)
}

/// The components that one part of a command line asks for; where it does not say, that of its own `place` in the line.
pub(super) fn of_part(asked: Option<&str>, place: u32, size: u32) -> Result<Vec<u32>, Refused> {
    let groups = match asked {
        Some(text) => parse(text)?,
        None => vec![place],
    };
    let last = size.saturating_sub(1);
    match groups.as_slice() {
        [] => Err(Refused::error(&format!("Invalid --het-group value: {}", asked.unwrap_or_default()))),
        [group] if *group > last => Err(Refused::error(&format!(
            "Requested het-group offset exceeds highest hetjob index ({group} > {last})"
        ))),
        [.., highest] if *highest > last => Err(Refused::error(&format!(
            "Attempt to run a job step with het group value of {highest}, but the job allocation has maximum value of {last}"
        ))),
        _ => Ok(groups),
    }
}

/// The same in a job of one kind, which has no components to run in.
pub(super) fn outside(asked: Option<&str>) -> Result<(), Refused> {
    let Some(text) = asked else { return Ok(()) };
    of_part(Some(text), 0, 1)?;
    Err(Refused::error("No directives to start application on any available hetjob components"))
}

/// `0,2-3`, `[0-1]`: ascending, each once.
fn parse(text: &str) -> Result<Vec<u32>, Refused> {
    let list = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let mut groups = BTreeSet::new();
    for range in list.split(',') {
        let invalid = || {
            Refused::errors(&[
                format!("_parse_single_range: Invalid range: `{range}'"),
                format!("Invalid --het-group value: {text}"),
            ])
        };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) =
            (first.parse().map_err(|_| invalid())?, last.parse().map_err(|_| invalid())?);
        if first > last || last as usize >= HET_COMPONENTS_MAX {
            return Err(invalid());
        }
        groups.extend(first..=last);
    }
    Ok(groups.into_iter().collect())
}

/// A variable as it is in a component: its own, where components have one each.
pub(super) fn lookup(name: &str, group: Option<u32>, variable: Lookup<'_>) -> Option<String> {
    match group {
        Some(group) if is_of_component(name) => variable(&format!("{name}_HET_GROUP_{group}")),
        _ => variable(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<String> {
        let value = match name {
            "SLURM_HET_SIZE" | "SLURM_NTASKS" => "2",
            "SLURM_JOB_ID" | "SLURM_JOB_ID_HET_GROUP_0" => "12",
            "SLURM_JOB_ID_HET_GROUP_1" => "13",
            "SLURM_CLUSTER_NAME" => "c",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn groups_are_numbers_and_ranges_of_components() {
        for (text, groups) in [
            ("1", vec![1]),
            ("0,1", vec![0, 1]),
            ("2,0", vec![0, 2]),
            ("[0-1]", vec![0, 1]),
            ("0,0", vec![0]),
        ] {
            assert_eq!(of_part(Some(text), 0, 3), Ok(groups), "{text}");
        }
        assert_eq!((of_part(None, 2, 3), size(&variable)), (Ok(vec![2]), Some(2)));
        for (text, words) in [
            ("5", "srun: error: Requested het-group offset exceeds highest hetjob index (5 > 1)"),
            (
                "0,5",
                "srun: error: Attempt to run a job step with het group value of 5, but the job allocation has maximum value of 1",
            ),
            ("x", "srun: error: _parse_single_range: Invalid range: `x'"),
            ("1-0", "srun: error: _parse_single_range: Invalid range: `1-0'"),
            ("0-4000000000", "srun: error: _parse_single_range: Invalid range: `0-4000000000'"),
            ("", "srun: error: _parse_single_range: Invalid range: `'"),
        ] {
            assert_eq!(of_part(Some(text), 0, 2).unwrap_err().lines[0], words, "{text}");
        }
    }

    #[test]
    fn a_job_of_one_kind_has_no_groups() {
        assert_eq!(outside(None), Ok(()));
        for (text, words) in [("0", "No directives"), ("1", "highest hetjob index (1 > 0)")] {
            assert!(outside(Some(text)).unwrap_err().lines[0].contains(words), "{text}");
        }
    }

    #[test]
    fn variables_are_those_of_the_component() {
        for (name, group, value) in [
            ("SLURM_JOB_ID", None, Some("12")),
            ("SLURM_JOB_ID", Some(1), Some("13")),
            ("SLURM_NTASKS", None, Some("2")),
            ("SLURM_NTASKS", Some(1), None),
            ("SLURM_CLUSTER_NAME", Some(1), Some("c")),
        ] {
            assert_eq!(lookup(name, group, &variable).as_deref(), value, "{name} {group:?}");
        }
    }
}
