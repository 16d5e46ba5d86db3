//! `--prolog` and `--epilog`: programs that srun itself runs before and after a step.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;

use prun_runtime::env::SLURM_SCRIPT_CONTEXT;
use rustix::fs::Access;
use serde_bytes::ByteBuf;

use crate::environment::Variables;
use crate::gather::outputs::describe_error;

/// How a script ended, if it ran: its wait status. It finds `context` in `SLURM_SCRIPT_CONTEXT`.
pub(super) async fn run(
    context: &str,
    script: Option<&str>,
    argv: &[ByteBuf],
    env: &Variables,
) -> Option<i32> {
    let script = script.filter(|script| !script.is_empty() && *script != "none")?;
    if let Err(error) = rustix::fs::access(script, Access::READ_OK | Access::EXEC_OK) {
        eprintln!("srun: Access denied for {script}: {}", describe_error(&error.into()));
        return None;
    }
    let words = argv.iter().map(|word| OsStr::from_bytes(word));
    let env = env.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value)));
    // A name without a slash is the file here, not one on the path.
    let program = if script.contains('/') { OsString::from(script) } else { format!("./{script}").into() };
    match tokio::process::Command::new(program)
        .args(words)
        .envs(env)
        .env(SLURM_SCRIPT_CONTEXT, context)
        .status()
        .await
    {
        Ok(status) => Some(status.code().unwrap_or(128 + status.signal().unwrap_or(0))),
        Err(error) => {
            eprintln!("srun: error: cannot run {script}: {}", describe_error(&error));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_script_gets_words_and_variables_and_gives_its_code() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script");
        std::fs::write(&path, "#!/bin/sh\n[ \"$1$SLURM_SCRIPT_CONTEXT\" = progprolog_srun ] && exit $CODE\n")
            .unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let env = vec![(ByteBuf::from("CODE"), ByteBuf::from("3"))];
        assert_eq!(run("prolog_srun", path.to_str(), &[ByteBuf::from("prog")], &env).await, Some(3));
        assert_eq!(run("", Some("/no/such"), &[], &env).await, None);
        assert_eq!(run("", Some("none"), &[], &env).await, None);
        assert_eq!(run("", None, &[], &env).await, None);
    }
}
