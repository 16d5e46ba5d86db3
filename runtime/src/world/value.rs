//! Values of any type that serde knows, as messages (MessagePack).

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::communicator::Communicator;
use super::error::Error;
use super::point_to_point::{Source, Status, Tag};
use crate::transport::failure::Failure;

impl Communicator {
    /// Sends a value to a rank. Returns when it is buffered or received, as [`Self::send`] does.
    ///
    /// # Errors
    /// As [`Self::send`], and [`Failure::Value`].
    #[track_caller]
    pub fn send_value(&self, value: &(impl Serialize + ?Sized), to: usize, tag: i32) -> Result<(), Error> {
        let call = self.call("send_value");
        let send = || self.send_bytes(&write(value)?, to, tag);
        send().map_err(self.failed(call))
    }

    /// Receives a value from a rank, or from any. Blocks until it is there.
    ///
    /// # Errors
    /// As [`Self::recv`], and [`Failure::Value`] where the message is no such value; it is gone then.
    #[track_caller]
    pub fn recv_value<V: DeserializeOwned>(
        &self,
        from: impl Into<Source>,
        tag: impl Into<Tag>,
    ) -> Result<(V, Status), Error> {
        let call = self.call("recv_value");
        let receive = || {
            let (found, exactly) = self.port().probe(&self.wanted(from.into(), tag.into())?)?;
            let mut bytes = vec![0; found.length];
            let received = self.port().receive(exactly, &mut bytes)?;
            Ok((read(&bytes)?, self.status::<u8>(received)?))
        };
        receive().map_err(self.failed(call))
    }
}

/// A value as bytes.
pub(crate) fn write(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, Failure> {
    rmp_serde::to_vec_named(value)
        .map_err(|error| Failure::Value { verb: "written", reason: error.to_string() })
}

/// A value from bytes.
pub(crate) fn read<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, Failure> {
    rmp_serde::from_slice(bytes).map_err(|error| Failure::Value { verb: "read", reason: error.to_string() })
}
