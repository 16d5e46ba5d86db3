//! What options mean once clock, files and working directory are known: `--begin`, `--deadline`, `--nodefile`,
//! `--chdir`.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::ZonedDateTime;
use serde_bytes::ByteBuf;

use crate::script::hostlist::expand;
use crate::script::mistake::Mistake;
use crate::script::options::{Command, Request};
use crate::script::{bad_time, begin};

/// Bytes of a file of node names: a cluster's worth of long names.
const NODE_FILE_BYTES_MAX: u64 = 16 << 20;

/// Puts it into the job. Reads the node file.
///
/// # Errors
/// A [`Mistake`] in Slurm's words.
pub fn complete(
    command: Command,
    request: &mut Request,
    directory: &Path,
    now: &ZonedDateTime,
) -> Result<(), Mistake> {
    let at = |option: &'static str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => begin::parse(text, now).map(Some).ok_or_else(|| bad_time(command, option, text)),
    };
    request.job.begin = at("begin", &request.flags.begin)?;
    request.job.deadline = at("deadline", &request.flags.deadline)?;
    if let Some(file) = &request.flags.nodefile {
        request.job.nodelist = node_file(command, &directory.join(file), file)?;
    }
    let work_dir = work_dir(directory, request.flags.chdir.as_deref());
    for job in request.earlier.iter_mut().chain([&mut request.job]) {
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

/// Names between commas, blanks and line ends.
fn node_file(command: Command, path: &Path, written: &str) -> Result<Vec<String>, Mistake> {
    let refused = |why: &str| {
        let text = format!(
            "slurm_allocate_resources error opening file {written}, {why}\nInvalid --nodefile node file"
        );
        let name = command.name();
        Mistake {
            slurm: text.lines().map(|line| format!("{name}: error: {line}")).collect(),
            ..Mistake::line(command, &text, 255)
        }
    };
    let file = fs::metadata(path).map_err(|error| refused(reason(&error)))?;
    if file.len() > NODE_FILE_BYTES_MAX {
        return Err(refused("File too large"));
    }
    let text = fs::read_to_string(path).map_err(|error| refused(reason(&error)))?;
    expand(text.trim())
        .map_err(|error| Mistake::line(command, &format!("invalid hostlist in `{written}`: {error}"), 1))
}

fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "No such file or directory",
        std::io::ErrorKind::PermissionDenied => "Permission denied",
        _ => "Input/output error",
    }
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
        complete(Command::Sbatch, &mut request, directory, &now)?;
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

    #[test]
    fn nodes_are_read_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("nodes"), "n3,n[1-2]\nm\n").unwrap();
        let request = completed("-F nodes", directory.path()).unwrap();
        assert_eq!(request.job.nodelist, ["n3", "n1", "n2", "m"]);
        let mistake = completed("-F /nonexist", directory.path()).unwrap_err();
        assert_eq!(
            mistake.slurm,
            [
                "sbatch: error: slurm_allocate_resources error opening file /nonexist, No such file or directory",
                "sbatch: error: Invalid --nodefile node file"
            ]
        );
        assert_eq!(mistake.exit_code, 255);
    }
}
