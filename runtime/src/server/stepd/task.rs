//! A task: its place, how far it is, its output logs; and starting all of a step's tasks.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::Mode;
use rustix::process::Pid;

use super::aside::Aside;
use super::environment::Environment;
use super::input::Feeder;
use super::log::{Budget, Log};
use super::stdio::{OpenError, Opener, TaskStdio};
use super::step::Step;
use super::{program, scripts, virtual_nodes};
use crate::env::SLURM_TASK_PID;
use crate::ids::Rank;
use crate::server::sys::spawn::{Spawn, Stage};
use crate::wire::launch::{Output, TaskLaunch};
use crate::wire::step::{Exit, Stream};

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Starting,
    Running(Pid),
    Ended,
}

/// One task of the step on this rank server.
#[derive(Debug)]
pub(super) struct Task {
    /// Index of its node in the launch.
    pub(super) node: usize,
    /// Index on its node.
    pub(super) local: usize,
    pub(super) rank: Rank,
    pub(super) progress: Progress,
    /// When it began, in microseconds since 1970; 0 before.
    pub(super) started_us: u64,
    /// How it ended.
    pub(super) exit: Option<Exit>,
    /// The end of its error output, for the report of its loss.
    pub(super) tail: Vec<u8>,
    /// Logs of stdout and stderr, where they are logged.
    logs: [Option<Log>; 2],
    asides: [Aside; 2],
    /// Its own stdout and stderr, where its epilog or a notice may need them. They keep its pipes open, and so go
    /// with the task's end.
    pub(super) stdout: Option<Rc<OwnedFd>>,
    pub(super) stderr: Option<Rc<OwnedFd>>,
}

impl Task {
    pub(super) fn new(node: usize, local: usize, task: &TaskLaunch, pty: bool, budget: &Budget) -> Self {
        let on_terminal = pty && task.rank == Rank(0);
        let log = |wanted: bool| wanted.then(|| Log::new(budget.clone()));
        Self {
            node,
            local,
            rank: task.rank,
            progress: Progress::Starting,
            started_us: 0,
            exit: None,
            tail: Vec::new(),
            logs: [
                log(on_terminal || task.stdout == Output::Log),
                log(!on_terminal && task.stderr == Output::Log),
            ],
            asides: Default::default(),
            stdout: None,
            stderr: None,
        }
    }

    /// What is said beside a stream.
    pub(super) fn aside(&mut self, stream: Stream) -> &mut Aside {
        &mut self.asides[stream as usize - 1]
    }

    /// The log of a stream, where it is logged.
    pub(super) fn log(&mut self, stream: Stream) -> Option<&mut Log> {
        self.logs[stream as usize - 1].as_mut()
    }

    /// Keeps the end of its error output.
    pub(super) fn remember(&mut self, bytes: &[u8]) {
        /// Some lines.
        const TAIL_BYTES_MAX: usize = 1024;
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES_MAX)..]);
        let surplus = self.tail.len().saturating_sub(TAIL_BYTES_MAX);
        self.tail.drain(..surplus);
    }

    /// Streams that may still grow.
    pub(super) fn open(&self) -> impl Iterator<Item = Stream> {
        [Stream::Stdout, Stream::Stderr]
            .into_iter()
            .zip(&self.logs)
            .filter(|(_, log)| log.as_ref().is_some_and(|log| !log.has_ended()))
            .map(|(stream, _)| stream)
    }

    /// Lets go of its side of its output, so that the pipes can end.
    pub(super) fn release(&mut self) {
        self.stdout = None;
        self.stderr = None;
    }
}

