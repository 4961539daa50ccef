//! Sums the terms of a tile's rows.

use std::array::from_fn;

use aligned_vec::{AVec, avec};
use pulp::Simd;

use crate::model::kernel::joint::Combination;
use crate::model::kernel::layout::{LINES, Order, Shape, Tile};
use crate::model::kernel::rows::Rows;
use crate::model::kernel::vectors::{by_fours, in_groups, part, part_mut};

/// The sums over rows.
pub(in crate::model) struct Sums {
    /// The sum of the losses.
    pub(in crate::model) value: f64,
    /// The lines of v x^T: the lower triangle, and all of the slope's line. For a gradient, only the slope's line.
    dense: AVec<f64>,
    /// One line of lanes for each combination of levels: the sum of v, including the slope, over the rows that have it.
    /// For a gradient, one number per combination.
    levels: AVec<f64>,
    /// The sums of the curvatures over the rows that have both combinations, by pair of joints.
    pub(super) pairs: Vec<f64>,
}

impl Sums {
    pub(in crate::model) fn zero(shape: &Shape, order: Order) -> Self {
        let (lines, pairs) = match order {
            Order::Gradient | Order::Curvatures => (1, 0),
            Order::Hessian => (shape.padded, shape.pair_sums),
        };
        let (dense, levels) = (avec![0.0; shape.padded * lines], avec![0.0; shape.combinations() * lines]);
        Self { value: 0.0, dense, levels, pairs: vec![0.0; pairs] }
    }

    pub(in crate::model) fn clear(&mut self) {
        self.value = 0.0;
        self.dense.fill(0.0);
        self.levels.fill(0.0);
        self.pairs.fill(0.0);
    }

    pub(in crate::model) fn add(&mut self, other: &Self) {
        let add = |sums: &mut [f64], terms: &[f64]| {
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += term;
            }
        };
        self.value += other.value;
        add(&mut self.dense, &other.dense);
        add(&mut self.levels, &other.levels);
        add(&mut self.pairs, &other.pairs);
    }

    /// Returns the gradient by lane (the numbers, then the intercept) and by combination of levels.
    pub(in crate::model) fn slopes<'a>(&'a self, shape: &'a Shape) -> (&'a [f64], impl Iterator<Item = f64> + 'a) {
        let lanes = shape.numbers + 1;
        let is_hessian = self.dense.len() > shape.padded;
        let (line, stride, lane) = if is_hessian { (lanes, shape.padded, lanes) } else { (0, 1, 0) };
        let dense = &self.dense[line * shape.padded..][..lanes];
        (dense, self.levels.iter().skip(lane).step_by(stride).copied())
    }

    /// Returns the second derivative by two lanes. The first lane must not be before the second.
    pub(in crate::model) fn by_lanes(&self, shape: &Shape, line: usize, lane: usize) -> f64 {
        self.dense[line * shape.padded + lane]
    }

    /// Returns the sums of v by lane over the rows of a combination, counted among all combinations.
    pub(in crate::model) fn by_combination(&self, shape: &Shape, combination: usize) -> &[f64] {
        &self.levels[combination * shape.padded..][..shape.numbers + 1]
    }

    /// Returns the sums of the curvatures over the rows of a combination of one joint, by combination of an earlier one.
    pub(in crate::model) fn by_pair(&self, shape: &Shape, joint: usize, combination: usize, earlier: usize) -> &[f64] {
        let wide = shape.joints[earlier].levels;
        let table = shape.tables[joint * (joint - 1) / 2 + earlier];
        &self.pairs[table + combination * wide..][..wide]
    }
}

