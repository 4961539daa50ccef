//! The sums of one pass over the rows: loss, gradient and Hessian together, a tile of rows at a time.
//!
//! In the kernel, a row is a vector x: its standardised numbers and a 1 for the intercept, padded to whole SIMD
//! vectors. One-hot features stay codes, and features of few levels are read as one (`joint`). With v = curvature * x, a
//! Newton step needs three sums over rows:
//!
//! - v x^T, for numbers with numbers
//! - v, added to the line of each level that the row has, for levels with numbers
//! - the curvature, added for each pair of levels that the row has, for levels with levels
//!
//! The first free lane of v holds the slope, so the same sums also contain the gradient.
//!
//! `pulp` uses the widest vectors of the machine without unsafe code here. All sums are in the order of the rows. So
//! the number of threads changes nothing, but another kind of machine may change the last digits.

mod joint;
mod layout;
mod rows;
mod sums;
mod terms;
mod vectors;

use std::array::from_fn;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use crate::model::chunk::Chunk;

use joint::Combination;
use layout::{BATCH, TILE};
use rows::Rows;
use vectors::{by_fours, in_groups, part, part_mut};

pub(super) use joint::Combinations;
pub(super) use layout::{MAX_CELL, Order, Scale, Shape, Tile, Weights};
pub(super) use sums::Sums;
pub(super) use terms::exp;

/// The rows of one chunk, with the scale and the maps to read them.
#[derive(Clone, Copy)]
pub(super) struct ChunkRows<'a> {
    pub(super) shape: &'a Shape,
    pub(super) scale: &'a Scale,
    /// The level by feature and code.
    pub(super) maps: &'a [Vec<u32>],
    pub(super) chunk: &'a Chunk,
    pub(super) begin: usize,
    pub(super) end: usize,
    /// The combinations of these rows and perhaps of others.
    pub(super) combinations: &'a Combinations,
    /// The rows whose combinations are listed.
    pub(super) listed: &'a Range<usize>,
}

impl<'a> ChunkRows<'a> {
    /// Adds the terms of these rows to the sums.
    pub(super) fn add(self, weights: &Weights, order: Order, tile: &mut Tile, sums: &mut Sums) {
        match self.combinations {
            Combinations::Narrow(all) => {
                Arch::new().dispatch(Add { rows: self, listed: self.listed(all), weights, order, tile, sums });
            }
            Combinations::Wide(all) => {
                Arch::new().dispatch(Add { rows: self, listed: self.listed(all), weights, order, tile, sums });
            }
        }
    }

    /// Calls `take` with the log-odds of a few rows at a time, in order.
    pub(super) fn log_odds(self, weights: &Weights, tile: &mut Tile, take: &mut dyn FnMut(&[f64])) {
        match self.combinations {
            Combinations::Narrow(all) => {
                Arch::new().dispatch(LogOdds { rows: self, listed: self.listed(all), weights, tile, take });
            }
            Combinations::Wide(all) => {
                Arch::new().dispatch(LogOdds { rows: self, listed: self.listed(all), weights, tile, take });
            }
        }
    }

    fn listed<C: Combination>(self, all: &'a [C]) -> Rows<'a, C> {
        Rows::new(self.shape, all, self.listed)
    }

    /// Adds the square of each number, and the count of each level.
    pub(super) fn add_squares(self, squares: &mut [f64]) {
        let (numbers, features) = (self.shape.numbers, self.maps.len());
        let (of_numbers, of_levels) = squares.split_at_mut(numbers);
        for row in self.begin..self.end {
            let cells = &self.chunk.numbers[row * numbers..][..numbers];
            for (lane, (square, cell)) in of_numbers.iter_mut().zip(cells).enumerate() {
                *square += self.scale.standardise(lane, *cell).powi(2);
            }
            let codes = &self.chunk.codes[row * features..][..features];
            for ((code, map), first) in codes.iter().zip(self.maps).zip(&self.shape.first) {
                of_levels[first + map[*code as usize] as usize] += 1.0;
            }
        }
    }

    /// Returns the first row and the number of rows of each tile.
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        (self.begin..self.end).step_by(TILE).map(move |begin| (begin, TILE.min(self.end - begin)))
    }
}

struct Add<'a, C> {
    rows: ChunkRows<'a>,
    listed: Rows<'a, C>,
    weights: &'a Weights,
    order: Order,
    tile: &'a mut Tile,
    sums: &'a mut Sums,
}

