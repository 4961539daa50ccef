//! A model in the form of its file (`models/cumulative-1/model.json`), from which it is served.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::inputs::Inputs;
use crate::model::logistic::Logistic;
use crate::model::measures::Score;
use windrow_record::{ModelId, WindowIndex};
use windrow_windows::{OffsetRange, RowRange};

/// The version of the file format. A reader rejects any other version.
pub const FORMAT: u32 = 8;

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

/// A fitted model with its scores. A recalibrated model has no score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// The fitted model itself.
    #[serde(flatten)]
    pub fitted: Fitted,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// The scores by name. `holdout` is the score of a first fit on the last rows of the newest window, which it left
    /// out. The rows are the same for every scheme. Without held-out rows, it has no entry.
    pub scores: BTreeMap<String, Score>,
    /// A few real rows, with the model's probabilities.
    pub examples: Vec<Example>,
}

/// A fitted model, by the program that can predict with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fitted {
    /// A logistic regression, which this program fitted.
    Logistic(Logistic),
    /// A model of a learner outside of this program.
    Foreign(Foreign),
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

    /// Returns the logistic regression, if there is one.
    pub fn logistic(&self) -> Option<&Logistic> {
        self.learned()?.logistic()
    }

    /// Returns the model of a learner outside of this program, if there is one.
    pub fn foreign(&self) -> Option<&Foreign> {
        self.learned()?.foreign()
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

impl Learned {
    /// Returns the logistic regression; `None` for a model of a learner outside of this program.
    pub fn logistic(&self) -> Option<&Logistic> {
        match &self.fitted {
            Fitted::Logistic(logistic) => Some(logistic),
            Fitted::Foreign(_) => None,
        }
    }

    /// Returns the model of a learner outside of this program; `None` for a logistic regression.
    pub fn foreign(&self) -> Option<&Foreign> {
        match &self.fitted {
            Fitted::Logistic(_) => None,
            Fitted::Foreign(foreign) => Some(foreign),
        }
    }

    /// Returns the columns that a request must have, with the values that training has seen.
    pub fn inputs(&self) -> Inputs {
        match &self.fitted {
            Fitted::Logistic(logistic) => Inputs::of(&logistic.encoder),
            Fitted::Foreign(foreign) => foreign.inputs.clone(),
        }
    }

    /// Returns `false` if the solver stopped before the optimum. This program does not know the optimum of a learner
    /// outside of it, so such a fit counts as converged.
    pub fn is_converged(&self) -> bool {
        self.logistic().is_none_or(|logistic| logistic.solver.converged)
    }

    /// Returns the wall-clock time of the fit, in seconds.
    pub fn seconds(&self) -> f64 {
        match &self.fitted {
            Fitted::Logistic(logistic) => logistic.solver.seconds,
            Fitted::Foreign(foreign) => foreign.seconds,
        }
    }

    /// Sets the wall-clock time of the fit, in seconds.
    pub fn set_seconds(&mut self, seconds: f64) {
        match &mut self.fitted {
            Fitted::Logistic(logistic) => logistic.solver.seconds = seconds,
            Fitted::Foreign(foreign) => foreign.seconds = seconds,
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
