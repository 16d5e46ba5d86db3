//! The system's ssh.

use std::env;
use std::process::Stdio;

use prun_runtime::env::SSH;
use tokio::process::Command;

use super::host::Host;

/// Ctrl-C is for the job: ssh, which the terminal tells of it too, would end at once. It keeps off what it finds ignored,
/// but for when it asks for a passphrase.
const KEEPS_OFF_SIGNALS: &str = "trap \"\" INT QUIT HUP; exec \"$@\"";

/// How hosts are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    words: Vec<String>,
}

impl Ssh {
    /// The program that is given, or the variable names, or `ssh`; blanks separate its words.
    #[must_use]
    pub fn find(given: Option<&str>) -> Self {
        let named = given.map(str::to_owned).or_else(|| env::var(SSH).ok());
        let words: Vec<String> = named.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        Self { words: if words.is_empty() { vec!["ssh".to_owned()] } else { words } }
    }

    /// What it is called in messages.
    #[must_use]
    pub fn shown(&self) -> String {
        self.words.join(" ")
    }

    /// Runs a script of `sh` on a host, whatever that user's login shell is. The script has no single quotes. Input and
    /// output are piped; what ssh says, and asks, goes to this process's terminal.
    #[must_use]
    pub fn command(&self, host: &Host, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPS_OFF_SIGNALS, "sh"]).args(&self.words);
        command.args(["-T", &host.login]).arg(format!("exec /bin/sh -c '{script}'"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_may_have_options() {
        assert_eq!(Ssh::find(Some("ssh  -p 22")).words, ["ssh", "-p", "22"]);
        let host = super::super::parse("ada@h").unwrap().remove(0);
        let command = Ssh::find(Some("ssh -v")).command(&host, "echo x");
        let words: Vec<_> =
            command.as_std().get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(words[3..], ["ssh", "-v", "-T", "ada@h", "exec /bin/sh -c 'echo x'"]);
    }
}
