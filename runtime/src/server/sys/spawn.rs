//! Starting a task: `clone` with the parent's memory and the parent asleep (as `posix_spawn(3)` does it), then all
//! that a task needs and `posix_spawn` cannot do, then `exec`.
//!
//! Nothing is copied, so a task starts as fast from a large process as from a small one.
#![expect(unsafe_code, reason = "clone, and system calls between clone and exec")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use rustix::process::Pid;

/// A process to be started. All of it is read by the child while the parent sleeps.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The file to execute.
    pub path: &'a CStr,
    /// Its arguments, `argv[0]` first.
    pub argv: &'a [CString],
    /// Its environment, `KEY=VALUE`.
    pub env: &'a [&'a CStr],
    /// Name of a variable to be added that holds the new process's own id.
    pub pid_variable: Option<&'a str>,
    /// Its working directory.
    pub cwd: &'a CStr,
    /// Its file descriptors 0, 1 and 2. Each must be above 2 itself.
    pub stdio: [BorrowedFd<'a>; 3],
    /// Descriptors beside those that the process has, under their own numbers.
    pub inherited: &'a [BorrowedFd<'a>],
    /// Make descriptor 0 the controlling terminal of a new session; otherwise a new process group.
    pub terminal: bool,
    /// CPUs to bind to; empty: as the parent.
    pub cpus: &'a [u32],
    /// Soft resource limits to set: the resource's number, its value.
    pub rlimits: &'a [(u32, u64)],
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot {}", stage.text())]
pub struct SpawnError {
    /// What the child was doing.
    pub stage: Stage,
    /// How it failed.
    pub source: io::Error,
}

/// What stands between `clone` and the program's first instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Stage {
    /// Making the process.
    Clone,
    /// Its process group or session, and its terminal.
    Session,
    /// CPUs.
    Affinity,
    /// Resource limits.
    Limits,
    /// The working directory.
    Directory,
    /// Its descriptors.
    Stdio,
    /// The program.
    Exec,
}

impl Stage {
    fn text(self) -> &'static str {
        match self {
            Self::Clone => "make a process",
            Self::Session => "make a process group",
            Self::Affinity => "bind to the CPUs",
            Self::Limits => "set the resource limits",
            Self::Directory => "enter the working directory",
            Self::Stdio => "connect input and output",
            Self::Exec => "execute the program",
        }
    }
}

/// Bytes of the child's stack: it calls nothing but system calls.
const STACK_BYTES: usize = 64 << 10;

/// Digits of the largest process id (2^22), and the NUL.
const PID_BYTES: usize = 12;

/// What the child reads and writes in the parent's memory.
struct Shared {
    path: *const c_char,
    argv: *const *const c_char,
    env: *const *const c_char,
    cwd: *const c_char,
    stdio: [c_int; 3],
    inherited: *const BorrowedFd<'static>,
    inherited_count: usize,
    terminal: bool,
    cpus: Option<libc::cpu_set_t>,
    rlimits: *const (u32, u64),
    rlimit_count: usize,
    /// Where the digits of the process id go; null for nowhere.
    pid_digits: *mut u8,
    parent: libc::pid_t,
    failed: Option<(Stage, c_int)>,
}

impl Spawn<'_> {
    /// Starts the process; returns once its program runs. The child dies with the calling thread (`SIGKILL`).
    ///
    /// # Errors
    /// [`SpawnError`]; no process is left then.
    pub fn start(&self) -> Result<Pid, SpawnError> {
        let mut pid_entry: Vec<u8> = Vec::new();
        let mut pid_digits: *mut u8 = ptr::null_mut();
        if let Some(name) = self.pid_variable {
            pid_entry.extend_from_slice(name.as_bytes());
            pid_entry.push(b'=');
            let at = pid_entry.len();
            pid_entry.resize(at + PID_BYTES, 0);
            pid_digits = pid_entry[at..].as_mut_ptr();
        }
        let argv: Vec<*const c_char> =
            self.argv.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        let mut env: Vec<*const c_char> = self.env.iter().map(|entry| entry.as_ptr()).collect();
        if !pid_entry.is_empty() {
            env.push(pid_entry.as_ptr().cast());
        }
        env.push(ptr::null());
        let mut shared = Shared {
            path: self.path.as_ptr(),
            argv: argv.as_ptr(),
            env: env.as_ptr(),
            cwd: self.cwd.as_ptr(),
            stdio: self.stdio.map(|fd| fd.as_raw_fd()),
            inherited: self.inherited.as_ptr().cast(),
            inherited_count: self.inherited.len(),
            terminal: self.terminal,
            cpus: cpu_set(self.cpus),
            rlimits: self.rlimits.as_ptr(),
            rlimit_count: self.rlimits.len(),
            pid_digits,
            parent: rustix::process::getpid().as_raw_nonzero().get(),
            failed: None,
        };
        let pid = clone_and_wait(&mut shared);
        match (shared.failed, pid) {
            (None, Ok(pid)) => Ok(pid),
            (Some((stage, errno)), Ok(pid)) => {
                // It has ended already or is about to: nothing of it must stay.
                let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
                Err(SpawnError { stage, source: io::Error::from_raw_os_error(errno) })
            }
            (_, Err(source)) => Err(SpawnError { stage: Stage::Clone, source }),
        }
    }
}

