//! The near end of rank servers elsewhere: the ssh or srun that they live by.

use std::io;
use std::process::ExitStatus;

use prun_runtime::limits::{REMOTE_END_WAIT, REMOTE_LINE_BYTES_MAX, REMOTE_WAIT};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::MARK;
use super::binary::Binary;
use super::channel::Channel;
use super::offer::Offer;

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
    /// What reaches it, or what that ran, has ended.
    #[error("no rank server on `{host}`: what started it ended with {how}; what it said stands above")]
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
    #[error("cannot copy prun to `{host}`: what carried it ended with {how}; what it said stands above")]
    Copy {
        /// The host.
        host: String,
        /// With which status.
        how: ExitStatus,
    },
    /// The pipe to what reaches it.
    #[error("lost the way to `{host}`")]
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
    channel: Channel,
    program: Child,
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
    pub async fn reach(channel: Channel, binary: &Binary) -> Result<Self, RemoteError> {
        match Self::start(&channel, binary).await? {
            Started::Here(remote) => return Ok(*remote),
            Started::Needs(there) if there != binary.system => {
                return Err(RemoteError::System { host: channel.whom(), there, here: binary.system.clone() });
            }
            Started::Needs(_) => copy(&channel, binary).await?,
        }
        match Self::start(&channel, binary).await? {
            Started::Here(remote) => Ok(*remote),
            Started::Needs(there) => {
                Err(RemoteError::System { host: channel.whom(), there, here: binary.system.clone() })
            }
        }
    }

    async fn start(channel: &Channel, binary: &Binary) -> Result<Started, RemoteError> {
        let (program, input, output) = run(channel, &binary.start_script(channel.far_option()))?;
        let output = BufReader::new(output.take(REMOTE_LINE_BYTES_MAX));
        let mut remote = Self { channel: channel.clone(), program, input, output, sees: String::new() };
        for line in remote.lines(MARK).await? {
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("need", system) => return Ok(Started::Needs(system.to_owned())),
                (_, sees) => remote.sees = sees.to_owned(),
            }
        }
        Ok(Started::Here(Box::new(remote)))
    }

    /// The way to it.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
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
        told.map_err(|source| RemoteError::Link { host: self.channel.whom(), source })?;
        self.lines("ready").await.map(drop)
    }

    /// The rest of the next line of each rank server that begins so.
    async fn lines(&mut self, mark: &str) -> Result<Vec<String>, RemoteError> {
        let mut found = Vec::new();
        while found.len() < self.channel.count() {
            match timeout(REMOTE_WAIT, next(&mut self.output)).await {
                Err(_) => return Err(RemoteError::Silent { host: self.channel.whom() }),
                Ok(Err(source)) => return Err(RemoteError::Link { host: self.channel.whom(), source }),
                Ok(Ok(None)) => return Err(self.how_it_ended().await),
                Ok(Ok(Some(line))) => {
                    found.extend(line.strip_prefix(mark).map(|rest| rest.trim().to_owned()))
                }
            }
        }
        Ok(found)
    }

    async fn how_it_ended(&mut self) -> RemoteError {
        let host = self.channel.whom();
        match self.program.wait().await {
            Ok(how) => RemoteError::Ended { host, how },
            Err(source) => RemoteError::Link { host, source },
        }
    }

    /// Returns when it has ended by itself, or its link is broken. Cancelling it loses nothing.
    pub async fn ended(&mut self) {
        // Whatever it ended with: it is gone.
        let _ = self.program.wait().await;
    }

    /// Ends it, and waits for that; one that takes too long is left to its end of the link.
    pub async fn stop(self) {
        let Self { mut program, input, output, .. } = self;
        drop((input, output));
        // Killed when it is dropped.
        let _ = timeout(REMOTE_END_WAIT, program.wait()).await;
    }
}

/// What a host says to the script.
enum Started {
    /// The binary runs.
    Here(Box<Remote>),
    /// It is not there; this is what the host is.
    Needs(String),
}

/// The next line, whatever is in it; `None` at the end.
async fn next(output: &mut BufReader<Take<ChildStdout>>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = output.read_until(b'\n', &mut line).await?;
    Ok((read > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
}

fn run(channel: &Channel, script: &str) -> Result<(Child, ChildStdin, ChildStdout), RemoteError> {
    let fails = |source| RemoteError::Program { program: channel.program(), source };
    let mut child = channel.command(script).spawn().map_err(fails)?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(input), Some(output)) => Ok((child, input, output)),
        _ => Err(fails(io::ErrorKind::BrokenPipe.into())),
    }
}

/// Brings the binary there.
async fn copy(channel: &Channel, binary: &Binary) -> Result<(), RemoteError> {
    let host = channel.whom();
    tracing::info!(%host, "brings prun there");
    let link = |source| RemoteError::Link { host: channel.whom(), source };
    let (mut child, mut input, _output) = run(channel, &binary.copy_script())?;
    let sent = async {
        let mut file = File::open(&binary.path).await?;
        tokio::io::copy(&mut file, &mut input).await
    };
    let sent = sent.await;
    drop(input);
    let how = child.wait().await.map_err(link)?;
    match (how.success(), sent) {
        // It ended in the middle of the copy: its own status says more than the pipe's.
        (false, _) => Err(RemoteError::Copy { host, how }),
        (true, Err(source)) => Err(link(source)),
        (true, Ok(_)) => Ok(()),
    }
}
