//! The operations, each typed and documented once; `document` then gives every model paths of its own.

pub(crate) mod aliases;
pub(crate) mod health;
pub(crate) mod inference;
pub(crate) mod windows;

use std::sync::Arc;

use poem::Result;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, Tags};

use crate::api::answers::compare::{Diff, RowChange};
use crate::api::answers::predictions::{Prediction, Predictions};
use crate::api::answers::windows::Lineage;
use crate::api::answers::{ModelCard, ModelList};
use crate::api::batch::{self, BatchAnswer};
use crate::api::context::{Asked, Context};
use crate::api::payload::{Answer, AnsweredBy, RowBody, RowsBody};
use crate::api::problem::Refusal;

/// How operations are grouped in the document.
#[derive(Tags)]
pub(crate) enum Tag {
    /// All models, and names that stand for one
    Models,
    /// What is known of the windows of the stream
    Windows,
    /// Names of one's own for models, with their history
    Aliases,
    /// The Open Inference Protocol, version 2, as KServe, Triton and MLServer speak it
    Inference,
    /// Whether the server is well
    Health,
}

/// The operations on models.
pub(crate) struct Models(pub(crate) Arc<Context>);

#[OpenApi]
impl Models {
    /// List the models
    ///
    /// Every published model with its scores, those that could not be learned with the reason, and the aliases.
    #[oai(path = "/v1/models", method = "get", operation_id = "list_models", tag = "Tag::Models")]
    async fn models(&self) -> Json<ModelList> {
        Json(ModelList::of(&self.0.served().snapshot))
    }

    /// Show a model
    ///
    /// The model card: what it was made from, how, its coefficients and its scores.
    #[oai(path = "/v1/models/:id", method = "get", operation_id = "show_model", tag = "Tag::Models")]
    async fn model(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `latest` or `champion`
        id: Path<String>,
    ) -> Result<Json<ModelCard>, Refusal> {
        let served = self.0.served();
        Ok(Json(ModelCard::of(self.0.find(&served, &id)?)))
    }

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
        row: RowBody,
    ) -> Result<Answer<Prediction>, Refusal> {
        let served = self.0.served();
        let asked = self.0.ask(&served, &id)?;
        let prediction = predict(asked, &row.0, explain.0)?;
        let by = AnsweredBy(Arc::clone(asked.model), Some(prediction.probability));
        Ok(Answer::of(&prediction, Some(by)))
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
        rows: RowsBody,
    ) -> Result<BatchAnswer, Refusal> {
        let served = self.0.served_for_long();
        let model = Arc::clone(self.0.ask(&served, &id)?.model);
        let max_rows = self.0.pipeline.serve.max_rows;
        off_the_runtime(move || batch::answer(served.asked(&model)?, &rows, max_rows)).await
    }

    /// Ask every model
    ///
    /// The answers of all fitted models to the same row.
    #[oai(path = "/v1/predict", method = "post", operation_id = "predict_all", tag = "Tag::Models")]
    async fn predict_all(&self, row: RowBody) -> Result<Answer<Predictions>, Refusal> {
        let served = self.0.served();
        let fitted = served.snapshot.models().filter(|model| model.learned().is_some());
        let predictions = fitted.map(|model| predict(served.asked(model)?, &row.0, false));
        let predictions = predictions.collect::<Result<Vec<_>, _>>()?;
        if predictions.is_empty() {
            return Err(Refusal::not_ready(self.0.awaited()));
        }
        Ok(Answer::of(&Predictions { predictions }, None))
    }

    /// Compare two models
    ///
    /// Coefficients and scores side by side, the largest changes first.
    #[oai(path = "/v1/models/:id/diff/:other", method = "get", operation_id = "diff_models", tag = "Tag::Models")]
    async fn diff(
        &self,
        /// The one: a model or an alias
        id: Path<String>,
        /// The other: a model or an alias
        other: Path<String>,
    ) -> Result<Json<Diff>, Refusal> {
        let served = self.0.served();
        Ok(Json(diff(self.0.ask(&served, &id)?, self.0.ask(&served, &other)?)))
    }

    /// Compare two models on a row
    ///
    /// The same, with the answers of both to the row and what each feature adds to them.
    #[oai(
        path = "/v1/models/:id/diff/:other",
        method = "post",
        operation_id = "diff_models_on_row",
        tag = "Tag::Models"
    )]
    async fn diff_on_row(
        &self,
        /// The one: a model or an alias
        id: Path<String>,
        /// The other: a model or an alias
        other: Path<String>,
        row: RowBody,
    ) -> Result<Json<Diff>, Refusal> {
        let served = self.0.served();
        let (first, second) = (self.0.ask(&served, &id)?, self.0.ask(&served, &other)?);
        let change = RowChange::of(predict(first, &row.0, true)?, predict(second, &row.0, true)?);
        Ok(Json(Diff { row: Some(change), ..diff(first, second) }))
    }

    /// Show what a prediction rests on
    ///
    /// From the lineage that an answer names to the batch files, row numbers and offsets behind its model.
    #[oai(path = "/v1/lineage/:id", method = "get", operation_id = "show_lineage", tag = "Tag::Models")]
    async fn lineage(
        &self,
        /// The lineage of an answer or a model card
        id: Path<String>,
    ) -> Result<Json<Lineage>, Refusal> {
        let served = self.0.served();
        let found = Lineage::of(&served.snapshot, &id);
        found.map(Json).ok_or_else(|| {
            let mut known: Vec<String> =
                served.snapshot.models().map(|model| model.artifact().lineage.id.clone()).collect();
            known.dedup();
            Refusal::not_found("unknown-lineage", format!("no model has the lineage `{}`", *id), known)
        })
    }
}

fn predict(asked: Asked<'_>, body: &[u8], explain: bool) -> Result<Prediction, Refusal> {
    let row = asked.form.read(body)?;
    Ok(Prediction::of(asked, &row, explain))
}

fn diff(first: Asked<'_>, second: Asked<'_>) -> Diff {
    Diff::of([first.model, second.model], [first.learned, second.learned])
}

/// Does work that takes longer than a moment on a thread for such work.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
