//! The sums of one pass over the rows: loss, gradient and Hessian together, a tile of rows at a time.
//!
//! In the kernel a row is x: its standardised numbers and a 1 for the intercept, padded to whole vectors of the machine;
//! one-hot features stay codes. With v = curvature * x beside it, all that a Newton step needs is a sum over rows: of
//! v x^T (numbers with numbers), of v added to the line of each level that the row picks (levels with numbers), and of
//! curvatures counted by pairs of levels (levels with levels). The slope rides in the first free lane of v, and the
//! gradient falls out of the same sums.
//!
//! `pulp` takes the widest vectors that the machine has, without unsafe code here. The order of all sums is that of the
//! rows: how many threads there are changes nothing, another kind of machine may change the last digits.

mod sums;
mod terms;

use aligned_vec::{AVec, avec};
use pulp::{Arch, Simd, WithSimd};

use crate::model::chunk::Chunk;

pub(super) use sums::Sums;
pub(super) use terms::exp;

/// Rows whose numbers are laid out together: with a dozen numbers x and v of a tile are 32 KiB and stay in the first-level
/// cache, and the product of the tile's 1 + exp(-|z|) stays far below the largest `f64`.
const TILE: usize = 128;
/// Lines of the dense sums that one micro-kernel holds in registers.
const LINES: usize = 4;
/// A standardised cell beyond this is held there: no weight turns it into an infinity.
const LARGEST: f64 = 1e150;

/// How many numbers and levels a row has, and where their sums stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// Numbers of a row.
    pub(super) numbers: usize,
    /// Lanes of a row: the numbers, the intercept, the slope, and what fills the last vector.
    padded: usize,
    /// Levels of each one-hot feature.
    levels: Vec<usize>,
    /// The first level of each feature among all levels.
    pub(super) first: Vec<usize>,
    /// Where the table of each pair of features begins: of (1, 0), (2, 0), (2, 1), ...
    tables: Vec<usize>,
    pair_sums: usize,
}

/// From cells to standardised numbers, one a lane; a lane without a number gets the same x in every row.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    missing: AVec<f64>,
    mean: AVec<f64>,
    inverse: AVec<f64>,
}

/// Coefficients, by lane and by level.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    lanes: AVec<f64>,
    levels: Vec<f64>,
}

/// The memory of one tile.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    x: AVec<f64>,
    v: AVec<f64>,
    /// Feature by feature: the level that each row picks, among the feature's own.
    picked: Vec<u32>,
    /// Row by row: the levels that it picks, among all.
    lines: Vec<u32>,
    z: [f64; TILE],
    slope: [f64; TILE],
    curvature: [f64; TILE],
}

/// What a pass adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The loss and its slopes.
    Gradient,
    /// The second derivatives too.
    Hessian,
}

/// Rows of one chunk, and how they are to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) shape: &'a Shape,
    pub(super) scale: &'a Scale,
    /// By feature and code: the level.
    pub(super) maps: &'a [Vec<u32>],
    pub(super) chunk: &'a Chunk,
    pub(super) begin: usize,
    pub(super) end: usize,
}

impl Shape {
    pub(super) fn new(numbers: usize, levels: Vec<usize>) -> Self {
        let (mut first, mut all) = (Vec::new(), 0);
        let (mut tables, mut pair_sums) = (Vec::new(), 0);
        for (place, count) in levels.iter().enumerate() {
            first.push(all);
            all += count;
            for other in &levels[..place] {
                tables.push(pair_sums);
                pair_sums += count * other;
            }
        }
        let lanes = Arch::new().dispatch(Lanes).max(LINES);
        Self { numbers, padded: (numbers + 2).next_multiple_of(lanes), levels, first, tables, pair_sums }
    }

    pub(super) fn level_count(&self) -> usize {
        self.levels.iter().sum()
    }

    /// How many numbers a [`Sums`] of this order is.
    pub(super) fn sums(&self, order: Order) -> usize {
        match order {
            Order::Gradient => self.padded + self.level_count(),
            Order::Hessian => (self.padded + self.level_count()) * self.padded + self.pair_sums,
        }
    }

    /// Multiply-adds of one row in a pass of this order, as an account of what has to be done.
    #[must_use]
    pub(super) fn multiply_adds(&self, order: Order) -> usize {
        let (numbers, features) = (self.numbers + 1, self.levels.len());
        let slopes = 2 * (numbers + features);
        match order {
            Order::Gradient => slopes,
            Order::Hessian => slopes + numbers * (numbers + 1) / 2 + features * numbers + self.tables.len(),
        }
    }
}

/// How many `f64` a vector of this machine holds.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

impl Scale {
    /// What is missing, mean and deviation of each number; the intercept's lane is 1 where there is an intercept.
    pub(super) fn new(shape: &Shape, numbers: &[(f64, f64, f64)], has_intercept: bool) -> Self {
        let mut scale = Self {
            missing: avec![0.0; shape.padded],
            mean: avec![0.0; shape.padded],
            inverse: avec![1.0; shape.padded],
        };
        for (lane, (missing, mean, deviation)) in numbers.iter().enumerate() {
            (scale.missing[lane], scale.mean[lane], scale.inverse[lane]) = (*missing, *mean, 1.0 / deviation);
        }
        // Lanes behind the numbers are read as 0, and 0 less -1 is the 1 of the intercept.
        scale.mean[shape.numbers] = if has_intercept { -1.0 } else { 0.0 };
        scale
    }

