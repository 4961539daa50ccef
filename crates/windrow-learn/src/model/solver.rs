//! The solvers that find the optimum of the objective. One evaluation judges the results of all of them.

mod cholesky;
pub(super) mod lbfgs;
pub(super) mod linfa;
pub(super) mod newton;
mod solution;

use crate::model::artifact::Method;
use crate::model::design::Design;
use crate::model::error::{FitError, Unlearnable};
use crate::model::kernel::Order;
use windrow_config::Solver;

pub(super) use solution::Solution;

/// The most coefficients for Newton's method and linfa-logistic. With more, the Hessian or the dense matrix is too
/// large for a common machine.
pub(super) const MAX_DENSE_COEFFICIENTS: usize = 5_000;
/// The passes that Newton's method takes, as measured on the fixtures. Used only to choose between it and L-BFGS.
const NEWTON_PASSES: f64 = 6.0;
/// The passes that L-BFGS takes, measured in the same way.
const LBFGS_PASSES: f64 = 150.0;
/// The speed of a factorisation, in multiply-adds, relative to a pass over the rows.
const FACTOR_SPEED: f64 = 8.0;

/// Returns the method for a solver's name. For `Auto`, it is Newton's method or L-BFGS, whichever is likely to finish
/// first.
pub(super) fn method(solver: Solver, design: &Design) -> Method {
    match solver {
        Solver::Newton => Method::Newton,
        Solver::Lbfgs => Method::Lbfgs,
        Solver::Linfa => Method::Linfa,
        // Without a remote solver, this process reads the rows.
        Solver::Auto | Solver::Spark => {
            let (rows, width) = (design.rows as f64, design.width() as f64);
            let pass = |order| rows * design.shape.multiply_adds(order) as f64;
            let step = pass(Order::Hessian) + width.powi(3) / 3.0 / FACTOR_SPEED;
            let is_small = design.width() <= MAX_DENSE_COEFFICIENTS;
            let is_cheaper = NEWTON_PASSES * step <= LBFGS_PASSES * pass(Order::Gradient);
            if is_small && is_cheaper { Method::Newton } else { Method::Lbfgs }
        }
    }
}

/// Minimises the objective with a method, from `start` if the method takes a start. The rows must be of both classes.
///
/// # Errors
/// The rows cannot be read again, or the method gives up.
pub(super) fn minimise(method: Method, design: &Design, l2: f64, start: Vec<f64>) -> Result<Solution, FitError> {
    match method {
        Method::Newton => Ok(newton::minimise(design, l2, newton::STEP_LIMIT, start)?),
        Method::Lbfgs => Ok(lbfgs::minimise(design, l2, lbfgs::STEP_LIMIT, start)?),
        Method::Linfa => linfa::minimise(design, l2, linfa::STEP_LIMIT),
        Method::Spark => Err(Unlearnable::Solver("the solver `spark` cannot run in this process".to_owned()).into()),
    }
}

/// Returns the optimum without features: all coefficients are 0, and the intercept is the log-odds of the share of
/// positives.
pub(super) fn from_share(design: &Design, positives: usize) -> Vec<f64> {
    let mut coefficients = vec![0.0; design.width()];
    let positives = positives as f64;
    coefficients[0] = (positives / (design.rows as f64 - positives)).ln();
    coefficients
}

#[cfg(test)]
mod tests;
