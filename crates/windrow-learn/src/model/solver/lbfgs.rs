//! L-BFGS, for more coefficients than a Hessian can be stored for. It is argmin's, with the line search of Moré and
//! Thuente, as linfa-logistic uses it.
//!
//! Each coefficient is measured in units of its own curvature. So the coefficient of a level of a hundred rows moves as
//! fast as that of a number of all rows. Without these units, the fit takes many times the passes.

use std::cell::RefCell;
use std::io;

use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::Array1;

use crate::model::design::Design;
use crate::model::kernel::Order;
use crate::model::logistic::Method;
use crate::model::objective::{Evaluation, Objective};
use crate::model::solver::solution::{GRADIENT_BOUND, Solution};

/// The limit of steps, far above what a fit that converges takes.
pub(in crate::model) const STEP_LIMIT: u64 = 10_000;
/// The number of past steps from which the curvature is estimated.
const MEMORY: usize = 20;

/// Minimises the objective in at most `limit` steps from `start`.
pub(in crate::model) fn minimise(design: &Design, l2: f64, limit: u64, start: Vec<f64>) -> io::Result<Solution> {
    let units = units(design, l2)?;
    let mut objective = Objective::new(design, l2, Order::Gradient);
    let mut at = objective.evaluation();
    objective.evaluate(&start, &mut at)?;
    let point = Array1::from_iter(start.iter().zip(&units).map(|(w, unit)| w / unit));
    let best = (start.clone(), at.clone());
    let search = RefCell::new(Search { objective, units: &units, here: start, at, best, failure: None });
    let smallest = units.iter().copied().fold(f64::INFINITY, f64::min);
    let tolerance = GRADIENT_BOUND / 20.0 * design.rows as f64 * smallest;
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
        .with_tolerance_grad(tolerance)
        .and_then(|solver| solver.with_tolerance_cost(0.0));
    // Neither tolerance is negative, so the solver is valid. A line search that finds nothing to gain is a normal end:
    // the best point is judged.
    let ended = solver.and_then(|solver| {
        let problem = Scaled(&search);
        Executor::new(problem, solver).configure(|state| state.param(point).max_iters(limit)).run()
    });
    let iterations = ended.map_or(0, |ended| ended.state.get_iter());
    let Search { objective, best, failure, .. } = search.into_inner();
    if let Some(failure) = failure {
        return Err(failure);
    }
    let (coefficients, evaluation) = best;
    let solution = Solution::new(Method::Lbfgs, coefficients, &evaluation, design.rows);
    // The pass that measured the units counts too.
    Ok(Solution { iterations, passes: objective.passes + 1, ..solution })
}

/// Returns the unit of each coefficient: one over the square root of its curvature where all probabilities are one
/// half.
fn units(design: &Design, l2: f64) -> io::Result<Vec<f64>> {
    let squares = std::iter::once(design.rows as f64).chain(design.squares()?);
    let penalties = std::iter::once(0.0).chain(std::iter::repeat(l2));
    let units = squares.zip(penalties).map(|(sum, penalty)| {
        let curvature = sum / 4.0 + penalty;
        if curvature > f64::MIN_POSITIVE { 1.0 / curvature.sqrt() } else { 1.0 }
    });
    Ok(units.collect())
}

/// The state of the search. argmin asks for the value and the gradient separately, but one pass gives both.
struct Search<'a> {
    objective: Objective<'a>,
    units: &'a [f64],
    here: Vec<f64>,
    at: Evaluation,
    /// The point of the lowest value so far, and the objective there.
    best: (Vec<f64>, Evaluation),
    failure: Option<io::Error>,
}

impl Search<'_> {
    fn move_to(&mut self, point: &Array1<f64>) -> Result<(), Error> {
        let wanted = || point.iter().zip(self.units).map(|(u, unit)| u * unit);
        if wanted().eq(self.here.iter().copied()) {
            return Ok(());
        }
        self.here = wanted().collect();
        if let Err(error) = self.objective.evaluate(&self.here, &mut self.at) {
            self.failure = Some(error);
            return Err(Error::msg("the rows cannot be read again"));
        }
        if self.at.value < self.best.1.value {
            self.best = (self.here.clone(), self.at.clone());
        }
        Ok(())
    }
}

struct Scaled<'a, 'b>(&'a RefCell<Search<'b>>);

impl CostFunction for Scaled<'_, '_> {
    type Param = Array1<f64>;
    type Output = f64;

    fn cost(&self, point: &Self::Param) -> Result<f64, Error> {
        let mut search = self.0.borrow_mut();
        search.move_to(point)?;
        Ok(search.at.value)
    }
}

impl Gradient for Scaled<'_, '_> {
    type Param = Array1<f64>;
    type Gradient = Array1<f64>;

    fn gradient(&self, point: &Self::Param) -> Result<Self::Gradient, Error> {
        let mut search = self.0.borrow_mut();
        search.move_to(point)?;
        Ok(search.at.gradient.iter().zip(search.units).map(|(slope, unit)| slope * unit).collect())
    }
}
