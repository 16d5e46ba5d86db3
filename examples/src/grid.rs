//! A rectangle divided among ranks.

/// Ranks as a rectangle of rows and columns, as near to a square as their number allows (`MPI_Dims_create`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Rows of ranks.
    pub rows: usize,
    /// Columns of ranks.
    pub columns: usize,
}

impl Grid {
    /// That of so many ranks, at least one.
    #[must_use]
    pub fn of(ranks: usize) -> Self {
        let rows =
            (1..=ranks).filter(|rows| ranks.is_multiple_of(*rows) && rows * rows <= ranks).max().unwrap_or(1);
        Self { rows, columns: ranks / rows }
    }

    /// The rank's row and column.
    #[must_use]
    pub fn place(&self, rank: usize) -> (usize, usize) {
        (rank / self.columns, rank % self.columns)
    }

    /// The rank so many rows below and columns to the right; `None` outside of the rectangle.
    #[must_use]
    pub fn neighbour(&self, rank: usize, down: isize, right: isize) -> Option<usize> {
        let (row, column) = self.place(rank);
        let (row, column) = (row.checked_add_signed(down)?, column.checked_add_signed(right)?);
        (row < self.rows && column < self.columns).then_some(row * self.columns + column)
    }
}

/// The part of `0..length` that belongs to one of `parts`.
#[must_use]
pub fn part(length: usize, parts: usize, number: usize) -> std::ops::Range<usize> {
    number * length / parts..(number + 1) * length / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_stand_in_a_rectangle_and_know_their_neighbours() {
        for (ranks, rows, columns) in [(1, 1, 1), (2, 1, 2), (3, 1, 3), (6, 2, 3), (16, 4, 4)] {
            assert_eq!(Grid::of(ranks), Grid { rows, columns });
        }
        let grid = Grid::of(6);
        let around = [(-1, 0), (1, 0), (0, -1), (0, 1)].map(|(down, right)| grid.neighbour(4, down, right));
        assert_eq!(around, [Some(1), None, Some(3), Some(5)]);
    }
}