impl Step {
    /// Starts every task of the step. Those that cannot be started are told of and the others go on.
    pub(super) fn start(self: &Rc<Self>) {
        let base = Environment::of_step(&self.launch, &self.workspace);
        let (cwd, mut complaint) = self.working_directory();
        let count = self.tasks.borrow().len();
        // The script is this user's alone, whatever mask its job has.
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
        let script = match program::write_script(&self.launch, &self.workspace) {
            Ok(script) => script,
            Err(error) => return self.none_started(&error),
        };
        // The step process makes the tasks' files: with their mask.
        rustix::process::umask(Mode::from_raw_mode(self.launch.umask));
        let mut opener = match Opener::new(cwd.clone(), count, self.launch.unbuffered) {
            Ok(opener) => opener,
            Err(error) => return self.none_started(&error),
        };
        if !self.start_pmix() {
            return self.none_started(&rustix::io::Errno::NOSYS.into());
        }
        let mut feeder = Feeder::default();
        for at in 0..count {
            let (node, local) = (self.tasks.borrow()[at].node, self.tasks.borrow()[at].local);
            let on_node = &self.launch.nodes[node];
            let task = &on_node.tasks[local];
            let stdio = match self.open_stdio(&mut opener, task) {
                Ok(stdio) => stdio,
                Err(error) => {
                    self.not_connected(at, &error);
                    continue;
                }
            };
            let mut environment = base.with_task(on_node, task);
            virtual_nodes::set_variables(&mut environment, &self.launch);
            self.lead_to_pmix(at, &mut environment);
            let inherited = match self.open_pmi(at, &mut environment) {
                Ok(inherited) => inherited,
                Err(error) => {
                    self.open_streams_of(at).into_iter().for_each(|stream| self.end_stream(at, stream));
                    self.not_started(at, errno_of(&error), "cannot make a PMI socket".to_owned());
                    continue;
                }
            };
            self.connect(at, &stdio, &mut feeder);
            if let Some(complaint) = complaint.take() {
                self.notice(&complaint);
            }
            let mut ready = Ready {
                task: at,
                environment,
                cwd: cwd.clone(),
                script: script.clone(),
                stdio: stdio.task,
                inherited,
            };
            match self.launch.task_prolog.clone() {
                None => self.exec(&ready, stdio.terminal),
                Some(prolog) => {
                    let step = Rc::clone(self);
                    tokio::task::spawn_local(async move {
                        match scripts::prolog(&step, &mut ready, &prolog).await {
                            0 => step.exec(&ready, stdio.terminal),
                            code => step.not_started(at, code, String::new()),
                        }
                    });
                }
            }
            self.pump_all(at, stdio.stdout, stdio.stderr);
        }
        self.look_for_singletons();
        feeder.start();
        *self.feeder.borrow_mut() = Some(feeder);
    }

    fn none_started(self: &Rc<Self>, error: &std::io::Error) {
        let count = self.tasks.borrow().len();
        for at in 0..count {
            self.open_streams_of(at).into_iter().for_each(|stream| self.end_stream(at, stream));
            self.not_started(at, errno_of(error), "cannot set up the step".to_owned());
        }
    }

    /// The launch's, or `/tmp` and what is to be said about it (as `slurmstepd` does it).
    pub(super) fn working_directory(&self) -> (PathBuf, Option<String>) {
        let wanted = Path::new(std::ffi::OsStr::from_bytes(&self.launch.cwd));
        match rustix::fs::access(wanted, rustix::fs::Access::EXEC_OK) {
            Ok(()) if wanted.is_dir() => (wanted.to_owned(), None),
            outcome => {
                let reason = reason(&outcome.err().unwrap_or(rustix::io::Errno::NOTDIR).into());
                let wanted = wanted.display();
                let text = format!("error: couldn't chdir to `{wanted}': {reason}: going to /tmp instead");
                ("/tmp".into(), Some(text))
            }
        }
    }

    fn open_stdio(&self, opener: &mut Opener, task: &TaskLaunch) -> Result<TaskStdio, OpenError> {
        match self.launch.pty {
            Some(size) if task.rank == Rank(0) => opener.open_terminal(size),
            _ => opener.open(&task.stdin, &task.stdout, &task.stderr),
        }
    }

