//! The link of launchers that watch a step beside it.

use prun_runtime::limits::{CONTROLLER_RETRY, CONTROLLER_RETURN};
use prun_runtime::net::address::Address;
use prun_runtime::net::dial::{dial, dial_patiently};
use prun_runtime::net::link::{ReadHalf, WriteHalf};
use prun_runtime::wire::frame::{FrameReader, FrameWriter};
use prun_runtime::wire::preamble::Target;
use tokio::time::Instant;

use super::patience::{Patience, Silence};
use super::{ClientError, address, in_job, key_of, ping, undialled, whole};
use crate::controller::api::{Answer, Call, JobView, Reply, Request};

/// An asynchronous link. Needs a tokio runtime.
#[derive(Debug)]
pub struct AsyncClient {
    reader: FrameReader<ReadHalf>,
    writer: FrameWriter<WriteHalf>,
    address: Address,
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
        Self::connect_to(&address()?).await
    }

    /// Connects to a controller.
    ///
    /// # Errors
    /// [`ClientError`], but for [`ClientError::Closed`].
    pub async fn connect_to(address: &Address) -> Result<Self, ClientError> {
        Self::with(address, Patience::usual()).await
    }

    pub(super) async fn with(address: &Address, patience: Patience) -> Result<Self, ClientError> {
        let key = key_of(address)?;
        // A job's node goes on also while its rank server is being restarted.
        let link = if in_job(address) {
            dial_patiently(address, Target::Controller, key.as_ref()).await
        } else {
            dial(address, Target::Controller, key.as_ref()).await
        };
        let link = link.map_err(undialled)?;
        Ok(Self {
            reader: FrameReader::new(link.read),
            writer: FrameWriter::new(link.write),
            address: address.clone(),
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
        ClientError::Silent { address: self.address.clone() }
    }

    /// Nothing was heard for long.
    fn passed(&mut self) -> Result<(), ClientError> {
        self.end_of_patience = Instant::now() + self.patience.wait;
        match self.patience.passed() {
            Silence::Ask => {
                // At once or not at all, so that whoever stops waiting leaves no half of it behind. A controller for
                // which there is no room has not read for long.
                match self.writer.try_message(&ping()) {
                    Ok(true) => Ok(()),
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

    /// As [`Self::next`]; where the controller goes away meanwhile, waits for it to come back and asks `again`. Cancelling it
    /// loses nothing.
    ///
    /// # Errors
    /// As [`Self::call`], once [`CONTROLLER_RETURN`] is over.
    pub async fn next_through(&mut self, again: &Request) -> Result<Reply, ClientError> {
        loop {
            match self.next().await {
                Err(error) if error.may_pass() => self.ask_again(again, error).await?,
                reply => return reply,
            }
        }
    }

    /// As [`Self::call`] of what does no harm twice; where the controller goes away meanwhile, waits for it to come back
    /// and asks again.
    ///
    /// # Errors
    /// As [`Self::next_through`].
    pub async fn call_through(&mut self, request: &Request) -> Result<Reply, ClientError> {
        match self.send(request.clone()).await {
            Err(error) if error.may_pass() => self.ask_again(request, error).await?,
            sent => sent?,
        }
        self.next_through(request).await
    }

    /// Takes a new link's place when the question is on its way there.
    async fn ask_again(&mut self, request: &Request, lost: ClientError) -> Result<(), ClientError> {
        let end = Instant::now() + CONTROLLER_RETURN;
        let mut last = lost;
        while Instant::now() < end {
            match self.ask_anew(request).await {
                Err(error) if error.may_pass() => last = error,
                asked => return asked,
            }
            tokio::time::sleep(CONTROLLER_RETRY).await;
        }
        Err(last)
    }

    async fn ask_anew(&mut self, request: &Request) -> Result<(), ClientError> {
        let mut link = Self::with(&self.address, Patience::usual()).await?;
        // Who lets us in may only be on the way to a controller that is not there yet.
        link.call(Request::Ping).await?;
        link.send(request.clone()).await?;
        *self = link;
        Ok(())
    }
}
