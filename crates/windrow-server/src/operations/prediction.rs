//! Predictions in answers, and the functions that make them.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde::Serialize;
use serde::de::DeserializeSeed as _;

use crate::error::ApiError;
use crate::schema::{FieldFaults, InputSchema, Row, RowSeed, UnknownText};
use crate::served::{Fitted, PredictedBy};
use windrow_learn::model::{self, Cell, Outside, Predictor};
use windrow_registry::Model;

/// The reason why a model of a learner outside of Windrow has no explanation.
const NOT_EXPLAINED: &str =
    "not available: the learner of this model is outside of Windrow and returns only probabilities";

/// The prediction of a model for one row
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Prediction {
    /// The id of the model
    pub(crate) model: String,
    /// The id of the model's lineage; /v1/lineage/{id} lists the training data
    pub(crate) lineage: String,
    /// The probability that the row is positive
    pub(crate) probability: f64,
    /// `true` if the probability is at least the threshold
    pub(crate) label: bool,
    /// The probability from which a row is labelled positive
    pub(crate) threshold: f64,
    /// Texts that the model does not know; they count as 'other'
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unknown: Option<Vec<UnknownText>>,
    /// Numbers outside the range of the training rows; the nearer end of the range counts instead
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outside: Option<Vec<OutsideNumber>>,
    /// The contribution of each feature, if the request asks for it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<Explanation>,
    /// The reason why the explanation is left out, if the request asks for one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_explained: Option<String>,
}

/// A number outside the range of the training rows
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct OutsideNumber {
    /// The name of the field
    pub(crate) field: String,
    /// The number in the request
    pub(crate) value: f64,
    /// The smallest number of the training rows
    pub(crate) low: f64,
    /// The largest number of the training rows
    pub(crate) high: f64,
    /// The number that counts instead: `low` or `high`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<f64>,
}

/// The terms whose sum is the log-odds of a prediction
#[derive(Debug, Object, Serialize)]
pub(crate) struct Explanation {
    /// The model's intercept: the log-odds of a row whose numbers are the means of the training rows and whose levels
    /// contribute 0
    pub(crate) baseline: f64,
    /// The baseline plus the contributions, added in order; probability = 1 / (1 + exp(-log_odds))
    pub(crate) log_odds: f64,
    /// The contributions, one per feature, in the order of the model
    pub(crate) contributions: Vec<Contribution>,
}

/// The contribution of one feature to the log-odds
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Contribution {
    /// The name of the feature: a column, or a part of the time
    pub(crate) feature: String,
    /// The value in the request, as in JSON; long texts are shortened
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<String>,
    /// The number that counts instead, if the value is a number outside the range of the training rows
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<f64>,
    /// The level of the value, for a one-hot feature
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<String>,
    /// The contribution to the log-odds
    pub(crate) log_odds: f64,
}

/// The predictions of several models for one row
#[derive(Debug, Object, Serialize)]
pub(crate) struct Predictions {
    /// The predictions, ordered by window and then by scheme of the model
    pub(crate) predictions: Vec<Prediction>,
    /// The number of fitted models that were not asked; `?models=all` asks them too
    pub(crate) others: u64,
}

/// The predictions of a model for many rows
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct BatchPrediction {
    /// The id of the model
    pub(crate) model: String,
    /// The id of the model's lineage
    pub(crate) lineage: String,
    /// The probability from which a row is labelled positive
    pub(crate) threshold: f64,
    /// The ranges of the fields that a row lists under `outside`, by name; left out if there are none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ranges: Option<BTreeMap<String, FieldRange>>,
    /// The predictions, one per row, in the order of the rows
    pub(crate) predictions: Vec<RowPrediction>,
}

/// The range of a field in the training rows
#[derive(Debug, Object, Serialize)]
pub(crate) struct FieldRange {
    /// The smallest number of the training rows
    pub(crate) low: f64,
    /// The largest number of the training rows
    pub(crate) high: f64,
}

/// The prediction for one of many rows
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct RowPrediction {
    /// The probability that the row is positive
    pub(crate) probability: f64,
    /// `true` if the probability is at least the threshold
    pub(crate) label: bool,
    /// Fields with a number outside the range of the training rows; the nearer end of the range counts instead
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outside: Option<Vec<String>>,
}

