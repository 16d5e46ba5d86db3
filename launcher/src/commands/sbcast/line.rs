//! sbcast's command line and input variables.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use prun_runtime::ids::{JobId, StepId};
use prun_runtime::limits::DATA_BYTES_MAX;
use serde_bytes::ByteBuf;

use super::{Failed, absolute};
use crate::commands::srun::VERSION;
use crate::commands::switches::{COMMON, Switch, Value, help, parse, switch};
use crate::fanout::bcast::FANOUT;

const OPTIONS: &[Switch] = &[
    switch("compress", Some('C'), Value::Joined, "accepted; links to nodes are not compressed"),
    switch("exclude", None, Value::Needed, "directories whose shared objects are not sent"),
    switch("force", Some('f'), Value::None, "replace the file"),
    switch("fanout", Some('F'), Value::Needed, "nodes sent to at the same time"),
    switch("jobid", Some('j'), Value::Needed, "job, or JOB.STEP"),
    switch("preserve", Some('p'), Value::None, "keep times too"),
    switch("send-libs", None, Value::Joined, "send the shared objects of a program too"),
    switch("size", Some('s'), Value::Needed, "bytes sent at a time"),
    switch("timeout", Some('t'), Value::Needed, "seconds for all of it"),
    switch("treewidth", None, Value::Needed, "the same as --fanout"),
];

const USAGE: &str = "Usage: sbcast [--exclude] [-CfFjpvV] [--send-libs] SOURCE DEST\n";

/// Directories whose shared objects every node has (`BcastExclude` of Slurm).
const EXCLUDE: &str = "/lib,/usr/lib,/lib64,/usr/lib64";

/// What `--compress` may name.
const COMPRESSIONS: [&str; 3] = ["lz4", "zlib", "none"];

/// Connections that `--fanout` may ask for.
const FANOUT_MAX: usize = 512;

/// A job or a step of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) step: Option<StepId>,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "{}.{step}", self.id),
            None => self.id.fmt(f),
        }
    }
}

/// What is to be copied, and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) source: PathBuf,
    pub(super) destination: ByteBuf,
    pub(super) job: Job,
    pub(super) force: bool,
    pub(super) preserve: bool,
    pub(super) send_libs: bool,
    /// Directories whose shared objects are not sent.
    pub(super) exclude: Vec<PathBuf>,
    pub(super) chunk_bytes: usize,
    pub(super) fanout: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) verbose: bool,
}

/// What the words ask for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    Text(String),
    Copy(Box<Asked>),
}

/// Reads the words after `sbcast`.
pub(super) fn read(words: &[OsString], variable: &dyn Fn(&str) -> Option<String>) -> Result<Line, Failed> {
    let try_help = "Try \"sbcast --help\" for more information";
    let senseless = |text: String| Failed { lines: vec![text, try_help.to_owned()], code: 1 };
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words = parse(&[OPTIONS, COMMON], &words).map_err(|error| senseless(format!("sbcast: {error}")))?;
    if words.has("version") {
        return Ok(Line::Text(VERSION.to_owned()));
    } else if words.has("help") {
        return Ok(Line::Text(help("sbcast [OPTIONS] SOURCE DEST", &[OPTIONS, COMMON])));
    } else if words.has("usage") {
        return Ok(Line::Text(USAGE.to_owned()));
    }
    let [source, destination] = words.operands.as_slice() else {
        return Err(senseless(format!("Need two file names, have {} names", words.operands.len())));
    };
    if destination.is_empty() || destination.ends_with('/') {
        return Err(Failed::new(1, "Target filename cannot be a directory."));
    }
    let destination = absolute(destination)
        .map_err(|error| Failed::new(1, &format!("cannot find the working directory: {error}")))?;
    let value = |option: &str, name: &str| {
        words.value(option).map(str::to_owned).or_else(|| variable(name)).filter(|text| !text.is_empty())
    };
    let set = |option: &str, name: &str| words.has(option) || variable(name).is_some();
    let number = |option: &str, name: &str| value(option, name).and_then(|text| text.parse::<usize>().ok());
    if let Some(kind) =
        value("compress", "SBCAST_COMPRESS").filter(|kind| !COMPRESSIONS.contains(&kind.as_str()))
    {
        eprintln!("sbcast: error: Compression type '{kind}' unknown, disabling compression support.");
    }
    let send_libs = words.has("send-libs") || variable("SBCAST_SEND_LIBS").is_some();
    let unwanted =
        value("send-libs", "SBCAST_SEND_LIBS").is_some_and(|text| ["n", "no"].contains(&text.as_str()));
    let fanout = number("fanout", "SBCAST_FANOUT").or_else(|| number("treewidth", "SBCAST_TREE_WIDTH"));
    let exclude = value("exclude", "SBCAST_EXCLUDE").unwrap_or_else(|| EXCLUDE.to_owned());
    Ok(Line::Copy(Box::new(Asked {
        source: PathBuf::from(source),
        destination,
        job: job(words.value("jobid"), variable)?,
        force: set("force", "SBCAST_FORCE"),
        preserve: set("preserve", "SBCAST_PRESERVE"),
        send_libs: send_libs && !unwanted,
        exclude: exclude.split(',').filter(|path| path.starts_with('/')).map(PathBuf::from).collect(),
        chunk_bytes: chunk_bytes(value("size", "SBCAST_SIZE").as_deref()),
        fanout: fanout.filter(|width| *width > 0).map_or(FANOUT, |width| width.min(FANOUT_MAX)),
        timeout: number("timeout", "SBCAST_TIMEOUT")
            .filter(|secs| *secs > 0)
            .map(|secs| Duration::from_secs(secs as u64)),
        verbose: words.has("verbose"),
    })))
}

