//! How a command ends: an exit code, and what it wrote. Commands work on values and give one of these back; only
//! [`finish`] writes.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::controller::api::Refusal;
use crate::controller::client::ClientError;

/// What a command has to say when it is done, or when it cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ending {
    /// For stdout, with its line ends.
    pub stdout: String,
    /// For stderr, without line ends; complete lines with their prefix.
    pub stderr: Vec<String>,
    /// Exit code.
    pub code: u8,
}

impl Ending {
    /// Nothing went wrong, and this is the answer.
    #[must_use]
    pub fn text(stdout: impl Into<String>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    /// It cannot go on; one line says why.
    #[must_use]
    pub fn error(line: impl Into<String>, code: u8) -> Self {
        Self { stderr: vec![line.into()], code, ..Self::default() }
    }

    /// The controller refuses: its details and then the error, all behind `PREFIX: error: `.
    #[must_use]
    pub fn refused(command: &str, verb: &str, refusal: &Refusal) -> Self {
        let mut stderr: Vec<String> =
            refusal.detail.iter().map(|line| format!("{command}: error: {line}")).collect();
        let verb = if refusal.code.stands_alone() { String::new() } else { format!("{verb}: ") };
        stderr.push(format!("{command}: error: {verb}{}", refusal.code.text()));
        Self { stderr, code: 1, ..Self::default() }
    }

    /// The controller cannot be asked.
    #[must_use]
    pub fn unreachable(command: &str, error: &ClientError) -> Self {
        Self { stderr: unreachable(command, error), code: 1, ..Self::default() }
    }

    /// The answer was of another kind than the question asks for.
    #[must_use]
    pub fn unexpected(command: &str) -> Self {
        Self::error(format!("{command}: error: Unexpected message received"), 1)
    }
}

/// Why the controller cannot be asked: in Slurm's words, with the causes, and what to do.
#[must_use]
pub fn unreachable(command: &str, error: &ClientError) -> Vec<String> {
    let mut line = format!("{command}: error: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        line.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let slurms = format!("{command}: error: {}", error.in_slurms_words());
    vec![slurms, line, format!("{command}: help: {}", error.help())]
}

/// Writes what there is to say, and turns it into an exit code. A reader that has gone away is no error.
#[must_use]
pub fn finish(outcome: Result<Ending, Ending>) -> ExitCode {
    let ending = outcome.unwrap_or_else(|ending| ending);
    say(&ending.stderr);
    match io::stdout().lock().write_all(ending.stdout.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&[format!("error: cannot write to stdout: {error}")]);
            ExitCode::FAILURE
        }
        _ => ExitCode::from(ending.code),
    }
}

/// Lines for stderr, at once. Who does not listen does not hear.
pub fn say(lines: &[String]) {
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
