//! Programs: where a task's is found, and the job script's private file.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::server::guard::Workspace;
use crate::wire::launch::StepLaunch;

/// The file that a program's name stands for: itself where it holds a `/`, else the first one on `path` that can be
/// executed, else the name, for the error.
pub(super) fn search(name: &[u8], path: Option<&[u8]>, cwd: &Path) -> PathBuf {
    let name = Path::new(OsStr::from_bytes(name));
    if name.as_os_str().as_bytes().contains(&b'/') {
        return cwd.join(name);
    }
    let directories = path.unwrap_or(b"/usr/bin:/bin").split(|&b| b == b':');
    directories
        .map(|directory| cwd.join(OsStr::from_bytes(directory)).join(name))
        .find(|file| rustix::fs::access(file, Access::EXEC_OK).is_ok() && file.is_file())
        .unwrap_or_else(|| name.to_owned())
}

/// Writes the job script where only this user reads it: `job00012/slurm_script`, as Slurm names it.
///
/// # Errors
/// Those of the file system.
pub(super) fn write_script(launch: &StepLaunch, workspace: &Workspace) -> io::Result<Option<PathBuf>> {
    let Some(content) = &launch.script else { return Ok(None) };
    let directory = workspace.directory.join(format!("job{:05}", launch.key.job.0));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    let path = directory.join("slurm_script");
    // A job that is requeued finds its last run's script there.
    let _ = std::fs::remove_file(&path);
    std::fs::File::options().write(true).create_new(true).mode(0o700).open(&path)?.write_all(content)?;
    Ok(Some(path))
}

/// The interpreter that a script names and that is not there: what is missing then is not the script. Reads the file.
pub(super) fn missing_interpreter(program: &[u8], error: &io::Error) -> Option<String> {
    /// Bytes of a first line that the system reads.
    const LINE_MAX: u64 = 256;
    if error.kind() != io::ErrorKind::NotFound {
        return None;
    }
    let mut head = Vec::new();
    std::fs::File::open(OsStr::from_bytes(program)).ok()?.take(LINE_MAX).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
}

/// Resource limits by number. Names that this system does not know are left out.
pub(super) fn limits(named: &[(String, u64)]) -> Vec<(u32, u64)> {
    let number = |name: &str| {
        Some(match name {
            "CPU" => libc::RLIMIT_CPU,
            "FSIZE" => libc::RLIMIT_FSIZE,
            "DATA" => libc::RLIMIT_DATA,
            "STACK" => libc::RLIMIT_STACK,
            "CORE" => libc::RLIMIT_CORE,
            "RSS" => libc::RLIMIT_RSS,
            "NPROC" => libc::RLIMIT_NPROC,
            "NOFILE" => libc::RLIMIT_NOFILE,
            "MEMLOCK" => libc::RLIMIT_MEMLOCK,
            "AS" => libc::RLIMIT_AS,
            _ => return None,
        })
    };
    named.iter().filter_map(|(name, value)| Some((number(name)?, *value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_searched_as_a_shell_does() {
        assert_eq!(search(b"./x", None, Path::new("/work")), Path::new("/work/./x"));
        assert_eq!(search(b"sh", Some(b"/no/such:/bin"), Path::new("/")), Path::new("/bin/sh"));
        assert_eq!(search(b"no-such-program", None, Path::new("/")), Path::new("no-such-program"));
    }

    #[test]
    fn an_interpreter_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("script"), "#! /no/such/shell -x\n").unwrap();
        std::fs::write(path("plain"), "echo\n").unwrap();
        let (missing, denied) = (io::ErrorKind::NotFound.into(), io::ErrorKind::PermissionDenied.into());
        let named = |name: &str, error| missing_interpreter(path(name).as_os_str().as_bytes(), error);
        assert_eq!(named("script", &missing).as_deref(), Some("/no/such/shell"));
        assert_eq!(named("script", &denied), None);
        assert_eq!(named("plain", &missing), None);
        assert_eq!(named("absent", &missing), None);
    }

    #[test]
    fn limits_go_by_their_names() {
        let named = [("NOFILE".to_owned(), 64), ("NO_SUCH".to_owned(), 1)];
        assert_eq!(limits(&named), [(libc::RLIMIT_NOFILE, 64)]);
    }
}
