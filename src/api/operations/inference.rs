//! The Open Inference Protocol, version 2.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use crate::api::context::Context;
use crate::api::inference::{InferAnswer, NUMBER, OUTPUTS, TEXT, Values, datatype, infer};
use crate::api::operations::{Tag, off_the_runtime};
use crate::api::payload::{Answer, AnsweredBy, TensorBody};
use crate::api::problem::Refusal;

pub(crate) struct Inference(pub(crate) Arc<Context>);

/// What this server is
#[derive(Debug, Object)]
pub(crate) struct ServerMetadata {
    name: String,
    version: String,
    /// `binary_tensor_data`: tensors may be sent in binary form; answers are always JSON
    extensions: Vec<String>,
}

/// Whether the server runs
#[derive(Debug, Object)]
pub(crate) struct ServerLive {
    live: bool,
}

/// Whether the server can answer
#[derive(Debug, Object)]
pub(crate) struct ServerReady {
    ready: bool,
}

/// Whether a model can answer
#[derive(Debug, Object)]
pub(crate) struct ModelReady {
    name: String,
    ready: bool,
}

/// What a model takes and gives
#[derive(Debug, Object)]
pub(crate) struct ModelMetadata {
    name: String,
    /// Its lineage
    versions: Vec<String>,
    /// windrow
    platform: String,
    /// One a field, all of the same length
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// A tensor's name and kind
#[derive(Debug, Object)]
pub(crate) struct TensorMetadata {
    name: String,
    /// FP64 for numbers (any numeric datatype is taken), BYTES for texts and times, BOOL for labels
    datatype: String,
    /// -1: as many as there are rows
    shape: Vec<i64>,
}

/// A model's answer to an inference request
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct InferResponse {
    model_name: String,
    /// Its lineage
    model_version: String,
    /// That of the request
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<OutputTensor>,
}

/// A tensor of an answer
#[derive(Debug, Object, Serialize)]
pub(crate) struct OutputTensor {
    name: String,
    datatype: String,
    shape: Vec<u64>,
    /// Numbers or truth values, one a row
    data: Vec<serde_json::Value>,
}

impl From<InferAnswer> for InferResponse {
    fn from(answer: InferAnswer) -> Self {
        let outputs = answer.outputs.into_iter().map(|output| OutputTensor {
            name: output.name.to_owned(),
            datatype: output.datatype.to_owned(),
            shape: output.shape.iter().map(|side| *side as u64).collect(),
            data: match output.data {
                Values::Numbers(numbers) => numbers.into_iter().map(Into::into).collect(),
                Values::Labels(labels) => labels.into_iter().map(Into::into).collect(),
            },
        });
        let InferAnswer { model_name, model_version, id, .. } = answer;
        Self { model_name, model_version, id, outputs: outputs.collect() }
    }
}

#[OpenApi]
impl Inference {
    /// What this server is
    #[oai(path = "/v2", method = "get", operation_id = "server_metadata", tag = "Tag::Inference")]
    async fn server(&self) -> Json<ServerMetadata> {
        Json(ServerMetadata {
            name: "windrow".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: vec!["binary_tensor_data".to_owned()],
        })
    }

    /// Whether the server runs
    #[oai(path = "/v2/health/live", method = "get", operation_id = "server_live", tag = "Tag::Inference")]
    async fn live(&self) -> Json<ServerLive> {
        Json(ServerLive { live: true })
    }

    /// Whether the server can answer
    #[oai(path = "/v2/health/ready", method = "get", operation_id = "server_ready", tag = "Tag::Inference")]
    async fn ready(&self) -> Result<Json<ServerReady>, Refusal> {
        match self.0.served().snapshot.latest() {
            Some(_) => Ok(Json(ServerReady { ready: true })),
            None => Err(Refusal::not_ready(self.0.awaited()).for_inference()),
        }
    }

    /// What a model takes and gives
    #[oai(path = "/v2/models/:name", method = "get", operation_id = "model_metadata", tag = "Tag::Inference")]
    async fn metadata(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `latest` or `champion`
        name: Path<String>,
    ) -> Result<Json<ModelMetadata>, Refusal> {
        let served = self.0.served();
        let asked = self.0.ask(&served, &name).map_err(Refusal::for_inference)?;
        let tensor = |name: &str, datatype: &str| TensorMetadata {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
            shape: vec![-1],
        };
        Ok(Json(ModelMetadata {
            name: asked.model.name().to_owned(),
            versions: vec![asked.model.artifact().lineage.id.clone()],
            platform: "windrow".to_owned(),
            inputs: asked.form.fields().iter().map(|field| tensor(&field.name, datatype(field))).collect(),
            outputs: OUTPUTS.iter().map(|(name, datatype)| tensor(name, datatype)).collect(),
        }))
    }

    /// Whether a model can answer
    #[oai(path = "/v2/models/:name/ready", method = "get", operation_id = "model_ready", tag = "Tag::Inference")]
    async fn model_ready(
        &self,
        /// A model or an alias
        name: Path<String>,
    ) -> Result<Json<ModelReady>, Refusal> {
        let served = self.0.served();
        let asked = self.0.ask(&served, &name).map_err(Refusal::for_inference)?;
        Ok(Json(ModelReady { name: asked.model.name().to_owned(), ready: true }))
    }

    /// Ask a model in tensors
    ///
    /// One tensor a field, over the rows. The answer is JSON, also where tensors were sent in binary form.
    #[oai(path = "/v2/models/:name/infer", method = "post", operation_id = "infer", tag = "Tag::Inference")]
    async fn infer(
        &self,
        /// A model or an alias
        name: Path<String>,
        body: TensorBody,
    ) -> Result<Answer<InferResponse>, Refusal> {
        let served = self.0.served_for_long();
        let model = Arc::clone(self.0.ask(&served, &name).map_err(Refusal::for_inference)?.model);
        let max_rows = self.0.pipeline.serve.max_rows;
        let answering = Arc::clone(&model);
        let answered = off_the_runtime(move || infer(served.asked(&answering)?, &body, max_rows)).await;
        Ok(Answer::of(&InferResponse::from(answered.map_err(Refusal::for_inference)?), Some(AnsweredBy(model, None))))
    }
}

/// The schema of an inference request for fields of these names and datatypes, and one that could be sent.
pub(crate) fn request_schema() -> serde_json::Value {
    let text = serde_json::json!({ "type": "string" });
    serde_json::json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": { "type": "string", "nullable": true },
            "parameters": { "type": "object" },
            "inputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "shape", "datatype", "data"],
                    "properties": {
                        "name": text,
                        "shape": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
                        "datatype": {
                            "type": "string",
                            "enum": [
                                "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP32", NUMBER, TEXT
                            ],
                        },
                        "parameters": { "type": "object" },
                        "data": {
                            "type": "array",
                            "description": "Numbers, texts or null, one a row",
                            "items": { "nullable": true },
                        },
                    },
                },
            },
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": { "name": { "type": "string", "enum": ["probability", "label"] }, "parameters": { "type": "object" } },
                },
            },
        },
    })
}
