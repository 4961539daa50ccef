//! Approaches the optimum with gradients of all rows and the curvature of a sample.
//!
//! With many categories, a pass that sums the Hessian takes about ten times as long as one that sums the gradient. The
//! Hessian of a sample of the rows is close enough to precondition the gradients of all rows (Byrd, Chin, Neveitt and
//! Nocedal, On the use of stochastic Hessian information in optimization methods for machine learning, SIAM Journal on
//! Optimization 21, 2011). L-BFGS corrects it from step to step (Nocedal and Wright, Numerical Optimization, 2nd edition,
//! algorithm 7.4, with the sample's Hessian as the first matrix).
//!
//! A level that few rows have may be missing in a sample. So the diagonal is that of all rows.

use std::collections::VecDeque;
use std::io;

use crate::model::design::Design;
use crate::model::kernel::Order;
use crate::model::objective::{Evaluation, Objective, row_start};
use crate::model::solver::cholesky::{Factor, add_scaled};
use crate::model::solver::newton::{Descent, ROUNDING, STEP_LIMIT, descend};

/// The least ratio of the work of a Hessian to that of a gradient for which gradients pay.
const LEAST_RATIO: f64 = 2.5;
/// The least number of rows in the sample for each coefficient. The Hessian of m rows for each of p coefficients is off
/// by about 2 / sqrt(m) in its worst direction.
const ROWS_PER_COEFFICIENT: usize = 40;
/// The largest stride of a sample.
const MAX_STRIDE: usize = 16;
/// The smallest stride for which a sample pays.
const MIN_STRIDE: usize = 4;
/// The number of rows of a sample from which half of a level's correlations are believed.
const RARE: f64 = 4.0;
/// The number of past steps that correct the curvature.
const MEMORY: usize = 10;
/// The most gradients. They take as long as a few passes with a Hessian.
const MAX_GRADIENTS: u64 = 30;

/// The most lengths of a step that are tried.
const MAX_TRIALS: usize = 4;

/// A point near the optimum.
pub(super) struct Approach {
    pub(super) coefficients: Vec<f64>,
    /// The objective at the point before the last step.
    pub(super) before: Evaluation,
    pub(super) steps: u64,
    pub(super) passes: u64,
    /// `true` if the squared decrement before the last step was small enough.
    pub(super) is_reached: bool,
}

/// Returns the stride of the sample for a design: one row of each `stride` rows. Returns `None` if whole Hessians take less
/// time.
pub(super) fn stride(design: &Design) -> Option<usize> {
    let work = |order| design.shape.work(order);
    let most = design.rows / (ROWS_PER_COEFFICIENT * design.width());
    if work(Order::Hessian) < LEAST_RATIO * work(Order::Gradient) || most < MIN_STRIDE {
        return None;
    }
    Some(1 << most.min(MAX_STRIDE).ilog2())
}

/// Approaches the optimum until the squared Newton decrement is at most `enough`, and takes the step from there. If the
/// start is not near the optimum, the optimum of the sample is found first. Returns `None` if the sample's Hessian has
/// no inverse.
pub(super) fn approach(
    design: &Design,
    l2: f64,
    stride: usize,
    start: Vec<f64>,
    is_near: bool,
    enough: f64,
) -> io::Result<Option<Approach>> {
    // For the start, the penalty has the weight that it has next to the rows of the sample. With less, the coefficients
    // of rare levels fit single rows of the sample.
    let sample_l2 = if is_near { l2 } else { l2 * stride as f64 };
    let mut sample = Objective::on_sample(design, sample_l2, Order::Hessian, stride);
    let limit = if is_near { 0 } else { STEP_LIMIT };
    // The optimum of a sample differs from that of all rows by about its stride for each coefficient.
    let near = descend(&mut sample, limit, start, (design.width() * stride) as f64 / 10.0)?;
    drop(sample);
    let Some(curvature) = Curvature::new(design, [sample_l2, l2], stride, &near)? else { return Ok(None) };
    let mut objective = Objective::new(design, l2, Order::Gradient);
    let (mut here, mut there) = (objective.evaluation(), objective.evaluation());
    let mut coefficients = near.coefficients;
    objective.evaluate(&coefficients, &mut here)?;
    let mut past = Past::default();
    let (mut steps, mut is_reached) = (0, false);
    while objective.passes < MAX_GRADIENTS {
        let mut direction = past.direction(&curvature, &here.gradient);
        let decrement = -dot(&direction, &here.gradient);
        // NaN fails this test as well.
        if !(decrement >= 0.0 && decrement.is_finite()) {
            break;
        }
        if decrement <= enough {
            coefficients.iter_mut().zip(&direction).for_each(|(old, change)| *old += change);
            steps += 1;
            is_reached = true;
            break;
        }
        let mut next = Vec::new();
        let mut is_lower = false;
        for _ in 0..MAX_TRIALS {
            next = coefficients.iter().zip(&direction).map(|(old, change)| old + change).collect();
            objective.evaluate(&next, &mut there)?;
            // NaN fails this test as well.
            is_lower = there.value <= here.value + ROUNDING * here.value;
            if is_lower {
                break;
            }
            direction.iter_mut().for_each(|change| *change /= 4.0);
        }
        if !is_lower {
            break;
        }
        let change = there.gradient.iter().zip(&here.gradient).map(|(new, old)| new - old).collect();
        past.push(direction, change);
        coefficients = next;
        steps += 1;
        std::mem::swap(&mut here, &mut there);
    }
    // The pass that summed the diagonal counts too.
    let passes = objective.passes + 1;
    Ok(Some(Approach { coefficients, before: here, steps, passes, is_reached }))
}

