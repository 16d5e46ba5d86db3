//! `srun`: a step: ranks side by side.
//!
//! `line` reads the command line and the input variables; `controller` asks for a step in the job that it runs in, or
//! for a job of its own; `step` launches it, stays until all is over, and gives the exit code: the highest signal of a
//! task plus 128, else the highest exit code, else 1 when output was lost. What cannot begin ends with 1 (or what
//! `SLURM_EXIT_ERROR` says), options that cannot be read with 255.

mod bcast;
mod complete;
mod controller;
mod help;
mod het_group;
mod line;
mod mpi;
mod program;
mod refused;
mod scripts;
mod step;
mod terminal;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

pub(crate) use help::VERSION;
use refused::Refused;

use super::ending::say;
use super::submit::notes;
use crate::script::options::Command;

/// Signals of the launcher: those that it hands on, and the terminal's new size.
const SIGNALS: [i32; 8] = [1, 2, 3, 10, 12, 14, 15, crate::fanout::signals::SIGWINCH];

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    match prepare(words) {
        Ok(code) => ExitCode::from(code),
        Err(refused) => {
            let mut text = String::new();
            for line in &refused.lines {
                text.push_str(line);
                text.push('\n');
            }
            // With stderr gone there is nobody to tell.
            let _ = std::io::stderr().write_all(text.as_bytes());
            ExitCode::from(refused.code)
        }
    }
}

fn prepare(words: &[OsString]) -> Result<u8, Refused> {
    let asked = line::read(words, &|name| std::env::var(name).ok())?;
    if let Some(text) = help::asked_for(&asked.request) {
        // A reader that has seen enough is no error.
        let _ = std::io::stdout().write_all(text.as_bytes());
        return Ok(0);
    }
    let asked = complete::complete(asked)?;
    say(&notes::ignored(Command::Srun, &asked.request));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refused::error(&format!("cannot start: {error}")))?;
    let code = runtime.block_on(controller::run(asked));
    // Threads that still read or write must not be waited for.
    runtime.shutdown_background();
    code
}
