//! The Open Inference Protocol, version 2.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::body::{Body, Tensors};
use crate::error::ApiError;
use crate::operations::infer::infer;
use crate::operations::infer_answer::{InferAnswer, OUTPUTS};
use crate::operations::learner::run_prediction;
use crate::operations::numeric::NUMERICS;
use crate::operations::tag::Tag;
use crate::operations::tensors::{TEXT, datatype};
use crate::served::{Fitted, Served};
use crate::state::ApiState;

pub(crate) struct Inference(pub(crate) Arc<ApiState>);

/// The name, version and extensions of the server
#[derive(Debug, Object)]
pub(crate) struct ServerMetadata {
    name: String,
    version: String,
    /// The protocol extensions: `binary_tensor_data`, for tensors in binary form
    extensions: Vec<String>,
}

/// The result of the server's liveness check
#[derive(Debug, Object)]
pub(crate) struct ServerLive {
    live: bool,
}

/// The result of the server's readiness check
#[derive(Debug, Object)]
pub(crate) struct ServerReady {
    ready: bool,
}

/// The result of a model's readiness check
#[derive(Debug, Object)]
pub(crate) struct ModelReady {
    name: String,
    ready: bool,
}

/// The inputs and outputs of a model
#[derive(Debug, Object)]
pub(crate) struct ModelMetadata {
    name: String,
    /// The only version: the id of the model's lineage
    versions: Vec<String>,
    /// The platform, always `windrow`
    platform: String,
    /// The input tensors, one per field, all of the same length
    inputs: Vec<TensorMetadata>,
    /// The output tensors: `probability` and `label`
    outputs: Vec<TensorMetadata>,
}

/// The name, datatype and shape of a tensor
#[derive(Debug, Object)]
pub(crate) struct TensorMetadata {
    name: String,
    /// FP64 for numbers (any numeric datatype is accepted), BYTES for texts and times, BOOL for labels
    datatype: String,
    /// The shape: -1, which means any number of rows
    shape: Vec<i64>,
}

#[OpenApi]
impl Inference {
    /// Show the name, version and extensions of the server
    #[oai(path = "/v2", method = "get", operation_id = "server_metadata", tag = "Tag::Inference")]
    async fn server(&self) -> Json<ServerMetadata> {
        Json(ServerMetadata {
            name: "windrow".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: vec!["binary_tensor_data".to_owned()],
        })
    }

    /// Check that the server runs
    #[oai(path = "/v2/health/live", method = "get", operation_id = "server_live", tag = "Tag::Inference")]
    async fn live(&self) -> Json<ServerLive> {
        Json(ServerLive { live: true })
    }

    /// Check that the server has a model
    #[oai(path = "/v2/health/ready", method = "get", operation_id = "server_ready", tag = "Tag::Inference")]
    async fn ready(&self) -> Result<Json<ServerReady>, ApiError> {
        self.0.check_ready()?;
        Ok(Json(ServerReady { ready: true }))
    }

    /// Show the inputs and outputs of a model
    #[oai(path = "/v2/models/:name", method = "get", operation_id = "model_metadata", tag = "Tag::Inference")]
    async fn metadata(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `advised` or `champion`
        name: Path<String>,
    ) -> Result<Json<ModelMetadata>, ApiError> {
        let served = self.0.served();
        Ok(Json(ModelMetadata::of(self.model(&served, &name, None)?)))
    }

