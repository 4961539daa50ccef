//! The operations that predict rows.

use std::str::FromStr;
use std::sync::Arc;

use poem::Result;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use crate::answer::{AnsweredBy, JsonAnswer};
use crate::body::{Body, ManyRows, OneRow};
use crate::error::ApiError;
use crate::operations::batch::{self, BatchAnswer};
use crate::operations::learner::run_prediction;
use crate::operations::page::parameter;
use crate::operations::prediction::{Prediction, Predictions, predict};
use crate::operations::several::predict_with_each;
use crate::operations::tag::Tag;
use crate::served::Fitted;
use crate::state::ApiState;
use windrow_base::runtime::blocking;

pub(crate) struct Predict(pub(crate) Arc<ApiState>);

/// The only value of the parameter `models`: `all`.
struct AllModels;

impl FromStr for AllModels {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "all" { Ok(Self) } else { Err(()) }
    }
}

fn answer(fitted: Fitted<'_>, prediction: Prediction) -> JsonAnswer<Prediction> {
    fitted.served.probabilities.observe(prediction.probability);
    JsonAnswer::new(&prediction, Some(AnsweredBy(Arc::clone(fitted.model))))
}

#[OpenApi]
impl Predict {
    /// Predict one row with a model
    ///
    /// Returns the probability that the row is positive. The answer names the model, also if the request uses an alias.
    #[oai(path = "/v1/models/:id/predict", method = "post", operation_id = "predict", tag = "Tag::Models")]
    async fn predict(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `advised` or `champion`
        id: Path<String>,
        /// `true` to include the contribution of each feature to the log-odds
        #[oai(default)]
        explain: Query<bool>,
        row: Body<OneRow>,
    ) -> Result<JsonAnswer<Prediction>, ApiError> {
        let waiting = {
            let served = self.0.served();
            let fitted = self.0.fitted(&served, &id)?;
            if !fitted.waits() {
                return Ok(answer(fitted, predict(fitted, &row.bytes, explain.0, &|| Ok(()))?));
            }
            Arc::clone(fitted.served)
        };
        let predicting = blocking(move || {
            let fitted = waiting.fitted().ok_or_else(|| ApiError::not_ready("the model is being published"))?;
            let is_wanted = || row.permit.check_wanted();
            Ok(answer(fitted, predict(fitted, &row.bytes, explain.0, &is_wanted)?))
        });
        predicting.await
    }

    /// Predict many rows with a model
    ///
    /// Accepts a JSON array of rows, NDJSON with one row per line, or CSV with a header line. CSV columns that the
    /// model does not need are ignored. The answer has the same format, unless the Accept header names another. A fault
    /// in one row rejects the whole request.
    #[oai(path = "/v1/models/:id/predict/batch", method = "post", operation_id = "predict_batch", tag = "Tag::Models")]
    async fn predict_batch(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `advised` or `champion`
        id: Path<String>,
        rows: Body<ManyRows>,
    ) -> Result<BatchAnswer, ApiError> {
        let served = self.0.served_snapshot();
        let fitted = self.0.fitted(&served, &id)?;
        let (model, waits) = (Arc::clone(fitted.model), fitted.waits());
        run_prediction(waits, move || batch::answer(served.fitted(&model)?, &rows)).await
    }

    /// Predict one row with several models
    ///
    /// Returns the predictions of the models with an alias, and of the newest model of each scheme, for the same row.
    /// With `models=all`, the predictions do not have `outside`.
    #[oai(path = "/v1/predict", method = "post", operation_id = "predict_all", tag = "Tag::Models")]
    async fn predict_all(
        &self,
        /// `all` to ask every fitted model; `outside` is then left out
        models: Query<Option<String>>,
        row: Body<OneRow>,
    ) -> Result<JsonAnswer<Predictions>, ApiError> {
        let asks_all = models.0.map(|text| parameter::<AllModels>("models", &text)).transpose()?.is_some();
        let served = self.0.served_snapshot();
        if served.models().next().is_none() {
            return Err(ApiError::not_ready(self.0.progress_to_first_model()));
        }
        let asked: Vec<_> =
            if asks_all { served.models().cloned().collect() } else { served.current_models().cloned().collect() };
        let others = (served.models().count() - asked.len()) as u64;
        let mut predictions = predict_with_each(asked, row, false).await?;
        if asks_all {
            // Hundreds of models would repeat almost the same list.
            predictions.iter_mut().for_each(|prediction| prediction.outside = None);
        }
        Ok(JsonAnswer::new(&Predictions { predictions, others }, None))
    }
}
