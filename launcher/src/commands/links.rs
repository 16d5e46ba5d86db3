//! `prun links DIR`: Slurm's command names as links to this binary.

use std::io;
use std::path::Path;

/// Slurm's commands that prun can be called by.
pub const NAMES: &[&str] =
    &["sbatch", "srun", "salloc", "sbcast", "squeue", "scancel", "sinfo", "scontrol", "sacct", "sattach"];

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
