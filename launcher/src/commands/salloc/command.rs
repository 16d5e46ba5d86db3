//! The command of `salloc`: started with the allocation's variables, told of signals, waited for to its end.
//!
//! At a terminal the command stays in this process's group, so that it has the terminal, and a shell in it does its
//! job control as it would under `env(1)`. Elsewhere it has a group of its own, which signals are handed on to.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use prun_runtime::ids::JobId;
use prun_runtime::wire::step::Exit;
use rustix::process::{Pid, Signal as Number, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Voice;
use super::allocate::Granted;
use crate::commands::ending::{Ending, say};
use crate::controller::api::{JobState, Reply, Request};
use crate::controller::client::AsyncClient;
use crate::environment;

/// Runs the command, gives the allocation back, and ends as the command did. `kill` is the signal that the command
/// gets when the allocation is gone; without one it runs on to its end.
pub(super) async fn run(
    words: &[String],
    granted: Granted,
    kill: Option<i32>,
    voice: Voice,
) -> Result<Ending, Ending> {
    let id = granted.job.id;
    let mut forwards =
        Forwards::new().map_err(|error| Ending::error(format!("salloc: error: {error}"), 1))?;
    let mut watch = Watch::start(id).await?;
    let shares_terminal = io::stdin().is_terminal();
    let mut child = match start(words, &granted, shares_terminal) {
        Ok(child) => child,
        Err(error) => {
            say(&[cannot_start(&words[0], &error)]);
            voice.info(&format!("Relinquishing job allocation {id}"));
            granted.release(Exit { code: 1, ..Exit::default() }).await?;
            return Err(Ending { code: 1, ..Ending::default() });
        }
    };
    let target = Target { pid: pid_of(&child), shares_terminal };
    let (status, revoked) = wait(&mut child, &target, &mut forwards, &mut watch, kill, id, voice).await?;
    if !revoked {
        voice.info(&format!("Relinquishing job allocation {id}"));
        let exit = Exit {
            code: status.code().unwrap_or(0),
            signal: status.signal().unwrap_or(0),
            ..Exit::default()
        };
        granted.release(exit).await?;
    }
    Ok(Ending { code: exit_code(status), ..Ending::default() })
}

/// Waits for the command; meanwhile hands signals on and hears when the allocation is gone.
async fn wait(
    child: &mut Child,
    target: &Target,
    forwards: &mut Forwards,
    watch: &mut Watch,
    kill: Option<i32>,
    id: JobId,
    voice: Voice,
) -> Result<(ExitStatus, bool), Ending> {
    let mut revoked = false;
    loop {
        tokio::select! {
            status = child.wait() => {
                let failed = |error| Ending::error(format!("salloc: error: cannot wait for the command: {error}"), 1);
                return Ok((status.map_err(failed)?, revoked));
            }
            number = forwards.next() => target.send(number),
            state = watch.ended(), if !revoked => {
                revoked = true;
                if state == Some(JobState::Timeout) {
                    voice.info(&format!("Job {id} has exceeded its time limit and its allocation has been revoked."));
                } else {
                    voice.info(&format!("Job allocation {id} has been revoked."));
                }
                if let Some(number) = kill.and_then(Number::from_named_raw) {
                    target.send(number);
                }
            }
        }
    }
}

fn start(words: &[String], granted: &Granted, shares_terminal: bool) -> io::Result<Child> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    for (name, value) in environment::of_allocation(&granted.components()) {
        command.env(OsStr::from_bytes(&name), OsStr::from_bytes(&value));
    }
    if !granted.job.spec.work_dir.is_empty() {
        command.current_dir(OsStr::from_bytes(&granted.job.spec.work_dir));
    }
    if !shares_terminal {
        command.process_group(0);
    }
    command.spawn()
}

fn cannot_start(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("salloc: error: _fork_command: Unable to find command \"{program}\"")
        }
        _ => format!("salloc: error: Unable to run command \"{program}\": {error}"),
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Whom signals are for.
struct Target {
    pid: Option<Pid>,
    shares_terminal: bool,
}

impl Target {
    fn send(&self, number: Number) {
        let Some(pid) = self.pid else { return };
        // The terminal has told its whole group of these already.
        if self.shares_terminal && matches!(number, Number::INT | Number::QUIT) {
            return;
        }
        // One that has just ended is told by the wait.
        let _ =
            if self.shares_terminal { kill_process(pid, number) } else { kill_process_group(pid, number) };
    }
}

/// The exit code of the command; 1 for one that a signal ended, and 0 if that is one that users end commands by
/// (`salloc` of Slurm).
fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code & 0xff).unwrap_or(1),
        (None, Some(1 | 2 | 3 | 9)) => 0,
        _ => 1,
    }
}

/// A second link, on which the job's end is heard. When the controller has been away, the allocation lives by this one.
struct Watch {
    client: AsyncClient,
    job: JobId,
}

impl Watch {
    async fn start(job: JobId) -> Result<Self, Ending> {
        let unreachable = |error| Ending::unreachable("salloc", &error);
        let mut client = AsyncClient::connect().await.map_err(unreachable)?;
        client.send(Request::WatchJob { job }).await.map_err(unreachable)?;
        Ok(Self { client, job })
    }

    /// Until the job has ended; its state, if the controller is still there to say it. Cancelling loses nothing.
    async fn ended(&mut self) -> Option<JobState> {
        loop {
            match self.client.next_through(&Request::Reclaim { job: self.job }).await {
                // A link that breaks once more is noticed by the next look.
                Ok(Reply::Allocated { .. }) => {
                    drop(self.client.send(Request::WatchJob { job: self.job }).await)
                }
                Ok(Reply::Ended { job }) => return Some(job.state),
                Ok(Reply::Job(job)) if job.state.has_ended() => return Some(job.state),
                Ok(Reply::Job(_)) => {}
                Ok(_) | Err(_) => return None,
            }
        }
    }
}

/// The signals that are handed on to the command.
struct Forwards {
    hangup: Signal,
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
    user1: Signal,
    user2: Signal,
}

impl Forwards {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Number {
        tokio::select! {
            _ = self.hangup.recv() => Number::HUP,
            _ = self.interrupt.recv() => Number::INT,
            _ = self.quit.recv() => Number::QUIT,
            _ = self.terminate.recv() => Number::TERM,
            _ = self.user1.recv() => Number::USR1,
            _ = self.user2.recv() => Number::USR2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_decides_the_exit_code() {
        for (raw, code) in [(0, 0), (5 << 8, 5), (255 << 8, 255), (9, 0), (2, 0), (15, 1), (11, 1)] {
            assert_eq!(exit_code(ExitStatus::from_raw(raw)), code, "{raw}");
        }
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let error = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(
            cannot_start("nosuch", &error),
            "salloc: error: _fork_command: Unable to find command \"nosuch\""
        );
    }
}
