//! Predictions, and what makes them.

use poem_openapi::Object;
use serde::Serialize;

use crate::api::error::ApiError;
use crate::api::schema::{Row, excerpt};
use crate::api::state::Fitted;
use windrow_learn::model;

/// A model's answer
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Prediction {
    /// The model that gave it
    pub(crate) model: String,
    /// Names the bytes that the model was made from; /v1/lineage/{id} lists them
    pub(crate) lineage: String,
    /// How likely the row is to be positive
    pub(crate) probability: f64,
    /// Whether the probability reaches the threshold
    pub(crate) label: bool,
    /// The threshold
    pub(crate) threshold: f64,
    /// Texts that the model does not know, and that count as 'other'
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unknown: Option<Vec<UnknownText>>,
    /// What makes the probability, where it was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<Explanation>,
}

/// A text that counts as 'other'
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct UnknownText {
    /// The field
    pub(crate) field: String,
    /// What was given
    pub(crate) given: String,
    /// The nearest text that the model knows
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) did_you_mean: Option<String>,
}

/// What makes a probability
#[derive(Debug, Object, Serialize)]
pub(crate) struct Explanation {
    /// The log-odds of a row whose numbers are at the means of the training rows and whose levels count for nothing: the
    /// model's intercept
    pub(crate) baseline: f64,
    /// The baseline and then the contributions, added one after the other; probability = 1 / (1 + exp(-log_odds))
    pub(crate) log_odds: f64,
    /// One a feature, in the order of the model
    pub(crate) contributions: Vec<Contribution>,
}

/// What one feature adds to the log-odds
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Contribution {
    /// The feature: its column, or the part of the time
    pub(crate) feature: String,
    /// What was given, as JSON has it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<String>,
    /// The level that counted, for a one-hot feature
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<String>,
    /// What it adds
    pub(crate) log_odds: f64,
}

/// The answers of all fitted models to one row
#[derive(Debug, Object, Serialize)]
pub(crate) struct Predictions {
    /// By window and then by scheme
    pub(crate) predictions: Vec<Prediction>,
}

/// A model's answers to many rows
#[derive(Debug, Object, Serialize)]
pub(crate) struct BatchPrediction {
    /// The model that gave them
    pub(crate) model: String,
    /// Names the bytes that the model was made from
    pub(crate) lineage: String,
    /// The threshold
    pub(crate) threshold: f64,
    /// One a row, in their order
    pub(crate) predictions: Vec<RowPrediction>,
}

/// A model's answer to one of many rows
#[derive(Debug, Clone, Copy, Object, Serialize)]
pub(crate) struct RowPrediction {
    /// How likely the row is to be positive
    pub(crate) probability: f64,
    /// Whether the probability reaches the threshold
    pub(crate) label: bool,
}

/// A model's answer to a row as it came.
///
/// # Errors
/// It is no row.
pub(crate) fn predict(fitted: Fitted<'_>, body: &[u8], explain: bool) -> Result<Prediction, ApiError> {
    let row = fitted.schema.read(body)?;
    Ok(Prediction::of(fitted, &row, explain))
}

impl Prediction {
    /// A model's answer to a row.
    fn of(fitted: Fitted<'_>, row: &Row<'_>, explain: bool) -> Self {
        let Fitted { model, learned, predictor, schema, .. } = fitted;
        let cells = schema.cells(row);
        let prediction = predictor.predict(&cells);
        let unknown: Vec<UnknownText> = schema
            .unknown(row)
            .map(|unknown| UnknownText {
                field: unknown.field.to_owned(),
                given: excerpt(unknown.text),
                did_you_mean: unknown.nearest.map(str::to_owned),
            })
            .collect();
        let explanation = explain.then(|| Explanation {
            baseline: predictor.baseline(),
            log_odds: prediction.log_odds,
            contributions: contributions(predictor.contributions(&cells), schema.given_by_feature(row)),
        });
        Self {
            model: model.name().to_owned(),
            lineage: model.artifact().lineage.id.clone(),
            probability: prediction.probability,
            label: prediction.label,
            threshold: learned.threshold,
            unknown: (!unknown.is_empty()).then_some(unknown),
            explanation,
        }
    }
}

fn contributions(found: Vec<model::Contribution>, given: impl Iterator<Item = Option<String>>) -> Vec<Contribution> {
    let parts = found.into_iter().zip(given);
    let contribution = |(found, given): (model::Contribution, Option<String>)| Contribution {
        feature: found.feature,
        given,
        level: found.level,
        log_odds: found.log_odds,
    };
    parts.map(contribution).collect()
}
