//! `prun links DIR`: Slurm's command names as links to this binary.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Slurm's commands that prun can be called by.
pub const NAMES: &[&str] = &[
    "sbatch", "srun", "salloc", "sbcast", "squeue", "scancel", "sinfo", "scontrol", "sacct", "sattach",
    "sacctmgr", "sstat", "sdiag", "sprio", "sshare",
];

/// Makes the names, and `prun` itself, in a directory that exists.
///
/// # Errors
/// Those of the file system.
pub fn make(directory: &Path, binary: &Path) -> io::Result<()> {
    for name in NAMES.iter().chain(&["prun"]) {
        std::os::unix::fs::symlink(binary, directory.join(name))?;
    }
    Ok(())
}

/// Makes the names in a directory, which is made where it is missing. Exits with 2 without exactly one, and with 1
/// where that fails.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let [directory] = words else {
        eprintln!("usage: prun links DIRECTORY\n\nMakes Slurm's command names there, as links to prun.");
        return ExitCode::from(2);
    };
    let directory = Path::new(directory);
    let made = std::fs::create_dir_all(directory)
        .and_then(|()| std::env::current_exe())
        .and_then(|binary| make(directory, &binary));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(source) => {
            super::dispatch::fail("prun links", &LinksError { directory: directory.to_owned(), source })
        }
    }
}

/// Why names could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the names in `{}`", directory.display())]
struct LinksError {
    directory: PathBuf,
    source: io::Error,
}
