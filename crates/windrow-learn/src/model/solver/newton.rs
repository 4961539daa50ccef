//! Newton's method with step halving. It takes few passes to the exact optimum, and cannot diverge.

use std::io;

use crate::model::artifact::Method;
use crate::model::design::Design;
use crate::model::kernel::Order;
use crate::model::objective::Objective;
use crate::model::solver::cholesky::{NewtonStep, standard_errors};
use crate::model::solver::solution::{GRADIENT_BOUND, Solution};

/// The limit of steps, above what any realistic problem takes. Separable rows without a penalty take about thirty.
pub(in crate::model) const STEP_LIMIT: u64 = 100;
/// The squared Newton decrement per row at which there is nothing left to gain. It is twice what a step can still gain.
const DECREMENT_BOUND: f64 = 1e-16;
/// The bound of the squared decrement if the gradient is small as well. It is a millionth of the 1e-6 to which solvers
/// must agree. One more step would cost a pass and change the ninth digit.
const DECREMENT_TOLERANCE: f64 = 1e-12;
/// The share of the gain predicted by the slope that a step must reach (Armijo's rule).
const ARMIJO: f64 = 1e-4;
/// The relative difference of the objective that counts as rounding. A step is not rejected for it.
const ROUNDING: f64 = 1e-14;
/// The most halvings of a step. Far from the optimum, where the curvature vanishes, a step may be longer than 2^300.
const MAX_HALVINGS: u32 = 400;

/// Minimises the objective in at most `limit` steps from `start`.
pub(in crate::model) fn minimise(design: &Design, l2: f64, limit: u64, start: Vec<f64>) -> io::Result<Solution> {
    let mut objective = Objective::new(design, l2, Order::Hessian);
    let (mut here, mut there) = (objective.evaluation(), objective.evaluation());
    let mut coefficients = start;
    let mut trial = coefficients.clone();
    objective.evaluate(&coefficients, &mut here)?;
    let mut steps = 0;
    while steps < limit {
        let Some(NewtonStep { direction, decrement, damped }) = NewtonStep::from(&here) else { break };
        let per_row = decrement / design.rows as f64;
        let gradient_norm = here.gradient_norm(design.rows);
        let nothing_to_gain =
            per_row <= DECREMENT_BOUND || (per_row <= DECREMENT_TOLERANCE && gradient_norm <= GRADIENT_BOUND / 10.0);
        // If columns are nearly collinear, very many small steps can still gain a little.
        let only_crumbs = damped && gradient_norm <= GRADIENT_BOUND / 100.0;
        if nothing_to_gain || only_crumbs {
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
    let solution = Solution::new(Method::Newton, coefficients, &here, design.rows);
    let standard_errors = standard_errors(&here);
    Ok(Solution { standard_errors, iterations: steps, passes: objective.passes, ..solution })
}
