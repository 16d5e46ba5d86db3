//! What a job is submitted with beside its options: where from, by whom, with which limits and environment.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use jiff::ZonedDateTime;
use prun_runtime::limits::SCRIPT_BYTES_MAX;
use rustix::process::{Resource, getrlimit};
use serde_bytes::ByteBuf;

use crate::controller::api::Submitter;
use crate::environment::Variables;
use crate::script::begin;
use crate::script::options::Request;
use crate::script::spec::JobSpec;

/// Why a job cannot be submitted, before anybody is asked.
#[derive(Debug, thiserror::Error)]
pub enum SubmissionError {
    /// The directory that relative paths are meant for is gone.
    #[error("cannot find the working directory")]
    WorkingDirectory(#[source] io::Error),
    /// A file named by an option.
    #[error("cannot read `{}`", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A script larger than a controller takes.
    #[error("`{}` is larger than {} MiB, which is the most a job script may have", path.display(), SCRIPT_BYTES_MAX >> 20)]
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// A node file that holds no host list.
    #[error("`{}` holds no list of nodes", path.display())]
    NodeFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: crate::script::hostlist::HostlistError,
    },
    /// A time that cannot be worked out.
    #[error("`{value}` is no value for `--{option}`")]
    Time {
        /// Which option.
        option: &'static str,
        /// As written.
        value: String,
    },
}

/// Reads a job script, up to the size that a controller takes. Blocks.
///
/// # Errors
/// [`SubmissionError::File`], [`SubmissionError::TooLarge`].
pub fn read_script(path: &Path) -> Result<Vec<u8>, SubmissionError> {
    let fails = |source| SubmissionError::File { path: path.to_owned(), source };
    let mut script = Vec::new();
    let file = File::open(path).map_err(fails)?;
    file.take(SCRIPT_BYTES_MAX as u64 + 1).read_to_end(&mut script).map_err(fails)?;
    if script.len() > SCRIPT_BYTES_MAX {
        return Err(SubmissionError::TooLarge { path: path.to_owned() });
    }
    Ok(script)
}

/// Fills in what the options leave to the place and time of submission: directories, times, the node file. Blocks on
/// that file.
///
/// # Errors
/// [`SubmissionError`].
pub fn complete(request: &mut Request, now: &ZonedDateTime) -> Result<(), SubmissionError> {
    let here = env::current_dir().map_err(SubmissionError::WorkingDirectory)?;
    let flags = request.flags.clone();
    if let Some(path) = &flags.nodefile {
        request.job.nodelist = node_file(Path::new(path))?;
    }
    let time = |option, value: &Option<String>| match value {
        None => Ok(None),
        Some(value) => begin::parse(value, now)
            .map(Some)
            .ok_or_else(|| SubmissionError::Time { option, value: value.clone() }),
    };
    request.job.begin = time("begin", &flags.begin)?;
    request.job.deadline = time("deadline", &flags.deadline)?;
    let work_dir = flags.chdir.as_ref().map_or_else(|| here.clone(), |chdir| here.join(chdir));
    let place = |job: &mut JobSpec| {
        job.submit_dir = ByteBuf::from(here.as_os_str().as_bytes());
        job.work_dir = ByteBuf::from(work_dir.as_os_str().as_bytes());
    };
    request.earlier.iter_mut().for_each(place);
    place(&mut request.job);
    Ok(())
}

fn node_file(path: &Path) -> Result<Vec<String>, SubmissionError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SubmissionError::File { path: path.to_owned(), source })?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    crate::script::hostlist::expand(&lines.collect::<Vec<_>>().join(","))
        .map_err(|source| SubmissionError::NodeFile { path: path.to_owned(), source })
}

/// The environment of this process.
#[must_use]
pub fn environment() -> Variables {
    env::vars_os().map(|(key, value)| (bytes(key), bytes(value))).collect()
}

fn bytes(text: OsString) -> ByteBuf {
    ByteBuf::from(text.into_vec())
}

/// Who this process works for, with its limits and file mask. `words` is the command line.
#[must_use]
pub fn submitter(words: impl Iterator<Item = OsString>) -> Submitter {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let line: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let sid = rustix::process::getsid(None).map_or(0, |sid| sid.as_raw_nonzero().get().unsigned_abs());
    Submitter {
        uid,
        gid,
        user: name_of("/etc/passwd", uid)
            .or_else(|| env::var("USER").ok())
            .unwrap_or_else(|| uid.to_string()),
        group: name_of("/etc/group", gid).unwrap_or_else(|| gid.to_string()),
        host: hostname::get().map_or_else(|_| String::new(), |host| host.to_string_lossy().into_owned()),
        sid,
        umask: umask(),
        rlimits: rlimits(),
        command_line: line.join(" "),
    }
}

/// The first name with this number in a file of `name:x:number:…` lines (`passwd(5)`, `group(5)`).
fn name_of(file: &str, number: u32) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, own) = (fields.next()?, fields.nth(1)?);
        (own.parse() == Ok(number)).then(|| name.to_owned())
    })
}

/// The file mask, which the system tells only while setting another.
fn umask() -> u32 {
    let mask = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    rustix::process::umask(mask);
    mask.bits()
}

/// Soft limits by Slurm's names (`SLURM_RLIMIT_*`).
fn rlimits() -> Vec<(String, u64)> {
    let known = [
        ("CPU", Resource::Cpu),
        ("FSIZE", Resource::Fsize),
        ("DATA", Resource::Data),
        ("STACK", Resource::Stack),
        ("CORE", Resource::Core),
        ("RSS", Resource::Rss),
        ("NPROC", Resource::Nproc),
        ("NOFILE", Resource::Nofile),
        ("MEMLOCK", Resource::Memlock),
        ("AS", Resource::As),
    ];
    known.map(|(name, resource)| (name.to_owned(), getrlimit(resource).current.unwrap_or(u64::MAX))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submitter_has_a_name_limits_and_the_mask_stays() {
        let before = umask();
        let submitter = submitter(["prun", "job.sh"].map(OsString::from).into_iter());
        assert_eq!((umask(), submitter.umask), (before, before));
        assert!(!submitter.user.is_empty() && submitter.rlimits.len() == 10);
        assert_eq!(submitter.command_line, "prun job.sh");
    }

    #[test]
    fn directories_and_times_are_filled_in() {
        let mut request = Request::default();
        request.flags.chdir = Some("below".into());
        request.flags.begin = Some("now+60".into());
        let now = ZonedDateTime::now();
        complete(&mut request, &now).unwrap();
        assert!(request.job.work_dir.ends_with(b"/below"));
        assert_eq!(request.job.begin, Some(now.timestamp().as_second() + 60));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read_script(Path::new("/no/such/job.sh")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `/no/such/job.sh`");
    }
}
