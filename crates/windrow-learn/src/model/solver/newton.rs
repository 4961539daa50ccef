//! Newton's method with step halving. It takes few passes to the exact optimum, and cannot diverge.

use std::io;

use crate::model::design::Design;
use crate::model::kernel::Order;
use crate::model::logistic::Method;
use crate::model::objective::{Evaluation, Objective};
use crate::model::solver::cholesky::{NewtonStep, standard_errors};
use crate::model::solver::solution::{Finish, GRADIENT_BOUND, Solution};

/// The limit of steps, above what any realistic problem takes. Separable rows without a penalty take about thirty.
pub(in crate::model) const STEP_LIMIT: u64 = 100;
/// The squared Newton decrement, over all rows, that is lost in the rounding of the gradient. It is twice what a step can
/// still gain.
const ROUNDED_DECREMENT: f64 = 1e-20;
/// The squared decrement per row at which a step that is not short gains nothing. The objective is then nearly flat in its
/// direction.
const DECREMENT_BOUND: f64 = 1e-16;
/// The bound of the squared decrement of a problem without a penalty, if the gradient is small as well. Such a problem
/// can have directions in which ever longer steps gain ever less.
const DECREMENT_TOLERANCE: f64 = 1e-12;
/// The largest change of a coefficient in a step that is the last, if no diagonal was raised. Such a step changes a row's
/// curvature by a share of about its own size, so the error after it is at about the ninth digit.
const LAST_STEP: f64 = 1e-5;
/// The same for coefficients that serve for a score or as a start. The error after it is at about the seventh digit.
const LAST_STEP_OF_SCORE: f64 = 1e-4;
/// The share of the gain predicted by the slope that a step must reach (Armijo's rule).
const ARMIJO: f64 = 1e-4;
/// The relative difference of the objective that counts as rounding. A step is not rejected for it.
pub(super) const ROUNDING: f64 = 1e-14;
/// The most halvings of a step. Far from the optimum, where the curvature vanishes, a step may be longer than 2^300.
const MAX_HALVINGS: u32 = 400;

/// The point that a descent has reached.
pub(super) struct Descent {
    pub(super) coefficients: Vec<f64>,
    /// The objective at these coefficients.
    pub(super) here: Evaluation,
    pub(super) steps: u64,
    /// The coefficients after one more step, which is so short that it is the last.
    last: Option<Vec<f64>>,
}

/// Minimises the objective in at most `limit` steps from `start`. The standard errors are those of the point before the
/// last step, if that step is short. They differ from those after it by less than the fourth digit.
pub(in crate::model) fn minimise(
    design: &Design,
    l2: f64,
    limit: u64,
    start: Vec<f64>,
    finish: Finish,
) -> io::Result<Solution> {
    let mut objective = Objective::new(design, l2, Order::Hessian);
    let last_step = if finish == Finish::Score { LAST_STEP_OF_SCORE } else { LAST_STEP };
    let end = DescentEnd { limit, decrement: 0.0, last_step };
    let Descent { coefficients, here, mut steps, last } = descend(&mut objective, start, end)?;
    let mut passes = objective.passes;
    drop(objective);
    let standard_errors = (finish == Finish::Verified).then(|| standard_errors(&here)).flatten();
    let mut solution = Solution::new(Method::Newton, coefficients, &here, design.rows);
    if let Some(last) = last {
        if finish == Finish::Verified {
            let mut gradient = Objective::new(design, l2, Order::Gradient);
            let mut there = gradient.evaluation();
            gradient.evaluate(&last, &mut there)?;
            passes += gradient.passes;
            // NaN fails this test as well.
            if there.value <= here.value + ROUNDING * here.value {
                solution = Solution::new(Method::Newton, last, &there, design.rows);
                steps += 1;
            }
        } else {
            solution = Solution { coefficients: last, converged: true, ..solution };
            steps += 1;
        }
    }
    Ok(Solution { standard_errors, iterations: steps, passes, ..solution })
}

/// The end of a descent, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(super) struct DescentEnd {
    /// The largest number of steps.
    pub(super) limit: u64,
    /// The squared decrement that is small enough.
    pub(super) decrement: f64,
    /// The largest change of a coefficient in a step that is the last.
    pub(super) last_step: f64,
}

/// Descends from `start` to its end.
pub(super) fn descend(objective: &mut Objective<'_>, start: Vec<f64>, end: DescentEnd) -> io::Result<Descent> {
    let rows = objective.rows();
    let (mut here, mut there) = (objective.evaluation(), objective.evaluation());
    let mut coefficients = start;
    let mut trial = coefficients.clone();
    objective.evaluate(&coefficients, &mut here)?;
    let (mut steps, mut last) = (0, None);
    while steps < end.limit {
        let Some(NewtonStep { direction, decrement, damped }) = NewtonStep::from(&here) else { break };
        let per_row = decrement / rows as f64;
        let gradient_norm = here.gradient_norm(rows);
        // If columns are nearly collinear, very many small steps can still gain a little.
        let only_crumbs = damped && gradient_norm <= GRADIENT_BOUND / 100.0;
        if decrement <= ROUNDED_DECREMENT.max(end.decrement) || only_crumbs {
            break;
        }
        if !damped && direction.iter().all(|change| change.abs() <= end.last_step) {
            last = Some(coefficients.iter().zip(&direction).map(|(old, change)| old + change).collect());
            break;
        }
        let is_flat = damped || objective.l2() == 0.0;
        let is_flat_here = is_flat && per_row <= DECREMENT_TOLERANCE && gradient_norm <= GRADIENT_BOUND / 10.0;
        if per_row <= DECREMENT_BOUND || is_flat_here {
            break;
        }
        let mut length = 1.0;
        let mut gained = false;
        for _ in 0..MAX_HALVINGS {
            for ((trial, old), change) in trial.iter_mut().zip(&coefficients).zip(&direction) {
                *trial = old + length * change;
            }
            if trial == coefficients {
                break;
            }
            objective.evaluate(&trial, &mut there)?;
            let enough = here.value - ARMIJO * length * decrement + ROUNDING * here.value;
            length /= 2.0;
            // NaN fails this test as well.
            if there.value <= enough {
                gained = true;
                break;
            }
        }
        if !gained {
            break;
        }
        steps += 1;
        std::mem::swap(&mut coefficients, &mut trial);
        std::mem::swap(&mut here, &mut there);
    }
    Ok(Descent { coefficients, here, steps, last })
}
