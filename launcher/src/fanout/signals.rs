//! Signals to the launcher, as values in the order in which they come.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// A terminal's size has changed.
pub const SIGWINCH: i32 = 28;

/// Signals that are for the tasks alone.
pub(super) const SIGUSR1: i32 = 10;
pub(super) const SIGUSR2: i32 = 12;
pub(super) const SIGALRM: i32 = 14;

/// Signals that a launcher hands on or acts on: HUP, INT, QUIT, USR1, USR2, ALRM, TERM.
pub const FORWARDED: &[i32] = &[1, 2, 3, 10, 12, 14, 15];

/// Signals waiting to be looked at; those past it are dropped, as the system drops pending ones.
const WAITING_MAX: usize = 16;

/// Catches signals as long as it lives.
#[derive(Debug)]
pub struct Signals {
    come: mpsc::Receiver<i32>,
    tasks: Vec<AbortHandle>,
}

impl Signals {
    /// Catches these, on the current tokio runtime.
    ///
    /// # Errors
    /// Those of `sigaction(2)`.
    pub fn catch(numbers: &[i32]) -> io::Result<Self> {
        let (to, come) = mpsc::channel(WAITING_MAX);
        let mut tasks = Vec::with_capacity(numbers.len());
        for &number in numbers {
            let mut stream = signal(SignalKind::from_raw(number))?;
            let to = to.clone();
            let task = tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    // A full queue holds enough of them.
                    let _ = to.try_send(number);
                }
            });
            tasks.push(task.abort_handle());
        }
        Ok(Self { come, tasks })
    }

    /// Those that a test sends.
    #[cfg(test)]
    pub(super) fn of(come: mpsc::Receiver<i32>) -> Self {
        Self { come, tasks: Vec::new() }
    }

    /// The next one. Cancelling it loses nothing.
    pub async fn next(&mut self) -> i32 {
        match self.come.recv().await {
            Some(number) => number,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
