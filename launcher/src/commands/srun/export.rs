//! `srun --export`: which variables of the launcher its tasks get.

use serde_bytes::ByteBuf;

use crate::environment::Variables;
use crate::script::spec::Export;

/// The launcher's variables, as `--export` lets them through. Those of Slurm always pass.
pub(super) fn exported(environ: Variables, export: &Export) -> Variables {
    let (items, keep_all) = match export {
        Export::Default => return environ,
        Export::All(items) => (items.as_slice(), true),
        Export::Only(items) => (items.as_slice(), false),
        Export::None => (&[][..], false),
    };
    let named = |name: &ByteBuf| items.iter().any(|item| item.as_bytes() == name.as_slice());
    let keeps = |name: &ByteBuf| keep_all || name.starts_with(b"SLURM_") || named(name);
    let mut variables: Variables = environ.into_iter().filter(|(name, _)| keeps(name)).collect();
    for (name, value) in items.iter().filter_map(|item| item.split_once('=')) {
        variables.push((ByteBuf::from(name), ByteBuf::from(value)));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_pass_settings_are_added_and_slurms_own_always_pass() {
        let environ: Variables = [("A", "1"), ("B", "2"), ("SLURM_X", "3")]
            .map(|(k, v)| (ByteBuf::from(k), ByteBuf::from(v)))
            .into();
        let text = |export| {
            let variables = exported(environ.clone(), &export);
            let of = |(k, v): &(ByteBuf, ByteBuf)| {
                format!("{}={}", String::from_utf8_lossy(k), String::from_utf8_lossy(v))
            };
            variables.iter().map(of).collect::<Vec<_>>().join(" ")
        };
        let items = || vec!["B".to_owned(), "C=x=y".to_owned()];
        assert_eq!(text(Export::Default), "A=1 B=2 SLURM_X=3");
        assert_eq!(text(Export::All(items())), "A=1 B=2 SLURM_X=3 C=x=y");
        assert_eq!(text(Export::Only(items())), "B=2 SLURM_X=3 C=x=y");
        assert_eq!(text(Export::None), "SLURM_X=3");
    }
}