/// The job that is named, or that we run in.
fn job(named: Option<&str>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Job, Failed> {
    let surrounding = || variable("SLURM_JOB_ID").or_else(|| variable("SLURM_JOBID"));
    let text = named.map(str::to_owned).or_else(surrounding).ok_or_else(|| {
        Failed::new(
            1,
            "Need a job id to run this command.  Run from within a Slurm job or use the --jobid option.",
        )
    })?;
    let (id, step) = match text.split_once('.') {
        Some((id, step)) => (id, step.parse().ok().map(StepId)),
        None => (text.as_str(), None),
    };
    // A heterogeneous component's offset names the same job.
    let id = id.split_once('+').map_or(id, |(id, _)| id);
    // Slurm looks up job 0 for what is no number, and does not find it.
    Ok(Job { id: JobId(id.parse().unwrap_or(0)), step })
}

/// Bytes with `k`, `m`, `g` behind them; at most what one frame takes.
fn chunk_bytes(text: Option<&str>) -> usize {
    let Some(text) = text else { return DATA_BYTES_MAX };
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => 0,
    };
    match digits.parse::<u64>().map(|number| number.saturating_mul(factor)) {
        Ok(bytes) if bytes > 0 => bytes.min(DATA_BYTES_MAX as u64) as usize,
        _ => {
            eprintln!("size specification is invalid, ignored");
            DATA_BYTES_MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str], variables: &[(&str, &str)]) -> Result<Line, Failed> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        read(&words, &|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn asked(words: &[&str], variables: &[(&str, &str)]) -> Asked {
        match line(words, variables) {
            Ok(Line::Copy(asked)) => *asked,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_may_stand_anywhere_and_variables_count() {
        let asked = asked(&["-fp", "a", "-j", "7.2", "/b", "-s", "4k"], &[("SBCAST_TIMEOUT", "5")]);
        assert_eq!((asked.force, asked.preserve, asked.chunk_bytes), (true, true, 4096));
        assert_eq!(asked.job, Job { id: JobId(7), step: Some(StepId(2)) });
        assert_eq!((asked.destination, asked.timeout), (ByteBuf::from("/b"), Some(Duration::from_secs(5))));
        assert_eq!(asked.fanout, FANOUT);
    }

    #[test]
    fn the_job_is_the_surrounding_one_and_relative_paths_are_made_whole() {
        let asked = asked(&["a", "b", "-F", "3"], &[("SLURM_JOB_ID", "12")]);
        assert_eq!((asked.job.to_string().as_str(), asked.fanout), ("12", 3));
        let here = std::env::current_dir().unwrap().join("b").into_os_string().into_encoded_bytes();
        assert_eq!(asked.destination, ByteBuf::from(here));
    }

    #[test]
    fn mistakes_are_said_as_slurm_does() {
        let text = |words: &[&str]| line(words, &[]).unwrap_err();
        assert_eq!(text(&["a"]).lines[0], "Need two file names, have 1 names");
        assert_eq!(text(&["a", "/b/"]).lines, ["sbcast: error: Target filename cannot be a directory."]);
        assert_eq!(text(&["--nosuch", "a", "b"]).lines[0], "sbcast: unrecognized option '--nosuch'");
        assert!(text(&["a", "b"]).lines[0].contains("Need a job id"));
        assert!([text(&["a"]), text(&["a", ""])].iter().all(|failed| failed.code == 1));
    }

    #[test]
    fn shared_objects_are_sent_on_request() {
        let job = &[("SLURM_JOB_ID", "1")];
        assert!(!asked(&["a", "b"], job).send_libs);
        assert!(asked(&["a", "b", "--send-libs"], job).send_libs);
        assert!(!asked(&["a", "b", "--send-libs=no"], job).send_libs);
        let chosen = asked(&["a", "b", "--exclude=/opt/x,none"], job);
        assert_eq!(chosen.exclude, [PathBuf::from("/opt/x")]);
    }

    #[test]
    fn sizes_have_units_and_a_limit() {
        for (text, bytes) in
            [("1", 1), ("4k", 4096), ("8M", DATA_BYTES_MAX), ("x", DATA_BYTES_MAX), ("0", DATA_BYTES_MAX)]
        {
            assert_eq!(chunk_bytes(Some(text)), bytes, "{text}");
        }
    }
}
