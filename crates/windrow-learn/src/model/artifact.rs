//! A model in the form of its file (`models/cumulative-1/model.json`), from which it is served.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::encoder::Encoder;
use crate::model::linear::LinearModel;
use windrow_record::{ModelId, WindowIndex};
use windrow_windows::{OffsetRange, RowRange};

/// The version of the file format. A reader rejects any other version.
pub const FORMAT: u32 = 7;

/// A model, or the reason why its fit gave none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// The version of the format: [`FORMAT`].
    pub format: u32,
    /// The id of the model.
    pub id: ModelId,
    /// The name of the pipeline.
    pub pipeline: String,
    /// The time at which the model was made, RFC 3339, UTC.
    pub created: String,
    /// The versions of this program and of the libraries that its numbers depend on.
    pub versions: BTreeMap<String, String>,
    /// `true` if the model was made for the alias `advised` only, because no scheme of the pipeline makes it, or because it
    /// is recalibrated. Such a model is never `latest` or `champion`, and window reports do not score it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_for_advice: bool,
    /// The rows and files that the model was made from.
    pub lineage: Lineage,
    /// The verdict of the acceptance rules: only an accepted model may be `latest`, `champion` or `advised`. A recalibrated
    /// model has the verdict of its fit.
    pub verdict: Acceptance,
    /// The result of the fit.
    pub outcome: Outcome,
}

/// The verdict of the acceptance rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Acceptance {
    /// The model passed all rules, if there are any.
    #[default]
    Accepted,
    /// The model failed a rule. It is stored and predicts by its own id, but no alias refers to it.
    Rejected {
        /// The reason, as a sentence without a full stop.
        reason: String,
    },
}

/// The result of a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// The fit gave a model.
    Learned(Box<Learned>),
    /// No model can be learned from these rows.
    Refused {
        /// The reason, as a sentence without a full stop.
        reason: String,
    },
}

/// The rows and files that a model was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// A short digest of the windows' sha256. Two models with the same digest were made from the same bytes.
    pub id: String,
    /// The windows, oldest first. The last one of a recalibrated model is the window that it was recalibrated on.
    pub windows: Vec<WindowLineage>,
    /// The recalibration, if there was one after the fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibration: Option<Recalibration>,
    /// The number of rows that the model was fitted to.
    pub fit_rows: u64,
    /// The number of positive rows among them.
    pub fit_positives: u64,
    /// The number of rows among them that the first fit left out, to be scored on them.
    pub holdout_rows: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One window that a model was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowLineage {
    /// The number of the window.
    pub window: WindowIndex,
    /// The number of rows.
    pub rows: u64,
    /// The number of rows that have a target.
    pub labelled: u64,
    /// The number of these targets that arrived after the window was sealed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_labels: u64,
    /// The sha256 of the batch file, in hexadecimal.
    pub sha256: String,
    /// The numbers of the rows in the dataset, if they have numbers.
    pub row_numbers: Vec<RowRange>,
    /// The offsets of the rows in the topic.
    pub offsets: Vec<OffsetRange>,
}

/// The recalibration of a fitted model on a later window. If z are the log-odds of the fit, those of the recalibrated
/// model are intercept + slope * z.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalibration {
    /// The id of the fitted model.
    pub model: ModelId,
    /// The id of its lineage.
    pub lineage: String,
    /// The window whose labelled rows gave the intercept and the slope.
    pub window: WindowIndex,
    /// The number of these rows.
    pub rows: u64,
    /// The number of positive rows among them.
    pub positives: u64,
    /// The share of these rows with a number that the model holds.
    pub held_share: f64,
    /// The intercept. It is 0 if the rows have no finite optimum, such as rows of one class.
    pub intercept: f64,
    /// The slope. It is 1 if the rows have no finite optimum, or if numbers were held in more than a tenth of them.
    pub slope: f64,
}

/// A fitted model with its scores. A recalibrated model has the solver's report of its fit, and no score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// The encoder that turns cells into columns.
    pub encoder: Encoder,
    /// The intercept, b of the objective: the log-odds if every column is 0.
    pub intercept: Coefficient,
    /// The weights, w of the objective: one per column, in the encoder's order.
    pub coefficients: Vec<Coefficient>,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// The report of the solver.
    pub solver: SolverReport,
    /// Every penalty that was tried, in the order of the trials. Empty if only one was given. The penalty with the
    /// lowest log-loss on the first half of the held-out rows was taken, and `holdout` is the score on the second half.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub penalties: Vec<PenaltyTrial>,
    /// The scores by name. `holdout` is the score of a first fit on the last rows of the newest window, which it left
    /// out. The rows are the same for every scheme. Without held-out rows, it has no entry.
    pub scores: BTreeMap<String, Score>,
    /// A few real rows, with the model's probabilities.
    pub examples: Vec<Example>,
}

