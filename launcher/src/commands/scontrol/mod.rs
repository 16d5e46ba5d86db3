//! `scontrol`: looks at and changes jobs, nodes and partitions (`scontrol(1)`).
//!
//! [`keyword`] knows its words; each `show_*` file prints one kind of record and talks to nobody.

pub mod act;
pub mod interactive;
pub mod keyword;
pub mod ping;
pub mod record;
pub mod show;
mod show_extras;
pub mod show_hosts;
pub mod show_job;
pub mod show_node;
pub mod show_partition;
pub mod show_step;
pub mod token;
pub mod update;
pub mod wait_job;
pub mod write;

use std::ffi::OsString;
use std::process::ExitCode;

use super::ask::Asking;
use super::elements;
use super::ending::{Ending, finish};
use super::switches::{COMMON, Switch, Value, help, parse, switch};
use super::{utf8_words, version};
use crate::controller::api::Request;
use keyword::Keyword;
use record::Shape;

/// `scontrol(1)`, options.
const TABLE: &[Switch] = &[
    switch("all", Some('a'), Value::None, "hidden partitions too"),
    switch("clusters", Some('M'), Value::Needed, "accepted; there is one cluster"),
    switch("details", Some('d'), Value::None, "more lines about each job and node"),
    switch("federation", None, Value::None, "accepted; there are no federations"),
    switch("future", Some('F'), Value::None, "accepted; there are no nodes of the future"),
    switch("help", Some('h'), Value::None, ""),
    switch("hide", None, Value::None, "no hidden partitions"),
    switch("json", None, Value::Joined, "show jobs, nodes or partitions as JSON"),
    switch("local", None, Value::None, "accepted; there are no federations"),
    switch("oneliner", Some('o'), Value::None, "one line for each record"),
    switch("quiet", Some('Q'), Value::None, "no messages"),
    switch("sibling", None, Value::None, "accepted; there are no federations"),
    switch("uid", Some('u'), Value::Needed, "accepted; a cluster has one user"),
];

const USAGE: &str = "scontrol [OPTIONS] [COMMAND]

Commands:
  show ENTITY [ID]                 config, daemons, hostlist, hostlistsorted, hostnames, job, node, partition, step
  update KEY=VALUE ...             a job (JobId=), nodes (NodeName=) or a partition (PartitionName=)
  hold | uhold | release JOBS      whether jobs may start
  requeue | requeuehold JOBS       run jobs again
  suspend | resume JOBS            stop and continue jobs
  top JOBS                         put jobs first
  wait_job JOB                     until a job has its nodes
  write batch_script JOB [FILE]    a job's script
  token [lifespan=SECONDS]         what lets a program in at `prun rest`
  ping, version, completing, reconfigure, shutdown, help, exit

Without a command, commands are read from stdin.

Options:";

/// Settings that hold for all commands that follow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setting {
    shape: Shape,
    json: bool,
    quiet: bool,
}

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    finish(answer(&utf8_words(words)))
}

fn answer(words: &[String]) -> Result<Ending, Ending> {
    let words = parse(&[TABLE, COMMON], words).map_err(|error| {
        let mut ending = Ending::error(format!("scontrol: {error}"), 1);
        ending.stderr.push("Try \"scontrol --help\" for more information".to_owned());
        ending
    })?;
    if words.has("version") {
        return Ok(Ending::text(version()));
    }
    if words.has("help") || words.has("usage") {
        return Ok(Ending::text(help(USAGE, &[TABLE, COMMON])));
    }
    let shape = Shape {
        one_line: words.has("oneliner"),
        details: words.has("details"),
        list_length: elements::length(&|name| std::env::var(name).ok()),
    };
    let mut setting = Setting { shape, json: words.has("json"), quiet: words.has("quiet") };
    if words.operands.is_empty() {
        return interactive::run(setting);
    }
    dispatch(&words.operands, &mut setting)
}

