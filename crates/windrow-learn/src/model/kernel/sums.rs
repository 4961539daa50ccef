//! From the terms of a tile's rows to the sums.

use aligned_vec::{AVec, avec};
use pulp::Simd;

use crate::model::kernel::layout::{LINES, Order, Shape, TILE, Tile};
use crate::model::kernel::vectors::{in_groups, part, part_mut};

/// What is summed over rows.
#[derive(Debug, Clone)]
pub(in crate::model) struct Sums {
    /// The sum of the losses.
    pub(in crate::model) value: f64,
    /// Lines of lanes: v x^T, of which the lower triangle is kept and all of the slope's line. The gradient alone is one
    /// line, the slope's.
    dense: AVec<f64>,
    /// A line of lanes for each level: the v of the rows that pick it, the slope among them. The gradient alone is one
    /// number a level.
    levels: AVec<f64>,
    /// By pairs of features and their levels: the curvatures of the rows that pick both.
    pairs: Vec<f64>,
}

impl Sums {
    pub(in crate::model) fn zero(shape: &Shape, order: Order) -> Self {
        let (lines, pairs) = match order {
            Order::Gradient => (1, 0),
            Order::Hessian => (shape.padded, shape.pair_sums),
        };
        Self {
            value: 0.0,
            dense: avec![0.0; shape.padded * lines],
            levels: avec![0.0; shape.level_count() * lines],
            pairs: vec![0.0; pairs],
        }
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

    /// The slope by each lane, numbers and then the intercept, and by each level.
    pub(in crate::model) fn slopes<'a>(&'a self, shape: &'a Shape) -> (&'a [f64], impl Iterator<Item = f64> + 'a) {
        let lanes = shape.numbers + 1;
        let is_hessian = self.dense.len() > shape.padded;
        let (line, stride, place) = if is_hessian { (lanes, shape.padded, lanes) } else { (0, 1, 0) };
        let dense = &self.dense[line * shape.padded..][..lanes];
        (dense, self.levels.iter().skip(place).step_by(stride).copied())
    }

    /// The second derivative by two lanes, the first not before the second.
    pub(in crate::model) fn by_lanes(&self, shape: &Shape, line: usize, lane: usize) -> f64 {
        self.dense[line * shape.padded + lane]
    }

    /// The second derivatives by a level and each lane.
    pub(in crate::model) fn by_level(&self, shape: &Shape, level: usize) -> &[f64] {
        &self.levels[level * shape.padded..][..shape.numbers + 1]
    }

    /// The second derivatives by a level of one feature and each level of an earlier one.
    pub(in crate::model) fn by_pair(&self, shape: &Shape, feature: usize, level: usize, earlier: usize) -> &[f64] {
        let wide = shape.levels[earlier];
        let table = shape.tables[feature * (feature - 1) / 2 + earlier];
        &self.pairs[table + level * wide..][..wide]
    }
}

#[inline(always)]
pub(super) fn hessian<S: Simd>(simd: S, shape: &Shape, count: usize, tile: &mut Tile, sums: &mut Sums) {
    let vectors = shape.padded / S::F64_LANES;
    in_groups!(vectors, second_factors, simd, shape, count, tile);
    for (lanes, slope) in tile.v.chunks_exact_mut(shape.padded).zip(&tile.slope).take(count) {
        lanes[shape.numbers + 1] = *slope;
    }
    let live = shape.numbers + 2;
    for line in (0..live).step_by(LINES) {
        let last = line + LINES;
        // The lower triangle; the slope's line needs all of it.
        let columns = if last >= live { live } else { last };
        in_groups!(columns.div_ceil(S::F64_LANES), dense_sums, simd, shape, line, count, tile, &mut sums.dense);
    }
    in_groups!(vectors, level_sums, simd, shape, count, tile, &mut sums.levels);
    pair_sums(shape, count, tile, &mut sums.pairs);
}

#[inline(always)]
pub(super) fn gradient<S: Simd>(simd: S, shape: &Shape, count: usize, tile: &mut Tile, sums: &mut Sums) {
    in_groups!(shape.padded / S::F64_LANES, dense_slopes, simd, shape, count, tile, &mut sums.dense);
    let features = shape.levels.len().max(1);
    for (picked, slope) in tile.lines.chunks_exact(features).zip(&tile.slope).take(count) {
        for line in picked {
            sums.levels[*line as usize] += slope;
        }
    }
}

#[inline(always)]
fn dense_slopes<S: Simd, const V: usize>(
    first: usize,
    simd: S,
    shape: &Shape,
    count: usize,
    tile: &Tile,
    dense: &mut [f64],
) {
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

/// A few lines of v x^T, held in registers until the tile is through.
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

/// Row by row and not feature by feature: in a stream neighbours often pick the same level, and a sum that waits for the
/// one before has other features' sums beside it.
#[inline(always)]
fn level_sums<S: Simd, const V: usize>(
    first: usize,
    simd: S,
    shape: &Shape,
    count: usize,
    tile: &Tile,
    levels: &mut [f64],
) {
    let vectors = shape.padded / S::F64_LANES;
    let (v, _) = S::as_simd_f64s(&tile.v);
    let (all, _) = S::as_mut_simd_f64s(levels);
    let picked = tile.lines.chunks_exact(shape.levels.len().max(1));
    for (v, picked) in v.chunks_exact(vectors).zip(picked).take(count) {
        let v = *part::<_, V>(v, first);
        for line in picked {
            let line: &mut [_; V] = part_mut(all, *line as usize * vectors + first);
            for (sum, v) in line.iter_mut().zip(v) {
                *sum = simd.add_f64s(*sum, v);
            }
        }
    }
}

#[inline(always)]
fn pair_sums(shape: &Shape, count: usize, tile: &Tile, pairs: &mut [f64]) {
    let mut tables = shape.tables.iter();
    for feature in 1..shape.levels.len() {
        for other in 0..feature {
            let (Some(begin), wide) = (tables.next(), shape.levels[other]) else { return };
            let table = &mut pairs[*begin..begin + shape.levels[feature] * wide];
            let picked = tile.picked[feature * TILE..].iter().zip(&tile.picked[other * TILE..]);
            for ((line, place), curvature) in picked.zip(&tile.curvature[..count]) {
                table[*line as usize * wide + *place as usize] += curvature;
            }
        }
    }
}
