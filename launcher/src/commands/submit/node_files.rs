//! Node names that stand in files: `--nodefile`, a `--nodelist` or `--exclude` with a `/` in it, and `SLURM_HOSTFILE`,
//! each of whose lines is the place of one task (`srun(1)`, "nodelist", "distribution").

use std::fs;
use std::path::Path;

use prun_runtime::limits::NODES_MAX;

use crate::layout::is_arbitrary;
use crate::script::hostlist::expand;
use crate::script::mistake::Mistake;
use crate::script::options::{Command, Request};
use crate::script::spec::{Distribution, NodeDistribution};

/// Bytes of a file of node names: a cluster's worth of long names.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Puts the names into the job. `hostfile` is the value of `SLURM_HOSTFILE`, which counts where no node is named. Reads
/// the files.
///
/// # Errors
/// A [`Mistake`] in Slurm's words.
pub fn read_names(
    command: Command,
    request: &mut Request,
    directory: &Path,
    hostfile: Option<&str>,
) -> Result<(), Mistake> {
    let read = |file: &str| read(command, directory, file);
    if let Some(file) = &request.flags.exclude_file {
        request.job.exclude = read(file)?;
    }
    if let Some(file) = &request.flags.nodefile {
        request.job.nodelist = read(file).map_err(|mistake| Mistake {
            exit_code: 255,
            ..followed_by(mistake, command, "Invalid --nodefile node file")
        })?;
    } else if let Some(file) = &request.flags.nodelist_file {
        request.job.nodelist = read(file)?;
    } else if let Some(file) = hostfile.filter(|file| !file.is_empty() && request.job.nodelist.is_empty()) {
        let names = places(command, directory, file, request.job.ntasks)
            .map_err(|mistake| followed_by(mistake, command, "Failure getting NodeNames from hostfile"))?;
        request.job.nodelist = names;
        let given = request.job.distribution.unwrap_or_default();
        request.job.distribution = Some(Distribution { nodes: NodeDistribution::Arbitrary, ..given });
    }
    if is_arbitrary(&request.job) && !request.job.nodelist.is_empty() {
        request.job.ntasks.get_or_insert(request.job.nodelist.len() as u32);
    }
    Ok(())
}

/// The nodes of so many tasks.
fn places(
    command: Command,
    directory: &Path,
    file: &str,
    tasks: Option<u32>,
) -> Result<Vec<String>, Mistake> {
    let here = if file.contains('/') { file.to_owned() } else { format!("./{file}") };
    let mut names = read(command, directory, &here)?;
    let tasks = tasks.map_or(names.len(), |tasks| tasks as usize);
    if names.len() < tasks.max(1) {
        return Err(Mistake::line(command, "Too few NodeNames in Slurm Hostfile", 1));
    }
    names.truncate(tasks);
    Ok(names)
}

fn followed_by(mistake: Mistake, command: Command, line: &str) -> Mistake {
    let mut slurm = mistake.slurm.clone();
    slurm.extend(Mistake::line(command, line, 1).slurm);
    Mistake { slurm, ..mistake }
}

/// Hostlists between blanks, commas and line ends; `NAME*COUNT` for one that is repeated; `#` begins a comment.
fn read(command: Command, directory: &Path, file: &str) -> Result<Vec<String>, Mistake> {
    let failed = |why: &str| {
        Mistake::line(command, &format!("slurm_allocate_resources error opening file {file}, {why}"), 1)
    };
    let path = directory.join(file);
    let size = fs::metadata(&path).map_err(|error| failed(reason(&error)))?.len();
    if size > FILE_BYTES_MAX {
        return Err(failed("File too large"));
    }
    let text = fs::read_to_string(&path).map_err(|error| failed(reason(&error)))?;
    let invalid = |why: String| Mistake::line(command, &format!("invalid hostlist in `{file}`: {why}"), 1);
    let mut names = Vec::new();
    for line in text.lines() {
        let line = line.split_once('#').map_or(line, |(names, _)| names);
        for word in line.split_whitespace() {
            let (list, count) = match word.rsplit_once('*') {
                Some((list, count)) => (list, count.parse().map_err(|_| invalid(format!("`{word}`")))?),
                None => (word, 1_usize),
            };
            let expanded = expand(list).map_err(|error| invalid(error.to_string()))?;
            if names.len() + expanded.len().saturating_mul(count) > NODES_MAX {
                return Err(invalid(format!("more than {NODES_MAX} names")));
            }
            (0..count).for_each(|_| names.extend(expanded.iter().cloned()));
        }
    }
    Ok(names)
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
    use super::*;
    use crate::script::read_line;

    fn names(line: &str, hostfile: Option<&str>, files: &[(&str, &str)]) -> Result<Request, Mistake> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut request, _) = read_line(Command::Sbatch, &words, &|_| None)?;
        read_names(Command::Sbatch, &mut request, directory.path(), hostfile)?;
        Ok(request)
    }

    const FILE: &[(&str, &str)] = &[("f", "# nodes\nn3,n[1-2]\n\nm*2 # twice\n")];

    #[test]
    fn nodes_are_read_from_files() {
        let all = ["n3", "n1", "n2", "m", "m"];
        assert_eq!(names("-F f", None, FILE).unwrap().job.nodelist, all);
        assert_eq!(names("-w ./f", None, FILE).unwrap().job.nodelist, all);
        assert_eq!(names("-x ./f", None, FILE).unwrap().job.exclude, all);
        assert_eq!(names("-w ./f -w a", None, FILE).unwrap().job.nodelist, ["a"]);
        let repeated = names("-F f", None, &[("f", "n*99999999999\n")]).unwrap_err();
        assert!(repeated.title.contains("more than"), "{}", repeated.title);
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let told = |line: &str, hostfile| {
            let mistake = names(line, hostfile, FILE).unwrap_err();
            (mistake.slurm.join("\n"), mistake.exit_code)
        };
        let opening = "sbatch: error: slurm_allocate_resources error opening file";
        let missing = "No such file or directory";
        assert_eq!(
            told("-F g", None),
            (format!("{opening} g, {missing}\nsbatch: error: Invalid --nodefile node file"), 255)
        );
        assert_eq!(told("-w ./g", None), (format!("{opening} ./g, {missing}"), 1));
        assert_eq!(told("-x ./g", None), (format!("{opening} ./g, {missing}"), 1));
        let hostfile = "sbatch: error: Failure getting NodeNames from hostfile";
        assert_eq!(told("", Some("g")), (format!("{opening} ./g, {missing}\n{hostfile}"), 1));
        assert_eq!(
            told("-n 6", Some("f")),
            (format!("sbatch: error: Too few NodeNames in Slurm Hostfile\n{hostfile}"), 1)
        );
    }

    #[test]
    fn lines_of_a_host_file_are_places_of_tasks() {
        let job = names("", Some("f"), FILE).unwrap().job;
        assert_eq!((job.ntasks, is_arbitrary(&job)), (Some(5), true));
        let job = names("-n 2", Some("f"), FILE).unwrap().job;
        assert_eq!((job.nodelist.len(), job.ntasks), (2, Some(2)));
        let named = names("-w a", Some("f"), FILE).unwrap().job;
        assert_eq!((named.nodelist.len(), is_arbitrary(&named)), (1, false));
    }
}
