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
    fn only_what_is_named_and_slurms_own_is_left() {
        assert_eq!(kept(&Export::None), ["SLURM_CONF=/c", "PRUN_ORDER=line"]);
        let list = vec!["B".to_owned(), "C=3".to_owned()];
        assert_eq!(kept(&Export::Only(list)), ["B=2", "SLURM_CONF=/c", "PRUN_ORDER=line", "C=3"]);
    }
}
