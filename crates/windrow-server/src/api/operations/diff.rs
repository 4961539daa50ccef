//! The comparison of two models, also on a single row.

use std::collections::BTreeMap;

use poem_openapi::Object;

use crate::api::operations::prediction::Prediction;
use crate::api::state::Fitted;
use windrow_learn::model::{Artifact, Learned, Score, ScoreNumber};
use windrow_registry::Model;

/// Measures that a comparison leaves out.
const NOT_COMPARED: [&str; 3] = ["average_precision", "baseline_log_loss", "baseline_accuracy"];

/// What changed from one model to another
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Diff {
    /// The one
    pub(crate) first: String,
    /// The other
    pub(crate) second: String,
    /// Rows that they were fitted to
    pub(crate) fit_rows: Difference,
    /// Windows that both were made from
    pub(crate) common_windows: Vec<u32>,
    /// The log-odds where every column is 0
    pub(crate) intercept: Difference,
    /// The weights by column, the largest change first
    pub(crate) coefficients: Vec<CoefficientChange>,
    /// Scores, by the rows that they were taken on
    pub(crate) scores: Vec<ScoreChange>,
    /// The answers of both to the row that was given
    pub(crate) row: Option<RowChange>,
}

/// A number of both
#[derive(Debug, Clone, Copy, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Difference {
    /// Of the first; left out where it has none
    pub(crate) first: Option<f64>,
    /// Of the second; left out where it has none
    pub(crate) second: Option<f64>,
    /// The second less the first, what is not there counting 0
    pub(crate) change: f64,
}

/// A weight of both
#[derive(Debug, Object)]
pub(crate) struct CoefficientChange {
    /// The column
    pub(crate) name: String,
    /// Its weight
    pub(crate) weight: Difference,
}

/// A score of both; comparable where the rows are the same
#[derive(Debug, Object)]
pub(crate) struct ScoreChange {
    /// `holdout`
    pub(crate) on: String,
    /// Which score
    pub(crate) score: String,
    /// Its values
    pub(crate) value: Difference,
}

/// Two answers to one row
#[derive(Debug, Object)]
pub(crate) struct RowChange {
    /// Of the first
    pub(crate) first: Prediction,
    /// Of the second
    pub(crate) second: Prediction,
    /// What each feature adds to the log-odds, the largest change first
    pub(crate) contributions: Vec<ContributionChange>,
}

/// What a feature adds to the log-odds of both
#[derive(Debug, Object)]
pub(crate) struct ContributionChange {
    /// The feature, or `(baseline)`
    pub(crate) feature: String,
    /// What it adds
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
        let windows = |artifact: &Artifact| {
            artifact.lineage.windows.iter().map(|window| window.window.get()).collect::<Vec<u32>>()
        };
        let of_second = windows(second.artifact());
        let weights = |learned: &Learned| {
            learned.coefficients.iter().map(|one| (one.name.clone(), one.weight)).collect::<Vec<_>>()
        };
        let coefficients = by_name(weights(learned[0]), weights(learned[1]));
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
