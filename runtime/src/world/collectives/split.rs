//! Communicators made from others (MPI 4.1, section 7.4.2).

use super::{Given, Plan};
use crate::collective::Kind;
use crate::ids::Rank;
use crate::transport::failure::Failure;
use crate::world::{Communicator, Error};

impl Communicator {
    /// Divides the ranks: those with the same `color` get a communicator of their own, in the order of their `key`s, and
    /// of their ranks here where keys are the same (`MPI_Comm_split`). `None` for a rank without color. All ranks call it;
    /// it blocks until they have.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn split(&self, color: Option<u32>, key: i64) -> Result<Option<Self>, Error> {
        let call = self.call("split");
        self.split_as(Kind::Split, color, key).map_err(self.failed(call))
    }

    /// Divides the ranks by node (`MPI_Comm_split_type` with `MPI_COMM_TYPE_SHARED`): those of this one's node, in their
    /// order. Blocks until all have called it.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn split_by_node(&self) -> Result<Self, Error> {
        let call = self.call("split_by_node");
        let split = || {
            let node = self.topology().node_of(self.rank() as u32) as u32;
            self.split_as(Kind::Split, Some(node), 0)?.ok_or(Failure::GaveUp)
        };
        split().map_err(self.failed(call))
    }

    /// The same ranks with another message space, so that what is sent here and there does not meet (`MPI_Comm_dup`).
    /// Blocks until all have called it.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn duplicate(&self) -> Result<Self, Error> {
        let call = self.call("duplicate");
        let duplicate = || self.split_as(Kind::Duplicate, Some(0), 0)?.ok_or(Failure::GaveUp);
        duplicate().map_err(self.failed(call))
    }

    fn split_as(&self, kind: Kind, color: Option<u32>, key: i64) -> Result<Option<Self>, Failure> {
        let mine = [color.map_or(-1, i64::from), key, i64::from(self.next_context())];
        let mut all = vec![[0_i64; 3]; self.size()];
        let shared = self.share(Plan::new(kind, 1), &[mine], |from, theirs| all[from] = theirs[0]);
        if let Some(done) = shared {
            done?;
        } else {
            let schedule = self.caller(size_of_val(&mine)).all_gather(1);
            self.carry_out(Plan::new(kind, 1), &schedule, Given::Apart(&[mine]), &mut all)?;
        }
        // A message space that none of them has: all colors may have the same, since they share no rank.
        let context = all.iter().map(|[_, _, next]| *next).max().unwrap_or(0);
        let context = u32::try_from(context).map_err(|_| Failure::GaveUp)?;
        self.take_context(context);
        if color.is_none() {
            return Ok(None);
        }
        let mut members: Vec<(i64, usize)> = (0..)
            .zip(&all)
            .filter(|(_, other)| other[0] == mine[0])
            .map(|(rank, other)| (other[1], rank))
            .collect();
        members.sort_unstable();
        let ranks =
            members.iter().map(|(_, rank)| self.world_rank(*rank)).collect::<Result<Vec<Rank>, _>>()?;
        let mut part = self.derive(ranks, context);
        part.form_team()?;
        Ok(Some(part))
    }

    /// Its ranks share a place for collectives, where they share memory and there is one left: that of its first rank
    /// comes by message.
    fn form_team(&mut self) -> Result<(), Failure> {
        if self.size() < 2 || self.topology().nodes() > 1 {
            return Ok(());
        }
        let mut slot = [u64::MAX];
        if self.rank() == 0 {
            let taken = self.port().engine().neighbours().segment().take_slot();
            slot = [taken.map_or(u64::MAX, |slot| slot as u64)];
        }
        let schedule = self.caller(size_of_val(&slot)).broadcast(0, 1);
        self.carry_out(Plan::new(Kind::Broadcast, 1).root(0), &schedule, Given::Apart(&[]), &mut slot)?;
        if slot[0] != u64::MAX {
            self.set_team(slot[0] as usize);
        }
        Ok(())
    }
}
