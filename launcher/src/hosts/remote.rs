//! The near end of a rank server on another host: the ssh that it lives by.

use std::io;
use std::process::ExitStatus;

use prun_runtime::limits::{REMOTE_END_WAIT, REMOTE_LINE_BYTES_MAX, REMOTE_WAIT};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::MARK;
use super::binary::Binary;
use super::host::Host;
use super::offer::Offer;
use super::ssh::Ssh;

/// Why there is no rank server on a host.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no such program.
    #[error("cannot run `{program}`: is it installed? `--ssh` or `PRUN_SSH` names another")]
    Program {
        /// What was to be run.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// ssh, or what it ran, has ended.
    #[error("no rank server on `{host}`: {} {how}; what it said stands above", MARK.trim())]
    Ended {
        /// The host.
        host: String,
        /// With which status.
        how: ExitStatus,
    },
    /// Nothing came for a long time.
    #[error("no word from `{host}` for {} s", REMOTE_WAIT.as_secs())]
    Silent {
        /// The host.
        host: String,
    },
    /// A machine that this binary does not run on.
    #[error("`{host}` is `{there}`, and this prun is for `{here}`: name hosts of one kind")]
    System {
        /// The host.
        host: String,
        /// What it is.
        there: String,
        /// What this is.
        here: String,
    },
    /// The binary did not come through.
    #[error("cannot copy prun to `{host}`: ssh ended with {how}; what it said stands above")]
    Copy {
        /// The host.
        host: String,
        /// With which status.
        how: ExitStatus,
    },
    /// The pipe to ssh.
    #[error("lost ssh to `{host}`")]
    Link {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
}

/// A rank server that has been reached. Dropping it ends it.
#[derive(Debug)]
pub struct Remote {
    host: Host,
    ssh: Child,
    input: ChildStdin,
    output: BufReader<Take<ChildStdout>>,
    /// This host's address as that one sees it; empty where it does not say.
    sees: String,
}

impl Remote {
    /// Starts it, with a copy of this binary where there is none. It waits for [`Self::go`] then.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn reach(ssh: &Ssh, host: Host, binary: &Binary) -> Result<Self, RemoteError> {
        match Self::start(ssh, &host, binary).await? {
            Started::Here(remote) => return Ok(*remote),
            Started::Needs(there) if there != binary.system => {
                return Err(RemoteError::System { host: host.login, there, here: binary.system.clone() });
            }
            Started::Needs(_) => copy(ssh, &host, binary).await?,
        }
        match Self::start(ssh, &host, binary).await? {
            Started::Here(remote) => Ok(*remote),
            Started::Needs(there) => {
                Err(RemoteError::System { host: host.login, there, here: binary.system.clone() })
            }
        }
    }

    async fn start(ssh: &Ssh, host: &Host, binary: &Binary) -> Result<Started, RemoteError> {
        let (ssh, input, output) = run(ssh, host, &binary.start_script())?;
        let output = BufReader::new(output.take(REMOTE_LINE_BYTES_MAX));
        let mut remote = Self { host: host.clone(), ssh, input, output, sees: String::new() };
        let line = remote.line(MARK).await?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("need", system) => Ok(Started::Needs(system.to_owned())),
            (_, sees) => {
                remote.sees = sees.to_owned();
                Ok(Started::Here(Box::new(remote)))
            }
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// This host's address as the other sees it; loopback where it does not say.
    #[must_use]
    pub fn sees(&self) -> &str {
        if self.sees.is_empty() { "127.0.0.1" } else { &self.sees }
    }

    /// Lets it join its controller, and waits until it has.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn go(&mut self, offer: &Offer) -> Result<(), RemoteError> {
        let told = self.input.write_all(offer.line().as_bytes()).await;
        told.map_err(|source| RemoteError::Link { host: self.host.login.clone(), source })?;
        self.line("ready").await.map(drop)
    }

    /// The rest of the next line that begins so.
    async fn line(&mut self, mark: &str) -> Result<String, RemoteError> {
        let host = || self.host.login.clone();
        let output = &mut self.output;
        let wanted = async {
            loop {
                let mut line = String::new();
                match output.read_line(&mut line).await {
                    Ok(0) => return Ok(None),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
                    Err(error) => return Err(error),
                }
                if let Some(rest) = line.strip_prefix(mark) {
                    return Ok(Some(rest.trim().to_owned()));
                }
            }
        };
        match timeout(REMOTE_WAIT, wanted).await {
            Err(_) => Err(RemoteError::Silent { host: host() }),
            Ok(Err(source)) => Err(RemoteError::Link { host: host(), source }),
            Ok(Ok(Some(rest))) => Ok(rest),
            Ok(Ok(None)) => {
                let ended = self.ssh.wait().await;
                let host = host();
                Err(match ended {
                    Ok(how) => RemoteError::Ended { host, how },
                    Err(source) => RemoteError::Link { host, source },
                })
            }
        }
    }

    /// Returns when it has ended by itself, or its link is broken. Cancelling it loses nothing.
    pub async fn ended(&mut self) {
        // Whatever it ended with: it is gone.
        let _ = self.ssh.wait().await;
    }

    /// Ends it, and waits for that; one that takes too long is left to its end of the link.
    pub async fn stop(self) {
        let Self { mut ssh, input, output, .. } = self;
        drop((input, output));
        // Killed when it is dropped.
        let _ = timeout(REMOTE_END_WAIT, ssh.wait()).await;
    }
}

/// What a host says to the script.
enum Started {
    /// The binary runs.
    Here(Box<Remote>),
    /// It is not there; this is what the host is.
    Needs(String),
}

fn run(ssh: &Ssh, host: &Host, script: &str) -> Result<(Child, ChildStdin, ChildStdout), RemoteError> {
    let fails = |source| RemoteError::Program { program: ssh.shown(), source };
    let mut child = ssh.command(host, script).spawn().map_err(fails)?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(input), Some(output)) => Ok((child, input, output)),
        _ => Err(fails(io::ErrorKind::BrokenPipe.into())),
    }
}

/// Brings the binary to a host.
async fn copy(ssh: &Ssh, host: &Host, binary: &Binary) -> Result<(), RemoteError> {
    tracing::info!(host = %host.login, "brings prun there");
    let link = |source| RemoteError::Link { host: host.login.clone(), source };
    let (mut child, mut input, _output) = run(ssh, host, &binary.copy_script())?;
    let sent = async {
        let mut file = File::open(&binary.path).await?;
        tokio::io::copy(&mut file, &mut input).await
    };
    let sent = sent.await;
    drop(input);
    let how = child.wait().await.map_err(link)?;
    match (how.success(), sent) {
        // It ended in the middle of the copy: its own status says more than the pipe's.
        (false, _) => Err(RemoteError::Copy { host: host.login.clone(), how }),
        (true, Err(source)) => Err(link(source)),
        (true, Ok(_)) => Ok(()),
    }
}
