//! Where a cluster of daemons has its files, and who of them runs.
//!
//! ```text
//! HOME/slurm.conf         what the cluster is
//! HOME/key                what links over the network need, where there are any
//! HOME/bin/               Slurm's command names
//! HOME/controller/        socket, lock, log, and its address on the network where it has one
//! HOME/nodes/slurmnode1/  lock, log, and in `run` sockets of the rank server and of its steps, while there are any
//! HOME/web/               lock, log, token and address of the web page
//! HOME/hosts/             lock, log and list of the hosts that are reached over ssh
//! HOME/rest/              lock, log and address of the REST server, and the key of its tokens
//! ```

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use prun_runtime::net::address::Address;
use prun_runtime::server::guard::Workspace;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

/// Why a cluster's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No `--dir`, no `PRUN_DIR`, no `HOME`.
    #[error("no directory for the cluster: give `--dir`, or set `HOME`")]
    Nowhere,
    /// The file system refuses.
    #[error("cannot {verb} `{}`", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody has this place.
    #[error("`{}` runs already, as process {pid}", place.display())]
    Taken {
        /// The daemon's directory.
        place: PathBuf,
        /// Who.
        pid: i32,
    },
}

/// Directory of a cluster where nothing else is said.
pub const DIRECTORY: &str = "PRUN_DIR";

/// A cluster's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// The one given, or `PRUN_DIR`, or `~/.prun`.
    ///
    /// # Errors
    /// [`HomeError::Nowhere`]; those of the working directory for a relative path.
    pub fn find(given: Option<&Path>) -> Result<Self, HomeError> {
        let path = match (given, env::var_os(DIRECTORY), env::var_os("HOME")) {
            (Some(path), ..) => path.to_owned(),
            (None, Some(path), _) => PathBuf::from(path),
            (None, None, Some(home)) => Path::new(&home).join(".prun"),
            (None, None, None) => return Err(HomeError::Nowhere),
        };
        match std::path::absolute(&path) {
            Ok(path) => Ok(Self { path }),
            Err(source) => Err(HomeError::File { verb: "find", path, source }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Slurm's command names.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.path.join("bin")
    }

    /// The configuration that the cluster was started with.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join("slurm.conf")
    }

    /// The key that links over the network need.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path.join("key")
    }

    /// Whether one of its daemons runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        let seats = std::iter::once(self.controller()).chain(self.nodes().into_iter().map(|(_, seat)| seat));
        seats.into_iter().any(|seat| seat.holder().is_some())
    }

    /// The controller's place.
    #[must_use]
    pub fn controller(&self) -> Seat {
        Seat { path: self.path.join("controller") }
    }

    /// The web page's place.
    #[must_use]
    pub fn web(&self) -> Seat {
        Seat { path: self.path.join("web") }
    }

    /// The place of what keeps rank servers on other hosts.
    #[must_use]
    pub fn hosts(&self) -> Seat {
        Seat { path: self.path.join("hosts") }
    }

    /// The REST server's place.
    #[must_use]
    pub fn rest(&self) -> Seat {
        Seat { path: self.path.join("rest") }
    }

    /// A rank server's place.
    #[must_use]
    pub fn node(&self, name: &str) -> Seat {
        Seat { path: self.path.join("nodes").join(name) }
    }

    /// Every rank server's place, by name.
    #[must_use]
    pub fn nodes(&self) -> Vec<(String, Seat)> {
        let entries = fs::read_dir(self.path.join("nodes")).into_iter().flatten().flatten();
        let mut seats: Vec<_> = entries
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, Seat { path: entry.path() })))
            .collect();
        seats.sort_by(|(a, _), (b, _)| a.cmp(b));
        seats
    }
}

/// The place of one daemon.
#[derive(Debug, Clone)]
pub struct Seat {
    path: PathBuf,
}

/// Holds a place until it is dropped, or its process has ended.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Seat {
    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The controller's address on this host.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    /// Where the controller listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("socket")
    }

    /// Names the controller's address on the network, while it has one.
    #[must_use]
    pub fn public_address(&self) -> PathBuf {
        self.path.join("address")
    }

    /// What the daemon says.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// What a rank server and its steps have there while they run.
    #[must_use]
    pub fn workspace(&self) -> Workspace {
        Workspace::lasting(self.path.join("run"))
    }

    /// The number of what rank servers of this place remember, one after the other. It is drawn when there is none yet.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn memory_id(&self) -> Result<u64, HomeError> {
        let path = self.path.join("memory");
        let fails = |verb, source| HomeError::File { verb, path: path.clone(), source };
        let number = match fs::read_to_string(&path) {
            // One that was cut short, by a full disk, is none.
            Ok(text) => text.strip_suffix('\n').and_then(|number| number.parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fails("read", error)),
        };
        if let Some(number) = number {
            return Ok(number);
        }
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| fails("name", io::Error::other(error)))?;
        let number = u64::from_ne_bytes(bytes);
        fs::write(&path, format!("{number}\n")).map_err(|error| fails("write", error))?;
        Ok(number)
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Makes the directory, for this user alone.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn make(&self) -> Result<(), HomeError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|source| HomeError::File { verb: "make", path: self.path.clone(), source })
    }

    /// Takes the place, which is made where it is missing. The lock is the process's own: the kernel gives it back
    /// however the process ends, and tells who holds it.
    ///
    /// # Errors
    /// [`HomeError::Taken`] while another process has it.
    pub fn take(&self) -> Result<Lock, HomeError> {
        self.make()?;
        let path = self.lock_file();
        let opened = File::options().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|source| HomeError::File { verb: "open", path: path.clone(), source })?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(error) => match self.holder() {
                Some(pid) => {
                    Err(HomeError::Taken { place: self.path.clone(), pid: pid.as_raw_nonzero().get() })
                }
                None => Err(HomeError::File { verb: "lock", path, source: error.into() }),
            },
        }
    }

    /// The process that has this place.
    #[must_use]
    pub fn holder(&self) -> Option<Pid> {
        let file = File::options().read(true).write(true).open(self.lock_file()).ok()?;
        fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok().flatten()?.pid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_and_nobody_holds_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::find(Some(directory.path())).unwrap();
        assert!(home.nodes().is_empty());
        let seat = home.node("n1");
        assert!(seat.holder().is_none());
        // The lock of this very process is not seen by itself: other processes' are tested with real daemons.
        let lock = seat.take().unwrap();
        assert_eq!(home.nodes().len(), 1);
        drop(lock);
        assert!(seat.holder().is_none());
    }
}
