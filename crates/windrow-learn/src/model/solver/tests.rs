use ndarray::{Array2, array};

use super::*;
use crate::model::design::Design;
use crate::model::samples::{design, flights, mixed_design, wide_design};

const OBJECTIVE_TOLERANCE: f64 = 1e-6;

fn positives(design: &Design) -> usize {
    let (_, labels) = design.log_odds(&vec![0.0; design.width()]).expect("memory can be read");
    labels.iter().filter(|label| **label).count()
}

fn by(method: Method, design: &Design, l2: f64) -> Solution {
    let start = Start { coefficients: from_share(design, positives(design)), is_near: false };
    minimise(method, design, l2, start, Finish::Verified).expect("an answer")
}

fn newton(design: &Design, l2: f64) -> Solution {
    by(Method::Newton, design, l2)
}

fn linfa(design: &Design, l2: f64) -> Solution {
    by(Method::Linfa, design, l2)
}

fn from(design: &Design, limit: u64, start: Vec<f64>) -> Solution {
    newton::minimise(design, 1.0, limit, start, Finish::Verified).expect("memory can be read")
}

fn dense(records: &Array2<f64>, labels: &[bool]) -> Design {
    Design::from_dense(records, labels)
}

#[test]
fn both_solvers_find_the_same_optimum_whichever_class_is_the_larger() {
    for (rule, positive_majority) in [("at_least = 15", false), ("at_least = -30", true)] {
        let (schema, frames, settings) = flights(rule);
        // Only one window, because linfa-logistic is slow without compiler optimisation.
        let (_, design) = design(&schema, &frames[..1], &settings);
        assert_eq!(positives(&design) * 2 > design.rows, positive_majority, "{rule}");
        let (newton, linfa) = (newton(&design, settings.l2[0]), linfa(&design, settings.l2[0]));
        let lbfgs = by(Method::Lbfgs, &design, settings.l2[0]);
        assert!(lbfgs.converged, "{rule}: {:?} after {}", lbfgs.gradient_norm, lbfgs.passes);
        let apart = (newton.objective - lbfgs.objective).abs() / design.rows as f64;
        assert!(apart < OBJECTIVE_TOLERANCE / 1000.0, "{rule}");
        assert!(newton.converged && linfa.converged, "{rule}: {:?} {:?}", newton.gradient_norm, linfa.gradient_norm);
        let apart = (newton.objective - linfa.objective).abs() / design.rows as f64;
        assert!(apart < OBJECTIVE_TOLERANCE, "{rule}: {} and {}", newton.objective, linfa.objective);
        assert!(newton.objective <= linfa.objective + 1e-9, "{rule}: Newton's is the better optimum");
        let far = newton.coefficients.iter().zip(&linfa.coefficients).map(|(a, b)| (a - b).abs());
        assert!(far.fold(0.0, f64::max) < 1e-3, "{rule}: the coefficients differ");
    }
}

#[test]
fn swapping_the_classes_negates_the_coefficients() {
    let solve = |rule: &str| {
        let (schema, frames, settings) = flights(rule);
        let (_, design) = design(&schema, &frames, &settings);
        newton(&design, settings.l2[0])
    };
    let (late, punctual) = (solve("at_least = 15"), solve("below = 15"));
    for (a, b) in late.coefficients.iter().zip(&punctual.coefficients) {
        assert!((a + b).abs() < 1e-7, "{a} {b}");
    }
}

#[test]
fn a_step_limit_of_one_is_not_called_an_optimum() {
    let (schema, frames, settings) = flights("at_least = 15");
    let (_, design) = design(&schema, &frames, &settings);
    let newton = from(&design, 1, from_share(&design, positives(&design)));
    assert_eq!((newton.iterations, newton.converged), (1, false), "{:?}", newton.gradient_norm);
    let linfa = linfa::minimise(&design, settings.l2[0], 1).expect("linfa-logistic says Ok all the same");
    assert!(!linfa.converged, "{:?}", linfa.gradient_norm);
}

#[test]
fn a_start_at_the_optimum_takes_no_step() {
    let design = mixed_design(1_000);
    let cold = newton(&design, 1.0);
    let warm = from(&design, newton::STEP_LIMIT, cold.coefficients.clone());
    assert!(cold.iterations > 0 && cold.converged);
    assert_eq!((warm.iterations, warm.coefficients), (0, cold.coefficients));
}

#[test]
fn a_bad_start_does_not_prevent_convergence() {
    let design = mixed_design(1_000);
    let cold = newton(&design, 1.0);
    // The start is so far off that nearly every row's curvature vanishes.
    let start: Vec<f64> = (0..design.width()).map(|index| if index % 2 == 0 { 30.0 } else { -30.0 }).collect();
    let warm = from(&design, newton::STEP_LIMIT, start);
    assert!(warm.converged, "{:?}", warm.gradient_norm);
    assert!((warm.objective / cold.objective - 1.0).abs() < 1e-12);
}

