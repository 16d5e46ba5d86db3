//! The system's ssh.

use std::env;
use std::ffi::OsString;

use prun_runtime::env::SSH;

use super::host::Host;

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

    /// The words that run a script on a host, whatever that user's login shell is. The script has no single quotes.
    #[must_use]
    pub(super) fn words(&self, host: &Host, script: &str) -> Vec<OsString> {
        let mut words: Vec<OsString> = self.words.iter().map(OsString::from).collect();
        words.extend(["-T".into(), host.login.clone().into(), format!("exec /bin/sh -c '{script}'").into()]);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_may_have_options() {
        assert_eq!(Ssh::find(Some("ssh  -p 22")).words, ["ssh", "-p", "22"]);
        let host = super::super::parse("ada@h").unwrap().remove(0);
        let words = Ssh::find(Some("ssh -v")).words(&host, "echo x");
        assert_eq!(words, ["ssh", "-v", "-T", "ada@h", "exec /bin/sh -c 'echo x'"]);
    }
}
