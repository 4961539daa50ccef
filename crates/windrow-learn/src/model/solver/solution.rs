//! Where a solver ended, and how its answer is judged.

use std::io;

use crate::model::artifact::Method;
use crate::model::objective::Evaluation;

/// The largest gradient norm per row that counts as an optimum. On standardised columns it bounds the distance of the
/// objective per row from its minimum well below the 1e-6 to which solvers must agree.
pub(super) const GRADIENT_BOUND: f64 = 1e-7;
/// Where a solver ended.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct Solution {
    pub(in crate::model) method: Method,
    /// In the design's order.
    pub(in crate::model) coefficients: Vec<f64>,
    /// The standard error of each coefficient, where the Hessian is at hand and has an inverse.
    pub(in crate::model) standard_errors: Option<Vec<f64>>,
    /// Steps taken; 0 where the solver does not tell.
    pub(in crate::model) iterations: u64,
    /// How often the rows were gone through; 0 where the solver does not tell.
    pub(in crate::model) passes: u64,
    pub(in crate::model) objective: f64,
    /// The largest absolute component of the gradient, per row; `None` where the solver does not tell.
    pub(in crate::model) gradient_norm: Option<f64>,
    pub(in crate::model) converged: bool,
}

/// Why there is no solution.
#[derive(Debug, thiserror::Error)]
pub(in crate::model) enum SolveError {
    /// The rows cannot be read again.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The solver gave up.
    #[error("{0}")]
    GaveUp(String),
}

impl Solution {
    pub(super) fn new(method: Method, coefficients: Vec<f64>, evaluation: &Evaluation, rows: usize) -> Self {
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
