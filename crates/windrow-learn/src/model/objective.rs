//! The objective sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 * |w|^2 with its gradient and its Hessian, in one pass
//! over the rows.
//!
//! The rows are cut into blocks, which depend only on the data. Each block is summed in row order, and the sums of the
//! blocks are added in block order. So the result has the same bytes on any number of threads.

use std::io;
use std::ops::Range;

use rayon::prelude::*;

use crate::model::design::{Buffer, Design};
use crate::model::kernel::{Order, Sums, Tile, Weights};

/// The most blocks: more than the cores of most machines, to share the work evenly.
const MAX_BLOCKS: usize = 64;
/// The most numbers in the sums of all blocks together, 128 MiB. Wide designs are cut into fewer blocks.
const MAX_SUMS: usize = 16 << 20;

/// The most sums of a block for each of its rows. The sums are cleared before the first row and added up after the last
/// one, which must cost little compared with the rows.
const SUMS_PER_ROW: usize = 8;

/// The objective at one point.
#[derive(Debug, Clone)]
pub(super) struct Evaluation {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// The second derivatives, as the lower triangle row by row: for i >= j, that of i and j is at i * (i + 1) / 2 + j.
    /// Empty if only the gradient is computed.
    pub(super) hessian: Vec<f64>,
}

impl Evaluation {
    /// Returns the largest absolute derivative, per row. It shows whether this is the optimum.
    pub(super) fn gradient_norm(&self, rows: usize) -> f64 {
        // `f64::max` ignores NaN, which must not look like an optimum.
        let larger = |largest: f64, slope: &f64| if slope.is_nan() { f64::INFINITY } else { largest.max(slope.abs()) };
        self.gradient.iter().fold(0.0, larger) / rows as f64
    }
}

/// Returns the index at which a row of the packed lower triangle begins.
#[inline]
pub(super) fn row_start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// The objective on a design, with the memory that its sums need.
pub(super) struct Objective<'a> {
    design: &'a Design,
    l2: f64,
    order: Order,
    /// One row of each `stride` rows is summed, and its terms are multiplied by `weight`.
    stride: usize,
    weight: f64,
    weights: Weights,
    blocks: Vec<Block>,
    total: Sums,
    pub(super) passes: u64,
}

/// The pieces that one task sums, one after the other.
struct Block {
    pieces: Range<usize>,
    sums: Sums,
    tile: Tile,
    buffer: Buffer,
}

impl<'a> Objective<'a> {
    pub(super) fn new(design: &'a Design, l2: f64, order: Order) -> Self {
        Self::on_sample(design, l2, order, 1)
    }

    /// The objective on a sample of one row in `stride`, scaled to all rows. `stride` is a power of two.
    pub(super) fn on_sample(design: &'a Design, l2: f64, order: Order, stride: usize) -> Self {
        let shape = &design.shape;
        let sums = shape.sums(order).max(1);
        let most = MAX_BLOCKS.min(MAX_SUMS / sums).min(design.rows / stride * SUMS_PER_ROW / sums).max(1);
        let pieces = design.pieces();
        let blocks = pieces.clamp(1, most);
        let block = |index: usize| Block {
            pieces: index * pieces / blocks..(index + 1) * pieces / blocks,
            sums: Sums::zero(shape, order),
            tile: Tile::new(shape),
            buffer: Buffer::default(),
        };
        let blocks = (0..blocks).map(block).collect();
        let (weights, total) = (Weights::zero(shape), Sums::zero(shape, order));
        let weight = if stride == 1 { 1.0 } else { design.rows as f64 / design.sample_rows(stride).max(1) as f64 };
        Self { design, l2, order, stride, weight, weights, blocks, total, passes: 0 }
    }

    /// Returns the number of rows of the design.
    pub(super) fn rows(&self) -> usize {
        self.design.rows
    }

    /// Returns the weight of the penalty.
    pub(super) fn l2(&self) -> f64 {
        self.l2
    }

    /// Returns an evaluation of the right size, filled with zeros.
    pub(super) fn evaluation(&self) -> Evaluation {
        let width = self.design.width();
        let hessian = if self.order == Order::Hessian { row_start(width) } else { 0 };
        Evaluation { value: 0.0, gradient: vec![0.0; width], hessian: vec![0.0; hessian] }
    }

