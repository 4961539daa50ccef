//! What finds the optimum of the objective. Every solver's answer is judged by the same evaluation.

mod cholesky;
pub(super) mod lbfgs;
pub(super) mod linfa;
pub(super) mod newton;

use std::io;

use crate::model::artifact::Method;
use crate::model::design::Design;
use crate::model::kernel::Order;
use crate::model::objective::Evaluation;
use windrow_config::Solver;

/// The largest gradient norm per row that counts as an optimum. On standardised columns it bounds the distance of the
/// objective per row from its minimum well below the 1e-6 to which solvers must agree.
pub(super) const GRADIENT_BOUND: f64 = 1e-7;
/// Beyond it the Hessian of a Newton step, and the matrix that linfa-logistic takes, outgrow a common machine.
pub(super) const MOST_DENSE: usize = 5_000;
/// Passes that Newton steps take, and that L-BFGS takes, as seen on the fixtures: for choosing between them alone.
const NEWTON_PASSES: f64 = 6.0;
const LBFGS_PASSES: f64 = 150.0;
/// A factorisation does so many multiply-adds in the time of one that a pass over the rows does.
const FACTOR_SPEED: f64 = 8.0;

/// Where a solver ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    pub(super) method: Method,
    /// In the design's order.
    pub(super) coefficients: Vec<f64>,
    /// The standard error of each coefficient, where the Hessian is at hand and has an inverse.
    pub(super) standard_errors: Option<Vec<f64>>,
    /// Steps taken; 0 where the solver does not tell.
    pub(super) iterations: u64,
    /// How often the rows were gone through; 0 where the solver does not tell.
    pub(super) passes: u64,
    pub(super) objective: f64,
    /// The largest absolute component of the gradient, per row; `None` where the solver does not tell.
    pub(super) gradient_norm: Option<f64>,
    pub(super) converged: bool,
}

/// Why there is no solution.
#[derive(Debug, thiserror::Error)]
pub(super) enum SolveError {
    /// The rows cannot be read again.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The solver gave up.
    #[error("{0}")]
    GaveUp(String),
}

impl Solution {
    fn new(method: Method, coefficients: Vec<f64>, evaluation: &Evaluation, rows: usize) -> Self {
        let gradient_norm = evaluation.gradient_norm(rows);
        Self {
            method,
            coefficients,
            standard_errors: None,
            iterations: 0,
            passes: 0,
            objective: evaluation.value,
            gradient_norm: Some(gradient_norm),
            converged: gradient_norm <= GRADIENT_BOUND,
        }
    }
}

/// The method that a solver's name stands for; of our own two the one that is likely to be done first.
pub(super) fn method(solver: Solver, design: &Design) -> Method {
    match solver {
        Solver::Newton => Method::Newton,
        Solver::Lbfgs => Method::Lbfgs,
        Solver::Linfa => Method::Linfa,
        // Without a cluster the rows are here.
        Solver::Auto | Solver::Spark => {
            let (rows, width) = (design.rows() as f64, design.width() as f64);
            let pass = |order| rows * design.shape().multiply_adds(order) as f64;
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
    if design.unpenalised() == 1 {
        let positives = positives as f64;
        coefficients[0] = (positives / (design.rows() as f64 - positives)).ln();
    }
    coefficients
}

#[cfg(test)]
mod tests;
