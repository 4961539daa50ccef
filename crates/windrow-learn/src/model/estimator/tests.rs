use linfa::Dataset;
use linfa::prelude::Predict;
use linfa_logistic::LogisticRegression;
use ndarray::{Array2, array};

use super::*;

fn records() -> Array2<f64> {
    Array2::from_shape_fn((200, 3), |(row, column)| ((row * (column + 3)) as f64 * 0.37).sin())
}

/// Positive where a weighted sum is above `bound`, but for every ninth row, so that no plane divides the classes.
fn labels(records: &Array2<f64>, bound: f64) -> Array1<bool> {
    let sum = |row: usize| 2.0 * records[[row, 0]] - records[[row, 1]];
    (0..records.nrows()).map(|row| (sum(row) > bound) != (row % 9 == 0)).collect()
}

#[test]
fn it_stands_where_linfa_logistic_stands() {
    for (bound, positive_majority) in [(1.0, false), (-1.0, true)] {
        let targets = labels(&records(), bound);
        assert_eq!(targets.iter().filter(|label| **label).count() > 100, positive_majority);
        let dataset = Dataset::new(records(), targets);
        let ours = LogisticNewton::new().alpha(0.5).fit(&dataset).expect("a model");
        let theirs = LogisticRegression::default().alpha(0.5).gradient_tolerance(1e-8).max_iterations(1_000);
        let theirs = theirs.fit(&dataset).expect("a model");
        assert!(ours.converged());
        // linfa-logistic speaks for the majority, Windrow's estimator for the greater class.
        let sign = if theirs.labels().pos.class { 1.0 } else { -1.0 };
        assert!((ours.intercept() - sign * theirs.intercept()).abs() < 1e-6);
        assert!((ours.params() - sign * theirs.params()).iter().all(|apart| apart.abs() < 1e-6));
        assert_eq!(ours.predict(dataset.records()), theirs.predict(dataset.records()));
    }
}

#[test]
fn any_two_classes_will_do() {
    let targets = labels(&records(), 0.0).mapv(|label| if label { "yes" } else { "no" });
    let dataset = Dataset::new(records(), targets.clone());
    let fitted = LogisticNewton::new().fit(&dataset).expect("a model");
    assert_eq!(*fitted.positive_class(), "yes");
    let answers = fitted.predict(&records());
    let right = answers.iter().zip(&targets).filter(|(a, b)| a == b).count();
    assert!(right > 160, "{right}");
    let probabilities = fitted.predict_probabilities(&records());
    assert!(answers.iter().zip(&probabilities).all(|(answer, p)| (*answer == "yes") == (*p >= 0.5)));
    assert!(fitted.set_threshold(1.1).predict(&records()).iter().all(|answer| *answer == "no"));
}

#[test]
fn without_an_intercept_every_column_is_penalised() {
    let with_ones = ndarray::concatenate![ndarray::Axis(1), records(), Array2::ones((200, 1))];
    let targets = labels(&records(), 0.7);
    let ours = LogisticNewton::new().with_intercept(false).fit(&Dataset::new(with_ones.clone(), targets.clone()));
    let theirs = LogisticRegression::default().with_intercept(false).gradient_tolerance(1e-8).max_iterations(1_000);
    let theirs = theirs.fit(&Dataset::new(with_ones, targets)).expect("a model");
    let ours = ours.expect("a model");
    let sign = if theirs.labels().pos.class { 1.0 } else { -1.0 };
    assert_eq!(ours.intercept(), 0.0);
    assert!((ours.params() - sign * theirs.params()).iter().all(|apart| apart.abs() < 1e-6));
}

#[test]
fn the_step_limit_is_kept_and_told() {
    let dataset = Dataset::new(records(), labels(&records(), 0.0));
    let fitted = LogisticNewton::new().max_iterations(1).fit(&dataset).expect("a model all the same");
    assert!(!fitted.converged());
}

#[test]
fn what_cannot_be_fitted_is_told() {
    let fit = |alpha, records: Array2<f64>, targets: Vec<u8>| {
        let dataset = DatasetBase::new(records, Array1::from_vec(targets));
        LogisticNewton::new().alpha(alpha).fit(&dataset).expect_err("no model").to_string()
    };
    let good = || array![[1.0], [2.0]];
    for (told, expected) in [
        (fit(-1.0, good(), vec![0, 1]), "alpha must be a finite number of at least 0, not -1"),
        (fit(f64::NAN, good(), vec![0, 1]), "alpha must be a finite number of at least 0, not NaN"),
        (fit(1.0, array![[1.0], [f64::NAN]], vec![0, 1]), "the records hold values that are not finite"),
        (fit(1.0, good(), vec![1, 1]), "the targets hold 1 classes, and a binary classifier needs 2"),
        (
            fit(1.0, array![[1.0], [2.0], [3.0]], vec![1, 2, 3]),
            "the targets hold 3 classes, and a binary classifier needs 2",
        ),
    ] {
        assert_eq!(told, expected);
    }
}
