//! The directory of one embedded cluster: its socket and Slurm's command names.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use prun_runtime::server::guard::Workspace;

/// A directory that is removed with everything in it when this value goes.
///
/// It is named before it is made, so that the guard, which removes it when prun is killed, can be told
/// of it first: no moment exists at which a killed prun leaves the directory behind.
#[derive(Debug)]
pub struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    /// A name that nobody else has, in `TMPDIR` or `/tmp`. Nothing is made yet.
    ///
    /// # Errors
    /// Only where the system has no random numbers.
    pub fn named() -> io::Result<Self> {
        Self::named_in(&std::env::temp_dir())
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
        Workspace { directory: self.path.clone(), socket: self.socket(), bin: self.bin() }
    }

    /// The socket of controller and rank servers.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("socket")
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        // Whoever comes second (the guard after a kill) finds nothing: no error to report.
        let _ = fs::remove_dir_all(&self.path);
    }
}
