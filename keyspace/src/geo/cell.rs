//! Cells of the grid, at any of its steps: each step halves longitude and latitude.

use super::{LATITUDE_MAX, LONGITUDE_MAX, Point};

/// The finest step.
pub(super) const STEPS_MAX: u32 = 26;

/// A cell by its column from the west and its row from the south.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) column: u32,
    pub(super) row: u32,
    pub(super) steps: u32,
}

/// What a cell covers, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

/// In which of `2^steps` parts of -max to max a value lies. The maximum itself is one behind the last part.
pub(super) fn fraction(value: f64, max: f64, steps: u32) -> u32 {
    ((value + max) / (2.0 * max) * (1u64 << steps) as f64) as u32
}

/// The lower bound of a part.
fn bound(part: u32, max: f64, steps: u32) -> f64 {
    -max + part as f64 / (1u64 << steps) as f64 * (2.0 * max)
}

impl Cell {
    /// The cell of a place.
    pub(super) fn of(point: Point, steps: u32) -> Cell {
        Cell {
            column: fraction(point.longitude, LONGITUDE_MAX, steps),
            row: fraction(point.latitude, LATITUDE_MAX, steps),
            steps,
        }
    }

    /// The cell with these bits.
    pub(super) fn of_bits(bits: u64, steps: u32) -> Cell {
        Cell { column: gather(bits >> 1), row: gather(bits), steps }
    }

    /// The bits of column and row in turn, the column's first.
    pub(super) fn bits(self) -> u64 {
        spread(self.row) | spread(self.column) << 1
    }

    /// The least score of a place in the cell, and the least one behind it.
    pub(super) fn scores(self) -> (f64, f64) {
        let finer = 2 * (STEPS_MAX - self.steps);
        let bits = self.bits();
        ((bits << finer) as f64, ((bits + 1) << finer) as f64)
    }

    /// What the cell covers.
    pub(super) fn area(self) -> Area {
        let Cell { column, row, steps } = self;
        Area {
            west: bound(column, LONGITUDE_MAX, steps),
            east: bound(column.wrapping_add(1), LONGITUDE_MAX, steps),
            south: bound(row, LATITUDE_MAX, steps),
            north: bound(row.wrapping_add(1), LATITUDE_MAX, steps),
        }
    }

    /// The cell so many columns to the east and rows to the north, around the edges of the grid.
    pub(super) fn moved(self, columns: i32, rows: i32) -> Cell {
        let last = (1 << self.steps) - 1;
        let moved = |part: u32, by: i32| if by == 0 { part } else { part.wrapping_add_signed(by) & last };
        Cell { column: moved(self.column, columns), row: moved(self.row, rows), ..self }
    }
}

/// Puts a zero above each bit.
fn spread(value: u32) -> u64 {
    let steps = [(16, 0x0000_ffff_0000_ffff), (8, 0x00ff_00ff_00ff_00ff), (4, 0x0f0f_0f0f_0f0f_0f0f)];
    let steps = steps.into_iter().chain([(2, 0x3333_3333_3333_3333), (1, 0x5555_5555_5555_5555)]);
    steps.fold(value as u64, |bits, (by, mask)| (bits | bits << by) & mask)
}

/// Takes every second bit, the lowest first.
fn gather(bits: u64) -> u32 {
    let steps = [(1, 0x3333_3333_3333_3333), (2, 0x0f0f_0f0f_0f0f_0f0f), (4, 0x00ff_00ff_00ff_00ff)];
    let steps = steps.into_iter().chain([(8, 0x0000_ffff_0000_ffff), (16, 0x0000_0000_ffff_ffff)]);
    steps.fold(bits & 0x5555_5555_5555_5555, |bits, (by, mask)| (bits | bits >> by) & mask) as u32
}
