//! Ranks that do not find one another: each takes itself for rank 0 of 1, and all do the same work.
//!
//! That happens where an MPI library speaks something else than what its step serves. A process that has ended has no
//! memory to look at, and a library is loaded a moment after its program starts: so one rank is looked at a few times,
//! after short and after longer, unless some rank has spoken by then or the launcher has seen what the program is linked
//! with.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Pid;

use super::step::Step;
use super::task::Progress;
use crate::server::descendants;
use crate::wire::launch::MpiKind;

/// When a rank is looked at, after its start: a small program does not run for longer than the first, and on a busy
/// machine a library is not loaded before the last.
const LOOKS: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(3)];

/// Processes of one rank that are looked at: a few shells stand before the program.
const PROCESSES_MAX: usize = 32;

/// Who has made a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Mpich,
    OpenMpi,
}

impl Maker {
    fn name(self) -> &'static str {
        match self {
            Self::Mpich => "MPICH or one of its descendants",
            Self::OpenMpi => "Open MPI",
        }
    }

    /// What its ranks find one another with.
    fn cure(self) -> &'static str {
        match self {
            Self::Mpich => "`srun --mpi=pmi2`, with `MPIR_CVAR_PMI_VERSION` unset",
            Self::OpenMpi => "`srun --mpi=pmix`, or its own `mpirun` in the job script",
        }
    }
}

impl Step {
    /// Looks for an MPI library in a rank's memory, as long as none has spoken. One step process does it for all.
    pub(super) fn look_for_singletons(self: &Rc<Self>) {
        let served = self.pmi.is_some() || self.pmix.borrow().is_some();
        if self.launch.size < 2 || !served || !self.is_root() {
            return;
        }
        if let Some(linked) = self.launch.mpi.as_ref().and_then(|mpi| mpi.linked.clone()) {
            *self.silent_library.borrow_mut() = Some(linked);
            return;
        }
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let mut before = Duration::ZERO;
            for look in LOOKS {
                tokio::time::sleep(look.saturating_sub(before)).await;
                before = look;
                if step.was_spoken_to() || step.is_finished() {
                    return;
                }
                if let Some(library) = step.first_running().and_then(library_of) {
                    *step.silent_library.borrow_mut() = Some(library);
                }
            }
        });
    }

    /// Every rank has ended: says so where they had a library and none has spoken.
    pub(super) fn tell_of_singletons(&self) {
        let silent = !self.was_spoken_to() && !self.is_ending();
        let Some(path) = self.silent_library.take().filter(|_| silent) else { return };
        let Some(maker) = maker(&path) else { return };
        let spoken = match self.launch.mpi.as_ref().map(|mpi| &mpi.kind) {
            Some(MpiKind::Pmix { .. }) => "PMIx",
            _ => "PMI",
        };
        self.notice(&format!(
            "warning: the {} ranks run with {} (`{path}`), and none has asked over {spoken} who the others are: \
             each is rank 0 of 1 to itself, if it has called MPI_Init; help: {}",
            self.launch.size,
            maker.name(),
            maker.cure()
        ));
    }

    fn was_spoken_to(&self) -> bool {
        self.pmi.as_ref().is_some_and(super::pmi::Pmi::was_spoken_to) || self.pmix_was_spoken_to()
    }

    fn first_running(&self) -> Option<Pid> {
        self.tasks.borrow().iter().find_map(|task| match task.progress {
            Progress::Running(pid) => Some(pid),
            _ => None,
        })
    }
}

/// The MPI library that a process or one of its descendants has loaded.
fn library_of(first: Pid) -> Option<String> {
    let by_parent = descendants::parents();
    let mut open = vec![first];
    let mut at = 0;
    while at < open.len().min(PROCESSES_MAX) {
        let pid = open[at];
        let maps = fs::read_to_string(format!("/proc/{}/maps", pid.as_raw_nonzero())).unwrap_or_default();
        if let Some(path) = mapped_library(&maps) {
            return Some(path);
        }
        open.extend(by_parent.get(&pid).into_iter().flatten());
        at += 1;
    }
    None
}

/// The first path of an MPI library in `/proc/PID/maps`.
fn mapped_library(maps: &str) -> Option<String> {
    let mut paths = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    paths.find(|path| maker(path).is_some()).map(str::to_owned)
}

/// Who has made the library of this path: `libmpi.so.12` with whatever behind it is MPICH's, `.40` and `.20` are Open
/// MPI's.
fn maker(path: &str) -> Option<Maker> {
    let name = path.rsplit('/').next()?;
    let version = |library: &str| name.strip_prefix(library).and_then(|rest| rest.strip_prefix(".so."));
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    match version("libmpi").or_else(|| version("libmpich")).and_then(major)?.as_str() {
        "12" => Some(Maker::Mpich),
        "20" | "40" => Some(Maker::OpenMpi),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_by_their_names() {
        for (path, expected) in [
            ("/v/lib/libmpi.so.40", Some(Maker::OpenMpi)),
            ("/usr/lib/libmpi.so.40.30.4", Some(Maker::OpenMpi)),
            ("/v/lib/libmpi.so.12.5.0", Some(Maker::Mpich)),
            ("/usr/lib/libmpich.so.12", Some(Maker::Mpich)),
            ("/usr/lib/libmpifort.so.12", None),
            ("/usr/lib/libm.so.6", None),
            ("/x/libmpi.so", None),
        ] {
            assert_eq!(maker(path), expected, "{path}");
        }
    }

    #[test]
    fn a_library_is_found_among_what_is_mapped() {
        let maps = "7f00-7f01 r--p 00000000 08:01 12 /usr/lib/libc.so.6\n\
                    7f01-7f02 rw-p 00000000 00:00 0\n\
                    7f02-7f03 r-xp 00000000 08:01 13 /opt/my libs/libmpi.so.40.20.1\n";
        assert_eq!(mapped_library(maps).as_deref(), Some("/opt/my libs/libmpi.so.40.20.1"));
        assert_eq!(mapped_library("7f00-7f01 r--p 0 08:01 12 /usr/lib/libc.so.6\n"), None);
    }
}