/// A weight, with its name and its error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The column, such as `distance`, `log(fare)`, `carrier=UA` or `carrier=(other)`; `(intercept)` for b.
    pub name: String,
    /// The change of the log-odds for one standard deviation of a number, or for a row of this level.
    pub weight: f64,
    /// The square root of the coefficient's entry on the diagonal of the inverse Hessian of the objective, including
    /// the penalty.
    ///
    /// `None` if the solver has no Hessian, or if columns are collinear and not penalised. Also `None` for one-hot
    /// columns, and for the intercept of a model that has them. They have no reference level, so their errors would
    /// measure the penalty.
    ///
    /// In a recalibrated model, it is the error of the fit times the slope, so it holds for this slope and leaves out the
    /// slope's own error. The intercept has none: its error is mostly that of the recalibration.
    pub standard_error: Option<f64>,
    /// exp(weight); `None` if it is beyond the range of `f64`.
    pub odds_ratio: Option<f64>,
}

/// A penalty, and the first fit with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PenaltyTrial {
    /// The weight of the penalty.
    pub l2: f64,
    /// The number of passes over the rows.
    pub passes: u64,
    /// The value of the objective with this penalty.
    pub objective: f64,
    /// `true` if the first fit reached the optimum.
    pub converged: bool,
    /// The log-loss on the first half of the held-out rows; `None` without such rows.
    pub log_loss: Option<f64>,
}

/// A method that finds an optimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Newton's method with step halving.
    Newton,
    /// L-BFGS, as implemented by argmin.
    Lbfgs,
    /// The solver of linfa-logistic.
    Linfa,
    /// `LogisticRegression` of Apache Spark.
    Spark,
}

/// The report of a solver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolverReport {
    /// The method that found the optimum.
    pub method: Method,
    /// The weight of the penalty.
    pub l2: f64,
    /// The number of passes over the rows, including the first fit and all its penalties. 0 for linfa and Spark, which
    /// do not report it.
    pub passes: u64,
    /// The number of steps taken. 0 for linfa, which does not report it.
    pub iterations: u64,
    /// The objective sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 * |w|^2, with the natural logarithm.
    pub objective: f64,
    /// The largest absolute component of the objective's gradient, per row. `None` for Spark, which does not report it.
    pub gradient_norm: Option<f64>,
    /// `true` if the gradient is small enough to call this the optimum. For Spark, `true` if it stopped before its
    /// limit of steps.
    pub converged: bool,
    /// The wall-clock time of the fit, in seconds. 0 until the trainer, which has a clock, sets it.
    pub seconds: f64,
}

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

/// A real row, with the model's probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The cells by column: a number, a text, or null for a missing cell. A request may hold exactly these.
    pub row: serde_json::Map<String, serde_json::Value>,
    /// The model's probability that the row is positive.
    pub probability: f64,
}

impl Artifact {
    /// Returns the model, if there is one.
    pub fn learned(&self) -> Option<&Learned> {
        match &self.outcome {
            Outcome::Learned(learned) => Some(learned),
            Outcome::Refused { .. } => None,
        }
    }

    /// Returns whether an alias may refer to the model.
    pub fn is_eligible(&self) -> bool {
        self.learned().is_some() && self.verdict == Acceptance::Accepted
    }
}

impl Lineage {
    /// Returns the windows in words: `window 3`, `windows 1 to 3` or `windows 1 to 3, recalibrated on window 7`.
    pub fn span(&self) -> String {
        let on = self.recalibration.as_ref().map(|recalibration| recalibration.window);
        let fitted: Vec<WindowIndex> =
            self.windows.iter().map(|window| window.window).filter(|window| Some(*window) != on).collect();
        let fitted = match fitted.as_slice() {
            [only] => format!("window {only}"),
            [first, .., last] => format!("windows {first} to {last}"),
            [] => "no window".to_owned(),
        };
        match on {
            Some(on) => format!("{fitted}, recalibrated on window {on}"),
            None => fitted,
        }
    }
}

impl Coefficient {
    pub(super) fn new(name: String, weight: f64, standard_error: Option<f64>) -> Self {
        Self { name, weight, standard_error, odds_ratio: Some(weight.exp()).filter(|ratio| ratio.is_finite()) }
    }
}

impl Learned {
    /// Returns the model without its scores and reports.
    pub fn linear_model(&self) -> LinearModel {
        let weights = self.weights().collect();
        LinearModel { encoder: self.encoder.clone(), intercept: self.intercept.weight, weights }
    }

    /// Returns the weights in the encoder's order.
    pub(crate) fn weights(&self) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.coefficients.iter().map(|coefficient| coefficient.weight)
    }
}

impl Method {
    /// Returns the method's name in the model file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newton => "newton",
            Self::Lbfgs => "lbfgs",
            Self::Linfa => "linfa",
            Self::Spark => "spark",
        }
    }
}

/// Returns the versions of this program and of the libraries that a model's numbers depend on.
pub fn versions() -> BTreeMap<String, String> {
    let of = |(name, version): (&str, &str)| (name.to_owned(), version.to_owned());
    LIBRARIES.into_iter().map(of).chain([of(("windrow", env!("CARGO_PKG_VERSION")))]).collect()
}

/// The versions in Cargo.lock. A test compares them.
const LIBRARIES: [(&str, &str); 4] =
    [("argmin", "0.11.0"), ("linfa-logistic", "0.8.1"), ("ndarray", "0.16.1"), ("pulp", "0.22.3")];

#[cfg(test)]
mod tests {
    use super::LIBRARIES;

    #[test]
    fn reported_versions_are_those_built_with() {
        let lock = include_str!("../../../../Cargo.lock");
        for (name, version) in LIBRARIES {
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{name} is not {version}");
        }
    }
}
