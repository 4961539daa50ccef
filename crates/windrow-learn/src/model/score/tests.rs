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
    let found = score(&LOG_ODDS, &TRUTH, 0.5, 0.3).expect("there are rows");
    let expected = ConfusionMatrix { true_positives: 4, false_positives: 2, true_negatives: 3, false_negatives: 1 };
    assert_eq!((found.confusion, found.accuracy, found.rows, found.positives), (expected, 0.7, 10, 5));
    assert!(close(found.baseline_log_loss, -(0.3_f64.ln() + 0.7_f64.ln()) / 2.0), "{}", found.baseline_log_loss);
    // The training rows, not these, determine the majority class.
    let baseline = |share| score(&[1.0; 3], &[true, true, false], 0.5, share).map(|score| score.baseline_accuracy);
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
    let bins = score.reliability.iter().map(|bin| (bin.rows, bin.positive_share));
    let (rows, shares): (Vec<u64>, Vec<Option<f64>>) = bins.unzip();
    assert_eq!(rows, [1, 0, 2, 1, 0, 2, 1, 2, 1, 0]);
    let (zero, half, one) = (Some(0.0), Some(0.5), Some(1.0));
    assert_eq!(shares, [zero, None, half, zero, None, half, one, half, one, None]);
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
