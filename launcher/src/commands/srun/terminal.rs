//! The user's terminal, handed to task 0 (`--pty`).

use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

/// A terminal in raw mode; dropped, it is as it was.
#[derive(Debug)]
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    /// Every key goes to the task, Ctrl-C too.
    pub(super) fn enter() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Drain, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Rows and columns; `None`: there is no terminal.
pub(super) fn size() -> Option<(u16, u16)> {
    let size = isatty(stdin()).then(|| tcgetwinsize(stdin()).ok()).flatten()?;
    Some((size.ws_row, size.ws_col))
}