/// Runs one command. Blocks where the controller is asked.
///
/// # Errors
/// What it ends with.
pub fn dispatch(words: &[String], setting: &mut Setting) -> Result<Ending, Ending> {
    let Some((written, operands)) = words.split_first() else { return Ok(Ending::default()) };
    let outcome = match Keyword::find(written) {
        None => Err(Ending::error(format!("invalid keyword: {written}"), 1)),
        Some(Keyword::Setting) => set(written, operands, setting),
        Some(keyword) => command(keyword, written, operands, *setting),
    };
    if setting.quiet {
        let silent = |mut ending: Ending| {
            ending.stderr.clear();
            ending
        };
        return outcome.map(silent).map_err(silent);
    }
    outcome
}

fn command(keyword: Keyword, written: &str, operands: &[String], setting: Setting) -> Result<Ending, Ending> {
    match keyword {
        Keyword::Act(_) if operands.is_empty() => {
            Err(Ending::error(format!("too few arguments for keyword:{written}"), 1))
        }
        Keyword::Ping | Keyword::Version | Keyword::Completing | Keyword::Reconfigure
            if !operands.is_empty() =>
        {
            Err(Ending::error(format!("too many arguments for keyword:{written}"), 1))
        }
        Keyword::Show => show::run(operands, setting.shape, setting.json),
        Keyword::Update => update::Update::read(operands)?.run(),
        Keyword::Act(action) => act::run(action, operands),
        Keyword::Ping => ping::run(),
        Keyword::Version => Ok(Ending::text(version())),
        Keyword::Help => Ok(Ending::text(help(USAGE, &[TABLE, COMMON]))),
        Keyword::WaitJob => wait_job::run(operands),
        Keyword::Write => write::run(operands),
        Keyword::Token => token::run(operands),
        Keyword::Shutdown => match Asking::connect("scontrol")?.ask(Request::Shutdown) {
            Ok(_) => Ok(Ending::default()),
            Err(no) => Err(no.ending("scontrol", "slurm_shutdown error")),
        },
        Keyword::Reconfigure => match Asking::connect("scontrol")?.ask(Request::Reconfigure) {
            Ok(_) => Ok(Ending::default()),
            Err(no) => Err(no.ending("scontrol", "slurm_reconfigure error")),
        },
        // Jobs leave the state COMPLETING by themselves.
        Keyword::Completing | Keyword::Setting | Keyword::Exit => Ok(Ending::default()),
        Keyword::Missing(name) => {
            Err(Ending::error(format!("scontrol: error: `{name}` is not supported by prun"), 1))
        }
    }
}

fn set(written: &str, operands: &[String], setting: &mut Setting) -> Result<Ending, Ending> {
    if !operands.is_empty() {
        return Err(Ending::error(format!("too many arguments for keyword:{written}"), 1));
    }
    match written.to_ascii_lowercase().as_bytes() {
        [b'd', ..] => setting.shape.details = true,
        [b'o', ..] => setting.shape.one_line = true,
        [b'q', ..] => setting.quiet = true,
        _ => {}
    }
    Ok(Ending::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scontrol(line: &str) -> Result<Ending, Ending> {
        answer(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_needs_no_controller_is_answered_without_one() {
        assert_eq!(scontrol("version").unwrap().stdout, "slurm 24.11.5\n");
        assert_eq!(scontrol("-V").unwrap().stdout, "slurm 24.11.5\n");
        assert_eq!(scontrol("show hostnames n[1-2]").unwrap().stdout, "n1\nn2\n");
        assert!(scontrol("--help").unwrap().stdout.contains("write batch_script"));
        assert_eq!(scontrol("show daemons").unwrap().stdout, "slurmctld slurmd\n");
    }

    #[test]
    fn mistakes_end_with_1() {
        for (line, text) in [
            ("foo", "invalid keyword: foo"),
            ("hold", "too few arguments for keyword:hold"),
            ("ping foo", "too many arguments for keyword:ping"),
            ("show", "too few arguments for keyword:show"),
            ("write foo", "invalid write argument:foo"),
            ("wait_job", "too few arguments for keyword:wait_job"),
            ("reboot n1", "scontrol: error: `reboot` is not supported by prun"),
            ("-x", "scontrol: invalid option -- 'x'"),
        ] {
            let ending = scontrol(line).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1), "{line}");
        }
        assert_eq!(scontrol("-Q show foo").unwrap_err().stderr, [] as [String; 0]);
    }
}
