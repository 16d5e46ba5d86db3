//! What MPI libraries leave in shared memory: a directory for those that can be told, and a look at what the others
//! have left.
//!
//! A library unlinks its files when it ends as it should. Of ranks that were killed they stay, megabytes each, until the
//! machine is started anew.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where Linux has it (`shm_overview(7)`).
const SHARED_MEMORY: &str = "/dev/shm";

/// How the files of MPICH, Intel MPI, Open MPI and UCX begin.
const PREFIXES: [&str; 5] = ["mpich_", "Intel_MPI_", "vader_segment.", "sm_segment.", "ucx_shm_posix_"];

/// The directory of a step process in shared memory. It need not exist.
#[must_use]
pub fn directory_of(step_process: rustix::process::Pid) -> PathBuf {
    Path::new(SHARED_MEMORY).join(format!("prun-mpi-{}", step_process.as_raw_nonzero()))
}

/// Makes this step process's directory.
///
/// # Errors
/// Those of the file system; somebody else's directory of the same name is one.
pub fn make_directory() -> io::Result<PathBuf> {
    let directory = directory_of(rustix::process::getpid());
    fs::DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}

/// Removes what MPI libraries of ranks that are gone have left: files of theirs by name, of this user, made since
/// `start`, that no process has open or mapped. Reads all of `/proc` where there are such files, and only then.
pub fn remove_left_files(start: SystemTime) {
    remove_left_in(Path::new(SHARED_MEMORY), start);
}

fn remove_left_in(directory: &Path, start: SystemTime) {
    let user = rustix::process::getuid().as_raw();
    let Ok(entries) = fs::read_dir(directory) else { return };
    let is_left = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let known = PREFIXES.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
        known
            && entry.metadata().is_ok_and(|file| {
                file.is_file() && file.uid() == user && file.modified().is_ok_and(|at| at >= start)
            })
    };
    let left: Vec<PathBuf> = entries.flatten().filter(is_left).map(|entry| entry.path()).collect();
    if left.is_empty() {
        return;
    }
    // Listed first: whoever makes a file holds it from then on.
    let held = held_in(directory);
    for path in left.iter().filter(|path| !held.contains(*path)) {
        // One that its owner has just removed is gone as well.
        let _ = fs::remove_file(path);
    }
}

/// Files of a directory that some process has open or mapped. A file is opened before it is mapped and closed after
/// that, which is why each process's descriptors are looked at first.
fn held_in(directory: &Path) -> HashSet<PathBuf> {
    let mut held = HashSet::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if !process.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
            continue;
        }
        for open in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            held.extend(fs::read_link(open.path()).ok().filter(|path| path.starts_with(directory)));
        }
        let maps = fs::read_to_string(process.path().join("maps")).unwrap_or_default();
        let mapped = maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])));
        held.extend(mapped.filter(|path| path.starts_with(directory)));
    }
    held
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["mpich_shm_left", "mpich_shm_held", "vader_segment.left", "others"] {
            fs::write(path(name), "x").unwrap();
        }
        let _held = fs::File::open(path("mpich_shm_held")).unwrap();
        let now = SystemTime::now();
        remove_left_in(directory.path(), now + Duration::from_secs(60));
        assert!(path("mpich_shm_left").exists(), "it is older than the step");
        remove_left_in(directory.path(), now - Duration::from_secs(60));
        let mut names: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["mpich_shm_held", "others"]);
    }
}
