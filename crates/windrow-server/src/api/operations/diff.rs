//! The comparison of two models, also on a single row.

use std::collections::BTreeMap;

use poem_openapi::Object;

use crate::api::operations::prediction::Prediction;
use crate::api::state::Fitted;
use windrow_learn::model::{Artifact, Learned, Score, ScoreNumber};
use windrow_registry::Model;

/// Measures that a comparison leaves out.
const NOT_COMPARED: [&str; 3] = ["average_precision", "baseline_log_loss", "baseline_accuracy"];

/// The comparison of two models
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Diff {
    /// The id of the first model
    pub(crate) first: String,
    /// The id of the second model
    pub(crate) second: String,
    /// The number of rows that each model was fitted to
    pub(crate) fit_rows: Difference,
    /// The windows that both models were trained on
    pub(crate) common_windows: Vec<u32>,
    /// The log-odds if every column is 0
    pub(crate) intercept: Difference,
    /// The weights by column, the largest change first
    pub(crate) coefficients: Vec<CoefficientChange>,
    /// The scores, compared on rows of the same name
    pub(crate) scores: Vec<ScoreChange>,
    /// The predictions of both models for the row in the request; left out without a row
    pub(crate) row: Option<RowChange>,
}

/// A number of the two models, and its change
#[derive(Debug, Clone, Copy, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Difference {
    /// The number of the first model; left out if it has none
    pub(crate) first: Option<f64>,
    /// The number of the second model; left out if it has none
    pub(crate) second: Option<f64>,
    /// The second number less the first; a missing number counts as 0
    pub(crate) change: f64,
}

/// A weight in both models
#[derive(Debug, Object)]
pub(crate) struct CoefficientChange {
    /// The name of the column
    pub(crate) name: String,
    /// The weight of the column
    pub(crate) weight: Difference,
}

/// A score of both models; comparable if the rows are the same
#[derive(Debug, Object)]
pub(crate) struct ScoreChange {
    /// The rows that were scored: `holdout`
    pub(crate) on: String,
    /// The name of the score, as in `log_loss`
    pub(crate) score: String,
    /// The values of the score
    pub(crate) value: Difference,
}

/// The predictions of both models for one row
#[derive(Debug, Object)]
pub(crate) struct RowChange {
    /// The prediction of the first model
    pub(crate) first: Prediction,
    /// The prediction of the second model
    pub(crate) second: Prediction,
    /// The contribution of each feature to the log-odds, the largest change first
    pub(crate) contributions: Vec<ContributionChange>,
}

/// The contribution of a feature in both models
#[derive(Debug, Object)]
pub(crate) struct ContributionChange {
    /// The name of the feature, or `(baseline)`
    pub(crate) feature: String,
    /// The contribution to the log-odds
    pub(crate) log_odds: Difference,
}

impl Difference {
    fn of(first: Option<f64>, second: Option<f64>) -> Self {
        Self { first, second, change: second.unwrap_or_default() - first.unwrap_or_default() }
    }
}

impl Diff {
    pub(crate) fn of(first: Fitted<'_>, second: Fitted<'_>) -> Self {
        let (learned, first, second) = ([first.learned, second.learned], first.model, second.model);
        let fit_rows = |model: &Model| Some(model.artifact().lineage.fit_rows as f64);
        let windows = |of: &Artifact| of.lineage.windows.iter().map(|one| one.window.get()).collect::<Vec<u32>>();
        let of_second = windows(second.artifact());
        let [a, b] = learned.map(|of| of.coefficients.iter().map(|one| (one.name.clone(), one.weight)).collect());
        let coefficients = by_name(a, b);
        let coefficients = coefficients.into_iter().map(|(name, weight)| CoefficientChange { name, weight });
        Self {
            first: first.name().to_owned(),
            second: second.name().to_owned(),
            fit_rows: Difference::of(fit_rows(first), fit_rows(second)),
            common_windows: windows(first.artifact()).into_iter().filter(|one| of_second.contains(one)).collect(),
            intercept: Difference::of(Some(learned[0].intercept.weight), Some(learned[1].intercept.weight)),
            coefficients: coefficients.collect(),
            scores: scores(learned),
            row: None,
        }
    }
}

impl RowChange {
    /// Compares two predictions that have explanations.
    pub(crate) fn of(first: Prediction, second: Prediction) -> Self {
        let terms = |prediction: &Prediction| {
            let explained = prediction.explanation.as_ref();
            let baseline = explained.map(|explained| ("(baseline)".to_owned(), explained.baseline));
            let features = explained.into_iter().flat_map(|explained| &explained.contributions);
            baseline.into_iter().chain(features.map(|one| (one.feature.clone(), one.log_odds))).collect::<Vec<_>>()
        };
        let contributions = by_name(terms(&first), terms(&second)).into_iter();
        let contributions = contributions.map(|(feature, log_odds)| ContributionChange { feature, log_odds });
        Self { contributions: contributions.collect(), first, second }
    }
}

/// Pairs the numbers of both models by name. The largest change is first.
fn by_name(first: Vec<(String, f64)>, second: Vec<(String, f64)>) -> Vec<(String, Difference)> {
    let mut all: BTreeMap<String, (Option<f64>, Option<f64>)> = BTreeMap::new();
    for (name, number) in first {
        all.entry(name).or_default().0 = Some(number);
    }
    for (name, number) in second {
        all.entry(name).or_default().1 = Some(number);
    }
    let mut changes: Vec<_> = all.into_iter().map(|(name, (a, b))| (name, Difference::of(a, b))).collect();
    changes.sort_by(|(_, a), (_, b)| b.change.abs().total_cmp(&a.change.abs()));
    changes
}

/// Compares the measures of both models on rows of the same name.
fn scores(learned: [&Learned; 2]) -> Vec<ScoreChange> {
    let mut changes = Vec::new();
    for (on, first) in &learned[0].scores {
        let Some(second) = learned[1].scores.get(on) else { continue };
        for (name, number) in Score::NUMBERS {
            if let ScoreNumber::Measure(of) = number
                && !NOT_COMPARED.contains(&name)
            {
                let value = Difference::of(of(first), of(second));
                changes.push(ScoreChange { on: on.clone(), score: name.to_owned(), value });
            }
        }
    }
    changes
}
