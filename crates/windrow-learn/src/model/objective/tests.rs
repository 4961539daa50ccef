use super::*;
use crate::model::samples::{joined_design, mixed_design};

const READABLE: &str = "memory can be read";

fn of_order(order: Order, design: &Design, l2: f64, coefficients: &[f64]) -> Evaluation {
    let mut objective = Objective::new(design, l2, order);
    let mut evaluation = objective.evaluation();
    objective.evaluate(coefficients, &mut evaluation).expect(READABLE);
    evaluation
}

fn evaluate(design: &Design, l2: f64, coefficients: &[f64]) -> Evaluation {
    let evaluation = of_order(Order::Hessian, design, l2, coefficients);
    // The gradient is the same without the Hessian.
    let gradient_only = of_order(Order::Gradient, design, l2, coefficients);
    assert!((gradient_only.value / evaluation.value - 1.0).abs() < 1e-14);
    for (a, b) in gradient_only.gradient.iter().zip(&evaluation.gradient) {
        assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a} {b}");
    }
    evaluation
}

fn test_point(width: usize) -> Vec<f64> {
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
    let design = mixed_design(700);
    let w = test_point(design.width());
    let (log_odds, labels) = design.log_odds(&w).expect(READABLE);
    let losses = log_odds.into_iter().zip(labels).map(|(z, positive)| {
        let s = if positive { 1.0 } else { -1.0 };
        (1.0 + f64::exp(-s * z)).ln()
    });
    let penalty = 2.5 / 2.0 * w[1..].iter().map(|w| w * w).sum::<f64>();
    let expected = losses.sum::<f64>() + penalty;
    assert!((evaluate(&design, 2.5, &w).value / expected - 1.0).abs() < 1e-13);
}

