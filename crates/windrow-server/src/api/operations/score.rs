//! The scores of a model in answers.

use crate::api::operations::mirror::{Mirror, mirror};
use windrow_learn::model;

mirror! {
    /// How well probabilities met the truth
    struct Score of score: model::Score, on: &str {
        /// `holdout`: the last rows of its newest window, by a first fit that left them out; `window`: all rows of a later one
        on: String = on.to_owned(),
        /// Rows scored
        rows: u64,
        /// Of these, positive ones
        positives: u64,
        /// Area under the ROC curve; left out where there is one class alone
        auc: Option<f64>,
        /// Average precision; left out where there is no positive row
        average_precision: Option<f64>,
        /// Mean of -log p(truth), natural logarithm
        log_loss: f64,
        /// Log-loss of always answering with the share of positives in the training rows
        baseline_log_loss: f64,
        /// Mean of (p - truth)^2
        brier: f64,
        /// Share of rows labelled rightly at the threshold
        accuracy: f64,
        /// Share of rows that the majority class of the training rows gets right
        baseline_accuracy: f64,
        /// Labels against truth at the threshold
        confusion: Confusion,
        /// Expected calibration error: how far the bins' mean probabilities are from their shares of positives
        calibration_error: f64,
        /// Ten bins of equal width over the probability
        reliability: Vec<Bin>,
    }

    /// Rows by label and truth
    struct Confusion of matrix: model::ConfusionMatrix {
        true_positives: u64,
        false_positives: u64,
        true_negatives: u64,
        false_negatives: u64,
    }

    /// Rows whose probability falls in one tenth of the range
    struct Bin of bin: model::ReliabilityBin {
        from: f64,
        to: f64,
        rows: u64,
        mean_probability: Option<f64>,
        positive_share: Option<f64>,
    }
}