    /// Keeps the step process's ends of a task's descriptors.
    fn connect(&self, at: usize, stdio: &TaskStdio, feeder: &mut Feeder) {
        let mut tasks = self.tasks.borrow_mut();
        if self.launch.task_epilog.is_some() || self.launch.key.step.is_batch() {
            tasks[at].stdout = Some(Rc::clone(&stdio.task[1]));
            tasks[at].stderr = Some(Rc::clone(&stdio.task[2]));
        }
        if let Some(stdin) = &stdio.stdin {
            feeder.add(tasks[at].rank, stdin);
            if stdio.terminal {
                *self.terminal.borrow_mut() = rustix::io::fcntl_dupfd_cloexec(stdin, 3).ok();
            }
        }
    }

    /// Starts a task that has all it needs.
    fn exec(self: &Rc<Self>, ready: &Ready, terminal: bool) {
        if self.is_ending() {
            let interrupted = rustix::io::Errno::INTR.raw_os_error();
            return self.not_started(
                ready.task,
                interrupted,
                "the step was ended before it started".to_owned(),
            );
        }
        let outcome = {
            let tasks = self.tasks.borrow();
            let task = &tasks[ready.task];
            let launch = &self.launch.nodes[task.node].tasks[task.local];
            self.spawn(ready, launch, terminal)
        };
        match outcome {
            Ok(pid) => self.started(ready.task, pid),
            Err((what, error)) => {
                self.say(ready.task, &ready.stdio[2], &format!("error: {what}: {}", reason(&error)));
                self.not_started(ready.task, errno_of(&error), String::new());
            }
        }
    }

    fn spawn(
        &self,
        ready: &Ready,
        task: &TaskLaunch,
        terminal: bool,
    ) -> Result<Pid, (String, std::io::Error)> {
        let argv = &self.launch.programs[task.program as usize].argv;
        let name = argv.first().map_or(&b""[..], |name| name);
        let search = || program::search(name, ready.environment.get(crate::env::PATH), &ready.cwd);
        let path = ready.script.clone().unwrap_or_else(search);
        let shown = format!("execve(): {}", path.display());
        let invalid = |_| (shown.clone(), rustix::io::Errno::INVAL.into());
        let path = CString::new(path.as_os_str().as_bytes()).map_err(invalid)?;
        let words = argv.iter().map(|word| CString::new(word.as_slice()));
        let mut argv: Vec<CString> = words.collect::<Result<_, _>>().map_err(invalid)?;
        if ready.script.is_some() {
            argv[0] = path.clone();
        }
        let env: Vec<_> = ready.environment.entries().collect();
        let inherited: Vec<_> = ready.inherited.iter().map(AsFd::as_fd).collect();
        let spawn = Spawn {
            path: &path,
            argv: &argv,
            env: &env,
            pid_variable: Some(SLURM_TASK_PID),
            cwd: &CString::new(ready.cwd.as_os_str().as_bytes()).map_err(invalid)?,
            stdio: [ready.stdio[0].as_fd(), ready.stdio[1].as_fd(), ready.stdio[2].as_fd()],
            inherited: &inherited,
            terminal,
            cpus: &task.cpus,
            rlimits: &program::limits(&self.launch.rlimits),
        };
        spawn.start().map_err(|error| {
            let what = match error.stage {
                Stage::Exec => program::missing_interpreter(path.to_bytes(), &error.source)
                    .map_or(shown, |interpreter| format!("execve(): bad interpreter({interpreter})")),
                _ => error.to_string(),
            };
            (what, error.source)
        })
    }
}

/// The number of a system error.
pub(super) fn errno_of(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(rustix::io::Errno::IO.raw_os_error())
}

/// A system error in words, as `strerror(3)` has them.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// A task about to be started.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) task: usize,
    pub(super) environment: Environment,
    pub(super) cwd: PathBuf,
    /// The job script's private file.
    pub(super) script: Option<PathBuf>,
    pub(super) stdio: [Rc<OwnedFd>; 3],
    /// Its end of its PMI socket.
    pub(super) inherited: Option<OwnedFd>,
}
