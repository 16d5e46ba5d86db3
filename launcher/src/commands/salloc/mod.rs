//! `salloc`: an allocation, and a command that has it (`salloc(1)`).
//!
//! `allocate` gets the allocation, `command` runs the command in it. Both wait on signals, the controller and the
//! command at once, which is why they run on an event loop.

mod allocate;
mod command;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use super::clock::Clock;
use super::ending::{Ending, finish, say};
use super::submit::{complete, notes, settle, submitter};
use super::{option_help, utf8_words, version};
use crate::controller::api::Submission;
use crate::script::mistake::Mistake;
use crate::script::options::values::signal;
use crate::script::options::{Command, Flags, Request};
use crate::script::read_components;

const USAGE: &str = "salloc [OPTIONS] [COMMAND [ARGUMENTS]]";

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let words = utf8_words(words);
    finish(read(&words).and_then(|order| {
        let failed = |error| Ending::error(format!("salloc: error: cannot start the event loop: {error}"), 1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        runtime.block_on(carry_out(order))
    }))
}

/// What is asked.
#[derive(Debug)]
struct Order {
    submission: Submission,
    flags: Flags,
    /// The command and its arguments.
    command: Vec<String>,
    /// `--immediate`.
    immediate: Option<u32>,
    /// `--kill-command`: the signal's number.
    kill: Option<i32>,
}

/// Reads the command line. The working directory and the clock come in here.
fn read(words: &[String]) -> Result<Order, Ending> {
    let refusal =
        |mistake: Mistake| Ending { stderr: mistake.slurm, code: mistake.exit_code, ..Ending::default() };
    let (mut request, end) =
        read_components(Command::Salloc, words, &|name| env::var(name).ok()).map_err(refusal)?;
    if let Some(ending) = about(&request) {
        return Err(ending);
    }
    let directory = env::current_dir().map_err(|error| {
        Ending::error(format!("salloc: error: Unable to get the working directory: {error}"), 1)
    })?;
    let hostfile = env::var("SLURM_HOSTFILE").ok();
    let now = Clock::system().zoned();
    complete::complete(Command::Salloc, &mut request, &directory, &now, hostfile.as_deref())
        .map_err(refusal)?;
    say(&notes::ignored(Command::Salloc, &request));
    say(&settle::settle(Command::Salloc, &mut request).map_err(refusal)?);
    let kill = match &request.flags.kill_command {
        None => None,
        Some(name) => Some(
            signal(name)
                .ok_or_else(|| Ending::error(format!("salloc: error: unknown signal `{name}`"), 1))?,
        ),
    };
    let command = if words[end..].is_empty() {
        vec![env::var("SHELL").ok().filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".to_owned())]
    } else {
        words[end..].to_vec()
    };
    let name = if request.flags.no_shell { "no-shell" } else { "interactive" };
    for job in request.components_mut() {
        job.name.get_or_insert_with(|| name.to_owned());
    }
    let submitter = submitter("salloc", words, None);
    let (immediate, flags) = (request.job.immediate, request.flags);
    let components = request.earlier.into_iter().chain([request.job]).collect();
    let submission = Submission { components, script: None, env: Vec::new(), submitter, streams: false };
    Ok(Order { submission, flags, command, immediate, kill })
}

fn about(request: &Request) -> Option<Ending> {
    let flags = &request.flags;
    let text = match () {
        () if flags.version => version(),
        () if flags.help => option_help::help(Command::Salloc, USAGE),
        () if flags.usage => option_help::usage(Command::Salloc, USAGE),
        () => return None,
    };
    Some(Ending::text(text))
}

async fn carry_out(order: Order) -> Result<Ending, Ending> {
    let Order { submission, flags, command, immediate, kill } = order;
    let voice = Voice { quiet: flags.quiet };
    let granted = allocate::allocate(submission, immediate, flags.bell, voice).await?;
    if flags.no_shell {
        return granted.keep().await;
    }
    command::run(&command, granted, kill, voice).await
}

/// What the command says on stderr as it goes, unless it is to be quiet.
#[derive(Debug, Clone, Copy)]
struct Voice {
    quiet: bool,
}

impl Voice {
    fn info(self, text: &str) {
        if !self.quiet {
            say(&[format!("salloc: {text}")]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_job_has_its_own_name_or_is_interactive() {
        let name = |line: &str| read(&words(line)).unwrap().submission.components[0].name.clone().unwrap();
        assert_eq!(name("-n 2 /bin/echo hello"), "interactive");
        assert_eq!(name("-n 2"), "interactive");
        assert_eq!(name("--no-shell"), "no-shell");
        assert_eq!(name("-J mine bash"), "mine");
    }

    #[test]
    fn the_rest_of_the_line_is_the_command() {
        let order = read(&words("-N 2 -K=USR1 bash -c true")).unwrap_err();
        assert_eq!(order.code, 1);
        let order = read(&words("-N 2 --kill-command=USR1 -I3 bash -c true")).unwrap();
        assert_eq!(order.command, ["bash", "-c", "true"]);
        assert_eq!((order.kill, order.immediate), (Some(10), Some(3)));
        assert_eq!(
            order.submission.submitter.command_line,
            "salloc -N 2 --kill-command=USR1 -I3 bash -c true"
        );
    }
}
