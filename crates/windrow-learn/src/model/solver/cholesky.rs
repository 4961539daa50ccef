//! Factors a Hessian.
//!
//! This is a blocked Cholesky factorisation (Golub and Van Loan, Matrix Computations, 4th edition, section 4.2). A
//! panel of columns is factored column by column. Then one matrix product updates the columns to its right, and does
//! nearly all of the work. The product is ndarray's, which is vectorised. It runs on one thread, so the result has the
//! same bytes each time.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder as _};

use crate::model::objective::{Evaluation, row_start};

/// The share of a column's diagonal that must remain after the columns before it. With less, the column counts as
/// collinear.
const COLLINEAR: f64 = 1e-11;
/// The shares by which the diagonal of a Hessian without an inverse is raised. They are tried in this order.
const DAMPINGS: [f64; 9] = [0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4];
/// The number of columns in a panel: few, because they are factored one by one, but enough to make the product
/// worthwhile.
const PANEL: usize = 48;

/// A step from a point.
pub(super) struct NewtonStep {
    pub(super) direction: Vec<f64>,
    /// g.H^-1.g, which is twice what a step can still gain.
    pub(super) decrement: f64,
    /// `true` if the diagonal was raised.
    pub(super) damped: bool,
}

impl NewtonStep {
    /// Solves H d = -g. If columns are collinear and not penalised, H has no inverse, and its diagonal is raised until
    /// it has. Returns `None` if no step descends.
    pub(super) fn from(at: &Evaluation) -> Option<Self> {
        DAMPINGS.iter().find_map(|damping| {
            let factor = Factor::of(hessian(at, *damping), at.gradient.len())?;
            let mut direction: Vec<f64> = at.gradient.iter().map(|slope| -slope).collect();
            factor.solve(&mut direction);
            let decrement = -at.gradient.iter().zip(&direction).map(|(slope, change)| slope * change).sum::<f64>();
            let is_descent = decrement >= 0.0 && direction.iter().all(|change| change.is_finite());
            is_descent.then_some(Self { direction, decrement, damped: *damping > 0.0 })
        })
    }
}

/// Returns the square roots of the diagonal of H^-1, or `None` if H has no inverse.
pub(super) fn standard_errors(at: &Evaluation) -> Option<Vec<f64>> {
    let errors: Vec<f64> =
        Factor::of(hessian(at, 0.0), at.gradient.len())?.inverse_diagonal().into_iter().map(f64::sqrt).collect();
    errors.iter().all(|error| error.is_finite()).then_some(errors)
}

/// Returns the lower half of H with its diagonal raised, row by row.
fn hessian(at: &Evaluation, damping: f64) -> Vec<f64> {
    let width = at.gradient.len();
    let mut matrix = vec![0.0; width * width];
    for row in 0..width {
        let packed = &at.hessian[row_start(row)..row_start(row + 1)];
        matrix[row * width..][..=row].copy_from_slice(packed);
        let curvature = packed[row];
        // A column without curvature, such as a level that no row has, keeps its coefficient: its slope is 0 too.
        matrix[row * width + row] = if curvature > f64::MIN_POSITIVE { curvature * (1.0 + damping) } else { 1.0 };
    }
    matrix
}

/// The factor L of L L^T, row by row. The entries to the right of its diagonal have no meaning.
pub(super) struct Factor {
    width: usize,
    lower: Vec<f64>,
}

impl Factor {
    /// Factors a symmetric matrix that is given by its lower half, row by row. Returns `None` if it is not positive
    /// definite, or if a column is nearly collinear with the columns before it.
    pub(super) fn of(mut matrix: Vec<f64>, width: usize) -> Option<Self> {
        let diagonal: Vec<f64> = (0..width).map(|row| matrix[row * width + row]).collect();
        for start in (0..width).step_by(PANEL) {
            let end = (start + PANEL).min(width);
            let panel = factor_panel(&mut matrix, width, start..end, &diagonal)?;
            subtract_product(&mut matrix, width, start..end, &panel);
        }
        Some(Self { width, lower: matrix })
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.lower[row * self.width..][..=row]
    }

    /// Solves L L^T x = b in place.
    pub(super) fn solve(&self, vector: &mut [f64]) {
        for row in 0..self.width {
            let factors = self.row(row);
            let known: f64 = factors[..row].iter().zip(&*vector).map(|(factor, value)| factor * value).sum();
            vector[row] = (vector[row] - known) / factors[row];
        }
        for row in (0..self.width).rev() {
            let factors = self.row(row);
            let value = vector[row] / factors[row];
            vector[row] = value;
            for (before, factor) in vector[..row].iter_mut().zip(factors) {
                *before -= factor * value;
            }
        }
    }

    /// Returns the diagonal of the inverse: the squared lengths of the columns of L^-1.
    fn inverse_diagonal(&self) -> Vec<f64> {
        let width = self.width;
        let mut inverse = vec![0.0; width * width];
        let mut squares = vec![0.0; width];
        // One product computes a band of rows from the rows above it. Within the band, each row is computed from the
        // rows above it.
        for from in (0..width).step_by(PANEL) {
            let to = (from + PANEL).min(width);
            let (above, band) = inverse.split_at_mut(from * width);
            let factors = ArrayView2::from_shape((to - from, from).strides((width, 1)), &self.lower[from * width..]);
            let known = ArrayView2::from_shape((from, from).strides((width, 1)), &*above);
            let target = ArrayViewMut2::from_shape((to - from, from).strides((width, 1)), &mut *band);
            if let (Ok(factors), Ok(known), Ok(mut target)) = (factors, known, target) {
                general_mat_mul(-1.0, &factors, &known, 0.0, &mut target);
            }
            for row in from..to {
                let factors = self.row(row);
                let (done, own) = band.split_at_mut((row - from) * width);
                let own = &mut own[..=row];
                for (known, factor) in done.chunks_exact(width).zip(&factors[from..]) {
                    add_scaled(own, known, -factor);
                }
                own[row] = 1.0;
                for (value, square) in own.iter_mut().zip(&mut squares) {
                    *value /= factors[row];
                    *square += *value * *value;
                }
            }
        }
        squares
    }
}