/// Adds the terms of a tile's rows to all sums but those of pairs.
#[inline(always)]
pub(super) fn hessian<S: Simd>(simd: S, rows: Rows<'_, impl Combination>, tile: &mut Tile, sums: &mut Sums) {
    let (shape, count) = (rows.shape, rows.count);
    let vectors = shape.padded / S::F64_LANES;
    in_groups!(vectors, second_factors, simd, shape, count, tile);
    for (lanes, slope) in tile.v.chunks_exact_mut(shape.padded).zip(&tile.slope).take(count) {
        lanes[shape.numbers + 1] = *slope;
    }
    let live = shape.numbers + 2;
    for line in (0..live).step_by(LINES) {
        let last = line + LINES;
        // Only the lower triangle is needed, but all of the slope's line.
        let columns = if last >= live { live } else { last };
        in_groups!(columns.div_ceil(S::F64_LANES), dense_sums, simd, shape, line, count, tile, &mut sums.dense);
    }
    in_groups!(vectors, by_combination, simd, rows, tile, &mut sums.levels);
}

/// Adds the terms of a tile's rows to the sums of a gradient.
#[inline(always)]
pub(super) fn gradient<S: Simd>(simd: S, rows: Rows<'_, impl Combination>, tile: &mut Tile, sums: &mut Sums) {
    let (shape, count) = (rows.shape, rows.count);
    in_groups!(shape.padded / S::F64_LANES, slopes, simd, shape, count, tile, &mut sums.dense);
    by_fours!(shape.joints.len(), add_slopes, rows, &tile.slope[..count], &mut sums.levels);
}

/// Adds the slopes of some rows to the sums of several joints. Neighbouring rows often have the same combination, and
/// their sums must wait for each other. The sums of other joints fill that time.
// Loops by index: an iterator over several arrays is not inlined here.
#[inline(always)]
fn add_slopes<C: Combination, const N: usize>(first: usize, rows: Rows<'_, C>, slopes: &[f64], sums: &mut [f64]) {
    let (joints, picked): (_, [&[C]; N]) = (&rows.shape.joints[first..], rows.of_joints(first));
    let mut rest = &mut sums[joints[0].first..];
    let sums: [&mut [f64]; N] = from_fn(|at| take(&mut rest, joints[at].levels));
    for (row, slope) in slopes.iter().enumerate() {
        for at in 0..N {
            sums[at][picked[at][row].index()] += slope;
        }
    }
}

/// Takes the first numbers off a slice.
fn take<'a>(rest: &mut &'a mut [f64], count: usize) -> &'a mut [f64] {
    let (first, after) = std::mem::take(rest).split_at_mut(count);
    *rest = after;
    first
}

#[inline(always)]
fn slopes<S: Simd, const V: usize>(first: usize, simd: S, shape: &Shape, count: usize, tile: &Tile, dense: &mut [f64]) {
    let vectors = shape.padded / S::F64_LANES;
    let (x, _) = S::as_simd_f64s(&tile.x);
    let mut sums = [simd.splat_f64s(0.0); V];
    for (x, slope) in x.chunks_exact(vectors).zip(&tile.slope).take(count) {
        let slope = simd.splat_f64s(*slope);
        for (sum, x) in sums.iter_mut().zip(part::<_, V>(x, first)) {
            *sum = simd.mul_add_e_f64s(slope, *x, *sum);
        }
    }
    let (out, _) = S::as_mut_simd_f64s(dense);
    for (out, sum) in part_mut::<_, V>(out, first).iter_mut().zip(sums) {
        *out = simd.add_f64s(*out, sum);
    }
}

#[inline(always)]
fn second_factors<S: Simd, const V: usize>(first: usize, simd: S, shape: &Shape, count: usize, tile: &mut Tile) {
    let vectors = shape.padded / S::F64_LANES;
    let (x, _) = S::as_simd_f64s(&tile.x);
    let (v, _) = S::as_mut_simd_f64s(&mut tile.v);
    let lines = x.chunks_exact(vectors).zip(v.chunks_exact_mut(vectors));
    for ((x, v), curvature) in lines.zip(&tile.curvature).take(count) {
        let (x, v) = (part::<_, V>(x, first), part_mut::<_, V>(v, first));
        let curvature = simd.splat_f64s(*curvature);
        for (v, x) in v.iter_mut().zip(x) {
            *v = simd.mul_f64s(curvature, *x);
        }
    }
}

