//! A real Slurm beside prun: whose `srun` it is that programs find.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::finding::Finding;

/// Where programs look that do not ask `PATH`: Hydra, and the Open MPI of distributions.
const FALLBACK: &str = "/usr/bin/srun";

/// Looks at `PATH` and at what goes round it.
pub(super) fn look() -> Vec<Finding> {
    let own = env::current_exe().ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join("srun")).find(|file| is_program(file));
    let whose = |file: &Path| Whose::of(file, own.as_deref());
    let mut findings = vec![judge(found.as_deref(), found.as_deref().map(whose))];
    let fallback = Path::new(FALLBACK);
    if is_program(fallback) && whose(fallback) == Whose::Others && found.as_deref() != Some(fallback) {
        findings.push(Finding::note(
            "real Slurm",
            format!("`{FALLBACK}` is a real Slurm's: login shells, Hydra and Debian's Open MPI 4 go there whatever `PATH` says"),
            "set `PATH` in the job script again after a login shell; `HYDRA_LAUNCHER_EXEC` names Hydra's srun",
        ));
    }
    findings
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Whose program it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whose {
    /// This very binary's.
    Own,
    /// Another binary of prun.
    Other(PathBuf),
    /// Not prun's.
    Others,
}

impl Whose {
    fn of(file: &Path, own: Option<&Path>) -> Self {
        let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        match own.and_then(|own| fs::canonicalize(own).ok()) {
            Some(own) if own == real => Self::Own,
            _ if real.file_name().is_some_and(|name| name == "prun") => Self::Other(real),
            _ => Self::Others,
        }
    }
}

fn judge(found: Option<&Path>, whose: Option<Whose>) -> Finding {
    let what = "srun on PATH";
    let shown = found.unwrap_or(Path::new("")).display();
    match whose {
        None => Finding::good(what, "none outside of jobs; inside, prun's own comes first"),
        Some(Whose::Own) => Finding::good(what, format!("`{shown}` is this prun")),
        Some(Whose::Other(real)) => Finding::note(
            what,
            format!("`{shown}` is another prun, `{}`", real.display()),
            "eval \"$(prun up)\" puts this one's names first; `prun links DIR` makes them elsewhere",
        ),
        Some(Whose::Others) => Finding::note(
            what,
            format!("`{shown}` is not prun's: outside of jobs, programs here drive a real Slurm"),
            "eval \"$(prun up)\" puts prun's names first; `prun --on slurm job.sh` uses the real one on purpose",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn an_srun_is_known_by_what_it_leads_to() {
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
        assert_eq!(judge(None, None).state, State::Good);
        assert_eq!(judge(Some(&at("real")), Some(Whose::Others)).state, State::Note);
    }
}