/// Factors the columns `columns` of a matrix whose earlier columns are factored. Returns them column by column, from
/// the row of the first one.
fn factor_panel(matrix: &mut [f64], width: usize, columns: Range<usize>, diagonal: &[f64]) -> Option<Vec<f64>> {
    let (start, height) = (columns.start, width - columns.start);
    let mut panel = vec![0.0; columns.len() * height];
    for (row, line) in matrix.chunks_exact(width).skip(start).enumerate() {
        for (column, value) in line[columns.clone()].iter().enumerate() {
            panel[column * height + row] = *value;
        }
    }
    for column in 0..columns.len() {
        let (done, rest) = panel.split_at_mut((column + 1) * height);
        let own = &mut done[column * height..];
        let pivot = own[column];
        // NaN fails this test as well.
        if !(pivot > 0.0 && pivot >= COLLINEAR * diagonal[start + column]) {
            return None;
        }
        let root = pivot.sqrt();
        own[column..].iter_mut().for_each(|value| *value /= root);
        for (later, next) in rest.chunks_exact_mut(height).zip(column + 1..) {
            add_scaled(&mut later[next..], &own[next..], -own[next]);
        }
    }
    for (row, line) in matrix.chunks_exact_mut(width).skip(start).enumerate() {
        for (column, value) in line[columns.clone()].iter_mut().enumerate() {
            *value = panel[column * height + row];
        }
    }
    Some(panel)
}

/// Subtracts P P^T from the matrix to the right of a panel P, in bands of rows, each up to the diagonal.
fn subtract_product(matrix: &mut [f64], width: usize, columns: Range<usize>, panel: &[f64]) {
    let (start, end, height) = (columns.start, columns.end, width - columns.start);
    for from in (end..width).step_by(PANEL) {
        let to = (from + PANEL).min(width);
        let band = ArrayView2::from_shape((to - from, columns.len()).strides((1, height)), &panel[from - start..]);
        let across = ArrayView2::from_shape((columns.len(), to - end).strides((height, 1)), &panel[end - start..]);
        let target = &mut matrix[from * width + end..];
        let target = ArrayViewMut2::from_shape((to - from, to - end).strides((width, 1)), target);
        if let (Ok(band), Ok(across), Ok(mut target)) = (band, across, target) {
            general_mat_mul(-1.0, &band, &across, 1.0, &mut target);
        }
    }
}

/// Adds a multiple of one vector to another.
pub(super) fn add_scaled(to: &mut [f64], from: &[f64], scale: f64) {
    for (value, other) in to.iter_mut().zip(from) {
        *value += scale * other;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    fn factor(matrix: &Array2<f64>) -> Option<Factor> {
        Factor::of(matrix.iter().copied().collect(), matrix.nrows())
    }

    /// Returns a positive definite matrix of this width, the same each time.
    fn matrix(width: usize) -> Array2<f64> {
        let mut state = 42_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        let root = Array2::from_shape_fn((width, width), |_| next());
        root.dot(&root.t()) + Array2::<f64>::eye(width)
    }

    #[test]
    fn the_factor_gives_the_matrix_back_and_solves_and_inverts() {
        for width in [1, 2, PANEL - 1, PANEL, PANEL + 1, 2 * PANEL + 5, 200] {
            let matrix = matrix(width);
            let factor = factor(&matrix).expect("positive definite");
            let mut lower = Array2::from_shape_vec((width, width), factor.lower.clone()).expect("a square");
            lower.indexed_iter_mut().filter(|((row, column), _)| column > row).for_each(|(_, value)| *value = 0.0);
            let error = (lower.dot(&lower.t()) - &matrix).mapv(f64::abs).fold(0.0, |most: f64, one| most.max(*one));
            assert!(error < 1e-11 * width as f64, "{width}: {error}");
            let mut solution: Vec<f64> = (0..width).map(|row| row as f64).collect();
            factor.solve(&mut solution);
            let product = matrix.dot(&Array1::from(solution));
            for (row, value) in product.iter().enumerate() {
                assert!((value - row as f64).abs() < 1e-9 * (1.0 + width as f64), "{width}: row {row} is {value}");
            }
            let diagonal = factor.inverse_diagonal();
            for row in [0, width / 2, width - 1] {
                let mut unit = vec![0.0; width];
                unit[row] = 1.0;
                factor.solve(&mut unit);
                assert!((unit[row] - diagonal[row]).abs() < 1e-12, "{width}: {} and {}", unit[row], diagonal[row]);
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_rejected() {
        let width = PANEL + 10;
        for row in [0, 3, PANEL, width - 1] {
            for pivot in [-1.0, f64::NAN] {
                let mut damaged = matrix(width);
                damaged[(row, row)] = pivot;
                assert!(factor(&damaged).is_none());
            }
        }
        // The last column is the sum of two others.
        let mut sum = matrix(width);
        for row in 0..width {
            let value = sum[(row, 0)] + sum[(row, 1)];
            sum[(row, width - 1)] = value;
            sum[(width - 1, row)] = value;
        }
        sum[(width - 1, width - 1)] = sum[(0, 0)] + 2.0 * sum[(0, 1)] + sum[(1, 1)];
        assert!(factor(&sum).is_none());
    }
}
