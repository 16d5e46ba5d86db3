//! Descriptors 0, 1 and 2 of tasks: pipes to the step's logs, files on the node, a terminal.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use crate::wire::launch::{Input, Output};

/// A task's side, and the step process's ends of it.
#[derive(Debug)]
pub(super) struct TaskStdio {
    /// What the task gets as 0, 1 and 2.
    pub(super) task: [Rc<OwnedFd>; 3],
    /// Where the launcher's input goes.
    pub(super) stdin: Option<OwnedFd>,
    /// Where the task's stdout is read.
    pub(super) stdout: Option<OwnedFd>,
    /// Where the task's stderr is read.
    pub(super) stderr: Option<OwnedFd>,
    /// The task's stdin is a terminal, to become its controlling one.
    pub(super) terminal: bool,
}

/// Opens what the tasks of one step need. A file that several streams name is opened, and so emptied, once.
#[derive(Debug)]
pub(super) struct Opener {
    cwd: PathBuf,
    pipe_bytes: Option<usize>,
    unbuffered: bool,
    null: Rc<OwnedFd>,
    files: HashMap<PathBuf, Rc<OwnedFd>>,
}

/// A pipe of this size lets a task run on while others are read. The system grants a user a few hundred of them.
const PIPE_BYTES: usize = 256 << 10;
const WIDE_PIPES_MAX: usize = 128;

/// What could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open `{}`", path.display())]
pub(super) struct OpenError {
    /// Its path.
    pub(super) path: PathBuf,
    /// Why.
    pub(super) source: io::Error,
}

impl Opener {
    /// For tasks in `cwd`. `unbuffered`: what they log goes through terminals.
    ///
    /// # Errors
    /// Where there is no `/dev/null`.
    pub(super) fn new(cwd: PathBuf, tasks: usize, unbuffered: bool) -> io::Result<Self> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        Ok(Self {
            cwd,
            pipe_bytes: (tasks * 2 <= WIDE_PIPES_MAX).then_some(PIPE_BYTES),
            unbuffered,
            null: Rc::new(null.into()),
            files: HashMap::new(),
        })
    }

    /// All three of a task.
    ///
    /// # Errors
    /// [`OpenError`]: a file that cannot be opened, or no descriptors left.
    pub(super) fn open(
        &mut self,
        stdin: &Input,
        stdout: &Output,
        stderr: &Output,
    ) -> Result<TaskStdio, OpenError> {
        let (task_in, own_in) = self.input(stdin)?;
        let (task_out, own_out) = match stdout {
            Output::Log if self.unbuffered => {
                // Where the system has no more terminals, a pipe does it too.
                let (read, write) = raw_terminal().or_else(|_| self.pipe())?;
                (Rc::new(write), Some(read))
            }
            stdout => self.output(stdout, &Rc::clone(&self.null))?,
        };
        let (task_err, own_err) = self.output(stderr, &task_out)?;
        Ok(TaskStdio {
            task: [task_in, task_out, task_err],
            stdin: own_in,
            stdout: own_out,
            stderr: own_err,
            terminal: false,
        })
    }

    /// A terminal for all three; the step process reads and writes its other side.
    ///
    /// # Errors
    /// [`OpenError`] where the system has no more terminals.
    pub(super) fn open_terminal(&self, (rows, columns): (u16, u16)) -> Result<TaskStdio, OpenError> {
        let error = |source: rustix::io::Errno| OpenError { path: "/dev/ptmx".into(), source: source.into() };
        let (master, slave) = terminal().map_err(error)?;
        let slave = Rc::new(slave);
        resize(&master, rows, columns);
        let reader = rustix::io::fcntl_dupfd_cloexec(&master, 3).map_err(error)?;
        Ok(TaskStdio {
            task: [Rc::clone(&slave), Rc::clone(&slave), slave],
            stdin: Some(master),
            stdout: Some(reader),
            stderr: None,
            terminal: true,
        })
    }

    fn input(&self, input: &Input) -> Result<(Rc<OwnedFd>, Option<OwnedFd>), OpenError> {
        match input {
            Input::Null => Ok((Rc::clone(&self.null), None)),
            Input::Launcher => {
                let (read, write) = self.pipe()?;
                Ok((Rc::new(read), Some(write)))
            }
            Input::File(path) => {
                let path = self.cwd.join(Path::new(std::ffi::OsStr::from_bytes(path)));
                match File::open(&path) {
                    Ok(file) => Ok((Rc::new(file.into()), None)),
                    Err(source) => Err(OpenError { path, source }),
                }
            }
        }
    }

    /// A task's output, and where it is read. `joined` is what `Output::Stdout` stands for.
    fn output(
        &mut self,
        output: &Output,
        joined: &Rc<OwnedFd>,
    ) -> Result<(Rc<OwnedFd>, Option<OwnedFd>), OpenError> {
        match output {
            Output::Null => Ok((Rc::clone(&self.null), None)),
            Output::Stdout => Ok((Rc::clone(joined), None)),
            Output::Log => {
                let (read, write) = self.pipe()?;
                Ok((Rc::new(write), Some(read)))
            }
            Output::File { path, append } => {
                let path = self.cwd.join(Path::new(std::ffi::OsStr::from_bytes(path)));
                if let Some(file) = self.files.get(&path) {
                    return Ok((Rc::clone(file), None));
                }
                match open_output(&path, *append) {
                    Ok(file) => {
                        let file = Rc::new(OwnedFd::from(file));
                        self.files.insert(path, Rc::clone(&file));
                        Ok((file, None))
                    }
                    Err(source) => Err(OpenError { path, source }),
                }
            }
        }
    }

    fn pipe(&self) -> Result<(OwnedFd, OwnedFd), OpenError> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|source| OpenError { path: "a pipe".into(), source: source.into() })?;
        if let Some(bytes) = self.pipe_bytes {
            // A user over the system's allowance keeps the usual size.
            let _ = fcntl_setpipe_size(&read, bytes);
        }
        Ok((read, write))
    }
}

