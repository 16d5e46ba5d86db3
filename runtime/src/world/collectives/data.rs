//! Calls that carry elements from rank to rank as they are.

use bytemuck::Pod;

use super::{Given, Plan, expect_len, layout_of};
use crate::collective::{Kind, Layout};
use crate::world::{Communicator, Error};

impl Communicator {
    /// Waits until all ranks have called it (`MPI_Barrier`, MPI 4.1, section 6.3).
    ///
    /// # Errors
    /// [`Failure`](crate::world::Failure): a rank is lost, has left, or has called something else.
    #[track_caller]
    pub fn barrier(&self) -> Result<(), Error> {
        let call = self.call("barrier");
        let plan = Plan::new(Kind::Barrier, 0);
        if let Some(team) = self.team() {
            let engaged = self.engage::<u8>(plan, false);
            let met = team.barrier(self.port(), engaged.named());
            return met.map_err(|error| self.failed(call)(engaged.clash(self.rank(), error)));
        }
        let schedule = self.caller(0).barrier();
        self.carry_out::<u8>(plan, &schedule, Given::Apart(&[]), &mut []).map_err(self.failed(call))
    }

    /// The root's elements come to all ranks (`MPI_Bcast`, section 6.4). `data` is as long everywhere.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn broadcast<T: Pod>(&self, data: &mut [T], root: usize) -> Result<(), Error> {
        let call = self.call("broadcast");
        let mut broadcast = || {
            self.check_root(root)?;
            let schedule = self.caller(size_of::<T>()).broadcast(root as u32, data.len());
            let plan = Plan::new(Kind::Broadcast, data.len()).root(root);
            self.carry_out(plan, &schedule, Given::Apart(&[]), data)
        };
        broadcast().map_err(self.failed(call))
    }

    /// Each rank gets a block of the root's elements (`MPI_Scatter`, section 6.6): rank i the i-th `room.len()`. `data`
    /// is [`size`](Self::size) times as long as `room` at the root, and not looked at elsewhere.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn scatter<T: Pod>(&self, data: &[T], room: &mut [T], root: usize) -> Result<(), Error> {
        let call = self.call("scatter");
        let mut scatter = || {
            self.check_root(root)?;
            if self.rank() == root {
                expect_len("data", data.len(), self.size() * room.len())?;
            }
            let schedule = self.caller(size_of::<T>()).scatter(root as u32, room.len());
            let plan = Plan::new(Kind::Scatter, room.len()).root(root);
            self.carry_out(plan, &schedule, Given::Apart(data), room)
        };
        scatter().map_err(self.failed(call))
    }

    /// As [`Self::scatter`], with blocks of any length (`MPI_Scatterv`): `counts` are those of all ranks at the root, and
    /// not looked at elsewhere; `room` has the length of the rank's own block.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn scatter_v<T: Pod>(
        &self,
        data: &[T],
        counts: &[usize],
        room: &mut [T],
        root: usize,
    ) -> Result<(), Error> {
        let call = self.call("scatter_v");
        let mut scatter = || {
            self.check_root(root)?;
            let layout = self.layout_at(root, counts, data.len(), "data", room.len())?;
            let schedule = self.caller(size_of::<T>()).scatter_v(root as u32, layout, room.len());
            self.carry_out(Plan::varying(Kind::Scatter).root(root), &schedule, Given::Apart(data), room)
        };
        scatter().map_err(self.failed(call))
    }

    /// The elements of all ranks come to the root, in the order of ranks (`MPI_Gather`, section 6.5). `data` is as long
    /// everywhere; `room` is [`size`](Self::size) times as long at the root, and not touched elsewhere.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn gather<T: Pod>(&self, data: &[T], room: &mut [T], root: usize) -> Result<(), Error> {
        let call = self.call("gather");
        let mut gather = || {
            self.check_root(root)?;
            if self.rank() == root {
                expect_len("room", room.len(), self.size() * data.len())?;
            }
            let schedule = self.caller(size_of::<T>()).gather(root as u32, data.len());
            let plan = Plan::new(Kind::Gather, data.len()).root(root);
            self.carry_out(plan, &schedule, Given::Apart(data), room)
        };
        gather().map_err(self.failed(call))
    }

    /// As [`Self::gather`], with blocks of any length (`MPI_Gatherv`): `counts` are those of all ranks at the root, and
    /// not looked at elsewhere.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn gather_v<T: Pod>(
        &self,
        data: &[T],
        room: &mut [T],
        counts: &[usize],
        root: usize,
    ) -> Result<(), Error> {
        let call = self.call("gather_v");
        let mut gather = || {
            self.check_root(root)?;
            let layout = self.layout_at(root, counts, room.len(), "room", data.len())?;
            let schedule = self.caller(size_of::<T>()).gather_v(root as u32, layout, data.len());
            self.carry_out(Plan::varying(Kind::Gather).root(root), &schedule, Given::Apart(data), room)
        };
        gather().map_err(self.failed(call))
    }

    /// The root's blocks; `None` on other ranks.
    fn layout_at(
        &self,
        root: usize,
        counts: &[usize],
        all: usize,
        name: &str,
        own: usize,
    ) -> Result<Option<Layout>, crate::world::Failure> {
        if self.rank() != root {
            return Ok(None);
        }
        let layout = layout_of("counts", counts, self.size())?;
        expect_len(name, all, layout.elements(self.size()))?;
        expect_len("the root's own block", own, counts[root])?;
        Ok(Some(layout))
    }

    /// The elements of all ranks come to all, in the order of ranks (`MPI_Allgather`, section 6.7). `room` is
    /// [`size`](Self::size) times as long as `data`, which is as long everywhere.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn all_gather<T: Pod>(&self, data: &[T], room: &mut [T]) -> Result<(), Error> {
        let call = self.call("all_gather");
        let mut gather = || {
            expect_len("room", room.len(), self.size() * data.len())?;
            let plan = Plan::new(Kind::AllGather, data.len());
            let shared = self.share(plan, data, |from, block| {
                room[from * block.len()..][..block.len()].copy_from_slice(block);
            });
            if let Some(done) = shared {
                return done;
            }
            let schedule = self.caller(size_of::<T>()).all_gather(data.len());
            self.carry_out(plan, &schedule, Given::Apart(data), room)
        };
        gather().map_err(self.failed(call))
    }

    /// As [`Self::all_gather`], where each rank's elements stand in its block of `data` already (`MPI_IN_PLACE`).
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn all_gather_in_place<T: Pod>(&self, data: &mut [T]) -> Result<(), Error> {
        let call = self.call("all_gather_in_place");
        let mut gather = || {
            let block = data.len() / self.size();
            expect_len("data", data.len(), self.size() * block)?;
            let schedule = self.caller(size_of::<T>()).all_gather(block);
            let own = Given::InOutput(self.rank() * block);
            self.carry_out(Plan::new(Kind::AllGather, block), &schedule, own, data)
        };
        gather().map_err(self.failed(call))
    }

    /// As [`Self::all_gather`], with blocks of any length (`MPI_Allgatherv`): `counts` are those of all ranks, everywhere.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn all_gather_v<T: Pod>(&self, data: &[T], room: &mut [T], counts: &[usize]) -> Result<(), Error> {
        let call = self.call("all_gather_v");
        let mut gather = || {
            let layout = layout_of("counts", counts, self.size())?;
            expect_len("data", data.len(), counts[self.rank()])?;
            expect_len("room", room.len(), layout.elements(self.size()))?;
            let schedule = self.caller(size_of::<T>()).all_gather_v(layout);
            self.carry_out(Plan::varying(Kind::AllGather), &schedule, Given::Apart(data), room)
        };
        gather().map_err(self.failed(call))
    }

    /// Each rank has a block for each: block j of rank i becomes block i of rank j (`MPI_Alltoall`, section 6.8). `data`
    /// and `room` are as long, everywhere.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn all_to_all<T: Pod>(&self, data: &[T], room: &mut [T]) -> Result<(), Error> {
        let call = self.call("all_to_all");
        let mut exchange = || {
            let block = data.len() / self.size();
            expect_len("data", data.len(), self.size() * block)?;
            expect_len("room", room.len(), data.len())?;
            let (plan, me) = (Plan::new(Kind::AllToAll, block), self.rank());
            let shared = self.share(plan, data, |from, blocks| {
                room[from * block..][..block].copy_from_slice(&blocks[me * block..][..block]);
            });
            if let Some(done) = shared {
                return done;
            }
            let schedule = self.caller(size_of::<T>()).all_to_all(block);
            self.carry_out(plan, &schedule, Given::Apart(data), room)
        };
        exchange().map_err(self.failed(call))
    }

    /// As [`Self::all_to_all`], with blocks of any length (`MPI_Alltoallv`): `counts` of `data` by whom they go to, and of
    /// `room` by whom they come from.
    ///
    /// # Errors
    /// As [`Self::barrier`].
    #[track_caller]
    pub fn all_to_all_v<T: Pod>(
        &self,
        data: &[T],
        counts: &[usize],
        room: &mut [T],
        room_counts: &[usize],
    ) -> Result<(), Error> {
        let call = self.call("all_to_all_v");
        let mut exchange = || {
            let outgoing = layout_of("counts", counts, self.size())?;
            let incoming = layout_of("room_counts", room_counts, self.size())?;
            expect_len("data", data.len(), outgoing.elements(self.size()))?;
            expect_len("room", room.len(), incoming.elements(self.size()))?;
            expect_len("the block for this rank itself", counts[self.rank()], room_counts[self.rank()])?;
            let schedule = self.caller(size_of::<T>()).all_to_all_v(outgoing, incoming);
            self.carry_out(Plan::varying(Kind::AllToAll), &schedule, Given::Apart(data), room)
        };
        exchange().map_err(self.failed(call))
    }
}
