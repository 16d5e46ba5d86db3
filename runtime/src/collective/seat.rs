//! A rank's place in a group, and the arithmetic of going round it.

/// Member `me` of a group of `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) me: usize,
    pub(super) size: usize,
}

impl Seat {
    /// ⌈log2 size⌉.
    pub(super) fn levels(self) -> usize {
        self.size.next_power_of_two().trailing_zeros() as usize
    }

    /// The member so many places after me.
    pub(super) fn ahead(self, by: usize) -> usize {
        (self.me + by) % self.size
    }

    /// The member so many places before me.
    pub(super) fn behind(self, by: usize) -> usize {
        (self.me + self.size - by % self.size) % self.size
    }

    /// My number when counting begins at `root`.
    pub(super) fn counted_from(self, root: usize) -> usize {
        self.behind(root)
    }
}

/// The core of a group: the largest power of two of members that take part in halving and doubling. The first
/// `2 × spare` members are pairs of neighbours of whom the odd one speaks for both, so that members of the core stand
/// in the order of their ranks (Thakur, Rabenseifner, Gropp: *Optimization of Collective Communication Operations in
/// MPICH*, 2005, 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Core {
    seat: Seat,
    spare: usize,
}

impl Core {
    pub(super) fn of(seat: Seat) -> Self {
        let size = 1 << seat.size.ilog2();
        Self { seat, spare: seat.size - size }
    }

    /// Whether every member is in the core.
    pub(super) fn is_whole(self) -> bool {
        self.spare == 0
    }

    /// log2 of its size.
    pub(super) fn levels(self) -> usize {
        self.seat.size.ilog2() as usize
    }

    /// The member that speaks for `member`: itself, or its neighbour.
    pub(super) fn speaker_for(self, member: usize) -> usize {
        if member < 2 * self.spare { member | 1 } else { member }
    }

    /// For the speaker of a pair: whom it speaks for; for the other one: who speaks for it.
    pub(super) fn pair(self) -> Option<usize> {
        (self.seat.me < 2 * self.spare).then_some(self.seat.me ^ 1)
    }

    /// A member's number in the core; `None` for those whom another one speaks for.
    pub(super) fn number_of(self, member: usize) -> Option<usize> {
        if member >= 2 * self.spare {
            Some(member - self.spare)
        } else {
            (member % 2 == 1).then_some(member / 2)
        }
    }

    /// My number in it.
    pub(super) fn number(self) -> Option<usize> {
        self.number_of(self.seat.me)
    }

    /// The member of this number.
    pub(super) fn member(self, number: usize) -> usize {
        if number < self.spare { 2 * number + 1 } else { number + self.spare }
    }
}
