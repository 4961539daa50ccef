//! What finds the optimum of the objective. Every solver's answer is judged by the same evaluation.

mod cholesky;
pub(super) mod lbfgs;
pub(super) mod linfa;
pub(super) mod newton;
mod solution;

use crate::model::artifact::Method;
use crate::model::design::Design;
use crate::model::kernel::Order;
use windrow_config::Solver;

pub(super) use solution::{Solution, SolveError};

/// Beyond it the Hessian of a Newton step, and the matrix that linfa-logistic takes, outgrow a common machine.
pub(super) const MOST_DENSE: usize = 5_000;
/// Passes that Newton steps take, and that L-BFGS takes, as seen on the fixtures: for choosing between them alone.
const NEWTON_PASSES: f64 = 6.0;
const LBFGS_PASSES: f64 = 150.0;
/// A factorisation does so many multiply-adds in the time of one that a pass over the rows does.
const FACTOR_SPEED: f64 = 8.0;

/// The method that a solver's name stands for; of our own two the one that is likely to be done first.
pub(super) fn method(solver: Solver, design: &Design) -> Method {
    match solver {
        Solver::Newton => Method::Newton,
        Solver::Lbfgs => Method::Lbfgs,
        Solver::Linfa => Method::Linfa,
        // Without a cluster the rows are here.
        Solver::Auto | Solver::Spark => {
            let (rows, width) = (design.rows as f64, design.width() as f64);
            let pass = |order| rows * design.shape.multiply_adds(order) as f64;
            let step = pass(Order::Hessian) + width.powi(3) / 3.0 / FACTOR_SPEED;
            let is_small = design.width() <= MOST_DENSE;
            let is_cheaper = NEWTON_PASSES * step <= LBFGS_PASSES * pass(Order::Gradient);
            if is_small && is_cheaper { Method::Newton } else { Method::Lbfgs }
        }
    }
}

/// Minimises the objective by a method, from `start` where the method takes one. There must be rows of both classes.
///
/// # Errors
/// The rows cannot be read again, or linfa-logistic gives up.
pub(super) fn minimise(method: Method, design: &Design, l2: f64, start: Vec<f64>) -> Result<Solution, SolveError> {
    match method {
        Method::Newton => Ok(newton::minimise(design, l2, newton::STEP_LIMIT, start)?),
        Method::Lbfgs => Ok(lbfgs::minimise(design, l2, lbfgs::STEP_LIMIT, start)?),
        Method::Linfa => linfa::minimise(design, l2, linfa::STEP_LIMIT),
        Method::Spark => Err(SolveError::GaveUp("the rows are not where Spark is".to_owned())),
    }
}

/// All zero but for the intercept, which is the log-odds of the share of positives: the optimum without features.
pub(super) fn from_share(design: &Design, positives: usize) -> Vec<f64> {
    let mut coefficients = vec![0.0; design.width()];
    let positives = positives as f64;
    coefficients[0] = (positives / (design.rows as f64 - positives)).ln();
    coefficients
}

#[cfg(test)]
mod tests;
