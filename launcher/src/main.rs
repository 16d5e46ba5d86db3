//! `prun`, and Slurm's commands when it is called by their names.

use std::process::ExitCode;

fn main() -> ExitCode {
    prun::commands::dispatch::run(std::env::args_os())
}
