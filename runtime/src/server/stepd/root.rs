//! A step over several rank servers keeps its collective calls and messages where its first node is: the other step
//! processes pass on what their ranks say.

use std::rc::Rc;
use std::time::Duration;

use super::answer::Answer;
use super::step::Step;
use crate::ids::Rank;
use crate::net::address::{Address, AddressError};
use crate::net::dial::{DialError, dial_patiently};
use crate::net::link::Link;
use crate::wire::frame::{FrameError, FrameReader, FrameWriter};
use crate::wire::preamble::Target;
use crate::wire::rank::{FromServer, ToServer};

/// Why the root cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RootError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] FrameError),
}

impl Step {
    /// Whether the step's calls and messages are kept here.
    pub(super) fn is_root(&self) -> bool {
        self.launch.root.is_none() || self.launch.nodes.iter().any(|node| node.node_id == 0)
    }

    /// Asks the root for a rank, and waits for its answer. A link that closes without one may have been on its way
    /// through a rank server that was killed just then: it is made again, a few times.
    pub(super) async fn ask_root(&self, rank: Rank, request: &ToServer, data: &[u8]) -> Answer {
        const ATTEMPTS_MAX: u32 = 5;
        const PAUSE: Duration = Duration::from_millis(100);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let why = match self.ask_root_once(rank, request, data).await {
                Ok(Some(answer)) => return answer,
                Ok(None) => "it closed the link".to_owned(),
                // That has been tried for long.
                Err(error @ RootError::Dial(DialError::Connect { .. })) => {
                    attempts = ATTEMPTS_MAX;
                    error.to_string()
                }
                Err(error) => error.to_string(),
            };
            if attempts >= ATTEMPTS_MAX {
                return Answer::refused(format!("the step's first node is gone: {why}"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask_root_once(
        &self,
        rank: Rank,
        request: &ToServer,
        data: &[u8],
    ) -> Result<Option<Answer>, RootError> {
        let link = self.tell_root(rank, request, data).await?;
        let mut reader = FrameReader::new(link.read);
        let Some(message) = reader.message().await? else { return Ok(None) };
        let bytes = match message {
            FromServer::Done { bytes } | FromServer::Message { bytes, .. } => bytes,
            _ => 0,
        };
        Ok(Some(Answer { message, data: reader.payload(bytes).await? }))
    }

    /// Says something to the root for a rank. The link stays open both ways for its answer.
    pub(super) async fn tell_root(
        &self,
        rank: Rank,
        message: &ToServer,
        data: &[u8],
    ) -> Result<Link, RootError> {
        let address: Address = self.launch.root.as_deref().unwrap_or_default().parse()?;
        let target = Target::Rank { key: self.launch.key, secret: self.launch.secret.clone(), rank };
        let mut link = dial_patiently(&address, target, None).await?;
        FrameWriter::new(&mut link.write).message_with_payload(message, data).await?;
        Ok(link)
    }

    /// Lets the root know of a rank's end, so that nobody waits for it.
    pub(super) fn report_end(self: &Rc<Self>, rank: Rank, node: String, how: String) {
        let (step, turns) = (Rc::clone(self), self.membership.turns_of(rank));
        tokio::task::spawn_local(async move {
            step.say_to_root(rank, &ToServer::Left { node, how, turns }).await;
        });
    }

    /// Says something to the root that it only confirms.
    pub(super) async fn say_to_root(&self, rank: Rank, message: &ToServer) {
        // A root that is gone waits for nobody.
        let _ = self.ask_root(rank, message, &[]).await;
    }
}
