//! Newton steps with halving: a handful of passes to the exact optimum, and no way to diverge.

use nalgebra::{Cholesky, DMatrix, DVector};

use crate::model::design::Design;
use crate::model::objective::{Evaluation, Objective, row_start};
use crate::model::solver::{GRADIENT_BOUND, Solution};

/// Steps that no sane problem needs; separable rows without a penalty take about thirty.
pub(in crate::model) const STEP_LIMIT: u64 = 100;
/// The squared Newton decrement (twice what a step can still gain) per row at which there is no more to gain.
const DECREMENT_BOUND: f64 = 1e-16;
/// The share of the gain promised by the slope that a step must bring (Armijo).
const ARMIJO: f64 = 1e-4;
/// Differences of the objective smaller than this share of it are rounding, and no reason to refuse a step.
const ROUNDING: f64 = 1e-14;
/// After so many halvings a step moves nothing.
const MOST_HALVINGS: u32 = 50;
/// A column of which less than this share is not told by the columns before it is taken for collinear.
const COLLINEAR: f64 = 1e-11;
/// Shares by which the diagonal of a Hessian that has no inverse is raised, until it has one.
const DAMPINGS: [f64; 9] = [0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4];

/// Minimises the objective in at most `limit` steps, from `start` or from the share of positives alone. There must be
/// rows of both classes.
pub(in crate::model) fn minimise(design: &Design, l2: f64, limit: u64, start: Option<&[f64]>) -> Solution {
    let mut objective = Objective::new(design, l2);
    let (mut here, mut there) = (objective.room(), objective.room());
    let mut coefficients = start.map_or_else(|| from_share(design), <[f64]>::to_vec);
    let mut trial = coefficients.clone();
    objective.evaluate(&coefficients, &mut here);
    let mut steps = 0;
    while steps < limit {
        let Some(Step { direction, decrement, damped }) = Step::from(&here) else { break };
        let nothing_to_gain = decrement <= DECREMENT_BOUND * design.rows() as f64;
        // Along all but collinear columns there is always a little to gain, in ever so many small steps.
        let only_crumbs = damped && here.gradient_norm(design.rows()) <= GRADIENT_BOUND / 100.0;
        if nothing_to_gain || only_crumbs {
            break;
        }
        let mut length = 1.0;
        let gained = (0..MOST_HALVINGS).any(|_| {
            for ((trial, old), change) in trial.iter_mut().zip(&coefficients).zip(&direction) {
                *trial = old + length * change;
            }
            objective.evaluate(&trial, &mut there);
            let enough = here.value - ARMIJO * length * decrement + ROUNDING * here.value;
            length /= 2.0;
            // False for NaN as well.
            there.value <= enough
        });
        if !gained {
            break;
        }
        steps += 1;
        std::mem::swap(&mut coefficients, &mut trial);
        std::mem::swap(&mut here, &mut there);
    }
    Solution::judge(coefficients, steps, &here, design.rows())
}

/// All zero but for the intercept, which is the log-odds of the share of positives: the optimum without features.
fn from_share(design: &Design) -> Vec<f64> {
    let mut coefficients = vec![0.0; design.width()];
    if design.unpenalised() == 1 {
        let positives = design.positives() as f64;
        coefficients[0] = (positives / (design.rows() as f64 - positives)).ln();
    }
    coefficients
}

struct Step {
    direction: Vec<f64>,
    /// g.H^-1.g
    decrement: f64,
    /// Whether the diagonal had to be raised.
    damped: bool,
}

impl Step {
    /// Solves H d = -g. The factorisation is nalgebra's: pure Rust, one thread, hence the same bytes each time; with the
    /// few hundred columns of a one-hot design its cubic cost is small beside one pass over the rows.
    ///
    /// Where columns are collinear and nothing is penalised, H has no inverse; its diagonal is then raised until it has.
    fn from(at: &Evaluation) -> Option<Self> {
        let gradient = DVector::from_column_slice(&at.gradient);
        DAMPINGS.iter().find_map(|damping| {
            let matrix = damped(at, *damping);
            let diagonal = matrix.diagonal();
            let cholesky = Cholesky::new(matrix)?;
            let pivots = cholesky.l_dirty().diagonal();
            // Also false for NaN.
            if !pivots.iter().zip(&diagonal).all(|(pivot, whole)| pivot * pivot >= COLLINEAR * whole) {
                return None;
            }
            let mut direction = gradient.clone();
            cholesky.solve_mut(&mut direction);
            direction.neg_mut();
            let decrement = -gradient.dot(&direction);
            let is_descent = decrement >= 0.0 && direction.iter().all(|change| change.is_finite());
            is_descent.then(|| Self { direction: direction.as_slice().to_vec(), decrement, damped: *damping > 0.0 })
        })
    }
}

/// The Hessian as a matrix of which the lower triangle is filled, as Cholesky reads it.
fn damped(at: &Evaluation, damping: f64) -> DMatrix<f64> {
    let width = at.gradient.len();
    DMatrix::from_fn(width, width, |row, column| match row.cmp(&column) {
        std::cmp::Ordering::Greater => at.hessian[row_start(row) + column],
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => {
            let curvature = at.hessian[row_start(row) + row];
            // A column without curvature, as of a level that no row has, stays where it is: its slope is 0 too.
            if curvature > f64::MIN_POSITIVE { curvature * (1.0 + damping) } else { 1.0 }
        }
    })
}
