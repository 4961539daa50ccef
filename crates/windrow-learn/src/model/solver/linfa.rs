//! linfa-logistic on the dense matrix: the reference for the other solvers, and a solver that a user can choose.
//!
//! Version 0.8.1 minimises sum log(1 + exp(-yz)) + alpha/2 * |w|^2 without a penalty on the intercept, so `alpha` is
//! our `l2`. It takes the class with more rows as the positive one. After its last iteration it returns `Ok`, even if
//! that is not an optimum. It does not report the number of iterations.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::Array1;

use crate::model::design::Design;
use crate::model::error::{FitError, Unlearnable};
use crate::model::kernel::Order;
use crate::model::logistic::Method;
use crate::model::objective::Objective;
use crate::model::solver::solution::Solution;

/// The limit of steps, far above what a fit that converges takes.
pub(in crate::model) const STEP_LIMIT: u64 = 10_000;
/// The norm of the gradient per row at which it stops. It is below our bound. linfa takes the norm of the whole vector,
/// and we take its largest component.
const GRADIENT_TOLERANCE: f64 = 1e-8;

/// Minimises the objective in at most `limit` steps. The rows must be of both classes.
///
/// # Errors
/// The rows cannot be read again, or linfa-logistic gives up or returns numbers that are not finite.
pub(in crate::model) fn minimise(design: &Design, l2: f64, limit: u64) -> Result<Solution, FitError> {
    let (records, labels) = design.to_dense()?;
    let fitted = LogisticRegression::default()
        .alpha(l2)
        .max_iterations(limit)
        .gradient_tolerance(GRADIENT_TOLERANCE * design.rows as f64)
        .fit(&Dataset::new(records, Array1::from_vec(labels)))
        .map_err(|error| Unlearnable::Solver(format!("linfa-logistic failed: {error}")))?;
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    let coefficients: Vec<f64> =
        std::iter::once(fitted.intercept()).chain(fitted.params().iter().copied()).map(|w| sign * w).collect();
    let mut objective = Objective::new(design, l2, Order::Gradient);
    let mut evaluation = objective.evaluation();
    objective.evaluate(&coefficients, &mut evaluation)?;
    let solution = Solution::new(Method::Linfa, coefficients, &evaluation, design.rows);
    // This also finds coefficients that are not finite. A model file can hold only finite numbers.
    let is_finite = solution.objective.is_finite() && solution.gradient_norm.is_some_and(f64::is_finite);
    let reason = "linfa-logistic returned coefficients for which the objective is not finite";
    if is_finite { Ok(solution) } else { Err(Unlearnable::Solver(reason.to_owned()).into()) }
}