    /// Evaluates the objective at `coefficients`, which are in the design's order.
    pub(super) fn evaluate(&mut self, coefficients: &[f64], at: &mut Evaluation) -> io::Result<()> {
        self.passes += 1;
        self.design.set_weights(coefficients, &mut self.weights);
        let (design, order, stride, weights) = (self.design, self.order, self.stride, &self.weights);
        self.blocks.par_iter_mut().try_for_each(|Block { pieces, sums, tile, buffer }| {
            sums.clear();
            for piece in pieces.clone() {
                if stride == 1 {
                    design.keep_combinations(piece, buffer)?;
                }
                design.read_sample(piece, stride, buffer, |rows| rows.add(weights, order, tile, sums))?;
            }
            io::Result::Ok(())
        })?;
        self.total.clear();
        for block in &self.blocks {
            self.total.add(&block.sums);
        }
        self.unfold(at);
        if stride > 1 {
            at.value *= self.weight;
            at.gradient.iter_mut().chain(&mut at.hessian).for_each(|number| *number *= self.weight);
        }
        self.penalise(coefficients, at);
        Ok(())
    }

    /// Copies the kernel's sums into the order of the coefficients.
    fn unfold(&self, at: &mut Evaluation) {
        let shape = &self.design.shape;
        let numbers = shape.numbers;
        at.value = self.total.value;
        let (lanes, combinations) = self.total.slopes(shape);
        at.gradient[0] = lanes[numbers];
        at.gradient[1..=numbers].copy_from_slice(&lanes[..numbers]);
        let of_levels = &mut at.gradient[1 + numbers..];
        of_levels.fill(0.0);
        let indexes = shape.joints.iter().flat_map(|joint| (0..joint.levels).map(|at| joint.level_indexes(at)));
        for (indexes, slope) in indexes.zip(combinations) {
            for level in indexes {
                of_levels[*level as usize] += slope;
            }
        }
        if self.order != Order::Hessian {
            return;
        }
        let hessian = &mut at.hessian;
        hessian[0] = self.total.by_lanes(shape, numbers, numbers);
        for line in 0..numbers {
            let row = row_start(1 + line);
            hessian[row] = self.total.by_lanes(shape, numbers, line);
            for lane in 0..=line {
                hessian[row + 1 + lane] = self.total.by_lanes(shape, line, lane);
            }
        }
        self.unfold_levels(hessian);
    }

    /// Adds up the sums by combination to the second derivatives by levels.
    fn unfold_levels(&self, hessian: &mut [f64]) {
        let shape = &self.design.shape;
        let numbers = shape.numbers;
        hessian[row_start(1 + numbers)..].fill(0.0);
        let coefficient = |level: u32| 1 + numbers + level as usize;
        let entry = |a: u32, b: u32| row_start(coefficient(a.max(b))) + coefficient(a.min(b));
        for (index, joint) in shape.joints.iter().enumerate() {
            for combination in 0..joint.levels {
                let lanes = self.total.by_combination(shape, joint.first + combination);
                let indexes = joint.level_indexes(combination);
                // A one-hot column times itself is the column, and so is the column times the intercept's ones.
                let curvature = lanes[numbers];
                for (at, level) in indexes.iter().enumerate() {
                    let row = &mut hessian[row_start(coefficient(*level))..];
                    row[0] += curvature;
                    for (sum, lane) in row[1..=numbers].iter_mut().zip(lanes) {
                        *sum += lane;
                    }
                    for other in &indexes[..=at] {
                        hessian[entry(*level, *other)] += curvature;
                    }
                }
                for (earlier, other) in shape.joints[..index].iter().enumerate() {
                    let pairs = self.total.by_pair(shape, index, combination, earlier);
                    // Most combinations do not occur together.
                    for (with, sum) in pairs.iter().enumerate().filter(|(_, sum)| **sum != 0.0) {
                        for a in indexes {
                            for b in other.level_indexes(with) {
                                hessian[entry(*a, *b)] += sum;
                            }
                        }
                    }
                }
            }
        }
    }

    fn penalise(&self, coefficients: &[f64], at: &mut Evaluation) {
        let penalised = 1..self.design.width();
        let square = coefficients[penalised.clone()].iter().map(|w| w * w).sum::<f64>();
        at.value += 0.5 * self.l2 * square;
        for index in penalised {
            at.gradient[index] += self.l2 * coefficients[index];
            if self.order == Order::Hessian {
                at.hessian[row_start(index) + index] += self.l2;
            }
        }
    }
}

/// Returns the loss of one row, -log p(truth), as a function of its log-odds. It uses exp(-|z|), which is at most 1. So
/// nothing overflows, and a small loss keeps its digits.
pub(super) fn row_loss(log_odds: f64, positive: bool) -> f64 {
    let foretells_truth = (log_odds >= 0.0) == positive;
    (-log_odds.abs()).exp().ln_1p() + if foretells_truth { 0.0 } else { log_odds.abs() }
}

#[cfg(test)]
mod tests;
