//! Calls that fold elements of all ranks: the first of each with the first, and so on, in the order of ranks.
//!
//! The same call on the same ranks and nodes folds in the same order every time, so that floating point results repeat.

use bytemuck::Pod;

use super::{Fold, Given, Plan, expect_len, layout_of};
use crate::collective::{Kind, Layout, Side};
use crate::world::{Communicator, Error, Failure};

impl Communicator {
    /// Folds the elements of all ranks, for the root (`MPI_Reduce`, MPI 4.1, section 6.9.1). `data` is as long everywhere,
    /// and so is `room` at the root; elsewhere that is not touched.
    ///
    /// # Errors
    /// As [`Self::barrier`], and [`Failure::Value`] for an operation that these elements do not have.
    #[track_caller]
    pub fn reduce<T: Pod>(
        &self,
        data: &[T],
        room: &mut [T],
        operation: &impl Fold<T>,
        root: usize,
    ) -> Result<(), Error> {
        let call = self.call("reduce");
        let mut reduce = || {
            if self.rank() == root {
                expect_len("room", room.len(), data.len())?;
            }
            self.reduce_given(Given::Apart(data), data.len(), room, operation, root)
        };
        reduce().map_err(self.failed(call))
    }

    /// As [`Self::reduce`], from `data` to the root's own `data`, which stays as it is elsewhere (`MPI_IN_PLACE`).
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn reduce_in_place<T: Pod>(
        &self,
        data: &mut [T],
        operation: &impl Fold<T>,
        root: usize,
    ) -> Result<(), Error> {
        let call = self.call("reduce_in_place");
        let elements = data.len();
        let reduced = if self.rank() == root {
            self.reduce_given(Given::InOutput(0), elements, data, operation, root)
        } else {
            self.reduce_given(Given::Apart(data), elements, &mut [], operation, root)
        };
        reduced.map_err(self.failed(call))
    }

    fn reduce_given<T: Pod>(
        &self,
        data: Given<'_, T>,
        elements: usize,
        room: &mut [T],
        operation: &impl Fold<T>,
        root: usize,
    ) -> Result<(), Failure> {
        self.check_root(root)?;
        operation.check()?;
        let schedule = self.caller(size_of::<T>()).reduce(root as u32, elements, operation.commutes());
        let plan = Plan::new(Kind::Reduce, elements).root(root).operation(operation);
        self.carry_out_with(plan, &schedule, data, room, |into, other, side| {
            operation.fold_all(into, other, side);
        })
    }

    /// Folds the elements of all ranks, for all (`MPI_Allreduce`, section 6.9.6). `data` and `room` are as long,
    /// everywhere.
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn all_reduce<T: Pod>(
        &self,
        data: &[T],
        room: &mut [T],
        operation: &impl Fold<T>,
    ) -> Result<(), Error> {
        let call = self.call("all_reduce");
        let mut reduce = || {
            expect_len("room", room.len(), data.len())?;
            self.all_reduce_given(Given::Apart(data), room, operation)
        };
        reduce().map_err(self.failed(call))
    }

    /// As [`Self::all_reduce`], from `data` to `data` (`MPI_IN_PLACE`).
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn all_reduce_in_place<T: Pod>(&self, data: &mut [T], operation: &impl Fold<T>) -> Result<(), Error> {
        let call = self.call("all_reduce_in_place");
        self.all_reduce_given(Given::InOutput(0), data, operation).map_err(self.failed(call))
    }

    fn all_reduce_given<T: Pod>(
        &self,
        data: Given<'_, T>,
        room: &mut [T],
        operation: &impl Fold<T>,
    ) -> Result<(), Failure> {
        operation.check()?;
        let plan = Plan::new(Kind::AllReduce, room.len()).operation(operation);
        if let Some(team) = self.team_for(room) {
            if let Given::Apart(data) = data {
                room.copy_from_slice(data);
            }
            let engaged = self.engage::<T>(plan, false);
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(room);
            let folded = team.all_reduce(self.port(), engaged.named(), bytes, |into, other| {
                let (into, other) = (bytemuck::cast_slice_mut(into), bytemuck::cast_slice(other));
                operation.fold_all(into, other, Side::Right);
            });
            return folded.map_err(|error| engaged.clash(self.rank(), error));
        }
        let schedule = self.caller(size_of::<T>()).all_reduce(room.len(), operation.commutes());
        self.carry_out_with(plan, &schedule, data, room, |into, other, side| {
            operation.fold_all(into, other, side);
        })
    }

