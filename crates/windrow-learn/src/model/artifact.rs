//! A model as it stands on disk (`models/cumulative-1/model.json`) and as it is served.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::bare::BareModel;
use crate::model::encoder::Encoder;
use windrow_record::{ModelId, WindowIndex};
use windrow_windows::{OffsetRange, RowRange};

/// The version of the file's form. A reader refuses another one.
pub const FORMAT: u32 = 5;

/// One model, or the record of why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// The version of the form: [`FORMAT`].
    pub format: u32,
    /// The model's name.
    pub id: ModelId,
    /// The pipeline's name.
    pub pipeline: String,
    /// When it was made, RFC 3339, UTC.
    pub created: String,
    /// What made it: this program and the libraries that its numbers depend on, with their versions.
    pub versions: BTreeMap<String, String>,
    /// What it was made from.
    pub lineage: Lineage,
    /// Whether it may be called `latest` or `champion`.
    pub verdict: Verdict,
    /// What came of it.
    pub outcome: Outcome,
}

/// Whether a model passed the rules of acceptance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Verdict {
    /// It did, or there are none.
    #[default]
    Accepted,
    /// It did not: it is kept and answers by its own name, and no alias stands for it.
    Rejected {
        /// Why, as a sentence without a full stop.
        reason: String,
    },
}

/// What came of a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// A model.
    Learned(Box<Learned>),
    /// No model: these rows cannot be learned from.
    Refused {
        /// Why not, as a sentence without a full stop.
        reason: String,
    },
}

/// The rows and files behind a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// A short digest of the windows' sha256: two models of equal lineage saw the same bytes.
    pub id: String,
    /// The windows, oldest first.
    pub windows: Vec<WindowLineage>,
    /// Rows that the model was fitted to.
    pub fit_rows: u64,
    /// Of these, positive ones.
    pub fit_positives: u64,
    /// Of these, rows that a first fit left out, to score it.
    pub holdout_rows: u64,
}

/// One window behind a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowLineage {
    /// Which one.
    pub window: WindowIndex,
    /// All its rows.
    pub rows: u64,
    /// Its rows that have a target.
    pub labelled: u64,
    /// The sha256 of its file, in hexadecimal.
    pub sha256: String,
    /// The numbers of its rows in the dataset, where they have any.
    pub row_numbers: Vec<RowRange>,
    /// Where its rows stood in the topic.
    pub offsets: Vec<OffsetRange>,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// From cells to columns.
    pub encoder: Encoder,
    /// b of the objective: the log-odds where every column is 0.
    pub intercept: Coefficient,
    /// w of the objective, one a column, in the encoder's order.
    pub coefficients: Vec<Coefficient>,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// How the optimum was found.
    pub solver: SolverReport,
    /// Every penalty that was tried, in the order of the trials, where there was a choice; the one that was taken has the
    /// lowest log-loss on the first half of the held-out rows, and `holdout` is of the second half.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub penalties: Vec<PenaltyTrial>,
    /// Scores by what they were taken on: `holdout`, the last rows of its newest window, by a first fit that left them out.
    /// The same rows for every scheme. An empty holdout has no entry.
    pub scores: BTreeMap<String, Score>,
    /// A few real rows, with the model's answers.
    pub examples: Vec<Example>,
}

/// A weight and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The column, as in `distance`, `log(fare)`, `carrier=UA`, `carrier=(other)`; `(intercept)` for b.
    pub name: String,
    /// The change of the log-odds by one standard deviation of a number, or by being of this level.
    pub weight: f64,
    /// The square root of its place on the diagonal of the inverse Hessian of the objective, penalty and all. `None` from
    /// solvers that have no Hessian, where columns are collinear and not penalised, and for one-hot columns and an intercept
    /// beside them: these have no level to compare with, so that their errors would measure the penalty.
    pub standard_error: Option<f64>,
    /// exp(weight); `None` beyond the range of `f64`.
    pub odds_ratio: Option<f64>,
}

/// A penalty, and how well the model with it met the held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PenaltyTrial {
    /// The weight of the penalty.
    pub l2: f64,
    /// Passes over the rows.
    pub passes: u64,
    /// The objective with this penalty.
    pub objective: f64,
    /// Whether that is the optimum.
    pub converged: bool,
    /// On the first half of the held-out rows; `None` without any.
    pub log_loss: Option<f64>,
}

/// What finds an optimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Newton steps.
    Newton,
    /// L-BFGS steps.
    Lbfgs,
    /// linfa-logistic.
    Linfa,
    /// LogisticRegression of Apache Spark.
    Spark,
}

/// How an optimum was found, and whether it is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolverReport {
    /// By which method.
    pub method: Method,
    /// The weight of the penalty.
    pub l2: f64,
    /// How often the rows were gone through, for the first fit and all its penalties too; 0 from linfa and Spark, which do not
    /// tell.
    pub passes: u64,
    /// Steps taken; 0 from linfa, which does not tell.
    pub iterations: u64,
    /// sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 * |w|^2, natural logarithm.
    pub objective: f64,
    /// The largest absolute component of the objective's gradient, per row; `None` from Spark, which does not tell.
    pub gradient_norm: Option<f64>,
    /// Whether the gradient is small enough to call this the optimum; from Spark, whether it stopped by itself.
    pub converged: bool,
    /// Wall-clock time of the fit; 0 until the trainer, who has a clock, fills it in.
    pub seconds: f64,
}

