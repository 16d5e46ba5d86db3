//! A step over several rank servers keeps its collective calls and messages where its first node is: the other step
//! processes pass on what their ranks say.

use std::io;
use std::rc::Rc;

use tokio::net::UnixStream;

use super::answer::Answer;
use super::step::Step;
use crate::ids::Rank;
use crate::wire::frame::{FrameError, FrameReader, FrameWriter};
use crate::wire::preamble::{Preamble, Target};
use crate::wire::rank::{FromServer, ToServer};

impl Step {
    /// Whether the step's calls and messages are kept here.
    pub(super) fn is_root(&self) -> bool {
        self.launch.root.is_none() || self.launch.nodes.iter().any(|node| node.node_id == 0)
    }

    /// Asks the root for a rank, and waits for its answer.
    pub(super) async fn ask_root(&self, rank: Rank, request: &ToServer, data: &[u8]) -> Answer {
        let gone = |why: String| Answer::refused(format!("the step's first node is gone: {why}"));
        let answer = async {
            let (read, _write) = self.tell_root(rank, request, data).await?.into_split();
            let mut reader = FrameReader::new(read);
            let Some(message) = reader.message().await? else { return Ok(None) };
            let bytes = match message {
                FromServer::Done { bytes } | FromServer::Message { bytes, .. } => bytes,
                _ => 0,
            };
            Ok::<_, FrameError>(Some(Answer { message, data: reader.payload(bytes).await? }))
        };
        match answer.await {
            Ok(Some(answer)) => answer,
            Ok(None) => gone("it closed the link".to_owned()),
            Err(error) => gone(error.to_string()),
        }
    }

    /// Says something to the root for a rank.
    async fn tell_root(&self, rank: Rank, message: &ToServer, data: &[u8]) -> Result<UnixStream, FrameError> {
        let address = self.launch.root.as_deref().unwrap_or_default();
        let path =
            address.strip_prefix("unix:").ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut stream = UnixStream::connect(path).await?;
        let mut writer = FrameWriter::new(&mut stream);
        let target = Target::Rank { key: self.launch.key, secret: self.launch.secret.clone(), rank };
        writer.message(&Preamble::new(target)).await?;
        writer.message_with_payload(message, data).await?;
        Ok(stream)
    }

    /// Lets the root know of a rank's end, so that nobody waits for it.
    pub(super) fn report_end(self: &Rc<Self>, rank: Rank, node: String, how: String) {
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move {
            // A root that is gone waits for nobody.
            let _ = step.tell_root(rank, &ToServer::Left { node, how }, &[]).await;
        });
    }
}
