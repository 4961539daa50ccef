//! The comparison of two models, also on a single row.

use std::sync::Arc;

use poem_openapi::Object;

use crate::operations::prediction::Prediction;
use windrow_learn::model::Learned;
use windrow_pages::comparison::{self, Pair};
use windrow_registry::Model;

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
    /// The reason why a model has neither intercept nor coefficients; left out if both have them
    pub(crate) not_compared: Option<String>,
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

impl From<Pair> for Difference {
    fn from(pair: Pair) -> Self {
        Self { first: pair.first, second: pair.second, change: pair.change() }
    }
}

impl Diff {
    pub(crate) fn of((first, own): (&Arc<Model>, &Learned), (second, other): (&Arc<Model>, &Learned)) -> Self {
        let learned = [own, other];
        let fit_rows = |model: &Model| Some(model.artifact().lineage.fit_rows as f64);
        let intercept = learned.map(|learned| Some(learned.logistic()?.intercept.weight));
        let coefficients = comparison::coefficients(learned[0], learned[1]).into_iter();
        let scores = comparison::scores(learned[0], learned[1]).into_iter();
        Self {
            first: first.name().to_owned(),
            second: second.name().to_owned(),
            fit_rows: Pair { first: fit_rows(first), second: fit_rows(second) }.into(),
            common_windows: comparison::common_windows(first, second),
            intercept: Pair { first: intercept[0], second: intercept[1] }.into(),
            coefficients: coefficients
                .map(|(name, weight)| CoefficientChange { name: name.to_owned(), weight: weight.into() })
                .collect(),
            not_compared: learned.iter().any(|learned| learned.logistic().is_none()).then(|| {
                "a learner outside of Windrow returns only probabilities, so its model has no intercept and no \
                 coefficients"
                    .to_owned()
            }),
            scores: scores
                .map(|score| ScoreChange {
                    on: score.on.to_owned(),
                    score: score.name.to_owned(),
                    value: score.value.into(),
                })
                .collect(),
            row: None,
        }
    }
}

impl RowChange {
    /// Compares two predictions that have explanations.
    pub(crate) fn of(first: Prediction, second: Prediction) -> Self {
        let contributions = comparison::pairs(terms(&first), terms(&second)).into_iter();
        let contributions = contributions
            .map(|(feature, log_odds)| ContributionChange { feature: feature.to_owned(), log_odds: log_odds.into() })
            .collect();
        Self { contributions, first, second }
    }
}

/// Returns the baseline and what each feature adds.
fn terms(prediction: &Prediction) -> Vec<(&str, f64)> {
    let explained = prediction.explanation.as_ref();
    let baseline = explained.map(|explained| ("(baseline)", explained.baseline));
    let features = explained.into_iter().flat_map(|explained| &explained.contributions);
    baseline.into_iter().chain(features.map(|one| (one.feature.as_str(), one.log_odds))).collect()
}