fn cpu_set(cpus: &[u32]) -> Option<libc::cpu_set_t> {
    if cpus.is_empty() {
        return None;
    }
    // SAFETY: the set is a bit mask, for which all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in cpus {
        // SAFETY: the macro checks the number against the size of the set.
        unsafe { libc::CPU_SET(cpu as usize, &mut set) };
    }
    Some(set)
}

fn clone_and_wait(shared: &mut Shared) -> io::Result<Pid> {
    // Not cleared: the child writes before it reads, and mostly touches one page.
    let mut stack = Vec::<u128>::with_capacity(STACK_BYTES / size_of::<u128>());
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let pid = with_signals_blocked(|| {
        // SAFETY: `child` runs on a stack of its own, above which nothing is touched, and uses `shared`, which
        // nobody else does: CLONE_VFORK holds this thread until the child has executed its program or ended.
        // No signal handler can run in the child, since all signals are blocked until it has reset them.
        unsafe {
            let top = stack.as_mut_ptr().add(stack.capacity());
            libc::clone(child, top.cast(), flags, ptr::from_mut(shared).cast())
        }
    });
    match Pid::from_raw(pid).filter(|_| pid > 0) {
        Some(pid) => Ok(pid),
        None => Err(io::Error::last_os_error()),
    }
}

/// Runs something with every signal of this thread blocked, and lets them through again after it.
fn with_signals_blocked(run: impl FnOnce() -> c_int) -> c_int {
    // SAFETY: both sets live in this frame and are filled before they are read; a mask of signals is a bit mask,
    // for which all zeroes is valid.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let result = run();
        let errno = *libc::__errno_location();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        *libc::__errno_location() = errno;
        result
    }
}

/// The child, up to its program. Only system calls: it shares memory, and so locks, with a sleeping parent.
extern "C" fn child(shared: *mut c_void) -> c_int {
    // SAFETY: this is the `Shared` of `clone_and_wait`, alive and untouched until this process is gone from it.
    let shared = unsafe { &mut *shared.cast::<Shared>() };
    if let Err((stage, errno)) = prepare(shared) {
        shared.failed = Some((stage, errno));
    } else {
        // SAFETY: three NUL-terminated arrays that the parent holds.
        unsafe { libc::execve(shared.path, shared.argv, shared.env) };
        shared.failed = Some((Stage::Exec, errno()));
    }
    // SAFETY: ends this process alone; nothing of the parent's (buffers, exit handlers) may run.
    unsafe { libc::_exit(127) }
}

fn errno() -> c_int {
    // SAFETY: the location is always valid.
    unsafe { *libc::__errno_location() }
}

/// Turns the -1 of a system call into its error.
fn check(stage: Stage, result: c_int) -> Result<(), (Stage, c_int)> {
    if result == -1 { Err((stage, errno())) } else { Ok(()) }
}

fn prepare(shared: &Shared) -> Result<(), (Stage, c_int)> {
    // SAFETY: each is a plain system call on values of `shared`, whose pointers the parent keeps alive.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != shared.parent {
            return Err((Stage::Clone, libc::ESRCH));
        }
        write_pid(shared.pid_digits, libc::getpid());
        if shared.terminal {
            check(Stage::Session, libc::setsid())?;
            check(Stage::Session, libc::ioctl(shared.stdio[0], libc::TIOCSCTTY, 0))?;
        } else {
            check(Stage::Session, libc::setpgid(0, 0))?;
        }
        if let Some(cpus) = &shared.cpus {
            check(Stage::Affinity, libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), cpus))?;
        }
        for at in 0..shared.rlimit_count {
            let (resource, soft) = *shared.rlimits.add(at);
            set_soft_limit(resource, soft)?;
        }
        check(Stage::Directory, libc::chdir(shared.cwd))?;
        for (to, &from) in (0..).zip(&shared.stdio) {
            check(Stage::Stdio, libc::dup2(from, to))?;
        }
        for at in 0..shared.inherited_count {
            // The table of descriptors is this process's own: in the parent it stays as it was.
            check(Stage::Stdio, libc::fcntl((*shared.inherited.add(at)).as_raw_fd(), libc::F_SETFD, 0))?;
        }
        reset_signals();
    }
    Ok(())
}

/// Sets a soft limit, no higher than the hard one, as Slurm does.
unsafe fn set_soft_limit(resource: u32, soft: u64) -> Result<(), (Stage, c_int)> {
    // SAFETY: the limit lives in this frame; a wrong number is refused by the kernel.
    unsafe {
        let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
        check(Stage::Limits, libc::getrlimit64(resource, &mut limit))?;
        limit.rlim_cur = soft.min(limit.rlim_max);
        check(Stage::Limits, libc::setrlimit64(resource, &limit))
    }
}