#[test]
fn separable_rows_do_not_make_it_diverge() {
    let records = Array2::from_shape_fn((40, 1), |(row, _)| row as f64 - 19.5);
    let labels: Vec<bool> = (0..40).map(|row| row >= 20).collect();
    let design = dense(&records, &labels);
    let unpenalised = newton(&design, 0.0);
    assert!(unpenalised.coefficients.iter().all(|w| w.is_finite()));
    assert!(unpenalised.objective < 1e-5, "{}", unpenalised.objective);
    let (newton, linfa) = (newton(&design, 0.1), linfa(&design, 0.1));
    assert!(newton.converged && linfa.converged);
    assert!((newton.objective - linfa.objective).abs() < 40.0 * OBJECTIVE_TOLERANCE);
}

#[test]
fn one_row_of_each_class_is_enough_to_solve() {
    // The rows are symmetric, so b = 0. With x1 = 1 and x2 = -1, the optimum has 2 * sigmoid(-w) = l2 * w.
    let solution = newton(&dense(&array![[1.0], [-1.0]], &[true, false]), 1.0);
    let w = solution.coefficients[1];
    assert!(solution.converged && solution.coefficients[0].abs() < 1e-12);
    assert!((2.0 / (1.0 + w.exp()) - w).abs() < 1e-7, "{w}");
}

#[test]
fn collinear_and_constant_columns_need_no_penalty() {
    // The third column is the sum of the first two, the fourth is constant like the intercept, the fifth is empty.
    let cell = |row: usize, column: usize| {
        let (a, b) = ((row as f64 * 0.37).sin(), (row as f64 * 0.73).cos());
        [a, b, a + b, 5.0, 0.0][column]
    };
    let records = Array2::from_shape_fn((300, 5), |(row, column)| cell(row, column));
    let labels: Vec<bool> = (0..300).map(|r| (r * 7919) % 100 < 30 + 30 * usize::from(cell(r, 0) > 0.0)).collect();
    let all = newton(&dense(&records, &labels), 0.0);
    let two = newton(&dense(&Array2::from_shape_fn((300, 2), |(row, column)| cell(row, column)), &labels), 0.0);
    assert!(all.converged && two.converged, "{:?} {:?}", all.gradient_norm, two.gradient_norm);
    assert!((all.objective / two.objective - 1.0).abs() < 1e-10, "{} {}", all.objective, two.objective);
    assert!(all.coefficients.iter().all(|w| w.abs() < 1e3), "{:?}", all.coefficients);
}

#[test]
fn a_column_that_is_all_but_collinear_gets_no_wild_weight() {
    // The difference between the third column and the sum of the others is too small for a Cholesky pivot to show.
    let noise = |row: usize| 1e-8 * ((row * row) as f64).sin();
    let cell = |row: usize, column: usize| {
        let (a, b) = ((row as f64 * 0.37).sin(), (row as f64 * 0.73).cos());
        [a, b, a + b + noise(row)][column]
    };
    let records = Array2::from_shape_fn((300, 3), |(row, column)| cell(row, column));
    let labels: Vec<bool> = (0..300).map(|row| (row * 7919) % 100 < 40 || cell(row, 0) > 0.8).collect();
    let solution = newton(&dense(&records, &labels), 0.0);
    assert!(solution.converged && solution.iterations < 20, "{:?} {}", solution.gradient_norm, solution.iterations);
    assert!(solution.coefficients.iter().all(|w| w.abs() < 1e3), "{:?}", solution.coefficients);
}

#[test]
fn one_hot_levels_without_a_penalty_are_collinear_and_solved() {
    let (schema, frames, settings) = flights("at_least = 15");
    let (_, design) = design(&schema, &frames, &settings);
    let solution = newton(&design, 0.0);
    assert!(solution.converged, "{:?}", solution.gradient_norm);
    assert!(solution.objective < newton(&design, 1.0).objective);
    assert!(solution.coefficients.iter().all(|w| w.abs() < 100.0), "{:?}", solution.coefficients);
}

#[test]
fn scales_from_a_millionth_to_a_million_are_solved() {
    let wave = |row: usize, column: usize| ((row * (column + 2)) as f64 * 0.61).sin();
    let labels: Vec<bool> = (0..400).map(|row| wave(row, 0) + wave(row, 3) > wave(row, 5)).collect();
    let scaled = |exponent: fn(usize) -> i32| {
        let records = Array2::from_shape_fn((400, 5), |(r, c)| 10_f64.powi(exponent(c)) * wave(r, c));
        newton(&dense(&records, &labels), 0.0)
    };
    let plain = scaled(|_| 0);
    let wild = scaled(|column| [6, -6, 0, 3, -3][column]);
    assert!(plain.converged && wild.objective.is_finite());
    // Without a penalty, the optimum does not depend on the scale of the columns.
    assert!((plain.objective / wild.objective - 1.0).abs() < 1e-9, "{} {}", plain.objective, wild.objective);
    let penalised = newton(&dense(&Array2::from_shape_fn((400, 5), |(r, c)| 1e6 * wave(r, c)), &labels), 1.0);
    assert!(penalised.objective <= 400.0 * std::f64::consts::LN_2);
}

