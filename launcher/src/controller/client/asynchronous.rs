//! The link of launchers that watch a step beside it.

use std::path::{Path, PathBuf};

use prun_runtime::wire::frame::{FrameReader, FrameWriter, message_frame};
use prun_runtime::wire::preamble::{Preamble, Target};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

use super::patience::{Patience, Silence};
use super::{ClientError, ping, socket_path, whole};
use crate::controller::api::{Answer, Call, JobView, Reply, Request};

/// An asynchronous link. Needs a tokio runtime.
#[derive(Debug)]
pub struct AsyncClient {
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    path: PathBuf,
    next: u64,
    patience: Patience,
    /// When the silence has lasted too long.
    end_of_patience: Instant,
    /// Parts of an answer, until its last one is there.
    jobs: Vec<JobView>,
}

impl AsyncClient {
    /// As [`super::Client::connect`].
    ///
    /// # Errors
    /// As [`super::Client::connect`].
    pub async fn connect() -> Result<Self, ClientError> {
        Self::connect_to(&socket_path()?).await
    }

    /// Connects to the controller behind a socket.
    ///
    /// # Errors
    /// [`ClientError::Connect`], [`ClientError::Lost`].
    pub async fn connect_to(path: &Path) -> Result<Self, ClientError> {
        Self::with(path, Patience::usual()).await
    }

    pub(super) async fn with(path: &Path, patience: Patience) -> Result<Self, ClientError> {
        let stream = tokio::net::UnixStream::connect(path)
            .await
            .map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
        let (read, write) = stream.into_split();
        let mut writer = FrameWriter::new(write);
        writer.message(&Preamble::new(Target::Controller)).await?;
        Ok(Self {
            reader: FrameReader::new(read),
            writer,
            path: path.to_owned(),
            next: 0,
            patience,
            end_of_patience: Instant::now() + patience.wait,
            jobs: Vec::new(),
        })
    }

    /// Asks without waiting.
    ///
    /// # Errors
    /// [`ClientError::Silent`], [`ClientError::Lost`].
    pub async fn send(&mut self, request: Request) -> Result<(), ClientError> {
        self.next += 1;
        let call = Call { id: self.next, request };
        let sent = tokio::time::timeout(self.patience.wait, self.writer.message(&call)).await;
        self.heard();
        Ok(sent.map_err(|_| self.silent())??)
    }

    /// From now on, silence counts anew.
    fn heard(&mut self) {
        self.patience.heard();
        self.end_of_patience = Instant::now() + self.patience.wait;
    }

    fn silent(&self) -> ClientError {
        ClientError::Silent { path: self.path.clone() }
    }

    /// Nothing was heard for long.
    fn passed(&mut self) -> Result<(), ClientError> {
        self.end_of_patience = Instant::now() + self.patience.wait;
        match self.patience.passed() {
            Silence::Ask => {
                let frame = message_frame(&ping())?;
                // At once or not at all, so that whoever stops waiting leaves no half of it behind. A controller for
                // which there is no room has not read for long.
                match self.writer.stream().try_write(&frame) {
                    Ok(written) if written == frame.len() => Ok(()),
                    _ => Err(self.silent()),
                }
            }
            Silence::GiveUp => Err(self.silent()),
        }
    }

    /// Asks, and waits for the (first) reply.
    ///
    /// # Errors
    /// [`ClientError::Silent`], [`ClientError::Lost`], [`ClientError::Closed`].
    pub async fn call(&mut self, request: Request) -> Result<Reply, ClientError> {
        self.send(request).await?;
        self.next().await
    }

    /// The next reply to the last call. Cancelling it loses nothing.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn next(&mut self) -> Result<Reply, ClientError> {
        loop {
            let answer: Answer = tokio::select! {
                message = self.reader.message() => message?.ok_or(ClientError::Closed)?,
                () = tokio::time::sleep_until(self.end_of_patience) => {
                    self.passed()?;
                    continue;
                }
            };
            self.heard();
            if answer.id == self.next
                && let Some(reply) = whole(&mut self.jobs, answer.reply)
            {
                return Ok(reply);
            }
        }
    }
}