/// How well probabilities met the truth on some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Rows scored.
    pub rows: u64,
    /// Of these, positive ones.
    pub positives: u64,
    /// Area under the ROC curve, ties counted half; `None` when there is one class alone.
    pub auc: Option<f64>,
    /// Average precision; `None` when there is no positive row.
    pub average_precision: Option<f64>,
    /// Mean of -log p(truth), natural logarithm.
    pub log_loss: f64,
    /// Log-loss of always answering with the share of positives in the training rows.
    pub baseline_log_loss: f64,
    /// Mean of (p - truth)^2.
    pub brier: f64,
    /// Share of rows whose label at the threshold is the truth.
    pub accuracy: f64,
    /// Share of rows that the majority class of the training rows gets right.
    pub baseline_accuracy: f64,
    /// Labels against truth at the threshold.
    pub confusion: ConfusionMatrix,
    /// The expected calibration error: the mean over rows of |mean probability - share of positives| in the row's bin.
    pub calibration_error: f64,
    /// Ten bins of equal width over the probability.
    pub reliability: Vec<ReliabilityBin>,
}

/// A number of a score.
#[derive(Debug, Clone, Copy)]
pub enum ScoreNumber {
    /// A count of rows.
    Count(fn(&Score) -> u64),
    /// A measure of how well a model did; `None` if it is not defined for these rows.
    Measure(fn(&Score) -> Option<f64>),
}

impl Score {
    /// All numbers of a score by their names, in the order of a table's columns.
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

/// Rows by label and truth.
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

/// Rows whose probability falls in one tenth of the range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The bin's lower end, included.
    pub from: f64,
    /// The bin's upper end, excluded but for 1.
    pub to: f64,
    /// Rows in it.
    pub rows: u64,
    /// The mean of their probabilities; `None` for an empty bin.
    pub mean_probability: Option<f64>,
    /// The share of positive ones; `None` for an empty bin.
    pub positive_share: Option<f64>,
}

/// A real row and the model's answer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The cells by column: a number, a text, or null for a missing one. Exactly what a request may hold.
    pub row: serde_json::Map<String, serde_json::Value>,
    /// The model's probability for it.
    pub probability: f64,
}

impl Artifact {
    /// The model, when there is one.
    pub fn learned(&self) -> Option<&Learned> {
        match &self.outcome {
            Outcome::Learned(learned) => Some(learned),
            Outcome::Refused { .. } => None,
        }
    }

    /// Whether there is a model that an alias may stand for.
    pub fn is_eligible(&self) -> bool {
        self.learned().is_some() && self.verdict == Verdict::Accepted
    }
}

impl Lineage {
    /// The windows in words: `window 3` or `windows 1 to 3`.
    pub fn span(&self) -> String {
        match self.windows.as_slice() {
            [only] => format!("window {}", only.window),
            [first, .., last] => format!("windows {} to {}", first.window, last.window),
            [] => "no window".to_owned(),
        }
    }
}

impl Coefficient {
    pub(super) fn new(name: String, weight: f64, standard_error: Option<f64>) -> Self {
        Self { name, weight, standard_error, odds_ratio: Some(weight.exp()).filter(|ratio| ratio.is_finite()) }
    }
}

impl Learned {
    /// The model without what is known of it.
    pub fn bare(&self) -> BareModel {
        let weights = self.weights().collect();
        BareModel { encoder: self.encoder.clone(), intercept: self.intercept.weight, weights }
    }

    /// The weights alone, in the encoder's order.
    pub(crate) fn weights(&self) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.coefficients.iter().map(|coefficient| coefficient.weight)
    }
}

impl Method {
    /// Its name in the model file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newton => "newton",
            Self::Lbfgs => "lbfgs",
            Self::Linfa => "linfa",
            Self::Spark => "spark",
        }
    }
}

/// This program and the libraries that a model's numbers depend on.
pub fn versions() -> BTreeMap<String, String> {
    let of = |(name, version): (&str, &str)| (name.to_owned(), version.to_owned());
    LIBRARIES.into_iter().map(of).chain([of(("windrow", env!("CARGO_PKG_VERSION")))]).collect()
}

/// As Cargo.lock has them; a test holds them to it.
const LIBRARIES: [(&str, &str); 4] =
    [("argmin", "0.11.0"), ("linfa-logistic", "0.8.1"), ("ndarray", "0.16.1"), ("pulp", "0.22.3")];

#[cfg(test)]
mod tests {
    use super::LIBRARIES;

    #[test]
    fn the_versions_told_are_those_built_with() {
        let lock =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).expect("a lock file");
        for (name, version) in LIBRARIES {
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{name} is not {version}");
        }
    }
}
