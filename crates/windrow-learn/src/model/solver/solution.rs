//! The result of a solver, and the bound that judges it.

use crate::model::logistic::Method;
use crate::model::objective::Evaluation;

/// The largest gradient norm per row that counts as an optimum. Solvers must agree to 1e-6 in the objective per row. On
/// standardised columns, this bound keeps the objective much closer to its minimum than that.
pub(super) const GRADIENT_BOUND: f64 = 1e-7;

/// The end of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Finish {
    /// The gradient at the optimum is computed, and each coefficient gets a standard error, if the method has them.
    Verified,
    /// The losses of later rows follow from the coefficients, and must not depend on the start. A last step that is short
    /// enough is taken without another pass.
    Losses,
    /// The coefficients serve for a score or as a start.
    Score,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct Solution {
    pub(in crate::model) method: Method,
    /// The coefficients in the design's order.
    pub(in crate::model) coefficients: Vec<f64>,
    /// The standard error of each coefficient, if the Hessian is known and has an inverse.
    pub(in crate::model) standard_errors: Option<Vec<f64>>,
    /// The number of steps taken; 0 if the solver does not report it.
    pub(in crate::model) iterations: u64,
    /// The number of passes over all rows; 0 if the solver does not report it.
    pub(in crate::model) passes: u64,
    pub(in crate::model) objective: f64,
    /// The largest absolute component of the gradient, per row; `None` if the solver does not report it.
    pub(in crate::model) gradient_norm: Option<f64>,
    pub(in crate::model) converged: bool,
}

impl Solution {
    pub(super) fn new(method: Method, coefficients: Vec<f64>, evaluation: &Evaluation, rows: usize) -> Self {
        let norm = evaluation.gradient_norm(rows);
        let (objective, gradient_norm, converged) = (evaluation.value, Some(norm), norm <= GRADIENT_BOUND);
        let (standard_errors, iterations, passes) = (None, 0, 0);
        Self { method, coefficients, standard_errors, iterations, passes, objective, gradient_norm, converged }
    }
}