impl<C: Combination> WithSimd for Add<'_, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, listed, weights, order, tile, sums } = self;
        // The rows of the batch so far.
        let mut batch = rows.begin..rows.begin;
        for (begin, count) in rows.tiles() {
            let some = listed.part(begin, count);
            load(simd, rows, some, weights, tile);
            sums.value += terms::fill(&rows.chunk.labels[begin..begin + count], tile);
            match order {
                Order::Gradient => sums::gradient(simd, some, tile, sums),
                Order::Curvatures => {
                    tile.slope = tile.curvature;
                    sums::gradient(simd, some, tile, sums);
                }
                Order::Hessian => {
                    sums::hessian(simd, some, tile, sums);
                    tile.curvatures[batch.len()..][..count].copy_from_slice(&tile.curvature[..count]);
                    batch.end += count;
                    if batch.len() == BATCH || batch.end == rows.end {
                        let some = listed.part(batch.start, batch.len());
                        sums::pair_sums(some, &tile.curvatures, &mut sums.pairs);
                        batch.start = batch.end;
                    }
                }
            }
        }
    }
}

struct LogOdds<'a, 'b, C> {
    rows: ChunkRows<'a>,
    listed: Rows<'a, C>,
    weights: &'a Weights,
    tile: &'a mut Tile,
    take: &'b mut dyn FnMut(&[f64]),
}

impl<C: Combination> WithSimd for LogOdds<'_, '_, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (begin, count) in self.rows.tiles() {
            load(simd, self.rows, self.listed.part(begin, count), self.weights, self.tile);
            (self.take)(&self.tile.z[..count]);
        }
    }
}

/// Loads some rows of a chunk into the tile, and computes their log-odds.
#[inline(always)]
fn load<S: Simd>(simd: S, rows: ChunkRows<'_>, some: Rows<'_, impl Combination>, weights: &Weights, tile: &mut Tile) {
    let ChunkRows { shape, scale, chunk, .. } = rows;
    let count = some.count;
    tile.z = [0.0; TILE];
    let cells = &chunk.numbers[some.begin * shape.numbers..][..count * shape.numbers];
    in_groups!(shape.padded / S::F64_LANES, standardise, simd, shape, scale, &weights.lanes, cells, count, tile);
    by_fours!(shape.joints.len(), add_weights, some, weights, &mut tile.z[..count]);
}

/// Adds the weights of some joints to the log-odds.
// Loops by index: an iterator over several arrays is not inlined here.
#[inline(always)]
fn add_weights<C: Combination, const N: usize>(first: usize, rows: Rows<'_, C>, weights: &Weights, z: &mut [f64]) {
    let picked: [&[C]; N] = rows.of_joints(first);
    let weights: [&[f64]; N] = from_fn(|at| {
        let joint = &rows.shape.joints[first + at];
        &weights.combinations[joint.first..joint.first + joint.levels]
    });
    for (row, z) in z.iter_mut().enumerate() {
        let mut sum = 0.0;
        for at in 0..N {
            sum += weights[at][picked[at][row].index()];
        }
        *z += sum;
    }
}

#[expect(clippy::too_many_arguments, reason = "called through a macro, and inlined")]
#[inline(always)]
fn standardise<S: Simd, const V: usize>(
    first: usize,
    simd: S,
    shape: &Shape,
    scale: &Scale,
    weights: &[f64],
    cells: &[f64],
    count: usize,
    tile: &mut Tile,
) {
    let (vectors, numbers) = (shape.padded / S::F64_LANES, shape.numbers);
    let missing = *part::<_, V>(S::as_simd_f64s(&scale.missing).0, first);
    let mean = *part::<_, V>(S::as_simd_f64s(&scale.mean).0, first);
    let inverse = *part::<_, V>(S::as_simd_f64s(&scale.inverse).0, first);
    let weights = *part::<_, V>(S::as_simd_f64s(weights).0, first);
    let (low, high) = (simd.splat_f64s(-MAX_CELL), simd.splat_f64s(MAX_CELL));
    let begin = (first * S::F64_LANES).min(numbers);
    let end = ((first + V) * S::F64_LANES).min(numbers);
    let (lines, _) = S::as_mut_simd_f64s(&mut tile.x);
    let lines = lines.chunks_exact_mut(vectors).zip(&mut tile.z).take(count);
    for (row, (line, z)) in lines.enumerate() {
        let line: &mut [S::f64s; V] = part_mut(line, first);
        let cells = &cells[row * numbers + begin..row * numbers + end];
        let mut sum = simd.splat_f64s(0.0);
        for vector in 0..V {
            let from = (vector * S::F64_LANES).min(cells.len());
            let to = ((vector + 1) * S::F64_LANES).min(cells.len());
            let cell = simd.partial_load_f64s(&cells[from..to]);
            // Only NaN is not equal to itself.
            let cell = simd.select_f64s(simd.equal_f64s(cell, cell), cell, missing[vector]);
            let x = simd.mul_f64s(simd.sub_f64s(cell, mean[vector]), inverse[vector]);
            let x = simd.min_f64s(simd.max_f64s(x, low), high);
            line[vector] = x;
            sum = simd.mul_add_e_f64s(x, weights[vector], sum);
        }
        *z += simd.reduce_sum_f64s(sum);
    }
}
