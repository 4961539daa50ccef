//! Whether the server runs, and whether it can answer.

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use crate::api::answers::Health as State;
use crate::api::context::Context;
use crate::api::operations::Tag;
use crate::api::problem::Refusal;

pub(crate) struct Health(pub(crate) Arc<Context>);

#[OpenApi]
impl Health {
    /// Whether the server runs
    #[oai(path = "/health/live", method = "get", operation_id = "live", tag = "Tag::Health")]
    async fn live(&self) -> Json<State> {
        Json(State { status: "live".to_owned() })
    }

    /// Whether there is a model to ask
    ///
    /// Where there is none yet, the problem says what is waited for.
    #[oai(path = "/health/ready", method = "get", operation_id = "ready", tag = "Tag::Health")]
    async fn ready(&self) -> Result<Json<State>, Refusal> {
        match self.0.served().snapshot.latest() {
            Some(_) => Ok(Json(State { status: "ready".to_owned() })),
            None => Err(Refusal::not_ready(self.0.awaited())),
        }
    }
}
