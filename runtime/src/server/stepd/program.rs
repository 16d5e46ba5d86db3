//! Programs: where a task's is found, the job script's private file, what runs before and after a task.

use std::ffi::{CString, OsStr};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::Access;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;

use super::environment::Environment;
use super::step::Step;
use super::task::Ready;
use crate::server::guard::Workspace;
use crate::server::sys::spawn::Spawn;
use crate::wire::launch::StepLaunch;
use crate::wire::step::Exit;

/// Bytes of a prolog's output that are read: it sets variables, it does not compute.
const PROLOG_BYTES_MAX: u64 = 1 << 20;

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
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o700).open(&path)?;
    // The job's own file mask does not apply to it.
    rustix::fs::fchmod(&file, rustix::fs::Mode::RWXU)?;
    file.write_all(content)?;
    Ok(Some(path))
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

/// Runs the task prolog and does what its output says: `export K=V`, `unset K`, `print TEXT` (`srun(1)`,
/// `--task-prolog`).
pub(super) async fn prolog(step: &Rc<Step>, mut ready: Ready, program: &[u8]) -> Ready {
    let Ok((read, write)) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC) else { return ready };
    if let Some(exit) = start(step, &ready, program, write.as_fd()) {
        drop(write);
        let output = read_all(read).await.unwrap_or_default();
        // The step may be ended meanwhile: then nobody needs to know.
        let _ = exit.await;
        output.split(|&b| b == b'\n').for_each(|line| apply(&mut ready, line));
    }
    ready
}

/// Runs the task epilog, with the task's own output.
pub(super) async fn epilog(step: &Rc<Step>, task: usize, program: &[u8]) {
    let ready = {
        let tasks = step.tasks.borrow();
        let ended = &tasks[task];
        let (Some(stdout), Some(stderr)) = (ended.stdout.clone(), ended.stderr.clone()) else { return };
        let node = &step.launch.nodes[ended.node];
        Ready {
            task,
            environment: Environment::of_step(&step.launch, &step.workspace)
                .with_task(node, &node.tasks[ended.local]),
            cwd: step.working_directory(),
            script: None,
            stdio: [Rc::clone(&stdout), stdout, stderr],
        }
    };
    if let Some(exit) = start(step, &ready, program, ready.stdio[1].as_fd()) {
        let _ = exit.await;
    }
}

/// Starts a prolog or epilog with a task's environment; its exit comes out of the receiver.
fn start(
    step: &Rc<Step>,
    ready: &Ready,
    program: &[u8],
    stdout: BorrowedFd<'_>,
) -> Option<oneshot::Receiver<Exit>> {
    let path = search(program, ready.environment.get(crate::env::PATH), &ready.cwd);
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let cwd = CString::new(ready.cwd.as_os_str().as_bytes()).ok()?;
    let null = std::fs::File::open("/dev/null").ok()?;
    let env: Vec<_> = ready.environment.entries().collect();
    let spawn = Spawn {
        path: &path,
        argv: std::slice::from_ref(&path),
        env: &env,
        pid_variable: None,
        cwd: &cwd,
        stdio: [null.as_fd(), stdout, ready.stdio[2].as_fd()],
        terminal: false,
        cpus: &[],
        rlimits: &[],
    };
    match spawn.start() {
        Ok(pid) => Some(step.program_started(pid)),
        Err(error) => {
            let (path, reason) = (path.to_string_lossy(), &error.source);
            step.notice(&format!("error: task script `{path}`: {error}: {reason}"));
            None
        }
    }
}

async fn read_all(pipe: OwnedFd) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    Receiver::from_owned_fd(pipe)?.take(PROLOG_BYTES_MAX).read_to_end(&mut output).await?;
    Ok(output)
}

/// One line of a task prolog's output. What is none of the three is ignored.
fn apply(ready: &mut Ready, line: &[u8]) {
    let rest = |verb: &[u8]| line.strip_prefix(verb).map(<[u8]>::trim_ascii_start);
    if let Some(setting) = rest(b"export ") {
        let mut parts = setting.splitn(2, |&b| b == b'=');
        if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            ready.environment.set(key, value);
        }
    } else if let Some(key) = rest(b"unset ") {
        ready.environment.unset(key.trim_ascii_end());
    } else if let Some(text) = rest(b"print ") {
        // To the task's output; a reader that is gone does not keep the task from starting.
        let _ = rustix::io::write(&*ready.stdio[1], &[text, b"\n"].concat());
    }
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
    fn limits_go_by_their_names() {
        let named = [("NOFILE".to_owned(), 64), ("NO_SUCH".to_owned(), 1)];
        assert_eq!(limits(&named), [(libc::RLIMIT_NOFILE, 64)]);
    }
}
