//! Where a job script comes from: a file, a command on `PATH`, `--wrap`, stdin (`sbatch(1)`).

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use prun_runtime::limits::SCRIPT_BYTES_MAX;
use serde_bytes::ByteBuf;

use crate::controller::api::Script;

/// A script, and what its job is called unless it has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The script.
    pub script: Script,
    /// `--job-name` by default; a script on stdin has none, and so no `SLURM_JOB_NAME`.
    pub name: Option<String>,
}

/// Why there is no script.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// `--wrap` is the whole script.
    #[error("Script arguments not permitted with --wrap option")]
    WrapWithArguments,
    /// No such file, or it cannot be read.
    #[error("Unable to open file {0}")]
    Open(String),
    /// More than the controller takes.
    #[error("Batch job submission failed: Pathname of a file, directory or other parameter too long")]
    TooLong,
    /// stdin broke.
    #[error("Unable to read the script from stdin: {0}")]
    Stdin(io::Error),
}

/// What Slurm shows as the command of a script that is no file.
const NO_COMMAND: &str = "(null)";

/// Reads the script that the words name, or that `--wrap` is. Blocks on stdin where that is the script.
///
/// # Errors
/// [`SourceError`].
pub fn read(words: &[String], wrap: Option<&str>, directory: &Path) -> Result<Source, SourceError> {
    let (script, args) = match (words.split_first(), wrap) {
        (Some(_), Some(_)) => return Err(SourceError::WrapWithArguments),
        (None, Some(command)) => {
            let text = format!("#!/bin/sh\n# This script was created by sbatch --wrap.\n\n{command}\n");
            return Ok(source(NO_COMMAND, Some("wrap"), text.into_bytes(), &[]));
        }
        (None, None) => {
            let content = bounded(io::stdin().lock()).map_err(SourceError::Stdin)?;
            checked(&content)?;
            return Ok(source(NO_COMMAND, None, content, &[]));
        }
        (Some((script, args)), None) => (script, args),
    };
    let path = find(script, directory).ok_or_else(|| SourceError::Open(script.clone()))?;
    let open = |_| SourceError::Open(script.clone());
    // A directory is opened and holds no script: Slurm calls it empty.
    let content =
        if path.is_dir() { Vec::new() } else { bounded(File::open(&path).map_err(open)?).map_err(open)? };
    checked(&content)?;
    let name = path.file_name().map_or_else(|| script.clone(), |name| name.to_string_lossy().into_owned());
    Ok(source(&path.to_string_lossy(), Some(&name), content, args))
}

fn source(path: &str, name: Option<&str>, content: Vec<u8>, args: &[String]) -> Source {
    let args = args.iter().map(|arg| ByteBuf::from(arg.as_bytes())).collect();
    let script = Script { path: path.to_owned(), content: ByteBuf::from(content), args };
    Source { script, name: name.map(str::to_owned) }
}

/// All bytes, and one more than are allowed of those that have too many.
fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(SCRIPT_BYTES_MAX as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

fn checked(content: &[u8]) -> Result<(), SourceError> {
    if content.len() > SCRIPT_BYTES_MAX { Err(SourceError::TooLong) } else { Ok(()) }
}

/// The file in the directory, or an executable of this name on `PATH`.
fn find(script: &str, directory: &Path) -> Option<PathBuf> {
    let here = directory.join(script);
    if here.exists() {
        return Some(here);
    }
    let is_executable = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    let path = env::var_os("PATH").filter(|_| !script.contains('/'))?;
    env::split_paths(&path).map(|directory| directory.join(script)).find(is_executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_wrapped_command_is_a_shell_script() {
        let source = read(&[], Some("echo a b"), Path::new("/")).unwrap();
        assert_eq!(source.name.as_deref(), Some("wrap"));
        assert_eq!(source.script.path, "(null)");
        let text = "#!/bin/sh\n# This script was created by sbatch --wrap.\n\necho a b\n";
        assert_eq!(source.script.content, text.as_bytes());
        assert!(matches!(
            read(&words(&["x"]), Some("y"), Path::new("/")),
            Err(SourceError::WrapWithArguments)
        ));
    }

    #[test]
    fn a_file_has_an_absolute_path_and_arguments() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("job.sh"), "#!/bin/sh\n").unwrap();
        let source = read(&words(&["job.sh", "x", "y z"]), None, directory.path()).unwrap();
        assert_eq!(source.name.as_deref(), Some("job.sh"));
        assert_eq!(source.script.path, directory.path().join("job.sh").to_string_lossy());
        assert_eq!(source.script.args, [ByteBuf::from("x"), ByteBuf::from("y z")]);
        assert_eq!(read(&words(&["."]), None, directory.path()).unwrap().script.content, []);
        let missing = read(&words(&["nofile"]), None, directory.path()).unwrap_err();
        assert_eq!(missing.to_string(), "Unable to open file nofile");
    }

    #[test]
    fn a_command_on_the_path_is_a_script_too() {
        let source = read(&words(&["sh"]), None, Path::new("/nonexist")).map(|source| source.name.unwrap());
        // A shell is a program of more or less than 4 MiB; what matters is that it was found.
        assert!(matches!(source.as_deref(), Ok("sh") | Err(SourceError::TooLong)));
    }

    #[test]
    fn a_script_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("big"), vec![b'a'; SCRIPT_BYTES_MAX + 1]).unwrap();
        assert!(matches!(read(&words(&["big"]), None, directory.path()), Err(SourceError::TooLong)));
    }
}