/// The Hessian of a sample, factored, with the diagonal of all rows.
struct Curvature(Factor);

impl Curvature {
    /// Corrects the Hessian of the sample at a point, and factors it. With r the ratio of a level's diagonal over all rows
    /// to the one that the sample predicts, entry (i, j) is multiplied by sqrt(r_i r_j). Off the diagonal, it is also
    /// multiplied by sqrt(s_i s_j), where s is m / (m + 4) for a level that m rows of the sample have: such a row is often
    /// the only one in which two rare levels meet.
    ///
    /// `l2` has the penalty of the sample and that of all rows.
    fn new(design: &Design, l2: [f64; 2], stride: usize, near: &Descent) -> io::Result<Option<Self>> {
        let mut curvatures = Objective::new(design, 0.0, Order::Curvatures);
        let mut all = curvatures.evaluation();
        curvatures.evaluate(&near.coefficients, &mut all)?;
        let (all, sampled, numbers) = (&all.gradient, &near.here.hessian, design.shape.numbers);
        let of_row = sampled[0] / design.sample_rows(stride).max(1) as f64;
        let predicted = |row: usize| sampled[row_start(row) + row] - if row > 0 { l2[0] } else { 0.0 };
        // The sums of a number are no diagonal, and its sample has as many rows as that of the intercept.
        let is_level = |row: usize| row > numbers;
        let factor = |row: usize| {
            let predicted = predicted(row);
            match is_level(row) {
                true if predicted > 0.0 => (all[row] / predicted * (predicted / (predicted + RARE * of_row))).sqrt(),
                true => 0.0,
                false => 1.0,
            }
        };
        let width = design.width();
        let factors: Vec<f64> = (0..width).map(factor).collect();
        let mut matrix = vec![0.0; width * width];
        for row in 0..width {
            let packed = &sampled[row_start(row)..row_start(row + 1)];
            let line = &mut matrix[row * width..][..=row];
            for ((entry, curvature), factor) in line.iter_mut().zip(packed).zip(&factors) {
                *entry = curvature * factor * factors[row];
            }
            let unpenalised = if is_level(row) { all[row] } else { predicted(row) };
            let curvature = unpenalised + if row > 0 { l2[1] } else { 0.0 };
            line[row] = if curvature > f64::MIN_POSITIVE { curvature } else { 1.0 };
        }
        Ok(Factor::of(matrix, width).map(Self))
    }
}

/// The last steps, with the changes of the gradient on them.
#[derive(Default)]
struct Past(VecDeque<PastStep>);

struct PastStep {
    step: Vec<f64>,
    change: Vec<f64>,
    /// One over the product of the two.
    inverse: f64,
}

impl Past {
    fn push(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let product = dot(&step, &change);
        // Rounding can make the curvature of a very short step negative. NaN fails this test as well.
        if product > 0.0 && product.is_finite() {
            if self.0.len() == MEMORY {
                self.0.pop_front();
            }
            self.0.push_back(PastStep { step, change, inverse: 1.0 / product });
        }
    }

    /// Returns the next step: the gradient times the negative inverse of the corrected curvature.
    fn direction(&self, curvature: &Curvature, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut factors = Vec::with_capacity(self.0.len());
        for past in self.0.iter().rev() {
            let factor = past.inverse * dot(&past.step, &direction);
            add_scaled(&mut direction, &past.change, -factor);
            factors.push(factor);
        }
        curvature.0.solve(&mut direction);
        for (past, factor) in self.0.iter().zip(factors.into_iter().rev()) {
            let other = past.inverse * dot(&past.change, &direction);
            add_scaled(&mut direction, &past.step, factor - other);
        }
        direction
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
