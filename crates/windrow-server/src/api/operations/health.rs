//! The health of the server: the operations that report whether it runs and whether it has a model.

use std::sync::Arc;

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::error::ApiError;
use crate::api::operations::tag::Tag;
use crate::api::state::ApiState;

pub(crate) struct Health(pub(crate) Arc<ApiState>);

/// The health of the server
#[derive(Debug, Object)]
#[oai(rename = "Health")]
pub(crate) struct HealthStatus {
    /// The status: `live` or `ready`
    status: String,
}

#[OpenApi]
impl Health {
    /// Check that the server runs
    #[oai(path = "/health/live", method = "get", operation_id = "live", tag = "Tag::Health")]
    async fn live(&self) -> Json<HealthStatus> {
        Json(HealthStatus { status: "live".to_owned() })
    }

    /// Check that the server has a model
    ///
    /// If there is no model yet, the problem describes the progress so far.
    #[oai(path = "/health/ready", method = "get", operation_id = "ready", tag = "Tag::Health")]
    async fn ready(&self) -> Result<Json<HealthStatus>, ApiError> {
        match self.0.served().snapshot.latest() {
            Some(_) => Ok(Json(HealthStatus { status: "ready".to_owned() })),
            None => Err(ApiError::not_ready(self.0.progress_to_first_model())),
        }
    }
}
