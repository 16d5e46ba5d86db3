//! What options mean once clock, files and working directory are known: `--begin`, `--deadline`, `--nodefile`,
//! `--chdir`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::ZonedDateTime;
use serde_bytes::ByteBuf;

use super::node_files::read_names;
use crate::script::mistake::Mistake;
use crate::script::options::{Command, Request};
use crate::script::{bad_time, begin};

/// Puts it into the job. Reads files of node names; `hostfile` is the value of `SLURM_HOSTFILE`.
///
/// # Errors
/// A [`Mistake`] in Slurm's words.
pub fn complete(
    command: Command,
    request: &mut Request,
    directory: &Path,
    now: &ZonedDateTime,
    hostfile: Option<&str>,
) -> Result<(), Mistake> {
    let at = |option: &'static str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => begin::parse(text, now).map(Some).map_err(|why| bad_time(command, option, text, why)),
    };
    let begin = at("begin", &request.flags.begin)?;
    let deadline = at("deadline", &request.flags.deadline)?;
    read_names(command, request, directory, hostfile)?;
    let work_dir = work_dir(directory, request.flags.chdir.as_deref());
    for job in request.components_mut() {
        (job.begin, job.deadline) = (begin, deadline);
        job.submit_dir = ByteBuf::from(directory.as_os_str().as_bytes());
        job.work_dir.clone_from(&work_dir);
    }
    Ok(())
}

/// `--chdir` behind the directory of submission, as written: `..`, links and doubled slashes are left to the system,
/// which knows them when the job runs.
fn work_dir(directory: &Path, chdir: Option<&str>) -> ByteBuf {
    let directory = directory.as_os_str().as_bytes();
    ByteBuf::from(match chdir {
        None => directory.to_vec(),
        Some(chdir) if chdir.starts_with('/') => chdir.as_bytes().to_vec(),
        Some(chdir) => [directory, b"/", chdir.as_bytes()].concat(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::script::read_line;

    fn completed(line: &str, directory: &Path) -> Result<Request, Mistake> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut request, _) = read_line(Command::Sbatch, &words, &|_| None)?;
        let now = jiff::civil::date(2026, 3, 10).at(12, 0, 0, 0).to_zoned_datetime(TimeZone::UTC).unwrap();
        complete(Command::Sbatch, &mut request, directory, &now, None)?;
        Ok(request)
    }

    #[test]
    fn times_and_directories_become_absolute() {
        let request = completed("--begin=now+1hour -D sub/x", Path::new("/home/ada")).unwrap();
        assert_eq!(request.job.begin, Some(1_773_147_600));
        assert_eq!(request.job.work_dir, b"/home/ada/sub/x");
        assert_eq!(request.job.submit_dir, b"/home/ada");
        for (chdir, expected) in [("/tmp/", "/tmp/"), ("./", "/home/./"), ("~/x/", "/home/~/x/")] {
            let request = completed(&format!("-D {chdir}"), Path::new("/home")).unwrap();
            assert_eq!(request.job.work_dir, expected.as_bytes(), "{chdir}");
        }
    }
}
