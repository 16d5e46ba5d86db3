//! What runs before and after each task: `--task-prolog` and `--task-epilog` (`srun(1)`).

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;

use super::environment::Environment;
use super::program::search;
use super::step::Step;
use super::task::{Ready, reason};
use crate::env;
use crate::server::sys::spawn::Spawn;
use crate::wire::step::{Exit, Stream};

/// Bytes of a prolog's output that are read: it sets variables, it does not compute.
const PROLOG_BYTES_MAX: u64 = 1 << 20;

/// What a shell says of a program that is none.
const NO_PROGRAM: i32 = 127;

/// Runs the task prolog and does what its output says: `export K=V`, `unset K`, `print TEXT`. Gives the code that the
/// task ends with instead of being started, or 0.
pub(super) async fn prolog(step: &Rc<Step>, ready: &mut Ready, program: &[u8]) -> i32 {
    let code = match run_prolog(step, ready, program).await {
        Ok(exit) if exit.signal == 0 => exit.code,
        Ok(_) => {
            step.say(ready.task, &ready.stdio[2], "error: user task_prolog did not exit normally");
            1
        }
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => NO_PROGRAM,
        Err(error) => {
            let (path, reason) = (String::from_utf8_lossy(program), reason(&error));
            for line in [
                format!("run_command: user task_prolog can not be executed ({path}) {reason}"),
                "user task_prolog did not exit normally. reason: Run command failed - configuration error"
                    .into(),
            ] {
                step.say(ready.task, &ready.stdio[2], &format!("error: {line}"));
            }
            1
        }
    };
    if code != 0 {
        step.say(ready.task, &ready.stdio[2], &format!("error: --task-prolog failed status={code}"));
    }
    code
}

/// The prolog's error output goes nowhere, as in Slurm.
async fn run_prolog(step: &Rc<Step>, ready: &mut Ready, program: &[u8]) -> io::Result<Exit> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let null = null()?;
    let exit = start(step, ready, program, "prolog_task", [write.as_fd(), null.as_fd()])?;
    drop(write);
    let output = read_all(read).await.unwrap_or_default();
    output.split(|&b| b == b'\n').for_each(|line| apply(step, ready, line));
    // A step that has ended meanwhile starts no task anyway.
    Ok(exit.await.unwrap_or_default())
}

/// Runs the task epilog: only its error output is seen, as the task's own.
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
            cwd: step.working_directory().0,
            script: None,
            stdio: [Rc::clone(&stdout), stdout, stderr],
            inherited: None,
        }
    };
    let started = null()
        .and_then(|null| start(step, &ready, program, "epilog_task", [null.as_fd(), ready.stdio[2].as_fd()]));
    let status = match started {
        Ok(exit) => exit.await.unwrap_or_default().status(),
        Err(_) => {
            let path = String::from_utf8_lossy(program);
            step.say(
                task,
                &ready.stdio[2],
                &format!("error: Could not run user task_epilog [{path}]: access denied"),
            );
            -1
        }
    };
    if status != 0 {
        step.say(task, &ready.stdio[2], &format!("error: TaskEpilog failed status={status}"));
    }
}

fn null() -> io::Result<OwnedFd> {
    Ok(std::fs::File::options().read(true).write(true).open("/dev/null")?.into())
}

/// Starts a script with a task's environment; its exit comes out of the receiver.
fn start(
    step: &Rc<Step>,
    ready: &Ready,
    program: &[u8],
    context: &str,
    [stdout, stderr]: [BorrowedFd<'_>; 2],
) -> io::Result<oneshot::Receiver<Exit>> {
    let mut environment = ready.environment.clone();
    environment.set(env::SLURM_SCRIPT_CONTEXT.as_bytes(), context.as_bytes());
    let path = search(program, environment.get(env::PATH), &ready.cwd);
    let path = CString::new(path.as_os_str().as_bytes())?;
    let cwd = CString::new(ready.cwd.as_os_str().as_bytes())?;
    let null = null()?;
    let entries: Vec<_> = environment.entries().collect();
    let spawn = Spawn {
        path: &path,
        argv: std::slice::from_ref(&path),
        env: &entries,
        pid_variable: None,
        cwd: &cwd,
        stdio: [null.as_fd(), stdout, stderr],
        inherited: &[],
        terminal: false,
        cpus: &[],
        rlimits: &[],
    };
    let pid = spawn.start().map_err(|error| error.source)?;
    Ok(step.program_started(pid))
}

async fn read_all(pipe: OwnedFd) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    Receiver::from_owned_fd(pipe)?.take(PROLOG_BYTES_MAX).read_to_end(&mut output).await?;
    Ok(output)
}

/// One line of a task prolog's output. What is none of the three is ignored.
fn apply(step: &Step, ready: &mut Ready, line: &[u8]) {
    let rest = |verb: &[u8]| line.strip_prefix(verb).map(<[u8]>::trim_ascii_start);
    if let Some(setting) = rest(b"export ") {
        let mut parts = setting.splitn(2, |&b| b == b'=');
        if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            ready.environment.set(key.trim_ascii_end(), value);
        }
    } else if let Some(key) = rest(b"unset ") {
        ready.environment.unset(key.trim_ascii_end());
    } else if let Some(text) = rest(b"print ") {
        step.write_as(ready.task, Stream::Stdout, &ready.stdio[1], &[text, b"\n"].concat());
    }
}
