//! Factors of a Hessian.
//!
//! The factorisation is faer's: blocked and vectorised, so that at a thousand coefficients it takes a twentieth of the
//! time that nalgebra's column by column takes; pure Rust; and on one thread, hence the same bytes each time.

use faer::linalg::solvers::{DenseSolveCore, Llt, Solve};
use faer::{Mat, Side};

use crate::model::objective::{Evaluation, row_start};

/// A column of which less than this share is not told by the columns before it is taken for collinear.
const COLLINEAR: f64 = 1e-11;
/// Shares by which the diagonal of a Hessian that has no inverse is raised, until it has one.
const DAMPINGS: [f64; 9] = [0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4];

/// Where to go from a point.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) direction: Vec<f64>,
    /// g.H^-1.g, twice what a step can still gain.
    pub(super) decrement: f64,
    /// Whether the diagonal had to be raised.
    pub(super) damped: bool,
}

impl Step {
    /// Solves H d = -g. Where columns are collinear and nothing is penalised, H has no inverse; its diagonal is then raised
    /// until it has.
    pub(super) fn from(at: &Evaluation) -> Option<Self> {
        DAMPINGS.iter().find_map(|damping| {
            let factors = factors(at, *damping)?;
            let mut direction = Mat::from_fn(at.gradient.len(), 1, |row, _| -at.gradient[row]);
            factors.solve_in_place(direction.as_mut());
            let direction: Vec<f64> = (0..at.gradient.len()).map(|row| direction[(row, 0)]).collect();
            let decrement = -at.gradient.iter().zip(&direction).map(|(slope, change)| slope * change).sum::<f64>();
            let is_descent = decrement >= 0.0 && direction.iter().all(|change| change.is_finite());
            is_descent.then_some(Self { direction, decrement, damped: *damping > 0.0 })
        })
    }
}

/// The square roots of the diagonal of H^-1; `None` where H has no inverse.
pub(super) fn standard_errors(at: &Evaluation) -> Option<Vec<f64>> {
    let inverse = factors(at, 0.0)?.inverse();
    let errors: Vec<f64> = (0..at.gradient.len()).map(|row| inverse[(row, row)].sqrt()).collect();
    errors.iter().all(|error| error.is_finite()).then_some(errors)
}

fn factors(at: &Evaluation, damping: f64) -> Option<Llt<f64>> {
    let width = at.gradient.len();
    let diagonal = |row: usize| {
        let curvature = at.hessian[row_start(row) + row];
        // A column without curvature, as of a level that no row has, stays where it is: its slope is 0 too.
        if curvature > f64::MIN_POSITIVE { curvature * (1.0 + damping) } else { 1.0 }
    };
    let matrix = Mat::from_fn(width, width, |row, column| match row.cmp(&column) {
        std::cmp::Ordering::Greater => at.hessian[row_start(row) + column],
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => diagonal(row),
    });
    let factors = Llt::new(matrix.as_ref(), Side::Lower).ok()?;
    let pivots = factors.L();
    // Also false for NaN.
    let is_sound = (0..width).all(|row| pivots[(row, row)].powi(2) >= COLLINEAR * matrix[(row, row)]);
    is_sound.then_some(factors)
}