    /// Folds the elements of all ranks, and gives each rank a block of the result (`MPI_Reduce_scatter_block`, section
    /// 6.10.1): rank i the i-th `room.len()`. `data` is [`size`](Self::size) times as long.
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn reduce_scatter<T: Pod>(
        &self,
        data: &[T],
        room: &mut [T],
        operation: &impl Fold<T>,
    ) -> Result<(), Error> {
        let call = self.call("reduce_scatter");
        let plan = Plan::new(Kind::ReduceScatter, room.len());
        self.reduce_scatter_given(plan, Layout::Even(room.len()), data, room, operation)
            .map_err(self.failed(call))
    }

    /// As [`Self::reduce_scatter`], with blocks of any length (`MPI_Reduce_scatter`, section 6.10.2): `counts` are those of
    /// all ranks, everywhere.
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn reduce_scatter_v<T: Pod>(
        &self,
        data: &[T],
        room: &mut [T],
        counts: &[usize],
        operation: &impl Fold<T>,
    ) -> Result<(), Error> {
        let call = self.call("reduce_scatter_v");
        let mut reduce = || {
            let layout = layout_of("counts", counts, self.size())?;
            expect_len("room", room.len(), counts[self.rank()])?;
            self.reduce_scatter_given(Plan::varying(Kind::ReduceScatter), layout, data, room, operation)
        };
        reduce().map_err(self.failed(call))
    }

    fn reduce_scatter_given<T: Pod>(
        &self,
        plan: Plan,
        layout: Layout,
        data: &[T],
        room: &mut [T],
        operation: &impl Fold<T>,
    ) -> Result<(), Failure> {
        operation.check()?;
        expect_len("data", data.len(), layout.elements(self.size()))?;
        let schedule = self.caller(size_of::<T>()).reduce_scatter(layout, operation.commutes());
        self.carry_out_with(
            plan.operation(operation),
            &schedule,
            Given::Apart(data),
            room,
            |into, other, side| {
                operation.fold_all(into, other, side);
            },
        )
    }

    /// Folds the elements of ranks 0 to this one (`MPI_Scan`, section 6.11.1). `data` and `room` are as long, everywhere.
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn scan<T: Pod>(&self, data: &[T], room: &mut [T], operation: &impl Fold<T>) -> Result<(), Error> {
        let call = self.call("scan");
        self.prefix(Kind::Scan, Some(data), room, operation).map_err(self.failed(call))
    }

    /// As [`Self::scan`], from `data` to `data` (`MPI_IN_PLACE`).
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn scan_in_place<T: Pod>(&self, data: &mut [T], operation: &impl Fold<T>) -> Result<(), Error> {
        let call = self.call("scan_in_place");
        self.prefix(Kind::Scan, None, data, operation).map_err(self.failed(call))
    }

    /// Folds the elements of the ranks before this one (`MPI_Exscan`, section 6.11.2); the `room` of rank 0 stays as it
    /// is. `data` and `room` are as long, everywhere.
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn exclusive_scan<T: Pod>(
        &self,
        data: &[T],
        room: &mut [T],
        operation: &impl Fold<T>,
    ) -> Result<(), Error> {
        let call = self.call("exclusive_scan");
        self.prefix(Kind::ExclusiveScan, Some(data), room, operation).map_err(self.failed(call))
    }

    /// As [`Self::exclusive_scan`], from `data` to `data` (`MPI_IN_PLACE`).
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[track_caller]
    pub fn exclusive_scan_in_place<T: Pod>(
        &self,
        data: &mut [T],
        operation: &impl Fold<T>,
    ) -> Result<(), Error> {
        let call = self.call("exclusive_scan_in_place");
        self.prefix(Kind::ExclusiveScan, None, data, operation).map_err(self.failed(call))
    }

    fn prefix<T: Pod>(
        &self,
        kind: Kind,
        data: Option<&[T]>,
        room: &mut [T],
        operation: &impl Fold<T>,
    ) -> Result<(), Failure> {
        operation.check()?;
        let given = match data {
            Some(data) => {
                expect_len("room", room.len(), data.len())?;
                Given::Apart(data)
            }
            None => Given::InOutput(0),
        };
        let plan = Plan::new(kind, room.len()).operation(operation);
        if self.team_for(room).is_some() {
            let own = data.map_or_else(|| room.to_vec(), <[T]>::to_vec);
            let end = self.rank() + usize::from(kind == Kind::Scan);
            let shared = self.share(plan, &own, |from, block| match from {
                0 if end > 0 => room.copy_from_slice(block),
                _ if from < end => operation.fold_all(room, block, Side::Right),
                _ => {}
            });
            return shared.unwrap_or(Ok(()));
        }
        let caller = self.caller(size_of::<T>());
        let schedule = match kind {
            Kind::ExclusiveScan => caller.exclusive_scan(room.len()),
            _ => caller.scan(room.len()),
        };
        self.carry_out_with(plan, &schedule, given, room, |into, other, side| {
            operation.fold_all(into, other, side);
        })
    }
}
