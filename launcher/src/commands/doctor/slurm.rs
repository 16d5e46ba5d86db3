//! A real Slurm beside prun: whose `srun` it is that programs find.

use std::env;
use std::path::Path;

use super::finding::Finding;
use crate::real_slurm::{Whose, is_program};

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
    fn only_somebody_elses_srun_is_worth_a_note() {
        let at = Path::new("/bin/srun");
        assert_eq!(judge(None, None).state, State::Good);
        assert_eq!(judge(Some(at), Some(Whose::Own)).state, State::Good);
        assert_eq!(judge(Some(at), Some(Whose::Other("/x/prun".into()))).state, State::Note);
        assert_eq!(judge(Some(at), Some(Whose::Others)).state, State::Note);
    }
}