    /// Show the inputs and outputs of a version of a model
    ///
    /// A model has one version, which is the id of its lineage.
    #[oai(
        path = "/v2/models/:name/versions/:version",
        method = "get",
        operation_id = "model_version_metadata",
        tag = "Tag::Inference"
    )]
    async fn version_metadata(
        &self,
        /// A model or an alias
        name: Path<String>,
        /// The version: the id of the model's lineage
        version: Path<String>,
    ) -> Result<Json<ModelMetadata>, ApiError> {
        let served = self.0.served();
        Ok(Json(ModelMetadata::of(self.model(&served, &name, Some(&version))?)))
    }

    /// Check that a model can predict
    #[oai(path = "/v2/models/:name/ready", method = "get", operation_id = "model_ready", tag = "Tag::Inference")]
    async fn model_ready(
        &self,
        /// A model or an alias
        name: Path<String>,
    ) -> Result<Json<ModelReady>, ApiError> {
        let served = self.0.served();
        Ok(Json(ModelReady::of(self.model(&served, &name, None)?)?))
    }

    /// Check that a version of a model can predict
    #[oai(
        path = "/v2/models/:name/versions/:version/ready",
        method = "get",
        operation_id = "model_version_ready",
        tag = "Tag::Inference"
    )]
    async fn version_ready(
        &self,
        /// A model or an alias
        name: Path<String>,
        /// The version: the id of the model's lineage
        version: Path<String>,
    ) -> Result<Json<ModelReady>, ApiError> {
        let served = self.0.served();
        Ok(Json(ModelReady::of(self.model(&served, &name, Some(&version))?)?))
    }

    /// Predict rows in tensors
    ///
    /// The request has one tensor per field, over all rows. Tensors can be sent and requested in binary form.
    #[oai(path = "/v2/models/:name/infer", method = "post", operation_id = "infer", tag = "Tag::Inference")]
    async fn infer(
        &self,
        /// A model or an alias
        name: Path<String>,
        body: Body<Tensors>,
    ) -> Result<InferAnswer, ApiError> {
        self.answer(&name, None, body).await
    }

    /// Predict rows in tensors with a version of a model
    #[oai(
        path = "/v2/models/:name/versions/:version/infer",
        method = "post",
        operation_id = "infer_version",
        tag = "Tag::Inference"
    )]
    async fn infer_version(
        &self,
        /// A model or an alias
        name: Path<String>,
        /// The version: the id of the model's lineage
        version: Path<String>,
        body: Body<Tensors>,
    ) -> Result<InferAnswer, ApiError> {
        self.answer(&name, Some(&version), body).await
    }
}

impl Inference {
    /// Finds a fitted model. If `version` is given, it must be the model's lineage.
    fn model<'a>(&self, served: &'a Served, name: &str, version: Option<&str>) -> Result<Fitted<'a>, ApiError> {
        let fitted = self.0.fitted(served, name)?;
        let known = &fitted.model.artifact().lineage.id;
        if version.is_some_and(|version| version != known) {
            let detail = format!("the model {} has only the version {known}", fitted.model.name());
            return Err(ApiError::not_found("unknown-version", detail, vec![known.clone()]));
        }
        Ok(fitted)
    }

    async fn answer(&self, name: &str, version: Option<&str>, body: Body<Tensors>) -> Result<InferAnswer, ApiError> {
        let served = self.0.served_snapshot();
        let fitted = self.model(&served, name, version)?;
        let (model, waits) = (Arc::clone(fitted.model), fitted.waits());
        run_prediction(waits, move || {
            let Body { content, bytes, permit, .. } = &body;
            let is_wanted = || permit.check_wanted();
            infer(served.fitted(&model)?, bytes, content.json, permit.scope.limits.max_rows, &is_wanted)
        })
        .await
    }
}

impl ModelReady {
    fn of(fitted: Fitted<'_>) -> Result<Self, ApiError> {
        fitted.check_ready()?;
        Ok(Self { name: fitted.model.name().to_owned(), ready: true })
    }
}

impl ModelMetadata {
    fn of(fitted: Fitted<'_>) -> Self {
        let tensor = |name: &str, datatype: &str| {
            let (name, datatype) = (name.to_owned(), datatype.to_owned());
            TensorMetadata { name, datatype, shape: vec![-1] }
        };
        Self {
            name: fitted.model.name().to_owned(),
            versions: vec![fitted.model.artifact().lineage.id.clone()],
            platform: "windrow".to_owned(),
            inputs: fitted.schema.fields().iter().map(|field| tensor(&field.name, datatype(field))).collect(),
            outputs: OUTPUTS.iter().map(|(name, datatype)| tensor(name, datatype)).collect(),
        }
    }
}

pub(crate) fn request_schema() -> serde_json::Value {
    let text = serde_json::json!({ "type": "string" });
    let datatypes: Vec<&str> = NUMERICS.iter().map(|numeric| numeric.name).chain([TEXT]).collect();
    serde_json::json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": { "type": "string", "nullable": true },
            "parameters": { "type": "object", "properties": { "binary_data_output": { "type": "boolean" } } },
            "inputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "shape", "datatype", "data"],
                    "properties": {
                        "name": text,
                        "shape": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
                        "datatype": { "type": "string", "enum": datatypes },
                        "parameters": { "type": "object" },
                        "data": {
                            "type": "array",
                            "description": "Numbers, texts or null, one per row",
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
                    "properties": { "name": { "type": "string", "enum": OUTPUTS.map(|(name, _)| name) },
                        "parameters": { "type": "object", "properties": { "binary_data": { "type": "boolean" } } },
                    },
                },
            },
        },
    })
}
