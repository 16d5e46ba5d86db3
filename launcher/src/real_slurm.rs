//! A real Slurm beside prun: which of its commands are really its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Where distributions put Slurm's commands, whatever `PATH` says.
const USUAL: &str = "/usr/bin";

/// Whose program a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// This very binary's.
    Own,
    /// Another binary of prun.
    Other(PathBuf),
    /// Not prun's.
    Others,
}

impl Whose {
    /// Whose a file is, beside this program's own.
    #[must_use]
    pub fn of(file: &Path, own: Option<&Path>) -> Self {
        let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        match own.and_then(|own| fs::canonicalize(own).ok()) {
            Some(own) if own == real => Self::Own,
            _ if real.file_name().is_some_and(|name| name == "prun") => Self::Other(real),
            _ => Self::Others,
        }
    }
}

/// Whether a file can be executed.
#[must_use]
pub fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// A command of a real Slurm: the first on `PATH` that is not prun's, else the one of the distribution.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let own = env::current_exe().ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = env::split_paths(&path).chain([USUAL.into()]).collect();
    let files = places.into_iter().map(|directory| directory.join(name));
    files.filter(|file| is_program(file)).find(|file| Whose::of(file, own.as_deref()) == Whose::Others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_known_by_what_it_leads_to() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("new")).unwrap();
        for name in ["prun", "new/prun", "real"] {
            fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink(at("prun"), at("srun")).unwrap();
        let own = at("prun");
        assert_eq!(Whose::of(&at("srun"), Some(&own)), Whose::Own);
        assert!(matches!(Whose::of(&at("srun"), Some(&at("new/prun"))), Whose::Other(_)));
        assert_eq!(Whose::of(&at("real"), Some(&own)), Whose::Others);
        assert!(!is_program(&at("real")) && !is_program(directory.path()));
    }
}
