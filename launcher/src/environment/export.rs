//! `--export`: which variables of the submitting environment a job or step gets.

use serde_bytes::ByteBuf;

use super::setter::Variables;
use crate::script::spec::Export;

/// Variables that `--export` leaves (`sbatch(1)`): all of them, or those of Slurm and the ones named; `K=V` sets one.
#[must_use]
pub fn exported(export: &Export, environment: Variables) -> Variables {
    let (all, list) = match export {
        Export::Default => (true, &[][..]),
        Export::All(list) => (true, list.as_slice()),
        Export::None => (false, &[][..]),
        Export::Only(list) => (false, list.as_slice()),
    };
    let kept = |name: &[u8]| all || is_slurms(name) || list.iter().any(|item| item.as_bytes() == name);
    let mut variables: Variables = environment.into_iter().filter(|(name, _)| kept(name)).collect();
    let set = list.iter().filter_map(|item| item.split_once('='));
    for (name, value) in set {
        variables.retain(|(known, _)| known.as_slice() != name.as_bytes());
        variables.push((ByteBuf::from(name), ByteBuf::from(value)));
    }
    variables
}

/// Variables of a login, which a job finds also where `--export` does not hand on the environment of its submission:
/// Slurm then takes them from a login of its own (`sbatch(1)`, `--export`, `--get-user-env`).
const LOGIN: [&[u8]; 4] = [b"HOME", b"SHELL", b"USER", b"LOGNAME"];

/// What `--export` leaves for the script of a job.
#[must_use]
pub fn exported_to_job(export: &Export, environment: Variables) -> Variables {
    let login: Variables = match export {
        Export::Default | Export::All(_) => Variables::new(),
        Export::None | Export::Only(_) => {
            environment.iter().filter(|(name, _)| LOGIN.contains(&name.as_slice())).cloned().collect()
        }
    };
    let mut variables = exported(export, environment);
    let known = |name: &ByteBuf| variables.iter().any(|(known, _)| known == name);
    let missing: Variables = login.into_iter().filter(|(name, _)| !known(name)).collect();
    variables.extend(missing);
    variables
}

/// What a job keeps of its submission whatever `--export` says: Slurm's own variables, and what prun needs to reach its
/// controller.
fn is_slurms(name: &[u8]) -> bool {
    [&b"SLURM_"[..], b"SPANK_", b"PRUN_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The option as it is handed to steps in `SLURM_EXPORT_ENV`; `None` where it was not given.
pub(super) fn text(export: &Export) -> Option<String> {
    match export {
        Export::Default => None,
        Export::All(list) if list.is_empty() => Some("ALL".to_owned()),
        Export::All(list) => Some(format!("ALL,{}", list.join(","))),
        Export::None => Some("NONE".to_owned()),
        Export::Only(list) => Some(list.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(export: &Export) -> Vec<String> {
        let environment = ["A=1", "B=2", "SLURM_CONF=/c", "PRUN_ORDER=line"];
        let split = |pair: &str| pair.split_once('=').map(|(k, v)| (ByteBuf::from(k), ByteBuf::from(v)));
        let environment = environment.iter().filter_map(|pair| split(pair)).collect();
        let text = |(name, value): &(ByteBuf, ByteBuf)| {
            format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        exported(export, environment).iter().map(text).collect()
    }

    #[test]
    fn all_is_the_default() {
        let everything = ["A=1", "B=2", "SLURM_CONF=/c", "PRUN_ORDER=line"];
        assert_eq!(kept(&Export::Default), everything);
        assert_eq!(kept(&Export::All(Vec::new())), everything);
    }

    #[test]
    fn values_are_set_over_what_is_there() {
        let list = vec!["A=x=y".to_owned(), "C".to_owned(), "D=".to_owned()];
        assert_eq!(kept(&Export::All(list)), ["B=2", "SLURM_CONF=/c", "PRUN_ORDER=line", "A=x=y", "D="]);
    }

    #[test]
    fn a_job_has_a_home_also_when_it_gets_nothing() {
        let environment =
            || ["A", "HOME", "USER"].map(|name| (ByteBuf::from(name), ByteBuf::from("x"))).to_vec();
        let names = |export| {
            let kept = exported_to_job(&export, environment());
            kept.into_iter()
                .map(|(name, value)| String::from_utf8([name.into_vec(), value.into_vec()].concat()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(Export::None), ["HOMEx", "USERx"]);
        assert_eq!(names(Export::Only(vec!["A".into(), "HOME=y".into()])), ["Ax", "HOMEy", "USERx"]);
        assert_eq!(names(Export::Default), ["Ax", "HOMEx", "USERx"]);
        assert!(exported(&Export::None, environment()).is_empty());
    }

    #[test]
    fn only_what_is_named_and_slurms_own_is_left() {
        assert_eq!(kept(&Export::None), ["SLURM_CONF=/c", "PRUN_ORDER=line"]);
        let list = vec!["B".to_owned(), "C=3".to_owned()];
        assert_eq!(kept(&Export::Only(list)), ["B=2", "SLURM_CONF=/c", "PRUN_ORDER=line", "C=3"]);
    }
}
