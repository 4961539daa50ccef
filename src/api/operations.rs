//! The operations, each typed and documented once; `document` then gives every model paths of its own.

use std::sync::Arc;

use arc_swap::ArcSwap;
use poem::{Request, RequestBody, Result};
use poem_openapi::param::Path;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry as SchemaRegistry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, OpenApi, Tags};

use crate::api::answers::{Health, ModelCard, ModelList, Prediction, Predictions};
use crate::api::problem::Refusal;
use crate::api::server::Served;
use crate::model::Outcome;
use crate::registry::Model;
use crate::telemetry::Progress;

/// No row is as large.
pub(crate) const LARGEST_BODY: usize = 64 * 1024;

#[derive(Tags)]
enum Tag {
    /// All models, and names that stand for one
    Models,
    /// Whether the server is well
    Health,
}

/// The operations and what they answer from.
pub(crate) struct Operations {
    pub(crate) served: Arc<ArcSwap<Served>>,
    pub(crate) progress: Progress,
}

/// The body of a request, as it came; what it holds is judged by the model that is asked.
pub(crate) struct RowBody(Vec<u8>);

impl<'a> ApiExtractor<'a> for RowBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut SchemaRegistry) {}

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchema {
            description: Some("One row: the columns of the model's features, each there, null where it is missing"),
            ..MetaSchema::new("object")
        };
        let content =
            vec![MetaMediaType { content_type: "application/json", schema: MetaSchemaRef::Inline(Box::new(schema)) }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let kind = request.content_type();
        if !kind.is_some_and(Json::<bool>::check_content_type) {
            return Err(Refusal::not_json(kind).into());
        }
        match body.take()?.into_bytes_limit(LARGEST_BODY).await {
            Ok(bytes) => Ok(Self(bytes.into())),
            Err(poem::error::ReadBodyError::PayloadTooLarge) => Err(Refusal::too_large(LARGEST_BODY).into()),
            Err(error) => Err(error.into()),
        }
    }
}

#[OpenApi]
impl Operations {
    /// List the models
    ///
    /// Every published model with its scores, those that could not be learned with the reason, and the aliases.
    #[oai(path = "/v1/models", method = "get", operation_id = "list_models", tag = "Tag::Models")]
    async fn models(&self) -> Json<ModelList> {
        Json(ModelList::of(&self.served.load().snapshot))
    }

    /// Show a model
    ///
    /// What it was made from, how, its coefficients and its scores.
    #[oai(path = "/v1/models/:id", method = "get", operation_id = "show_model", tag = "Tag::Models")]
    async fn model(
        &self,
        /// A model, as in `cumulative-2`, or an alias: `latest`, `champion`
        id: Path<String>,
    ) -> Result<Json<ModelCard>, Refusal> {
        let served = self.served.load();
        Ok(Json(ModelCard::of(served.snapshot.resolve(&id)?)))
    }

    /// Ask a model
    ///
    /// The probability that the row is positive. The answer names the model that gave it, also where an alias was asked.
    #[oai(path = "/v1/models/:id/predict", method = "post", operation_id = "predict", tag = "Tag::Models")]
    async fn predict(
        &self,
        /// A model, as in `cumulative-2`, or an alias: `latest`, `champion`
        id: Path<String>,
        row: RowBody,
    ) -> Result<Json<Prediction>, Refusal> {
        let served = self.served.load();
        let model = served.snapshot.resolve(&id)?;
        ask(&served, model, &row.0).map(Json)
    }

    /// Ask every model
    ///
    /// The answers of all fitted models to the same row.
    #[oai(path = "/v1/predict", method = "post", operation_id = "predict_all", tag = "Tag::Models")]
    async fn predict_all(&self, row: RowBody) -> Result<Json<Predictions>, Refusal> {
        let served = self.served.load();
        let fitted = served.snapshot.models().filter(|model| model.learned().is_some());
        let predictions = fitted.map(|model| ask(&served, model, &row.0)).collect::<Result<Vec<_>, _>>()?;
        if predictions.is_empty() {
            return Err(Refusal::not_ready(self.awaited()));
        }
        Ok(Json(Predictions { predictions }))
    }

    /// Whether the server runs
    #[oai(path = "/health/live", method = "get", operation_id = "live", tag = "Tag::Health")]
    async fn live(&self) -> Json<Health> {
        Json(Health { status: "live".to_owned() })
    }

    /// Whether there is a model to ask
    #[oai(path = "/health/ready", method = "get", operation_id = "ready", tag = "Tag::Health")]
    async fn ready(&self) -> Result<Json<Health>, Refusal> {
        match self.served.load().snapshot.latest() {
            Some(_) => Ok(Json(Health { status: "ready".to_owned() })),
            None => Err(Refusal::not_ready(self.awaited())),
        }
    }
}

impl Operations {
    /// What stands between now and the first model.
    fn awaited(&self) -> String {
        let counters = self.progress.counters();
        match (counters.stored.get(), counters.dataset.get()) {
            (0, _) => "no model yet: waiting for the first window".to_owned(),
            (stored, 0) => format!("no model yet: {stored} rows are stored"),
            (stored, rows) => format!("no model yet: {stored} of {rows} rows are stored"),
        }
    }
}

fn ask(served: &Served, model: &Model, body: &[u8]) -> Result<Prediction, Refusal> {
    let (learned, predictor, form) = match (&model.artifact().outcome, model.predictor(), served.forms.get(&model.id()))
    {
        (Outcome::Learned(learned), Some(predictor), Some(form)) => (learned, predictor, form),
        (Outcome::Refused { reason }, ..) => return Err(Refusal::not_learned(&model.id().to_string(), reason)),
        // A model without its form is one that is just being published.
        _ => return Err(Refusal::not_ready(format!("the model {} is being published", model.id()))),
    };
    let row = form.read(body)?;
    let prediction = predictor.predict(&form.cells(&row));
    Ok(Prediction::of(model, &prediction, learned.threshold))
}