/// Both sides of a new terminal: that of who has made it, and that of a program.
fn terminal() -> Result<(OwnedFd, OwnedFd), rustix::io::Errno> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((master, slave))
}

/// The same, and bytes pass through it as they are.
fn raw_terminal() -> Result<(OwnedFd, OwnedFd), rustix::io::Errno> {
    let (master, slave) = terminal()?;
    let mut settings = tcgetattr(&slave)?;
    settings.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &settings)?;
    Ok((master, slave))
}

/// Opens a file for output; directories on its way that are missing are made, as Slurm 24.11 does.
fn open_output(path: &Path, append: bool) -> io::Result<File> {
    let mut options = File::options();
    // Appending in any case: several processes may have opened the file by themselves.
    options.append(true).create(true);
    let open = |options: &fs::OpenOptions| options.open(path);
    let file = match open(&options) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            open(&options)?
        }
        other => other?,
    };
    if !append && file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Tells a terminal its size. A terminal that is gone needs none.
pub(super) fn resize(master: &impl AsFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let _ = tcsetwinsize(master, size);
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn file(path: &str, append: bool) -> Output {
        Output::File { path: path.as_bytes().to_vec().into(), append }
    }

    #[test]
    fn one_file_named_twice_is_one_open_file_in_a_directory_that_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let mut opener = Opener::new(directory.path().to_owned(), 2, false).unwrap();
        let one = opener.open(&Input::Null, &file("new/out", false), &file("new/out", false)).unwrap();
        let two = opener.open(&Input::Null, &file("new/out", false), &Output::Stdout).unwrap();
        for descriptor in [&one.task[1], &one.task[2], &two.task[1], &two.task[2]] {
            rustix::io::write(&**descriptor, b"x").unwrap();
        }
        assert_eq!(fs::read(directory.path().join("new/out")).unwrap(), b"xxxx");
        let kept = Opener::new(directory.path().to_owned(), 1, false)
            .unwrap()
            .open(&Input::Null, &file("new/out", true), &Output::Null)
            .unwrap();
        rustix::io::write(&*kept.task[1], b"y").unwrap();
        assert_eq!(fs::read(directory.path().join("new/out")).unwrap(), b"xxxxy");
    }

    #[test]
    fn a_path_that_cannot_be_opened_is_named() {
        let mut opener = Opener::new("/proc/self".into(), 1, false).unwrap();
        let error = opener.open(&Input::File(b"no/such".to_vec().into()), &Output::Null, &Output::Null);
        assert_eq!(error.unwrap_err().to_string(), "cannot open `/proc/self/no/such`");
    }

    #[test]
    fn a_log_is_a_pipe() {
        let mut opener = Opener::new("/".into(), 1, false).unwrap();
        let stdio = opener.open(&Input::Launcher, &Output::Log, &Output::Log).unwrap();
        rustix::io::write(&*stdio.task[1], b"out").unwrap();
        File::from(stdio.stdin.unwrap()).write_all(b"in").unwrap();
        let (mut out, mut input) = ([0; 3], [0; 2]);
        File::from(stdio.stdout.unwrap()).read_exact(&mut out).unwrap();
        rustix::io::read(&*stdio.task[0], &mut input).unwrap();
        assert_eq!((&out, &input), (b"out", b"in"));
    }
}
