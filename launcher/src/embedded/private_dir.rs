//! The directory of one embedded cluster: its socket and Slurm's command names.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use prun_runtime::limits::SCRIPT_BYTES_MAX;
use prun_runtime::server::guard::Workspace;

/// Where Linux has a file system in memory that everybody may write to (`shm_overview(7)`).
const SHARED_MEMORY: &str = "/dev/shm";

/// What `statfs(2)` says of a file system in memory.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// Bytes that must be free in one: a few of the largest scripts.
const MEMORY_BYTES_MIN: u64 = 4 * SCRIPT_BYTES_MAX as u64;

/// A directory that is removed with everything in it when this value goes.
///
/// It is named before it is made, so that the guard, which removes it when prun is killed, can be told
/// of it first: no moment exists at which a killed prun leaves the directory behind.
#[derive(Debug)]
pub struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    /// A name that nobody else has, in `TMPDIR`; without one, in a file system in memory where there is one, or in
    /// `/tmp`. Nothing is made yet.
    ///
    /// # Errors
    /// Only where the system has no random numbers.
    pub fn named() -> io::Result<Self> {
        let in_memory = || std::env::var_os("XDG_RUNTIME_DIR").into_iter().chain([SHARED_MEMORY.into()]);
        match std::env::var_os("TMPDIR") {
            Some(chosen) => Self::named_in(Path::new(&chosen)),
            None => match in_memory().find(|parent| is_memory(Path::new(parent))) {
                Some(parent) => Self::named_in(Path::new(&parent)),
                None => Self::named_in(&std::env::temp_dir()),
            },
        }
    }

    /// The same in another directory.
    ///
    /// # Errors
    /// As [`Self::named`].
    pub fn named_in(parent: &Path) -> io::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let name = format!("prun-{:016x}", u64::from_ne_bytes(bytes));
        Ok(Self { path: parent.join(name) })
    }

    /// Makes it, for this user alone, with the command names in `bin`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make(&self, binary: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(&self.path)?;
        let bin = self.bin();
        fs::create_dir(&bin)?;
        crate::commands::links::make(&bin, binary)
    }

    /// The directory of command names.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.path.join("bin")
    }

    /// What the guard is to know of it.
    #[must_use]
    pub fn workspace(&self) -> Workspace {
        Workspace { directory: self.path.clone(), socket: self.socket(), bin: self.bin(), lasting: false }
    }

    /// The socket of controller and rank servers.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("socket")
    }
}

/// Whether this is a file system in memory in which we may make files and execute them (the job script is one), with
/// room for some scripts. Making and removing a directory takes microseconds there, but milliseconds on a disk that is
/// told of every block that becomes free.
fn is_memory(path: &Path) -> bool {
    use rustix::fs::{Access, StatVfsMountFlags, access, statfs, statvfs};
    let Ok(flags) = statvfs(path).map(|system| system.f_flag) else { return false };
    let Ok(system) = statfs(path) else { return false };
    system.f_type == TMPFS
        && !flags.contains(StatVfsMountFlags::NOEXEC)
        && system.f_bavail.saturating_mul(system.f_bsize as u64) >= MEMORY_BYTES_MIN
        && access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        // Whoever comes second (the guard after a kill) finds nothing: no error to report.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_named_first_and_goes_with_its_value() {
        let parent = tempfile::tempdir().unwrap();
        let directory = PrivateDir::named_in(parent.path()).unwrap();
        let path = directory.workspace().directory;
        assert!(!path.exists());
        directory.make(Path::new("/bin/true")).unwrap();
        assert!(path.join("bin/srun").exists());
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_file_system_in_memory_is_not_taken_for_one() {
        assert!(!is_memory(Path::new("/proc")));
        assert!(!is_memory(Path::new("/no/such/directory")));
    }
}
