//! Predictions in answers, and the functions that make them.

use poem_openapi::Object;
use serde::Serialize;
use serde::de::DeserializeSeed as _;

use crate::api::error::ApiError;
use crate::api::schema::{Faults, InputSchema, Row, RowSeed, UnknownText};
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

/// Reads one JSON object as a row.
pub(crate) fn read_row<'b>(schema: &InputSchema, body: &'b [u8]) -> Result<Row<'b>, ApiError> {
    let mut faults = Faults::default();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = RowSeed { schema, faults: &mut faults }.deserialize(&mut reader);
    match read.and_then(|row| reader.end().map(|()| row)) {
        Err(error) if !faults.is_full() => Err(ApiError::malformed(format!("the body is not JSON: {error}"))),
        Ok(Some(row)) if faults.is_empty() => Ok(row),
        _ => Err(ApiError::invalid_row(faults)),
    }
}

/// Predicts one row in JSON. If `explain` is true, the answer has the contribution of each feature.
pub(crate) fn predict(fitted: Fitted<'_>, body: &[u8], explain: bool) -> Result<Prediction, ApiError> {
    let Fitted { model, learned, predictor, schema, .. } = fitted;
    let row = read_row(schema, body)?;
    let cells = schema.cells(&row);
    let prediction = predictor.predict(&cells);
    let unknown: Vec<UnknownText> = schema.unknown(&row).collect();
    let contribution = |(found, given): (model::Contribution, Option<String>)| Contribution {
        feature: found.feature,
        given,
        level: found.level,
        log_odds: found.log_odds,
    };
    let explanation = explain.then(|| Explanation {
        baseline: predictor.baseline(),
        log_odds: prediction.log_odds,
        contributions: predictor
            .contributions(&cells)
            .into_iter()
            .zip(schema.given_by_feature(&row))
            .map(contribution)
            .collect(),
    });
    Ok(Prediction {
        model: model.name().to_owned(),
        lineage: model.artifact().lineage.id.clone(),
        probability: prediction.probability,
        label: prediction.label,
        threshold: learned.threshold,
        unknown: (!unknown.is_empty()).then_some(unknown),
        explanation,
    })
}
