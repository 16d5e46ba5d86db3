//! Which MPI a Python program would load: packages beside its interpreter.

use std::path::{Path, PathBuf};

use super::{Family, Lookup, elf, is_mpich, is_open_mpi, pmix_in};

/// Whether a program is a Python interpreter, by its name.
pub(super) fn is_interpreter(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix("python").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// The MPI of an interpreter: of its virtual environment first, then of what that was made from. The variable that
/// mpi4py has for it (`MPI4PY_MPIABI`) decides before all.
pub(super) fn family(interpreter: &Path, variable: Lookup<'_>) -> Option<Family> {
    let found = prefixes(interpreter, variable).into_iter().find_map(|prefix| of_prefix(&prefix));
    match variable("MPI4PY_MPIABI").as_deref() {
        Some("mpich") => Some(Family::Mpich),
        Some("openmpi") => match found {
            Some(Family::OpenMpi(library)) => Some(Family::OpenMpi(library)),
            _ => Some(Family::OpenMpi(None)),
        },
        _ => found,
    }
}

/// Directories that hold `bin` and `lib`: that of the name as it was called, which is the virtual environment's, and
/// that of the file behind all links.
fn prefixes(interpreter: &Path, variable: Lookup<'_>) -> Vec<PathBuf> {
    let of = |path: &Path| path.parent().and_then(Path::parent).map(Path::to_owned);
    let mut all: Vec<PathBuf> = of(interpreter).into_iter().collect();
    // A shim in front of the interpreter stands in another place; the shell's own environment is named.
    all.extend(["VIRTUAL_ENV", "CONDA_PREFIX"].iter().filter_map(|name| variable(name)).map(PathBuf::from));
    all.extend(interpreter.canonicalize().ok().as_deref().and_then(of));
    all
}

fn of_prefix(prefix: &Path) -> Option<Family> {
    let libraries = prefix.join("lib");
    let versions = std::fs::read_dir(&libraries).ok()?.flatten();
    let named_python = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("python3");
    let sites: Vec<PathBuf> = versions
        .filter(|entry| named_python(&entry.file_name()))
        .flat_map(|entry| ["site-packages", "dist-packages"].map(|name| entry.path().join(name)))
        .collect();
    sites
        .iter()
        .find_map(|site| of_packages(site, &libraries))
        .or_else(|| sites.iter().find_map(|site| of_module(site, &libraries)))
}

/// Packages of an MPI itself, as their files say that they are installed.
fn of_packages(site: &Path, libraries: &Path) -> Option<Family> {
    let names: Vec<String> = std::fs::read_dir(site)
        .ok()?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".dist-info"))
        .collect();
    let has = |package: &str| names.iter().any(|name| name.starts_with(package));
    if has("openmpi-") {
        Some(Family::OpenMpi(pmix_in(libraries)))
    } else if has("mpich-") || has("impi_rt-") {
        Some(Family::Mpich)
    } else {
        None
    }
}

/// mpi4py built against one MPI: what its only module is linked with.
fn of_module(site: &Path, libraries: &Path) -> Option<Family> {
    let modules: Vec<PathBuf> = std::fs::read_dir(site.join("mpi4py"))
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("MPI.") && name.ends_with(".so")
        })
        .collect();
    let [module] = modules.as_slice() else { return None };
    let needed = elf::linked(module)?.needed;
    if needed.iter().any(|name| is_open_mpi(name)) {
        Some(Family::OpenMpi(pmix_in(libraries)))
    } else {
        needed.iter().any(|name| is_mpich(name)).then_some(Family::Mpich)
    }
}