#[test]
fn gradient_and_hessian_are_the_central_differences() {
    const STEP: f64 = 1e-5;
    let design = mixed_design(700);
    let w = test_point(design.width());
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

/// The loss of one row with one number and a weight of 1, and its derivative by that weight.
fn one_row(x: f64, positive: bool) -> (f64, f64) {
    let design = Design::from_dense(&ndarray::array![[x]], &[positive]);
    let evaluation = of_order(Order::Hessian, &design, 0.0, &[0.0, 1.0]);
    (evaluation.value, evaluation.gradient[1])
}

#[test]
fn a_row_far_out_neither_overflows_nor_loses_its_digits() {
    for (log_odds, positive, loss, slope) in [
        (800.0, true, 0.0, 0.0),
        (800.0, false, 800.0, 1.0),
        (-800.0, true, 800.0, -1.0),
        (1e150, false, 1e150, 1.0),
        (0.0, true, std::f64::consts::LN_2, -0.5),
        (-0.0, false, std::f64::consts::LN_2, 0.5),
    ] {
        let (value, derivative) = one_row(log_odds, positive);
        // The gradient is the slope times the one number.
        let slope_here = if log_odds == 0.0 { 0.0 } else { slope * log_odds };
        assert!((value - loss).abs() <= 1e-15 * loss, "{log_odds} {positive}: {value}");
        let apart = (derivative - slope_here).abs();
        assert!(apart <= 1e-15 * slope_here.abs() + 1e-300, "{log_odds} {positive}: {derivative}");
        assert!((row_loss(log_odds, positive) - loss).abs() <= 1e-15 * loss);
    }
    let tiny = (-40.0_f64).exp();
    assert!((row_loss(40.0, true) / tiny - 1.0).abs() < 1e-12);
    assert!((one_row(40.0, true).1 / (-40.0 * tiny) - 1.0).abs() < 1e-12);
}

#[test]
fn rows_that_do_not_fill_a_vector_or_a_tile_count_once() {
    // The sums equal those of plain loops, for any number of rows and columns.
    for (rows, columns) in [(1, 1), (127, 2), (128, 3), (129, 6), (300, 7), (257, 13), (64, 30), (5_000, 41)] {
        let records = ndarray::Array2::from_shape_fn((rows, columns), |(r, c)| ((r * (c + 2)) as f64 * 0.61).sin());
        let labels: Vec<bool> = (0..rows).map(|row| row % 3 == 0).collect();
        let design = Design::from_dense(&records, &labels);
        let w = test_point(design.width());
        let here = evaluate(&design, 0.0, &w);
        let x = |row: usize, i: usize| if i == 0 { 1.0 } else { records[[row, i - 1]] };
        for i in 0..design.width() {
            for j in 0..=i {
                let terms = (0..rows).map(|row| {
                    let z: f64 = (0..design.width()).map(|k| w[k] * x(row, k)).sum();
                    let p = 1.0 / (1.0 + (-z).exp());
                    p * (1.0 - p) * x(row, i) * x(row, j)
                });
                let (found, expected) = (here.hessian[row_start(i) + j], terms.sum::<f64>());
                assert!((found - expected).abs() < 1e-10 * rows as f64, "{rows} {columns}: {i} {j}");
            }
        }
    }
}

#[test]
fn joined_features_have_the_sums_of_their_levels() {
    let design = joined_design(8_000);
    assert!(design.shape.joints.len() < design.shape.first.len());
    let w = test_point(design.width());
    let here = evaluate(&design, 2.0, &w);
    let (matrix, labels) = design.to_dense().expect(READABLE);
    let x = |row: usize, i: usize| if i == 0 { 1.0 } else { matrix[[row, i - 1]] };
    let z = |row: usize| (0..w.len()).map(|i| w[i] * x(row, i)).sum::<f64>();
    let p: Vec<f64> = (0..design.rows).map(|row| 1.0 / (1.0 + (-z(row)).exp())).collect();
    for (i, weight) in w.iter().enumerate() {
        let penalty = if i == 0 { 0.0 } else { 2.0 };
        let slope: f64 = (0..design.rows).map(|row| (p[row] - f64::from(labels[row])) * x(row, i)).sum();
        assert!((here.gradient[i] - slope - penalty * weight).abs() < 1e-8, "gradient {i}");
        for j in 0..=i {
            let curvature: f64 = (0..design.rows).map(|row| p[row] * (1.0 - p[row]) * x(row, i) * x(row, j)).sum();
            let expected = curvature + if i == j { penalty } else { 0.0 };
            assert!((here.hessian[row_start(i) + j] - expected).abs() < 1e-8, "Hessian {i} {j}");
        }
    }
}

#[test]
fn a_sample_is_scaled_to_all_rows() {
    let design = mixed_design(20_000);
    let w = test_point(design.width());
    let all = evaluate(&design, 1.0, &w);
    for stride in [2, 4, 16] {
        let rows = design.sample_rows(stride);
        assert!(rows.abs_diff(design.rows / stride) < design.pieces() + 1, "{stride}: {rows}");
        let mut sample = Objective::on_sample(&design, 1.0, Order::Hessian, stride);
        let mut here = sample.evaluation();
        sample.evaluate(&w, &mut here).expect(READABLE);
        assert!((here.value / all.value - 1.0).abs() < 0.1, "{stride}: {} and {}", here.value, all.value);
        assert!((here.hessian[0] / all.hessian[0] - 1.0).abs() < 0.1, "{stride}");
        // At 0, each row has a curvature of a quarter, so the sum shows how many rows were read.
        sample.evaluate(&vec![0.0; w.len()], &mut here).expect(READABLE);
        assert!((here.hessian[0] / (design.rows as f64 / 4.0) - 1.0).abs() < 1e-12, "{stride}: {}", here.hessian[0]);
    }
    // Each row has one level of each feature.
    let squares = design.squares().expect(READABLE);
    let counts: f64 = squares[design.shape.numbers..].iter().sum();
    assert_eq!(counts, (design.rows * design.shape.first.len()) as f64);
    // The samples of all places are all rows.
    assert_eq!(design.sample_rows(1), design.rows);
}

#[test]
fn many_blocks_give_the_same_bytes_on_any_number_of_threads() {
    let design = mixed_design(20_000);
    let w = test_point(design.width());
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let evaluation = pool.install(|| evaluate(&design, 1.0, &w));
        let numbers = [vec![evaluation.value], evaluation.gradient, evaluation.hessian].concat();
        numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    assert!(Objective::new(&design, 1.0, Order::Hessian).blocks.len() > 3);
    assert_eq!(on(1), on(4));
}

#[test]
fn a_gradient_that_is_not_a_number_is_no_optimum() {
    let evaluation = Evaluation { value: 0.0, gradient: vec![0.0, f64::NAN], hessian: Vec::new() };
    assert_eq!(evaluation.gradient_norm(10), f64::INFINITY);
}
