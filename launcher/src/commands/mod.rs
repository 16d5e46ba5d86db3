//! What users type: one file a command, named as it is.

pub mod accounts;
pub mod allreduce;
pub mod ask;
pub mod backup;
pub mod barrier;
pub mod bcast;
pub mod clock;
pub mod clusters;
pub mod columns;
pub mod completions;
pub mod dispatch;
pub mod elements;
pub mod ending;
pub mod facts;
pub mod folding;
pub(crate) mod follow;
pub mod gather;
pub mod groups;
pub mod help;
pub(crate) mod http;
pub mod jobref;
pub mod json;
pub mod links;
pub mod number_lines;
pub mod option_help;
pub mod prun;
pub mod recv;
pub mod reduce;
pub mod sacct;
pub mod sacctmgr;
pub mod salloc;
#[cfg(test)]
pub(crate) mod samples;
pub mod sattach;
pub mod sbatch;
pub mod sbcast;
pub mod scan;
pub mod scancel;
pub mod scontrol;
pub mod sdiag;
pub mod send;
pub mod sinfo;
pub mod sprio;
pub mod squeue;
pub mod srun;
pub mod sshare;
pub mod sstat;
pub mod states;
pub mod step_call;
pub mod submit;
pub mod switches;
pub mod users;

pub mod controller;
pub mod doctor;
pub mod down;
pub mod hosts;
pub mod node;
pub mod remote;
pub mod rest;
pub mod status;
pub mod top;
pub mod up;
pub mod web;
use std::ffi::OsString;
use std::process::ExitCode;

/// A command as it is called with the words after its name.
pub type Run = fn(&[OsString]) -> ExitCode;

/// The version that clients look for: the Slurm whose behaviour this is, as `--version` prints it.
#[must_use]
pub fn version() -> String {
    "slurm 24.11.5\n".to_owned()
}

/// Words as text. Bytes that are none cannot be part of any option, name or number.
#[must_use]
pub fn utf8_words(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The command of this name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<Run> {
    Some(match name {
        "allreduce" => allreduce::run,
        "backup" => backup::run,
        "barrier" => barrier::run,
        "bcast" => bcast::run,
        "completions" => completions::run,
        "gather" => gather::run,
        "links" => links::run,
        "recv" => recv::run,
        "reduce" => reduce::run,
        "scan" => scan::run,
        "send" => send::run,
        "sacct" => sacct::run,
        "sacctmgr" => sacctmgr::run,
        "salloc" => salloc::run,
        "sattach" => sattach::run,
        "sbatch" => sbatch::run,
        "sbcast" => sbcast::run,
        "scancel" => scancel::run,
        "scontrol" => scontrol::run,
        "sinfo" => sinfo::run,
        "squeue" => squeue::run,
        "srun" => srun::run,
        "sdiag" => sdiag::run,
        "sprio" => sprio::run,
        "sshare" => sshare::run,
        "sstat" => sstat::run,
        "controller" => controller::run,
        "doctor" => doctor::run,
        "down" => down::run,
        "node" => node::run,
        "hosts" => hosts::run,
        "remote" => remote::run,
        "rest" => rest::run,
        "status" => status::run,
        "top" => top::run,
        "up" => up::run,
        "web" => web::run,
        _ => return None,
    })
}