impl OutsideNumber {
    fn of(found: model::OutsideNumber<'_>, value: f64) -> Self {
        let model::OutsideNumber { column, low, high, held } = found;
        Self { field: column.to_owned(), value, low, high, held }
    }
}

fn read_row<'b>(schema: &InputSchema, body: &'b [u8]) -> Result<Row<'b>, ApiError> {
    let mut faults = FieldFaults::default();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = RowSeed { schema, faults: &mut faults }.deserialize(&mut reader);
    match read.and_then(|row| reader.end().map(|()| row)) {
        Err(error) if !faults.is_full() => Err(ApiError::malformed(format!("the body is not JSON: {error}"))),
        Ok(Some(row)) if faults.is_empty() => Ok(row),
        _ => Err(ApiError::faulty("invalid-row", "the row", faults)),
    }
}

/// Predicts one row in JSON. If `explain` is true, the answer has the contribution of each feature. Waits for the learner,
/// if the model is of one: do not call it on a thread of the async runtime then. The wait ends if `is_wanted` returns an
/// error.
pub(crate) fn predict(
    fitted: Fitted<'_>,
    body: &[u8],
    explain: bool,
    is_wanted: &dyn Fn() -> Result<(), ApiError>,
) -> Result<Prediction, ApiError> {
    let Fitted { model, schema, .. } = fitted;
    let row = read_row(schema, body)?;
    let cells = schema.cells(&row);
    let mut prediction = match fitted.by {
        PredictedBy::Coefficients(predictor) => {
            let found = predictor.predict(&cells);
            let explanation =
                explain.then(|| explanation(predictor, &cells, found.log_odds, schema.given_by_feature(&row)));
            let outside = outside(model, predictor.outside(&cells));
            Prediction { explanation, outside, ..Prediction::new(fitted, found.probability) }
        }
        PredictedBy::Learner(foreign) => {
            let probability = foreign.probability(&cells, is_wanted)?;
            let not_explained = explain.then(|| NOT_EXPLAINED.to_owned());
            let outside = outside(model, foreign.outside(&cells));
            Prediction { not_explained, outside, ..Prediction::new(fitted, probability) }
        }
    };
    let unknown: Vec<UnknownText> = schema.unknown(&row).collect();
    prediction.unknown = (!unknown.is_empty()).then_some(unknown);
    Ok(prediction)
}

impl Prediction {
    /// Creates the prediction of a model, without what is to be said about the row.
    pub(crate) fn new(fitted: Fitted<'_>, probability: f64) -> Self {
        let Fitted { model, learned, .. } = fitted;
        Self {
            model: model.name().to_owned(),
            lineage: model.artifact().lineage.id.clone(),
            probability,
            label: probability >= learned.threshold,
            threshold: learned.threshold,
            unknown: None,
            outside: None,
            explanation: None,
            not_explained: None,
        }
    }
}

/// Returns the column and the range of a number outside.
pub(crate) fn describe(model: &Model, outside: Outside) -> Option<model::OutsideNumber<'_>> {
    match model.predictor() {
        Some(predictor) => predictor.describe(outside),
        None => model.learned()?.foreign()?.inputs.describe(outside),
    }
}

fn outside(model: &Model, found: impl Iterator<Item = (Outside, f64)>) -> Option<Vec<OutsideNumber>> {
    let found = found.filter_map(|(outside, value)| Some(OutsideNumber::of(describe(model, outside)?, value)));
    let found: Vec<OutsideNumber> = found.collect();
    (!found.is_empty()).then_some(found)
}

fn explanation(
    predictor: &Predictor,
    cells: &[Cell<'_>],
    log_odds: f64,
    given: impl Iterator<Item = Option<String>>,
) -> Explanation {
    let contribution = |(found, given): (model::Contribution, Option<String>)| {
        let model::Contribution { feature, level, held, log_odds } = found;
        Contribution { feature, given, held, level, log_odds }
    };
    let contributions = predictor.contributions(cells).into_iter().zip(given).map(contribution).collect();
    Explanation { baseline: predictor.baseline(), log_odds, contributions }
}
