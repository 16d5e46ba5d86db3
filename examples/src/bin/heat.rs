//! Heat spreads on a plate with a hot edge. Each rank has a rectangle of it, and exchanges its rims with its neighbours in
//! every step; rank 0 puts the plate together and draws it.
//!
//! `heat [FILE.png]`

use std::error::Error;

use prun_examples::{
    grid::{Grid, part},
    png,
};
use prun_runtime::world::{Communicator, World, wait_all};

const SIDE: usize = 96;
const STEPS: usize = 600;

/// A rank's rectangle, with a rim of one cell around it.
struct Plate {
    height: usize,
    width: usize,
    cells: Vec<f32>,
}

impl Plate {
    fn at(&self, row: usize, column: usize) -> f32 {
        self.cells[row * (self.width + 2) + column]
    }

    /// Cells in a line, from the rim's corner on: a row or a column.
    fn line(&self, is_row: bool, number: usize) -> impl Iterator<Item = usize> + use<> {
        let stride = self.width + 2;
        let (start, step, count) =
            if is_row { (number * stride, 1, stride) } else { (number, stride, self.height + 2) };
        (0..count).map(move |at| start + at * step)
    }

    /// Gets the rims from the neighbours and gives them theirs.
    fn exchange(&mut self, world: &Communicator, grid: Grid) -> Result<(), Box<dyn Error>> {
        // Direction down and right; own line that goes there; line of the rim that comes from there; both rows?
        let sides = [
            (-1, 0, 1, 0, true),
            (1, 0, self.height, self.height + 1, true),
            (0, -1, 1, 0, false),
            (0, 1, self.width, self.width + 1, false),
        ];
        let mut exchanges = Vec::new();
        for (down, right, own, rim, is_row) in sides {
            let Some(neighbour) = grid.neighbour(world.rank(), down, right) else { continue };
            let sent: Vec<f32> = self.line(is_row, own).map(|cell| self.cells[cell]).collect();
            let room = vec![0.0; sent.len()];
            exchanges.push((neighbour, sent, room, self.line(is_row, rim)));
        }
        world.scope(|scope| {
            let mut receives = Vec::new();
            for (neighbour, sent, room, _) in &mut exchanges {
                receives.push(scope.irecv(room, *neighbour, 0)?);
                scope.isend(sent, *neighbour, 0)?;
            }
            wait_all(receives).map(drop)
        })?;
        for (_, _, room, rim) in exchanges {
            rim.zip(room).for_each(|(cell, heat)| self.cells[cell] = heat);
        }
        Ok(())
    }

    fn step(&mut self) {
        let mut next = self.cells.clone();
        for row in 1..=self.height {
            for column in 1..=self.width {
                let around = self.at(row - 1, column) + self.at(row + 1, column) + self.at(row, column - 1);
                next[row * (self.width + 2) + column] = (around + self.at(row, column + 1)) / 4.0;
            }
        }
        self.cells = next;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::init()?;
    let grid = Grid::of(world.size());
    let (row, column) = grid.place(world.rank());
    let (height, width) = (part(SIDE, grid.rows, row).len(), part(SIDE, grid.columns, column).len());
    let mut plate = Plate { height, width, cells: vec![0.0; (height + 2) * (width + 2)] };
    if row == 0 {
        plate.cells[..width + 2].fill(1.0);
    }
    for _ in 0..STEPS {
        plate.exchange(&world, grid)?;
        plate.step();
    }
    let inner: Vec<Vec<f32>> =
        (1..=height).map(|row| (1..=width).map(|column| plate.at(row, column)).collect()).collect();
    if let Some(parts) = world.gather_values(&inner, 0)? {
        let mut pixels = vec![[0; 3]; SIDE * SIDE];
        for (rank, cells) in parts.iter().enumerate() {
            let (row, column) = grid.place(rank);
            let (top, left) = (part(SIDE, grid.rows, row).start, part(SIDE, grid.columns, column).start);
            for (y, x, heat) in cells
                .iter()
                .enumerate()
                .flat_map(|(y, row)| row.iter().enumerate().map(move |(x, heat)| (y, x, heat)))
            {
                let warm = (heat.sqrt() * 255.0) as u8;
                pixels[(top + y) * SIDE + left + x] = [warm, warm / 3, 255 - warm];
            }
        }
        let mean =
            parts.iter().flatten().flatten().map(|&heat| f64::from(heat)).sum::<f64>() / pixels.len() as f64;
        println!("after {STEPS} steps the plate's mean heat is {mean:.6}");
        let file = std::env::args().nth(1).unwrap_or("heat.png".to_owned());
        std::fs::write(file, png::encode(SIDE, SIDE, &pixels))?;
    }
    Ok(())
}
