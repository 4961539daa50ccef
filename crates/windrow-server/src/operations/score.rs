//! The scores of a model in answers.

use crate::operations::mirror::{Mirror, mirror};
use windrow_learn::model;

// The maker of a score says what `on` is: the score does not know it.
mirror! {
    /// The scores of a model's probabilities on some rows
    struct Score of score: model::Score {
        /// The rows: `holdout` for those that the first fit left out, `window` for all labelled rows of a later window
        on: String = String::new(),
        /// The number of rows scored
        rows: u64,
        /// The number of positive rows among them
        positives: u64,
        /// The area under the ROC curve; left out if all rows have the same class
        auc: Option<f64>,
        /// The average precision; left out without positive rows
        average_precision: Option<f64>,
        /// The mean of -log p(truth), natural logarithm
        log_loss: f64,
        /// The log-loss of always predicting the share of positives in the training rows
        baseline_log_loss: f64,
        /// The Brier score: the mean of (p - truth)^2
        brier: f64,
        /// The share of rows that are labelled correctly at the threshold
        accuracy: f64,
        /// The share of rows that the majority class of the training rows predicts correctly
        baseline_accuracy: f64,
        /// The counts of rows by label and truth, at the threshold
        confusion: Confusion,
        /// The expected calibration error: the mean over rows of |mean probability - positive share| in the row's bin
        calibration_error: f64,
        /// The reliability of the probabilities, in ten bins of equal width
        reliability: Vec<Bin>,
    }

    /// The counts of rows by label and truth
    struct Confusion of matrix: model::ConfusionMatrix {
        true_positives: u64,
        false_positives: u64,
        true_negatives: u64,
        false_negatives: u64,
    }

    /// The rows whose probability is in one tenth of the range
    struct Bin of bin: model::ReliabilityBin {
        /// The lower end of the bin, included
        from: f64,
        /// The upper end of the bin, excluded except for 1
        to: f64,
        /// The number of rows
        rows: u64,
        /// The mean of their probabilities; left out if the bin is empty
        mean_probability: Option<f64>,
        /// The share of positive rows; left out if the bin is empty
        positive_share: Option<f64>,
    }
}
