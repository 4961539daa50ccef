use super::*;

// The expected numbers are scikit-learn's, from
//     from sklearn.metrics import roc_auc_score, average_precision_score, log_loss, brier_score_loss
//     z = numpy.array([2.0, 1.0, 1.0, 0.5, 0.0, 0.0, -0.5, -1.0, -1.0, -3.0])
//     y = [1, 1, 0, 1, 0, 1, 0, 0, 1, 0];  p = 1 / (1 + numpy.exp(-z))
//     for f in (roc_auc_score, average_precision_score, log_loss, brier_score_loss): print(f(y, p))
const LOG_ODDS: [f64; 10] = [2.0, 1.0, 1.0, 0.5, 0.0, 0.0, -0.5, -1.0, -1.0, -3.0];
const TRUTH: [bool; 10] = [true, true, false, true, false, true, false, false, true, false];

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-12
}

#[test]
fn measures_equal_those_of_scikit_learn() {
    let score = score(&LOG_ODDS, &TRUTH, 0.5, 0.3).expect("there are rows");
    assert!(close(score.auc.expect("two classes"), 0.74), "{:?}", score.auc);
    let precision = score.average_precision.expect("there are positive rows");
    assert!(close(precision, 0.727_777_777_777_777_9), "{precision}");
    assert!(close(score.log_loss, 0.576_301_044_216_970_9), "{}", score.log_loss);
    assert!(close(score.brier, 0.201_508_473_029_244_02), "{}", score.brier);
}

#[test]
fn labels_and_baselines_are_counted() {
    let score = score(&LOG_ODDS, &TRUTH, 0.5, 0.3).expect("there are rows");
    let expected = ConfusionMatrix { true_positives: 4, false_positives: 2, true_negatives: 3, false_negatives: 1 };
    assert_eq!((score.confusion, score.accuracy, score.rows, score.positives), (expected, 0.7, 10, 5));
    assert!(close(score.baseline_log_loss, -(0.3_f64.ln() + 0.7_f64.ln()) / 2.0), "{}", score.baseline_log_loss);
    // The training rows, not these, determine the majority class.
    let baseline = |share| {
        crate::model::score::score(&[1.0, 1.0, 1.0], &[true, true, false], 0.5, share).map(|s| s.baseline_accuracy)
    };
    assert_eq!((baseline(0.3), baseline(0.6)), (Some(1.0 / 3.0), Some(2.0 / 3.0)));
}

#[test]
fn the_threshold_itself_is_positive() {
    let at = |threshold| score(&[0.0], &[true], threshold, 0.5).map(|score| score.confusion.true_positives);
    assert_eq!((at(0.5), at(0.500_001)), (Some(1), Some(0)));
}

#[test]
fn ten_bins_hold_every_row() {
    let score = score(&LOG_ODDS, &TRUTH, 0.5, 0.3).expect("there are rows");
    let found: Vec<(u64, Option<f64>)> = score.reliability.iter().map(|bin| (bin.rows, bin.positive_share)).collect();
    let half = Some(0.5);
    let expected = [
        (1, Some(0.0)),
        (0, None),
        (2, half),
        (1, Some(0.0)),
        (0, None),
        (2, half),
        (1, Some(1.0)),
        (2, half),
        (1, Some(1.0)),
        (0, None),
    ];
    assert_eq!(found, expected);
    assert_eq!(score.reliability[5].mean_probability, Some(0.5));
    assert_eq!((score.reliability[3].from, score.reliability[9].to), (0.3, 1.0));
}

#[test]
fn no_rows_give_no_score() {
    assert_eq!(score(&[], &[], 0.5, 0.5), None);
}

#[test]
fn certainty_that_is_wrong_costs_much_but_not_infinitely_much() {
    let score = score(&[900.0, -900.0], &[false, true], 0.5, 0.5).expect("there are rows");
    assert_eq!((score.log_loss, score.brier), (900.0, 1.0));
}
