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
mod sums;
mod terms;
mod vectors;

use pulp::{Arch, Simd, WithSimd};

use crate::model::chunk::Chunk;

use layout::{BATCH, TILE};
use vectors::{in_groups, part, part_mut};

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
}

impl ChunkRows<'_> {
    /// Adds the terms of these rows to the sums.
    pub(super) fn add(self, weights: &Weights, order: Order, tile: &mut Tile, sums: &mut Sums) {
        Arch::new().dispatch(Add { rows: self, weights, order, tile, sums });
    }

    /// Calls `take` with the log-odds of a few rows at a time, in order.
    pub(super) fn log_odds(self, weights: &Weights, tile: &mut Tile, take: &mut dyn FnMut(&[f64])) {
        Arch::new().dispatch(LogOdds { rows: self, weights, tile, take });
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

    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        (self.begin..self.end).step_by(TILE).map(move |begin| (begin, TILE.min(self.end - begin)))
    }
}

struct Add<'a> {
    rows: ChunkRows<'a>,
    weights: &'a Weights,
    order: Order,
    tile: &'a mut Tile,
    sums: &'a mut Sums,
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, weights, order, tile, sums } = self;
        let mut in_batch = 0;
        for (begin, count) in rows.tiles() {
            load(simd, rows, weights, begin, in_batch, count, tile);
            sums.value += terms::fill(&rows.chunk.labels[begin..begin + count], tile);
            match order {
                Order::Gradient => sums::gradient(simd, rows.shape, count, tile, sums),
                Order::Hessian => {
                    sums::hessian(simd, rows.shape, count, tile, sums);
                    tile.curvatures[in_batch..in_batch + count].copy_from_slice(&tile.curvature[..count]);
                    in_batch += count;
                    if in_batch == BATCH || begin + count == rows.end {
                        sums::pair_sums(rows.shape, in_batch, tile, &mut sums.pairs);
                        in_batch = 0;
                    }
                }
            }
        }
    }
}

struct LogOdds<'a, 'b> {
    rows: ChunkRows<'a>,
    weights: &'a Weights,
    tile: &'a mut Tile,
    take: &'b mut dyn FnMut(&[f64]),
}

impl WithSimd for LogOdds<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (begin, count) in self.rows.tiles() {
            load(simd, self.rows, self.weights, begin, 0, count, self.tile);
            (self.take)(&self.tile.z[..count]);
        }
    }
}

/// Loads the next rows into the tile, and computes their log-odds. Their combinations follow those of the first
/// `in_batch` rows of the batch.
#[inline(always)]
fn load<S: Simd>(
    simd: S,
    rows: ChunkRows<'_>,
    weights: &Weights,
    begin: usize,
    in_batch: usize,
    count: usize,
    tile: &mut Tile,
) {
    let ChunkRows { shape, scale, maps, chunk, .. } = rows;
    let features = maps.len();
    tile.z = [0.0; TILE];
    let cells = &chunk.numbers[begin * shape.numbers..(begin + count) * shape.numbers];
    in_groups!(shape.padded / S::F64_LANES, standardise, simd, shape, scale, &weights.lanes, cells, count, tile);
    let codes = &chunk.codes[begin * features..(begin + count) * features];
    for (index, joint) in shape.joints.iter().enumerate() {
        let picked = &mut tile.picked[index * BATCH + in_batch..][..count];
        picked.fill(0);
        for (feature, step) in &joint.members {
            let (map, step) = (&maps[*feature], *step as u32);
            for (code, picked) in codes[*feature..].iter().step_by(features).zip(&mut *picked) {
                *picked += map[*code as usize] * step;
            }
        }
        let weights = &weights.combinations[joint.first..joint.first + joint.levels];
        let lines = tile.lines[index..].iter_mut().step_by(shape.joints.len());
        for ((picked, z), line) in picked.iter().zip(&mut tile.z).zip(lines) {
            *line = joint.first as u32 + *picked;
            *z += weights[*picked as usize];
        }
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
