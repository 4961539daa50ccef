//! The typed operations and their answers. Each operation is typed and documented once. `openapi` adds paths for each
//! model.

mod advice;
mod aliases;
mod batch;
mod card;
mod diff;
#[cfg(any(test, fuzzing))]
pub(crate) mod dry_run;
mod health;
mod infer;
mod infer_answer;
mod inference;
mod learner;
mod mirror;
mod models;
mod numeric;
mod object;
mod page;
mod predict;
mod prediction;
mod score;
mod several;
mod tag;
mod tensors;
mod window;
mod windows;

use std::sync::Arc;

use poem_openapi::{OpenApi, OpenApiService};

use crate::state::ApiState;

pub(crate) use inference::request_schema;
pub(crate) use prediction::{Prediction, predict};
pub(crate) use tensors::datatype;

pub(crate) fn service(state: &Arc<ApiState>) -> OpenApiService<impl OpenApi + use<>, ()> {
    let own = || Arc::clone(state);
    let operations = (
        models::Models(own()),
        predict::Predict(own()),
        windows::Windows(own()),
        advice::AdviceOperations(own()),
        aliases::Aliases(own()),
        inference::Inference(own()),
        health::Health(own()),
    );
    OpenApiService::new(operations, format!("Windrow: {}", state.pipeline.name), env!("CARGO_PKG_VERSION"))
}