/// The program starts with every signal at its default and none blocked. Real-time signals that the C library keeps
/// for itself are refused by it, and are at their default.
unsafe fn reset_signals() {
    // SAFETY: handlers are not shared with the parent (no CLONE_SIGHAND); the structs live in this frame.
    unsafe {
        for signal in 1..=64 {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, ptr::null(), &mut action) == 0 && action.sa_sigaction != libc::SIG_DFL
            {
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &action, ptr::null_mut());
            }
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
}

/// Writes a process id and a NUL, without the formatting machinery.
unsafe fn write_pid(to: *mut u8, pid: libc::pid_t) {
    if to.is_null() {
        return;
    }
    let mut digits = [0_u8; PID_BYTES];
    let mut rest = pid.unsigned_abs();
    let mut count = 0;
    loop {
        digits[count] = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    for at in 0..count {
        // SAFETY: the parent made room for `PID_BYTES`, more than any process id has digits.
        unsafe { *to.add(at) = digits[count - 1 - at] };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;

    /// Runs a program with its output in a pipe; gives the output and the wait status.
    fn run(argv: &[&str], change: impl FnOnce(&mut Spawn<'_>)) -> Result<(String, i32), SpawnError> {
        run_with(argv, &[], change)
    }

    fn run_with(
        argv: &[&str],
        inherited: &[BorrowedFd<'_>],
        change: impl FnOnce(&mut Spawn<'_>),
    ) -> Result<(String, i32), SpawnError> {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let null = File::open("/dev/null").unwrap();
        let argv: Vec<CString> = argv.iter().map(|word| CString::new(*word).unwrap()).collect();
        let mut spawn = Spawn {
            path: &argv[0],
            argv: &argv,
            env: &[c"LEFT=right"],
            pid_variable: Some("OWN_PID"),
            cwd: c"/",
            stdio: [null.as_fd(), write.as_fd(), write.as_fd()],
            inherited,
            terminal: false,
            cpus: &[],
            rlimits: &[],
        };
        change(&mut spawn);
        let pid = spawn.start()?;
        drop(write);
        let mut output = String::new();
        File::from(read).read_to_string(&mut output).unwrap();
        let (_, status) =
            rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap().unwrap();
        Ok((output, status.as_raw()))
    }

    #[test]
    fn a_program_finds_its_environment_directory_group_and_own_pid() {
        let script = "echo $LEFT $PWD; test $OWN_PID = $$ && echo own; ps -o pgid= -p $$ 2>/dev/null | tr -d ' ' | sed s/$$/leader/; exit 3";
        let (output, status) = run(&["/bin/sh", "-c", script], |_| ()).unwrap();
        assert!(output.starts_with("right /\nown\n"), "{output}");
        assert!(output.ends_with("leader\n") || output.ends_with("own\n"), "{output}");
        assert_eq!(status, 3 << 8);
    }

    #[test]
    fn failures_name_their_stage_and_leave_no_process() {
        let missing = run(&["/no/such/program"], |_| ()).unwrap_err();
        assert_eq!((missing.stage, missing.source.raw_os_error()), (Stage::Exec, Some(libc::ENOENT)));
        let nowhere = run(&["/bin/true"], |spawn| spawn.cwd = c"/no/such/directory").unwrap_err();
        assert_eq!(nowhere.stage, Stage::Directory);
        let unbound = run(&["/bin/true"], |spawn| spawn.cpus = &[1023]);
        assert_eq!(unbound.unwrap_err().stage, Stage::Affinity);
    }

    #[test]
    fn an_inherited_descriptor_has_its_number_and_stays_closed_for_others() {
        let (mut own, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let script = format!("echo heard >&{}", other.as_raw_fd());
        let (_, status) = run_with(&["/bin/sh", "-c", &script], &[other.as_fd()], |_| ()).unwrap();
        assert_eq!(status, 0);
        let (_, status) = run(&["/bin/sh", "-c", &script], |_| ()).unwrap();
        assert_ne!(status, 0, "who is not given it has it not");
        drop(other);
        let mut heard = String::new();
        own.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "heard\n");
    }

    #[test]
    fn limits_and_cpus_reach_the_program_and_signals_are_reset() {
        let script =
            "ulimit -n; grep Cpus_allowed_list /proc/self/status; grep -E 'SigIgn|SigBlk' /proc/self/status";
        let (output, _) = run(&["/bin/sh", "-c", script], |spawn| {
            spawn.rlimits = &[(libc::RLIMIT_NOFILE, 77)];
            spawn.cpus = &[0];
        })
        .unwrap();
        assert!(output.starts_with("77\nCpus_allowed_list:\t0\n"), "{output}");
        for mask in output.lines().skip(2).filter_map(|line| line.split('\t').nth(1)) {
            // Signals 32 and 33 are the C library's own.
            assert_eq!(u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff, 0, "{output}");
        }
        assert_eq!(output.lines().count(), 4, "{output}");
    }
}
