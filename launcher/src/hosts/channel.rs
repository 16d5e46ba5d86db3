//! What a script of `sh` is run elsewhere by.

use std::process::Stdio;

use tokio::process::Command;

use super::host::Host;
use super::offer::Offer;
use super::srun::Srun;
use super::ssh::Ssh;

/// Ctrl-C is for the job: ssh and srun, which the terminal tells of it too, would end at once. They keep off what they
/// find ignored, but for when ssh asks for a passphrase.
const KEEPS_OFF_SIGNALS: &str = "trap \"\" INT QUIT HUP; exec \"$@\"";

/// A way to where rank servers are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// To one host.
    Ssh(Ssh, Host),
    /// To the nodes of an allocation of a real Slurm, all at once.
    Srun(Srun),
}

impl Channel {
    /// Runs a script there. Input and output are piped; what the program says, and asks, goes to this process's terminal.
    pub(super) fn command(&self, script: &str) -> Command {
        let words = match self {
            Self::Ssh(ssh, host) => ssh.words(host, script),
            Self::Srun(srun) => srun.words(script),
        };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPS_OFF_SIGNALS, "sh"]).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// What it is called in messages.
    #[must_use]
    pub fn program(&self) -> String {
        match self {
            Self::Ssh(ssh, _) => ssh.shown(),
            Self::Srun(srun) => srun.program.display().to_string(),
        }
    }

    /// Who is reached.
    #[must_use]
    pub fn whom(&self) -> String {
        match self {
            Self::Ssh(_, host) => host.login.clone(),
            Self::Srun(srun) => format!("the nodes of Slurm's job {}", srun.job),
        }
    }

    /// How many rank servers there will be.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Ssh(..) => 1,
            Self::Srun(srun) => srun.nodes as usize,
        }
    }

    /// Words of `prun remote` that say how it was reached.
    pub(super) fn far_option(&self) -> &'static str {
        match self {
            Self::Ssh(..) => "",
            Self::Srun(_) => " --in-step",
        }
    }

    /// What is offered there.
    #[must_use]
    pub fn offer(&self, key: &prun_runtime::net::key::Key, controller: String) -> Offer {
        match self {
            Self::Ssh(_, host) => Offer::new(key, controller, Some(host.name.clone()), host.cpus),
            // Each node knows its name and its share.
            Self::Srun(_) => Offer::new(key, controller, None, None),
        }
    }
}
