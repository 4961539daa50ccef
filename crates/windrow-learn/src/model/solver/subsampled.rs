//! Approaches the optimum with gradients of all rows and the curvature of a sample.
//!
//! With many categories, a pass that sums the Hessian takes about ten times as long as one that sums the gradient. The
//! Hessian of a sample of the rows is close enough to precondition the gradients of all rows (Byrd, Chin, Neveitt and
//! Nocedal, On the use of stochastic Hessian information in optimization methods for machine learning, SIAM Journal on
//! Optimization 21, 2011). L-BFGS corrects it from step to step (Nocedal and Wright, Numerical Optimization, 2nd edition,
//! algorithm 7.4, with the sample's Hessian as the first matrix).
//!
//! A level that few rows have may be missing in a sample. Its curvature is that of all rows.

use std::collections::VecDeque;
use std::io;

use crate::model::design::Design;
use crate::model::kernel::Order;
use crate::model::objective::{Evaluation, Objective, row_start};
use crate::model::solver::cholesky::{Factor, add_scaled};
use crate::model::solver::newton::{Descent, DescentEnd, ROUNDING, STEP_LIMIT, descend};

/// The least ratio of the work of a Hessian to that of a gradient for which gradients pay. Newton's method takes three
/// Hessians from a near start, and this method about 16 gradients.
const LEAST_RATIO: f64 = 5.5;
/// The least number of rows in the sample for each coefficient. The Hessian of m rows for each of p coefficients is off
/// by about 2 / sqrt(m) in its worst direction.
const LEAST_ROWS_PER_COEFFICIENT: usize = 40;
/// The number of rows for each coefficient up to which a larger sample saves more gradients than it costs.
const ROWS_PER_COEFFICIENT: usize = 100;
/// The largest stride of a sample.
const MAX_STRIDE: usize = 16;
/// The smallest stride for which a sample pays.
const MIN_STRIDE: usize = 4;
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
    let least = MIN_STRIDE * LEAST_ROWS_PER_COEFFICIENT * design.width();
    if work(Order::Hessian) < LEAST_RATIO * work(Order::Gradient) || design.rows < least {
        return None;
    }
    let stride = design.rows / (ROWS_PER_COEFFICIENT * design.width());
    Some(1 << stride.clamp(MIN_STRIDE, MAX_STRIDE).ilog2())
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
    // The penalty of a far start has the weight that it has next to the rows of the sample. With less, the coefficients of
    // rare levels fit single rows of the sample.
    let sample_l2 = if is_near { l2 } else { l2 * stride as f64 };
    let mut sample = Objective::on_sample(design, sample_l2, Order::Hessian, stride);
    let limit = if is_near { 0 } else { STEP_LIMIT };
    // The optimum of a sample differs from that of all rows by about its stride for each coefficient.
    let decrement = (design.width() * stride) as f64 / 10.0;
    let near = descend(&mut sample, start, DescentEnd { limit, decrement, last_step: 0.0 })?;
    drop(sample);
    let Some(curvature) = Curvature::new(design, [sample_l2, l2], &near)? else { return Ok(None) };
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

/// The Hessian of a sample, factored. Levels that are rarer in it than in all rows have the curvature of all rows.
struct Curvature(Factor);

impl Curvature {
    /// Corrects the Hessian of the sample at a point, and factors it. A level whose curvature over all rows is larger by d
    /// than the sample predicts gets d (e - c)(e - c)^T, where e is its unit vector and c that of the commonest level of
    /// its feature.
    ///
    /// The columns of a feature's levels add up to the intercept's. So a common change of their coefficients has no
    /// curvature but the penalty's, in the sample and in the correction as in all rows. A correction of the diagonal
    /// would block these directions.
    ///
    /// `l2` has the penalty of the sample and that of all rows.
    fn new(design: &Design, l2: [f64; 2], near: &Descent) -> io::Result<Option<Self>> {
        let mut curvatures = Objective::new(design, 0.0, Order::Curvatures);
        let mut all = curvatures.evaluation();
        curvatures.evaluate(&near.coefficients, &mut all)?;
        let (all, width) = (&all.gradient, design.width());
        let mut matrix = vec![0.0; width * width];
        for (row, line) in matrix.chunks_exact_mut(width).enumerate() {
            line[..=row].copy_from_slice(&near.here.hessian[row_start(row)..row_start(row + 1)]);
            if row > 0 {
                line[row] += l2[1] - l2[0];
            }
        }
        let first: Vec<usize> = design.shape.first.iter().map(|level| 1 + design.shape.numbers + level).collect();
        let ends = first.iter().skip(1).copied().chain([width]);
        for (first, end) in first.iter().zip(ends) {
            let Some(common) = (*first..end).max_by(|a, b| all[*a].total_cmp(&all[*b])) else { continue };
            for level in (*first..end).filter(|level| *level != common) {
                let missing = all[level] - (matrix[level * width + level] - l2[1]);
                // NaN fails this test as well.
                if missing > 0.0 {
                    matrix[level * width + level] += missing;
                    matrix[common * width + common] += missing;
                    matrix[level.max(common) * width + level.min(common)] -= missing;
                }
            }
        }
        for row in 0..width {
            let diagonal = &mut matrix[row * width + row];
            // A column without curvature keeps its coefficient: its slope is 0 too.
            *diagonal = if *diagonal > f64::MIN_POSITIVE { *diagonal } else { 1.0 };
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
