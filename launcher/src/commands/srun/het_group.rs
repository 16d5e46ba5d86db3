//! `--het-group`: which component of a heterogeneous job a step runs in (`srun(1)`).

use super::line::Lookup;
use super::refused::Refused;
use crate::environment::is_of_component;

/// The component asked for; `None` outside of a heterogeneous job, where the option says nothing.
pub(super) fn read(asked: Option<&str>, variable: Lookup<'_>) -> Result<Option<u32>, Refused> {
    let size = variable("SLURM_HET_SIZE").and_then(|text| text.parse::<u32>().ok());
    let (Some(text), Some(last)) = (asked, size.and_then(|size| size.checked_sub(1))) else {
        return Ok(None);
    };
    let group = text.parse::<u32>().map_err(|_| {
        let number = text.bytes().all(|byte| byte.is_ascii_digit() || b",-[]".contains(&byte));
        Refused::error(&if number {
            format!("--het-group={text}: a step in several components is not supported, start one in each")
        } else {
            format!("Invalid --het-group argument: {text}")
        })
    })?;
    if group > last {
        return Err(Refused::fatal(&format!(
            "Attempt to run a job step with het group value of {group}, but the job allocation has maximum value of {last}"
        )));
    }
    Ok(Some(group))
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
    fn a_group_is_one_component_of_the_job() {
        assert_eq!(read(Some("1"), &variable), Ok(Some(1)));
        assert_eq!(read(None, &variable), Ok(None));
        assert_eq!(read(Some("1"), &|_| None), Ok(None));
        for (group, words) in [
            ("2", "value of 2, but the job allocation has maximum value of 1"),
            ("0,1", "several"),
            ("x", "Invalid"),
        ] {
            assert!(read(Some(group), &variable).unwrap_err().lines[0].contains(words), "{group}");
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