    /// What the kernel makes of one cell.
    pub(super) fn standardise(&self, lane: usize, cell: f64) -> f64 {
        let cell = if cell.is_nan() { self.missing[lane] } else { cell };
        ((cell - self.mean[lane]) * self.inverse[lane]).clamp(-LARGEST, LARGEST)
    }
}

impl Weights {
    pub(super) fn zero(shape: &Shape) -> Self {
        Self { lanes: avec![0.0; shape.padded], levels: vec![0.0; shape.level_count()] }
    }

    pub(super) fn set(&mut self, intercept: f64, numbers: &[f64], levels: &[f64]) {
        self.lanes[..numbers.len()].copy_from_slice(numbers);
        self.lanes[numbers.len()] = intercept;
        self.levels.copy_from_slice(levels);
    }
}

impl Tile {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            x: avec![0.0; TILE * shape.padded],
            v: avec![0.0; TILE * shape.padded],
            picked: vec![0; TILE * shape.levels.len()],
            lines: vec![0; TILE * shape.levels.len()],
            z: [0.0; TILE],
            slope: [0.0; TILE],
            curvature: [0.0; TILE],
        }
    }
}

impl Rows<'_> {
    /// Adds the terms of these rows.
    pub(super) fn add(self, weights: &Weights, order: Order, tile: &mut Tile, sums: &mut Sums) {
        Arch::new().dispatch(Add { rows: self, weights, order, tile, sums });
    }

    /// Calls back with the log-odds of a few rows at a time, in order.
    pub(super) fn log_odds(self, weights: &Weights, tile: &mut Tile, take: &mut dyn FnMut(&[f64])) {
        Arch::new().dispatch(LogOdds { rows: self, weights, tile, take });
    }

    /// Adds the squares of each number, and the counts of each level.
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
    rows: Rows<'a>,
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
        for (begin, count) in rows.tiles() {
            load(simd, rows, weights, begin, count, tile);
            sums.value += terms::fill(&rows.chunk.labels[begin..begin + count], tile);
            match order {
                Order::Gradient => sums::gradient(simd, rows.shape, count, tile, sums),
                Order::Hessian => sums::hessian(simd, rows.shape, count, tile, sums),
            }
        }
    }
}

struct LogOdds<'a, 'b> {
    rows: Rows<'a>,
    weights: &'a Weights,
    tile: &'a mut Tile,
    take: &'b mut dyn FnMut(&[f64]),
}

impl WithSimd for LogOdds<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (begin, count) in self.rows.tiles() {
            load(simd, self.rows, self.weights, begin, count, self.tile);
            (self.take)(&self.tile.z[..count]);
        }
    }
}

/// Calls a function for the vectors of a line, four at a time, so that each call knows at compile time how many.
macro_rules! in_groups {
    ($vectors:expr, $function:ident, $($argument:expr),*) => {{
        let vectors = $vectors;
        let mut first = 0;
        while first + 4 <= vectors {
            $function::<S, 4>(first, $($argument),*);
            first += 4;
        }
        match vectors - first {
            3 => $function::<S, 3>(first, $($argument),*),
            2 => $function::<S, 2>(first, $($argument),*),
            1 => $function::<S, 1>(first, $($argument),*),
            _ => {}
        }
    }};
}
use in_groups;

/// Some neighbours on a line.
#[inline(always)]
fn part<T, const V: usize>(line: &[T], first: usize) -> &[T; V] {
    line[first..].first_chunk().expect("a line is as long as its shape says")
}

#[inline(always)]
fn part_mut<T, const V: usize>(line: &mut [T], first: usize) -> &mut [T; V] {
    line[first..].first_chunk_mut().expect("a line is as long as its shape says")
}

/// Lays out the next rows, and takes their log-odds.
#[inline(always)]
fn load<S: Simd>(simd: S, rows: Rows<'_>, weights: &Weights, begin: usize, count: usize, tile: &mut Tile) {
    let Rows { shape, scale, maps, chunk, .. } = rows;
    let features = maps.len();
    tile.z = [0.0; TILE];
    let cells = &chunk.numbers[begin * shape.numbers..(begin + count) * shape.numbers];
    in_groups!(shape.padded / S::F64_LANES, standardise, simd, shape, scale, &weights.lanes, cells, count, tile);
    let codes = &chunk.codes[begin * features..(begin + count) * features];
    for (feature, map) in maps.iter().enumerate() {
        let first = shape.first[feature];
        let weights = &weights.levels[first..first + shape.levels[feature]];
        let picked = &mut tile.picked[feature * TILE..(feature + 1) * TILE];
        let codes = codes[feature..].iter().step_by(features);
        let lines = tile.lines[feature..].iter_mut().step_by(features);
        for (((code, picked), z), line) in codes.zip(picked).zip(&mut tile.z).zip(lines) {
            let level = map[*code as usize];
            *picked = level;
            *line = first as u32 + level;
            *z += weights[level as usize];
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
    let (low, high) = (simd.splat_f64s(-LARGEST), simd.splat_f64s(LARGEST));
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
