//! What finds the optimum of the objective. Every solver's answer is judged by the same evaluation.

pub(super) mod linfa;
pub(super) mod newton;

use crate::model::objective::Evaluation;

/// The largest gradient norm per row that counts as an optimum. On standardised columns it bounds the distance of the
/// objective per row from its minimum well below the 1e-6 to which solvers must agree.
pub(super) const GRADIENT_BOUND: f64 = 1e-7;

/// Where a solver ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    /// In the design's order.
    pub(super) coefficients: Vec<f64>,
    /// Steps taken; 0 where the solver does not tell.
    pub(super) iterations: u64,
    pub(super) objective: f64,
    /// The largest absolute component of the gradient, per row.
    pub(super) gradient_norm: f64,
    pub(super) converged: bool,
}

impl Solution {
    fn judge(coefficients: Vec<f64>, iterations: u64, evaluation: &Evaluation, rows: usize) -> Self {
        let gradient_norm = evaluation.gradient_norm(rows);
        Self {
            coefficients,
            iterations,
            objective: evaluation.value,
            gradient_norm,
            converged: gradient_norm <= GRADIENT_BOUND,
        }
    }
}

#[cfg(test)]
mod tests;
