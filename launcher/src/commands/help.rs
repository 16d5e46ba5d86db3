//! `prun --help` and the shell completions, made from the table of options.

use clap::{Arg, ArgAction, Command as Cli};

use crate::script::options::{Command, Row, Takes, rows};

/// What stands under `prun --help`, after the options.
const AFTER: &str = "\
Examples:
  prun job.sh                     run a Slurm job script here, output ordered by rank
  prun --local 3x2 job.sh         as if on three nodes of two CPUs
  prun --plan job.sh              draw which rank goes where, run nothing
  prun -n 4 job.sh                command line over SBATCH_* variables over #SBATCH lines

Exit code: the script's; 128 + N when signal N ended it; 130 after Ctrl-C; 1 when the job cannot run;
255 for options that cannot be read.";

/// `prun` as clap describes it. The words themselves are read by the rules of `sbatch`, so that a script's options and
/// a command line's are the same.
#[must_use]
pub fn cli() -> Cli {
    let mut cli = Cli::new("prun")
        .about("Runs a Slurm job script: its ranks at once, their output in rank order")
        .version(env!("CARGO_PKG_VERSION"))
        .override_usage("prun [OPTIONS] SCRIPT [ARGS]...\n       prun COMMAND [ARGS]...")
        .after_help(AFTER)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(Arg::new("script").value_name("SCRIPT").help("the job script, and arguments for it"))
        .arg(Arg::new("args").value_name("ARGS").num_args(0..).hide(true));
    for row in rows().filter(|row| row.is_for(Command::Prun)) {
        cli = cli.arg(option(row));
    }
    for (name, about) in COMMANDS {
        cli = cli.subcommand(Cli::new(*name).about(*about));
    }
    cli
}

/// Subcommands that `--help` tells of. Slurm's other commands have help of their own.
const COMMANDS: &[(&str, &str)] = &[
    ("srun", "start a step in a job; so with every other of Slurm's commands"),
    ("top", "look at a cluster as it goes: nodes, queue, ranks, output"),
    ("web", "the same in a browser, and jobs submitted from it"),
    ("doctor", "what is wrong with the set-up, and what to do"),
    ("rest", "Slurm's REST API for the cluster"),
    ("barrier", "wait until all ranks of the step are here; for any language, as are the next seven"),
    ("bcast", "what one rank has on stdin, to all"),
    ("gather", "what all have on stdin, to one"),
    ("reduce", "numbers of all ranks folded, to one"),
    ("allreduce", "numbers of all ranks folded, to all"),
    ("scan", "to each rank the numbers of all up to it, folded"),
    ("send", "stdin to another rank"),
    ("recv", "a message of another rank, to stdout"),
    ("backup", "copy the controller's journal while it runs"),
    ("links", "make Slurm's command names in a directory"),
    ("completions", "print completions for a shell"),
];

/// The options that most scripts need come first; the rest is `sbatch`'s, for who knows it.
const FREQUENT: &[&str] = &[
    "local",
    "hosts",
    "on",
    "plan",
    "order",
    "ntasks",
    "nodes",
    "ntasks-per-node",
    "cpus-per-task",
    "mem",
    "time",
    "output",
    "error",
    "job-name",
    "chdir",
    "export",
    "quiet",
    "verbose",
    "help",
    "version",
];

fn option(row: &'static Row) -> Arg {
    let mut arg = Arg::new(row.long).long(row.long).help(row.doc);
    if let Some(short) = row.short {
        arg = arg.short(short);
    }
    arg = match row.takes {
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Value => arg.value_name("VALUE"),
        Takes::Maybe => arg.value_name("VALUE").num_args(0..=1).require_equals(true),
    };
    if FREQUENT.contains(&row.long) { arg } else { arg.help_heading("Further options of sbatch") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_consistent_and_tells_of_every_option() {
        cli().debug_assert();
        let help = cli().render_help().to_string();
        for row in rows().filter(|row| row.is_for(Command::Prun)) {
            assert!(help.contains(&format!("--{}", row.long)), "{}", row.long);
        }
    }

    #[test]
    fn frequent_options_exist() {
        for name in FREQUENT {
            assert!(rows().any(|row| row.long == *name), "{name}");
        }
    }
}
