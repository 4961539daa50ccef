//! The solvers that find the optimum of the objective. One evaluation judges the results of all of them.

mod cholesky;
pub(super) mod lbfgs;
pub(super) mod linfa;
pub(super) mod newton;
mod solution;
mod subsampled;

use std::io;

use crate::model::design::Design;
use crate::model::error::{FitError, Unlearnable};
use crate::model::kernel::Order;
use crate::model::logistic::Method;
use windrow_config::Solver;

pub(super) use solution::{Finish, Solution};

/// The most coefficients for Newton's method and linfa-logistic. With more, the Hessian or the dense matrix is too
/// large for a common machine.
pub(super) const MAX_DENSE_COEFFICIENTS: usize = 5_000;
/// The passes that Newton's method takes, as measured on the fixtures. Used only to choose between it and L-BFGS.
const NEWTON_PASSES: f64 = 6.0;
/// The passes that L-BFGS takes, measured in the same way.
const LBFGS_PASSES: f64 = 150.0;
/// The squared Newton decrement, over all rows, from which one Newton step reaches the optimum to ten digits.
const DECREMENT_FOR_NEWTON: f64 = 1e-13;
/// The squared Newton decrement, over all rows, from which one more step makes a score right to the tenth digit.
const DECREMENT_FOR_SCORE: f64 = 1e-9;
/// The squared Newton decrement, over all rows, from which one more step makes the loss of any block of rows right to
/// 1e-7.
const DECREMENT_FOR_LOSSES: f64 = 1e-15;
/// The multiply-adds of a factorisation in a nanosecond.
const FACTOR_SPEED: f64 = 8.0;

/// Returns the method for a solver's name. For `Auto`, it is Newton's method or L-BFGS, whichever is likely to finish
/// first.
pub(super) fn method(solver: Solver, design: &Design) -> Method {
    match solver {
        Solver::Newton => Method::Newton,
        Solver::Lbfgs => Method::Lbfgs,
        Solver::Linfa => Method::Linfa,
        // Without a remote solver, this process reads the rows. A learner outside of it never comes here.
        Solver::Auto | Solver::Spark | Solver::Command => {
            let (rows, width) = (design.rows as f64, design.width() as f64);
            let pass = |order| rows * design.shape.work(order);
            let step = pass(Order::Hessian) + width.powi(3) / 3.0 / FACTOR_SPEED;
            let is_small = design.width() <= MAX_DENSE_COEFFICIENTS;
            let is_cheaper = NEWTON_PASSES * step <= LBFGS_PASSES * pass(Order::Gradient);
            if is_small && is_cheaper { Method::Newton } else { Method::Lbfgs }
        }
    }
}

/// The start of a fit.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// The coefficients, in the order of the design.
    pub(super) coefficients: Vec<f64>,
    /// `true` if they are the optimum of similar rows.
    pub(super) is_near: bool,
}

/// Minimises the objective with a method, from `start` if the method takes a start. The rows must be of both classes.
///
/// # Errors
/// The rows cannot be read again, or the method gives up.
pub(super) fn minimise(
    method: Method,
    design: &Design,
    l2: f64,
    start: Start,
    finish: Finish,
) -> Result<Solution, FitError> {
    match method {
        Method::Newton => Ok(by_newton(design, l2, start, finish)?),
        Method::Lbfgs => Ok(lbfgs::minimise(design, l2, lbfgs::STEP_LIMIT, start.coefficients)?),
        Method::Linfa => linfa::minimise(design, l2, linfa::STEP_LIMIT),
        Method::Spark => Err(Unlearnable::Solver("the solver `spark` cannot run in this process".to_owned()).into()),
    }
}

/// Minimises the objective by Newton's method. If a Hessian costs much more than a gradient, the optimum is approached
/// with the curvature of a sample first. The result follows from the rows and the start, and not from the number of
/// threads.
fn by_newton(design: &Design, l2: f64, start: Start, finish: Finish) -> io::Result<Solution> {
    let Start { coefficients, is_near } = start;
    let newton = |from: Vec<f64>| newton::minimise(design, l2, newton::STEP_LIMIT, from, finish);
    let Some(stride) = subsampled::stride(design) else { return newton(coefficients) };
    let approach =
        |from: Vec<f64>, is_near: bool, enough: f64| subsampled::approach(design, l2, stride, from, is_near, enough);
    let (mut from, mut steps, mut passes) = (coefficients.clone(), 0, 0);
    if !is_near {
        // The curvature of a start far off is not that of the optimum.
        let Some(nearer) = approach(from, false, design.width() as f64 / 10.0)? else { return newton(coefficients) };
        (from, steps, passes) = (nearer.coefficients, nearer.steps, nearer.passes);
    }
    let enough = match finish {
        Finish::Verified => DECREMENT_FOR_NEWTON,
        Finish::Losses => DECREMENT_FOR_LOSSES,
        Finish::Score => DECREMENT_FOR_SCORE,
    };
    let Some(near) = approach(from, true, enough)? else {
        let whole = newton(coefficients)?;
        return Ok(Solution { passes: passes + whole.passes, ..whole });
    };
    (steps, passes) = (steps + near.steps, passes + near.passes);
    if finish != Finish::Verified && near.is_reached {
        let solution = Solution::new(Method::Newton, near.coefficients, &near.before, design.rows);
        return Ok(Solution { converged: true, iterations: steps, passes, ..solution });
    }
    let solution = newton(near.coefficients)?;
    let found = Solution { iterations: steps + solution.iterations, passes: passes + solution.passes, ..solution };
    // A sample can be unlike the rows.
    if found.converged || is_near {
        return Ok(found);
    }
    let cold = newton(coefficients)?;
    Ok(Solution { passes: found.passes + cold.passes, ..cold })
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
