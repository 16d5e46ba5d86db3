//! The link of commands that ask and print.

use std::io;
use std::time::Instant;

use prun_runtime::limits::{CONTROLLER_RETRY, CONTROLLER_RETURN};
use prun_runtime::net::address::Address;
use prun_runtime::net::blocking::BlockingLink;
use prun_runtime::wire::frame::{FrameError, read_message, write_message};
use prun_runtime::wire::preamble::Target;
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;

use super::patience::{Patience, Silence};
use super::{ClientError, address, closed, key_of, ping, undialled, whole};
use crate::controller::api::{Answer, Call, JobView, Reply, Request};

/// A blocking link.
#[derive(Debug)]
pub struct Client {
    link: BlockingLink,
    address: Address,
    next: u64,
    patience: Patience,
}

impl Client {
    /// Connects to the controller that the environment names.
    ///
    /// # Errors
    /// [`ClientError`], but for [`ClientError::Closed`].
    pub fn connect() -> Result<Self, ClientError> {
        Self::connect_to(&address()?)
    }

    /// Connects to a controller.
    ///
    /// # Errors
    /// [`ClientError`], but for [`ClientError::Closed`].
    pub fn connect_to(address: &Address) -> Result<Self, ClientError> {
        Self::with(address, Patience::usual())
    }

    pub(super) fn with(address: &Address, patience: Patience) -> Result<Self, ClientError> {
        let key = key_of(address)?;
        let link = BlockingLink::dial(address, Target::Controller, key.as_ref(), patience.wait);
        let link = link.map_err(|error| match undialled(error) {
            // So many wait to be let in that there is no room for one more.
            ClientError::Connect { address, source } if source.kind() == io::ErrorKind::WouldBlock => {
                ClientError::Silent { address }
            }
            other => other,
        })?;
        Ok(Self { link, address: address.clone(), next: 0, patience })
    }

    /// Asks, and blocks until the (first) reply is there.
    ///
    /// # Errors
    /// [`ClientError::Silent`], [`ClientError::Lost`], [`ClientError::Closed`].
    pub fn call(&mut self, request: Request) -> Result<Reply, ClientError> {
        self.next += 1;
        self.write(&Call { id: self.next, request })?;
        self.next_reply()
    }

    /// Blocks until the next reply to the last call: what follows a `Pending`.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn next_reply(&mut self) -> Result<Reply, ClientError> {
        let mut jobs: Vec<JobView> = Vec::new();
        loop {
            self.wait_for_bytes()?;
            let answer: Answer = match read_message(&mut self.link) {
                Ok(answer) => answer,
                Err(error) => return Err(self.failed(error)),
            };
            self.patience.heard();
            if answer.id == self.next
                && let Some(reply) = whole(&mut jobs, answer.reply)
            {
                return Ok(reply);
            }
        }
    }

    fn wait_for_bytes(&mut self) -> Result<(), ClientError> {
        let timeout = rustix::time::Timespec {
            tv_sec: i64::try_from(self.patience.wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: self.patience.wait.subsec_nanos().into(),
        };
        if self.link.has_read_ahead() {
            return Ok(());
        }
        loop {
            let mut ready = [PollFd::new(&self.link, PollFlags::IN)];
            match poll(&mut ready, Some(&timeout)) {
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(FrameError::Io(error.into()).into()),
            }
            match self.patience.passed() {
                Silence::Ask => self.write(&ping())?,
                Silence::GiveUp => return Err(self.silent()),
            }
        }
    }

    fn write(&mut self, message: &impl Serialize) -> Result<(), ClientError> {
        write_message(&mut self.link, message).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: FrameError) -> ClientError {
        match error {
            // In the middle of a message, or before any of it was taken.
            FrameError::Io(error) if error.kind() == io::ErrorKind::WouldBlock => self.silent(),
            error => closed(error),
        }
    }

    fn silent(&self) -> ClientError {
        ClientError::Silent { address: self.address.clone() }
    }

    /// As [`Self::call`] of what does no harm twice; where the controller goes away meanwhile, waits for it to come back
    /// and asks again.
    ///
    /// # Errors
    /// As [`Self::call`], once [`CONTROLLER_RETURN`] is over.
    pub fn call_through(&mut self, request: &Request) -> Result<Reply, ClientError> {
        let mut end = None;
        loop {
            match self.call(request.clone()) {
                Err(error) if error.may_pass() => {
                    let end = *end.get_or_insert_with(|| Instant::now() + CONTROLLER_RETURN);
                    if Instant::now() >= end {
                        return Err(error);
                    }
                    std::thread::sleep(CONTROLLER_RETRY);
                    if let Ok(link) = Self::with(&self.address, Patience::usual()) {
                        *self = link;
                    }
                }
                reply => return reply,
            }
        }
    }
}
