use super::*;
use crate::model::samples::{design, mixed};

fn evaluate(design: &Design, l2: f64, coefficients: &[f64]) -> Evaluation {
    let mut objective = Objective::new(design, l2);
    let mut evaluation = objective.room();
    objective.evaluate(coefficients, &mut evaluation);
    evaluation
}

fn somewhere(width: usize) -> Vec<f64> {
    (1..=width).map(|index| (index as f64 * 1.3).sin() / 2.0).collect()
}

/// `point` with one coordinate moved.
fn moved(point: &[f64], index: usize, by: f64) -> Vec<f64> {
    let mut point = point.to_vec();
    point[index] += by;
    point
}

#[test]
fn the_value_is_the_formula() {
    let (schema, frames, settings) = mixed(700);
    let (_, design) = design(&schema, &frames, &settings);
    let w = somewhere(design.width());
    let losses = design.log_odds(&w).into_iter().zip(design.labels()).map(|(z, positive)| {
        let s = if *positive { 1.0 } else { -1.0 };
        (1.0 + f64::exp(-s * z)).ln()
    });
    let penalty = 2.5 / 2.0 * w[1..].iter().map(|w| w * w).sum::<f64>();
    let expected = losses.sum::<f64>() + penalty;
    assert!((evaluate(&design, 2.5, &w).value / expected - 1.0).abs() < 1e-13);
}

#[test]
fn gradient_and_hessian_are_the_central_differences() {
    const STEP: f64 = 1e-5;
    let (schema, frames, settings) = mixed(700);
    let (_, design) = design(&schema, &frames, &settings);
    let w = somewhere(design.width());
    for l2 in [0.0, 3.0] {
        let here = evaluate(&design, l2, &w);
        for i in 0..design.width() {
            let after = evaluate(&design, l2, &moved(&w, i, STEP));
            let before = evaluate(&design, l2, &moved(&w, i, -STEP));
            let slope = (after.value - before.value) / (2.0 * STEP);
            assert!((here.gradient[i] - slope).abs() < 1e-5, "gradient {i}: {} {slope}", here.gradient[i]);
            for j in 0..design.width() {
                let expected = (after.gradient[j] - before.gradient[j]) / (2.0 * STEP);
                let found = here.hessian[row_start(i.max(j)) + i.min(j)];
                assert!((found - expected).abs() < 1e-5, "Hessian {i} {j}: {found} {expected}");
            }
        }
    }
}

#[test]
fn a_row_far_out_neither_overflows_nor_loses_its_digits() {
    for (log_odds, positive, loss, slope) in [
        (800.0, true, 0.0, 0.0),
        (800.0, false, 800.0, 1.0),
        (-800.0, true, 800.0, -1.0),
        (f64::MAX, false, f64::MAX, 1.0),
        (f64::INFINITY, true, 0.0, 0.0),
        (0.0, true, std::f64::consts::LN_2, -0.5),
        (-0.0, false, std::f64::consts::LN_2, 0.5),
    ] {
        let term = RowTerm::at(log_odds, positive);
        assert_eq!((term.loss, term.slope), (loss, slope), "{log_odds} {positive}");
        assert!((0.0..=0.25).contains(&term.curvature));
    }
    let term = RowTerm::at(40.0, true);
    let tiny = (-40.0_f64).exp();
    assert!((term.loss / tiny - 1.0).abs() < 1e-12 && (term.slope / -tiny - 1.0).abs() < 1e-12, "{term:?}");
}

#[test]
fn many_blocks_give_the_same_bytes_on_any_number_of_threads() {
    let (schema, frames, settings) = mixed(20_000);
    let (_, design) = design(&schema, &frames, &settings);
    let w = somewhere(design.width());
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let evaluation = pool.install(|| evaluate(&design, 1.0, &w));
        let numbers = [vec![evaluation.value], evaluation.gradient, evaluation.hessian].concat();
        numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    assert!(Objective::new(&design, 1.0).blocks.len() > 3);
    assert_eq!(on(1), on(4));
}

#[test]
fn a_gradient_that_is_not_a_number_is_no_optimum() {
    let evaluation = Evaluation { value: 0.0, gradient: vec![0.0, f64::NAN], hessian: Vec::new() };
    assert_eq!(evaluation.gradient_norm(10), f64::INFINITY);
}
