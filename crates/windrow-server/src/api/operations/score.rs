//! What answers say of how well a model met some rows.

use poem_openapi::Object;

use windrow_learn::model;

/// How well probabilities met the truth
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Score {
    /// `holdout`: the last rows of its newest window, by a first fit that left them out; `window`: all rows of a later one
    pub(crate) on: String,
    /// Rows scored
    pub(crate) rows: u64,
    /// Of these, positive ones
    pub(crate) positives: u64,
    /// Area under the ROC curve; left out where there is one class alone
    pub(crate) auc: Option<f64>,
    /// Average precision; left out where there is no positive row
    pub(crate) average_precision: Option<f64>,
    /// Mean of -log p(truth), natural logarithm
    pub(crate) log_loss: f64,
    /// Log-loss of always answering with the share of positives in the training rows
    pub(crate) baseline_log_loss: f64,
    /// Mean of (p - truth)^2
    pub(crate) brier: f64,
    /// Share of rows labelled rightly at the threshold
    pub(crate) accuracy: f64,
    /// Share of rows that the majority class of the training rows gets right
    pub(crate) baseline_accuracy: f64,
    /// Labels against truth at the threshold
    pub(crate) confusion: Confusion,
    /// Expected calibration error: how far the bins' mean probabilities are from their shares of positives
    pub(crate) calibration_error: f64,
    /// Ten bins of equal width over the probability
    pub(crate) reliability: Vec<Bin>,
}

/// Rows by label and truth
#[derive(Debug, Object)]
pub(crate) struct Confusion {
    true_positives: u64,
    false_positives: u64,
    true_negatives: u64,
    false_negatives: u64,
}

/// Rows whose probability falls in one tenth of the range
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Bin {
    from: f64,
    to: f64,
    pub rows: u64,
    mean_probability: Option<f64>,
    positive_share: Option<f64>,
}

impl Score {
    pub(crate) fn of(on: &str, score: &model::Score) -> Self {
        let confusion = &score.confusion;
        let bin = |bin: &model::ReliabilityBin| Bin {
            from: bin.from,
            to: bin.to,
            rows: bin.rows,
            mean_probability: bin.mean_probability,
            positive_share: bin.positive_share,
        };
        Self {
            on: on.to_owned(),
            rows: score.rows,
            positives: score.positives,
            auc: score.auc,
            average_precision: score.average_precision,
            log_loss: score.log_loss,
            baseline_log_loss: score.baseline_log_loss,
            brier: score.brier,
            accuracy: score.accuracy,
            baseline_accuracy: score.baseline_accuracy,
            confusion: Confusion {
                true_positives: confusion.true_positives,
                false_positives: confusion.false_positives,
                true_negatives: confusion.true_negatives,
                false_negatives: confusion.false_negatives,
            },
            calibration_error: score.calibration_error,
            reliability: score.reliability.iter().map(bin).collect(),
        }
    }
}
