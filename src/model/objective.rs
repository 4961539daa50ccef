//! sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 * |w|^2, with its gradient and its Hessian, in one pass over the rows.
//!
//! Rows are cut into blocks by the size of the data alone, each block is summed in row order, and the blocks' sums are
//! added in block order: the same bytes come out whatever the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::model::design::Design;

/// The least rows worth a block of their own: below, clearing and adding its sums costs more than it saves.
const SMALLEST_BLOCK: usize = 4096;
/// More blocks than any machine this runs on has cores, to share the work evenly.
const MOST_BLOCKS: usize = 64;
/// What all blocks' sums may take together, in numbers: 256 MiB. Wide designs are cut into fewer blocks.
const MOST_SUMS: usize = 32 << 20;
/// Rows whose log-odds are taken together before their sums, so that each loop does one thing. 256 rows of the flights
/// are 30 KiB: they are still in the first-level cache when the sums read them again.
const TILE: usize = 256;

/// The objective at one point.
#[derive(Debug, Clone)]
pub(super) struct Evaluation {
    /// The objective itself.
    pub(super) value: f64,
    /// Its derivatives by each coefficient.
    pub(super) gradient: Vec<f64>,
    /// Its second derivatives, the lower triangle row by row: that of i and j, i >= j, is at i * (i + 1) / 2 + j.
    pub(super) hessian: Vec<f64>,
}

impl Evaluation {
    fn zero(width: usize) -> Self {
        Self { value: 0.0, gradient: vec![0.0; width], hessian: vec![0.0; row_start(width)] }
    }

    /// The largest absolute derivative, per row: what says whether this is the optimum.
    pub(super) fn gradient_norm(&self, rows: usize) -> f64 {
        // `f64::max` passes over NaN, which must not look like an optimum.
        let largest = self
            .gradient
            .iter()
            .fold(0.0_f64, |largest, slope| if slope.is_nan() { f64::INFINITY } else { largest.max(slope.abs()) });
        largest / rows as f64
    }

    fn clear(&mut self) {
        self.value = 0.0;
        self.gradient.fill(0.0);
        self.hessian.fill(0.0);
    }

    fn add(&mut self, other: &Self) {
        self.value += other.value;
        for (sum, term) in self.gradient.iter_mut().zip(&other.gradient) {
            *sum += term;
        }
        for (sum, term) in self.hessian.iter_mut().zip(&other.hessian) {
            *sum += term;
        }
    }
}

/// Where a row of the packed lower triangle begins.
#[inline]
pub(super) fn row_start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// The objective on a design, with the memory that its sums need.
#[derive(Debug)]
pub(super) struct Objective<'a> {
    design: &'a Design,
    l2: f64,
    block_rows: usize,
    blocks: Vec<Evaluation>,
}

impl<'a> Objective<'a> {
    pub(super) fn new(design: &'a Design, l2: f64) -> Self {
        let sums = row_start(design.width()) + design.width() + 1;
        let most = MOST_BLOCKS.min(MOST_SUMS / sums).max(1);
        let blocks = design.rows().div_ceil(SMALLEST_BLOCK).clamp(1, most);
        let block_rows = design.rows().div_ceil(blocks).max(1);
        Self { design, l2, block_rows, blocks: vec![Evaluation::zero(design.width()); blocks] }
    }

    /// An evaluation of the right size, to be filled.
    pub(super) fn room(&self) -> Evaluation {
        Evaluation::zero(self.design.width())
    }

    /// Evaluates at `coefficients`, which are in the design's order.
    pub(super) fn evaluate(&mut self, coefficients: &[f64], total: &mut Evaluation) {
        let (design, block_rows) = (self.design, self.block_rows);
        self.blocks.par_iter_mut().enumerate().for_each(|(index, block)| {
            block.clear();
            let begin = (index * block_rows).min(design.rows());
            let end = (begin + block_rows).min(design.rows());
            for tile in (begin..end).step_by(TILE) {
                add_rows(block, design, coefficients, tile..(tile + TILE).min(end));
            }
        });
        total.clear();
        for block in &self.blocks {
            total.add(block);
        }
        let penalised = design.unpenalised()..design.width();
        let square = coefficients[penalised.clone()].iter().map(|w| w * w).sum::<f64>();
        total.value += 0.5 * self.l2 * square;
        for index in penalised {
            total.gradient[index] += self.l2 * coefficients[index];
            total.hessian[row_start(index) + index] += self.l2;
        }
    }
}

/// Adds the terms of at most [`TILE`] rows.
fn add_rows(sums: &mut Evaluation, design: &Design, coefficients: &[f64], rows: Range<usize>) {
    let mut slopes = [0.0; TILE];
    let mut curvatures = [0.0; TILE];
    let terms = slopes.iter_mut().zip(&mut curvatures);
    for ((slope, curvature), row) in terms.zip(rows.clone()) {
        let term = RowTerm::at(design.log_odds_of(row, coefficients), design.labels()[row]);
        sums.value += term.loss;
        (*slope, *curvature) = (term.slope, term.curvature);
    }
    let dense_width = design.dense_width();
    let Evaluation { gradient, hessian, .. } = sums;
    for ((slope, curvature), row) in slopes.iter().zip(&curvatures).zip(rows) {
        let (dense, codes) = (design.dense(row), design.codes(row));
        for (sum, x) in gradient.iter_mut().zip(dense) {
            *sum += slope * x;
        }
        let mut start = 0;
        for (index, x) in dense.iter().enumerate() {
            let scaled = curvature * x;
            for (sum, other) in hessian[start..=start + index].iter_mut().zip(dense) {
                *sum += scaled * other;
            }
            start += index + 1;
        }
        for (place, code) in codes.iter().enumerate() {
            let code = *code as usize;
            gradient[code] += slope;
            let sums = &mut hessian[row_start(code)..=row_start(code) + code];
            for (sum, x) in sums[..dense_width].iter_mut().zip(dense) {
                *sum += curvature * x;
            }
            // A one-hot column times another is 1 where the row picks both, itself included.
            for other in &codes[..=place] {
                sums[*other as usize] += curvature;
            }
        }
    }
}

/// The loss of one row as a function of its log-odds z, with its derivatives by z.
#[derive(Debug, Clone, Copy)]
struct RowTerm {
    loss: f64,
    slope: f64,
    curvature: f64,
}

impl RowTerm {
    /// Written in exp(-|z|), which is at most 1: nothing overflows, and small differences from 0 and 1 keep their digits.
    #[inline]
    fn at(log_odds: f64, positive: bool) -> Self {
        let tail = (-log_odds.abs()).exp();
        let inverse = 1.0 / (1.0 + tail);
        // How likely the likelier class is, and the other.
        let (likely, unlikely) = (inverse, tail * inverse);
        let foretells_truth = (log_odds >= 0.0) == positive;
        let miss = if foretells_truth { unlikely } else { likely };
        Self {
            loss: tail.ln_1p() + if foretells_truth { 0.0 } else { log_odds.abs() },
            slope: if positive { -miss } else { miss },
            curvature: likely * unlikely,
        }
    }
}

/// -log p(truth) of one row.
pub(super) fn row_loss(log_odds: f64, positive: bool) -> f64 {
    RowTerm::at(log_odds, positive).loss
}

#[cfg(test)]
mod tests;
