//! `--mpi`: what the ranks' MPI libraries are to speak with their launcher, PMI or PMIx, never both: there are
//! libraries that end where they find both.
//!
//! `auto`, the default, looks at the program. That is a hint only: what a shell script starts in the end nobody knows
//! before. A step whose ranks load an MPI library that does not speak what they were given says so (`stepd/singletons`).

mod elf;
mod python;

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use prun_runtime::wire::launch::MpiKind;
use serde_bytes::ByteBuf;

use super::line::Lookup;
use crate::fanout::launch::MpiOffer;
use crate::script::spec::StepSpec;

/// What `--mpi` may name (`srun(1)`), and `auto`. Slurm's `pmi2` serves PMI-1 too, and so does this one.
pub(super) const TYPES: &[&str] = &["none", "pmi2", "pmix", "pmix_v4", "auto"];

/// The variable that stands for `--mpi` where neither that nor Slurm's own is given.
pub(super) const VARIABLE: &str = "PRUN_MPI";

/// Programs that start others and serve them PMI themselves.
const LAUNCHERS: &[&str] = &["hydra_pmi_proxy", "hydra_bstrap_proxy", "prted", "orted"];

/// Bytes of a program's beginning that are looked at for `#!` and the interpreter's name.
const SHEBANG_BYTES: u64 = 256;

/// Interpreters that stand behind one another: a script's script, and `env`.
const INTERPRETERS_MAX: usize = 4;

/// What a program was found to be made for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Family {
    /// MPICH and its descendants, Intel MPI among them.
    Mpich,
    /// Open MPI, and where it brings its own PMIx, that.
    OpenMpi(Option<PathBuf>),
}

/// What the ranks of a step are offered. `argv` is rank 0's program, `cwd` where relative names start from.
pub(super) fn offer(step: &StepSpec, argv: &[ByteBuf], cwd: &Path, variable: Lookup<'_>) -> Option<MpiOffer> {
    let kind = settle(step, argv, cwd, variable)?;
    let program = cwd.join(OsStr::from_bytes(argv.first()?));
    let is_mpi = |name: &String| is_open_mpi(name) || is_mpich(name);
    let linked = elf::linked(&program).and_then(|linked| linked.needed.into_iter().find(is_mpi));
    Some(MpiOffer { kind, linked })
}

/// What the ranks of a step speak. `argv` is rank 0's program, `cwd` where relative names start from.
fn settle(step: &StepSpec, argv: &[ByteBuf], cwd: &Path, variable: Lookup<'_>) -> Option<MpiKind> {
    let named = step.mpi.clone().or_else(|| variable(VARIABLE));
    let library = |family| match family {
        Some(Family::OpenMpi(library)) => {
            library.map(|path: PathBuf| ByteBuf::from(path.as_os_str().as_bytes()))
        }
        _ => None,
    };
    match named.as_deref() {
        Some("none") => None,
        Some("pmi2") => Some(MpiKind::Pmi),
        Some(kind) if kind.starts_with("pmix") => {
            Some(MpiKind::Pmix { library: library(family(argv, cwd, variable)), required: true })
        }
        _ if step.external_launcher || variable("SLURM_EXTERNAL_LAUNCHER").is_some() => None,
        _ if is_launcher(argv) => None,
        _ => match family(argv, cwd, variable) {
            found @ Some(Family::OpenMpi(_)) => {
                Some(MpiKind::Pmix { library: library(found), required: false })
            }
            _ => Some(MpiKind::Pmi),
        },
    }
}

fn is_launcher(argv: &[ByteBuf]) -> bool {
    let name = argv.first().and_then(|word| Path::new(OsStr::from_bytes(word)).file_name());
    name.is_some_and(|name| LAUNCHERS.iter().any(|launcher| name == OsStr::new(launcher)))
}

/// Looks at the program; where that says nothing, at the `mpirun` that stands first on the path.
fn family(argv: &[ByteBuf], cwd: &Path, variable: Lookup<'_>) -> Option<Family> {
    let program = cwd.join(OsStr::from_bytes(argv.first()?));
    of_program(&program, variable).or_else(|| {
        let mpirun = on_path(OsStr::new("mpirun"), variable)?;
        of_mpirun(&mpirun)
    })
}

fn of_program(program: &Path, variable: Lookup<'_>) -> Option<Family> {
    let mut program = program.to_owned();
    for _ in 0..INTERPRETERS_MAX {
        if python::is_interpreter(&program) {
            return python::family(&program, variable);
        }
        let mut start = Vec::new();
        std::fs::File::open(&program).ok()?.take(SHEBANG_BYTES).read_to_end(&mut start).ok()?;
        match interpreter(&start) {
            Some(name) => program = on_path(&name, variable)?,
            None => return of_executable(&program, variable),
        }
    }
    None
}

/// The program that `#!` names; behind `env`, the one that it searches.
fn interpreter(start: &[u8]) -> Option<std::ffi::OsString> {
    let line = start.strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?;
    let mut words = line.split(|&b| b == b' ' || b == b'\t').filter(|word| !word.is_empty());
    let first = words.next()?;
    let word = if first.ends_with(b"/env") {
        words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?
    } else {
        first
    };
    Some(OsStr::from_bytes(word).to_owned())
}

fn on_path(name: &OsStr, variable: Lookup<'_>) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name));
    }
    let path = variable("PATH")?;
    std::env::split_paths(&path).map(|place| place.join(name)).find(|file| file.is_file())
}

fn of_executable(program: &Path, variable: Lookup<'_>) -> Option<Family> {
    let linked = elf::linked(program)?;
    if linked.needed.iter().any(|name| is_open_mpi(name)) {
        let preloaded = variable("LD_LIBRARY_PATH").unwrap_or_default();
        let places = std::env::split_paths(&preloaded).chain(linked.run_path);
        return Some(Family::OpenMpi(places.filter_map(|place| pmix_in(&place)).next()));
    }
    linked.needed.iter().any(|name| is_mpich(name)).then_some(Family::Mpich)
}

/// `libmpi.so.40`, `libmpi_mpifh.so.40`, …: Open MPI from 2 on.
fn is_open_mpi(library: &str) -> bool {
    library.starts_with("libmpi") && (library.ends_with(".so.40") || library.ends_with(".so.20"))
}

/// `libmpi.so.12`, `libmpifort.so.12`, Debian's `libmpich.so.12`.
fn is_mpich(library: &str) -> bool {
    library.starts_with("libmpi") && (library.ends_with(".so.12") || library.starts_with("libmpich"))
}

/// The PMIx library that an Open MPI in this directory brings.
fn pmix_in(libraries: &Path) -> Option<PathBuf> {
    ["openmpi/libpmix.so.2", "libpmix.so.2"]
        .iter()
        .map(|name| libraries.join(name))
        .find(|path| path.is_file())
}

/// Whose `mpirun` this is: `ompi_info` stands beside Open MPI's, even where a name in between is Debian's.
fn of_mpirun(mpirun: &Path) -> Option<Family> {
    let whole = mpirun.canonicalize().ok()?;
    let name = whole.file_name()?.to_string_lossy().into_owned();
    let beside = |other: &str| whole.with_file_name(other).is_file();
    if name.contains("hydra") || name.contains("mpich") {
        Some(Family::Mpich)
    } else if name.contains("orte") || name.contains("prte") || beside("ompi_info") {
        let libraries = whole.parent().and_then(Path::parent).map(|prefix| prefix.join("lib"));
        Some(Family::OpenMpi(libraries.and_then(|libraries| pmix_in(&libraries))))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
