//! Collective calls on values of any type that serde knows (MessagePack): each rank's may be of another length.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Given, Plan};
use crate::collective::{Kind, Layout};
use crate::world::value::{read, write};
use crate::world::{Communicator, Error, Failure};

impl Communicator {
    /// The root's value comes to all ranks, the root too; what others give is not looked at.
    ///
    /// # Errors
    /// As [`Self::barrier`], and [`Failure::Value`].
    #[track_caller]
    pub fn broadcast_value<V: Serialize + DeserializeOwned>(
        &self,
        value: Option<&V>,
        root: usize,
    ) -> Result<V, Error> {
        let call = self.call("broadcast_value");
        let broadcast = || {
            self.check_root(root)?;
            let mut bytes = match value.filter(|_| self.rank() == root) {
                Some(value) => write(value)?,
                None if self.rank() == root => {
                    return Err(Failure::Mismatch("the root has no value".to_owned()));
                }
                None => Vec::new(),
            };
            let mut length = [bytes.len() as u64];
            self.broadcast_bytes(bytemuck::cast_slice_mut(&mut length), root)?;
            bytes.resize(usize::try_from(length[0]).unwrap_or(usize::MAX), 0);
            self.broadcast_bytes(&mut bytes, root)?;
            read(&bytes)
        };
        broadcast().map_err(self.failed(call))
    }

    fn broadcast_bytes(&self, bytes: &mut [u8], root: usize) -> Result<(), Failure> {
        let schedule = self.caller(1).broadcast(root as u32, bytes.len());
        self.carry_out(
            Plan::new(Kind::Broadcast, bytes.len()).root(root),
            &schedule,
            Given::Apart(&[]),
            bytes,
        )
    }

    /// The values of all ranks come to the root, in the order of ranks; other ranks get `None`.
    ///
    /// # Errors
    /// As [`Self::barrier`], and [`Failure::Value`].
    #[track_caller]
    pub fn gather_values<V: Serialize + DeserializeOwned>(
        &self,
        value: &V,
        root: usize,
    ) -> Result<Option<Vec<V>>, Error> {
        let call = self.call("gather_values");
        let gather = || {
            self.check_root(root)?;
            let bytes = write(value)?;
            let is_root = self.rank() == root;
            let mut lengths = vec![0_u64; if is_root { self.size() } else { 0 }];
            let schedule = self.caller(8).gather(root as u32, 1);
            let plan = Plan::new(Kind::Gather, 1).root(root);
            self.carry_out(plan, &schedule, Given::Apart(&[bytes.len() as u64]), &mut lengths)?;
            let layout = is_root.then(|| layout(&lengths));
            let all = layout.as_ref().map_or(0, |layout| layout.elements(self.size()));
            let mut room = vec![0; all];
            let schedule = self.caller(1).gather_v(root as u32, layout.clone(), bytes.len());
            let plan = Plan::varying(Kind::Gather).root(root);
            self.carry_out(plan, &schedule, Given::Apart(&bytes), &mut room)?;
            layout.map(|layout| self.read_blocks(&layout, &room)).transpose()
        };
        gather().map_err(self.failed(call))
    }

    /// The values of all ranks come to all, in the order of ranks.
    ///
    /// # Errors
    /// As [`Self::barrier`], and [`Failure::Value`].
    #[track_caller]
    pub fn all_gather_values<V: Serialize + DeserializeOwned>(&self, value: &V) -> Result<Vec<V>, Error> {
        let call = self.call("all_gather_values");
        let gather = || {
            let bytes = write(value)?;
            let mut lengths = vec![0_u64; self.size()];
            let schedule = self.caller(8).all_gather(1);
            let own = [bytes.len() as u64];
            self.carry_out(Plan::new(Kind::AllGather, 1), &schedule, Given::Apart(&own), &mut lengths)?;
            let layout = layout(&lengths);
            let mut room = vec![0; layout.elements(self.size())];
            let schedule = self.caller(1).all_gather_v(layout.clone());
            self.carry_out(Plan::varying(Kind::AllGather), &schedule, Given::Apart(&bytes), &mut room)?;
            self.read_blocks(&layout, &room)
        };
        gather().map_err(self.failed(call))
    }

    fn read_blocks<V: DeserializeOwned>(&self, layout: &Layout, bytes: &[u8]) -> Result<Vec<V>, Failure> {
        (0..self.size()).map(|rank| read(&bytes[layout.block(rank)])).collect()
    }
}

fn layout(lengths: &[u64]) -> Layout {
    let counts: Vec<usize> = lengths.iter().map(|&length| length as usize).collect();
    Layout::of_counts(&counts)
}
