//! The operation that returns the last advice: how often to retrain, and on how much history.

mod answer;
mod interval;
mod quality;

use std::sync::Arc;

use poem::Result;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use crate::error::ApiError;
use crate::operations::advice::answer::Advice;
use crate::operations::mirror::Mirror;
use crate::operations::tag::Tag;
use crate::state::ApiState;

pub(crate) struct AdviceOperations(pub(crate) Arc<ApiState>);

#[OpenApi]
impl AdviceOperations {
    /// Recommend how often to refit the models
    ///
    /// To refit is to train the model again. The answer names the cheapest policy (how often to refit, on how much
    /// history) that is shown to keep enough of the best policy's gain. If no policy is shown to do so, the named
    /// policy is provisional. The server does not compute the advice: `windrow run` computes it during the run, and
    /// `windrow advise` on demand.
    #[oai(path = "/v1/advice", method = "get", operation_id = "give_advice", tag = "Tag::Advice")]
    async fn advice(&self) -> Result<Json<Advice>, ApiError> {
        let served = self.0.served();
        let detail = "there is no advice yet: compute it with `windrow run` or `windrow advise`";
        let found = served.snapshot.advice().ok_or_else(|| ApiError::not_found("no-advice", detail, Vec::new()))?;
        Ok(Json(Advice::of(&**found)))
    }
}