#[test]
fn errors_of_linfa_are_reported() {
    let result = linfa::minimise(&dense(&array![[1.0], [2.0]], &[true, true]), 1.0, linfa::STEP_LIMIT);
    let expected = "linfa-logistic failed: Fewer than two classes for logistic regression";
    assert_eq!(result.expect_err("one class").to_string(), expected);
}

#[test]
fn the_cheaper_method_is_taken() {
    let few = mixed_design(1_000);
    assert_eq!(method(Solver::Auto, &few), Method::Newton);
    let wide = |columns: usize| dense(&Array2::zeros((columns / 2, columns)), &vec![true; columns / 2]);
    // The Hessian is too large, and factoring it would cost more than passes over a few rows.
    assert_eq!(method(Solver::Auto, &wide(6_000)), Method::Lbfgs);
    let chosen = [Solver::Newton, Solver::Lbfgs, Solver::Linfa].map(|solver| method(solver, &few));
    assert_eq!(chosen, [Method::Newton, Method::Lbfgs, Method::Linfa]);
}

#[test]
fn standard_errors_are_those_of_the_inverse_hessian() {
    // The log-odds of a share p of n rows has a standard error of 1 / sqrt(n p (1 - p)).
    let labels: Vec<bool> = (0..400).map(|row| row % 4 == 0).collect();
    let solution = newton(&dense(&Array2::zeros((400, 1)), &labels), 2.0);
    let errors = solution.standard_errors.expect("there is an inverse");
    assert!((errors[0] - 1.0 / (400.0 * 0.25 * 0.75_f64).sqrt()).abs() < 1e-10, "{errors:?}");
    // A column of zeros has only the curvature of the penalty.
    assert!((errors[1] - 1.0 / 2.0_f64.sqrt()).abs() < 1e-10, "{errors:?}");
}

#[test]
fn collinear_columns_without_a_penalty_have_no_standard_errors() {
    let records = Array2::from_shape_fn((300, 2), |(row, _)| (row as f64 * 0.37).sin());
    let labels: Vec<bool> = (0..300).map(|row| (row * 7919) % 100 < 40).collect();
    let design = dense(&records, &labels);
    assert_eq!(newton(&design, 0.0).standard_errors, None);
    assert!(newton(&design, 1.0).standard_errors.is_some());
}

/// Returns the largest difference between two vectors.
fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn finished(design: &Design, start: Vec<f64>, is_near: bool, finish: Finish) -> Solution {
    minimise(Method::Newton, design, 1.0, Start { coefficients: start, is_near }, finish).expect("memory can be read")
}

#[test]
fn many_categories_are_solved_with_few_hessians_to_the_same_optimum() {
    let design = wide_design(64_000);
    assert_eq!(subsampled::stride(&design), Some(4), "{} coefficients", design.width());
    let cold = from_share(&design, positives(&design));
    // Newton's method with the Hessian of all rows, and the last step twice.
    let newton = from(&design, newton::STEP_LIMIT, cold.clone());
    let exact = from(&design, newton::STEP_LIMIT, newton.coefficients.clone()).coefficients;
    let verified = finished(&design, cold.clone(), false, Finish::Verified);
    assert!(verified.converged && verified.gradient_norm.is_some_and(|norm| norm < 1e-12), "{verified:?}");
    assert!(largest_difference(&verified.coefficients, &exact) < 1e-9);
    let (errors, expected) = (verified.standard_errors.expect("errors"), newton.standard_errors.expect("errors"));
    assert!(largest_difference(&errors, &expected) < 1e-6);
    // The same start gives the same bytes on any number of threads.
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| finished(&design, cold.clone(), false, Finish::Losses).coefficients)
    };
    let (one, four) = (on(1), on(4));
    assert_eq!(one, four);
    // Any start gives the same losses.
    let far: Vec<f64> = cold.iter().enumerate().map(|(at, w)| w + (at as f64 * 1.7).sin()).collect();
    for start in [exact.clone(), cold.clone(), far] {
        let found = finished(&design, start, true, Finish::Losses);
        assert!(found.converged && largest_difference(&found.coefficients, &exact) < 1e-7, "{found:?}");
    }
}

#[test]
fn a_start_far_off_falls_back_to_newtons_steps() {
    let design = wide_design(64_000);
    let exact = finished(&design, from_share(&design, positives(&design)), false, Finish::Verified);
    let start: Vec<f64> = (0..design.width()).map(|index| if index % 2 == 0 { 30.0 } else { -30.0 }).collect();
    let found = finished(&design, start, true, Finish::Verified);
    assert!(found.converged, "{:?}", found.gradient_norm);
    assert!(largest_difference(&found.coefficients, &exact.coefficients) < 1e-8);
}

#[test]
fn few_rows_or_few_categories_take_whole_hessians() {
    assert_eq!(subsampled::stride(&wide_design(20_000)), None);
    assert_eq!(subsampled::stride(&mixed_design(20_000)), None);
}
