//! The measures of a model's probabilities on some rows, as they are stored.

use serde::{Deserialize, Serialize};

/// The scores of probabilities on some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The number of rows scored.
    pub rows: u64,
    /// The number of positive rows among them.
    pub positives: u64,
    /// The area under the ROC curve, with ties counted half; `None` if all rows have the same class.
    pub auc: Option<f64>,
    /// The average precision; `None` without a positive row.
    pub average_precision: Option<f64>,
    /// The mean of -log p(truth), with the natural logarithm.
    pub log_loss: f64,
    /// The log-loss of always predicting the share of positives in the training rows.
    pub baseline_log_loss: f64,
    /// The Brier score: the mean of (p - truth)^2.
    pub brier: f64,
    /// The share of rows whose predicted label is the truth.
    pub accuracy: f64,
    /// The share of rows that the majority class of the training rows predicts correctly.
    pub baseline_accuracy: f64,
    /// The counts of predicted labels against the truth, at the threshold.
    pub confusion: ConfusionMatrix,
    /// The expected calibration error: the mean over rows of |mean probability - share of positives| in the row's bin.
    pub calibration_error: f64,
    /// The reliability of the probabilities, in ten bins of equal width.
    pub reliability: Vec<ReliabilityBin>,
}

/// A number of a score, with the function that reads it.
#[derive(Debug, Clone, Copy)]
pub enum ScoreNumber {
    /// A count of rows.
    Count(fn(&Score) -> u64),
    /// A measure of how well a model did; `None` if it is not defined for these rows.
    Measure(fn(&Score) -> Option<f64>),
}

impl Score {
    /// All numbers of a score by name, in the order of a table's columns.
    pub const NUMBERS: [(&str, ScoreNumber); 14] = [
        ("rows", ScoreNumber::Count(|score| score.rows)),
        ("positives", ScoreNumber::Count(|score| score.positives)),
        ("auc", ScoreNumber::Measure(|score| score.auc)),
        ("average_precision", ScoreNumber::Measure(|score| score.average_precision)),
        ("log_loss", ScoreNumber::Measure(|score| Some(score.log_loss))),
        ("baseline_log_loss", ScoreNumber::Measure(|score| Some(score.baseline_log_loss))),
        ("brier", ScoreNumber::Measure(|score| Some(score.brier))),
        ("accuracy", ScoreNumber::Measure(|score| Some(score.accuracy))),
        ("baseline_accuracy", ScoreNumber::Measure(|score| Some(score.baseline_accuracy))),
        ("true_positives", ScoreNumber::Count(|score| score.confusion.true_positives)),
        ("false_positives", ScoreNumber::Count(|score| score.confusion.false_positives)),
        ("true_negatives", ScoreNumber::Count(|score| score.confusion.true_negatives)),
        ("false_negatives", ScoreNumber::Count(|score| score.confusion.false_negatives)),
        ("calibration_error", ScoreNumber::Measure(|score| Some(score.calibration_error))),
    ];
}

/// The counts of rows by predicted label and truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    /// Positive rows labelled positive.
    pub true_positives: u64,
    /// Negative rows labelled positive.
    pub false_positives: u64,
    /// Negative rows labelled negative.
    pub true_negatives: u64,
    /// Positive rows labelled negative.
    pub false_negatives: u64,
}

/// The rows whose probability is in one tenth of the range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The bin's lower end, included.
    pub from: f64,
    /// The bin's upper end, excluded except for 1.
    pub to: f64,
    /// The number of rows.
    pub rows: u64,
    /// The mean of their probabilities; `None` for an empty bin.
    pub mean_probability: Option<f64>,
    /// The share of positive rows; `None` for an empty bin.
    pub positive_share: Option<f64>,
}