/// Sums a few lines of v x^T, held in registers for the whole tile.
#[inline(always)]
fn dense_sums<S: Simd, const V: usize>(
    first: usize,
    simd: S,
    shape: &Shape,
    line: usize,
    count: usize,
    tile: &Tile,
    dense: &mut [f64],
) {
    let (padded, vectors) = (shape.padded, shape.padded / S::F64_LANES);
    let mut sums = [[simd.splat_f64s(0.0); V]; LINES];
    let (x, _) = S::as_simd_f64s(&tile.x);
    for (x, v) in x.chunks_exact(vectors).zip(tile.v.chunks_exact(padded)).take(count) {
        let (x, v) = (part::<_, V>(x, first), part::<_, LINES>(v, line));
        for (sums, v) in sums.iter_mut().zip(v) {
            let v = simd.splat_f64s(*v);
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = simd.mul_add_e_f64s(v, *x, *sum);
            }
        }
    }
    let (out, _) = S::as_mut_simd_f64s(dense);
    for (out, sums) in out.chunks_exact_mut(vectors).skip(line).zip(sums) {
        for (out, sum) in part_mut::<_, V>(out, first).iter_mut().zip(sums) {
            *out = simd.add_f64s(*out, sum);
        }
    }
}

/// Sums v by combination of levels. It goes row by row and not joint by joint: neighbouring rows often have the same
/// combination, and their sums must wait for each other. The sums of other joints fill that time.
#[inline(always)]
fn by_combination<S: Simd, const V: usize>(
    first: usize,
    simd: S,
    rows: Rows<'_, impl Combination>,
    tile: &Tile,
    out: &mut [f64],
) {
    let vectors = rows.shape.padded / S::F64_LANES;
    let (v, _) = S::as_simd_f64s(&tile.v);
    let (all, _) = S::as_mut_simd_f64s(out);
    for (row, v) in v.chunks_exact(vectors).take(rows.count).enumerate() {
        let v = *part::<_, V>(v, first);
        for (index, joint) in rows.shape.joints.iter().enumerate() {
            let combination = joint.first + rows.at(index, row).index();
            let line: &mut [_; V] = part_mut(all, combination * vectors + first);
            for (sum, v) in line.iter_mut().zip(v) {
                *sum = simd.add_f64s(*sum, v);
            }
        }
    }
}

/// Sums the curvatures by pair of joints. The rows are those of several tiles, so that the table of a pair stays in the
/// first-level cache for many rows.
#[inline(always)]
pub(super) fn pair_sums(rows: Rows<'_, impl Combination>, curvatures: &[f64], pairs: &mut [f64]) {
    let mut rest = pairs;
    for joint in 1..rows.shape.joints.len() {
        by_fours!(joint, add_pairs, joint, rows, &curvatures[..rows.count], &mut rest);
    }
}

/// Adds the curvatures of some rows to the tables of one joint with several earlier ones.
// Loops by index: an iterator over several arrays is not inlined here.
#[inline(always)]
fn add_pairs<C: Combination, const N: usize>(
    first: usize,
    joint: usize,
    rows: Rows<'_, C>,
    curvatures: &[f64],
    rest: &mut &mut [f64],
) {
    let (joints, lines, columns) = (&rows.shape.joints, rows.of_joint(joint), rows.of_joints::<N>(first));
    let wide: [usize; N] = from_fn(|at| joints[first + at].levels);
    let tables: [&mut [f64]; N] = wide.map(|wide| take(rest, joints[joint].levels * wide));
    for (row, (line, curvature)) in lines.iter().zip(curvatures).enumerate() {
        for at in 0..N {
            tables[at][line.index() * wide[at] + columns[at][row].index()] += curvature;
        }
    }
}
