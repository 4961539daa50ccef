//! The operations that predict rows.

use std::sync::Arc;

use poem::Result;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use crate::api::answer::{Answer, AnsweredBy};
use crate::api::body::{Body, ManyRows, OneRow};
use crate::api::error::ApiError;
use crate::api::operations::batch::{self, BatchAnswer};
use crate::api::operations::prediction::{Prediction, Predictions, predict};
use crate::api::operations::tag::Tag;
use crate::api::state::State;
use windrow_base::runtime::computing;

/// The operations that return predictions.
pub(crate) struct Predict(pub(crate) Arc<State>);

#[OpenApi]
impl Predict {
    /// Ask a model
    ///
    /// The probability that the row is positive. The answer names the model that gave it, also where an alias was asked.
    #[oai(path = "/v1/models/:id/predict", method = "post", operation_id = "predict", tag = "Tag::Models")]
    async fn predict(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `latest` or `champion`
        id: Path<String>,
        /// Whether the answer tells what each feature adds to the log-odds
        #[oai(default)]
        explain: Query<bool>,
        row: Body<OneRow>,
    ) -> Result<Answer<Prediction>, ApiError> {
        let served = self.0.served();
        let fitted = self.0.fitted(&served, &id)?;
        let prediction = predict(fitted, &row.bytes, explain.0)?;
        fitted.served.probabilities.observe(prediction.probability);
        Ok(Answer::new(&prediction, Some(AnsweredBy(Arc::clone(fitted.model)))))
    }

    /// Ask a model about many rows
    ///
    /// A JSON array of rows, a row a line (NDJSON), or CSV with a header line, in which columns that the model does not
    /// need are passed over. The answer is of the same kind, unless the Accept header names another. A fault in one row
    /// refuses them all.
    #[oai(path = "/v1/models/:id/predict/batch", method = "post", operation_id = "predict_batch", tag = "Tag::Models")]
    async fn predict_batch(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `latest` or `champion`
        id: Path<String>,
        rows: Body<ManyRows>,
    ) -> Result<BatchAnswer, ApiError> {
        let served = self.0.served_to_keep();
        let model = Arc::clone(self.0.fitted(&served, &id)?.model);
        computing(move || batch::answer(served.fitted(&model)?, &rows)).await
    }

    /// Ask every model
    ///
    /// The answers of all fitted models to the same row.
    #[oai(path = "/v1/predict", method = "post", operation_id = "predict_all", tag = "Tag::Models")]
    async fn predict_all(&self, row: Body<OneRow>) -> Result<Answer<Predictions>, ApiError> {
        let served = self.0.served_to_keep();
        if served.models().next().is_none() {
            return Err(ApiError::not_ready(self.0.awaited()));
        }
        // Predictions of hundreds of models take too long for a thread of the async runtime.
        computing(move || {
            let mut predictions = Vec::new();
            for fitted in served.models() {
                row.permit.check_wanted()?;
                predictions.push(predict(served.fitted(&fitted.model)?, &row.bytes, false)?);
            }
            Ok(Answer::new(&Predictions { predictions }, None))
        })
        .await
    }
}
