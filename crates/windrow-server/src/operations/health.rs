//! The health of the server: the operations that report whether it runs and whether it has a model.

use std::sync::Arc;

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::error::ApiError;
use crate::operations::mirror::{Mirror, mirror};
use crate::operations::tag::Tag;
use crate::state::ApiState;
use windrow_learn::learner::LearnerStatus;

pub(crate) struct Health(pub(crate) Arc<ApiState>);

/// The health of the server
#[derive(Debug, Object)]
#[oai(rename = "Health", skip_serializing_if_is_none)]
pub(crate) struct HealthStatus {
    /// The status: `live` or `ready`
    status: String,
    /// The processes of the learner that answer requests; left out if the server is only checked to run
    learner: Option<LearnerHealth>,
}

mirror! {
    /// The processes of a learner outside of Windrow that answer requests
    struct LearnerHealth of found: LearnerStatus {
        /// The maximum number of processes; each is started when it is needed
        workers: u64 = found.workers as u64,
        /// The number of processes that answer a request now
        busy: u64 = found.busy as u64,
        /// The number of processes that wait for a request
        idle: u64 = found.idle as u64,
        /// The number of requests that wait for a process
        waiting: u64 = found.waiting as u64,
        /// The number of processes that were started so far
        starts: u64,
        /// The number of processes that ended, were silent for too long, or gave a wrong answer
        deaths: u64,
    }
}

#[OpenApi]
impl Health {
    /// Check that the server runs
    #[oai(path = "/health/live", method = "get", operation_id = "live", tag = "Tag::Health")]
    async fn live(&self) -> Json<HealthStatus> {
        Json(HealthStatus { status: "live".to_owned(), learner: None })
    }

    /// Check that the server has a model
    ///
    /// If there is no model yet, the problem describes the progress so far.
    #[oai(path = "/health/ready", method = "get", operation_id = "ready", tag = "Tag::Health")]
    async fn ready(&self) -> Result<Json<HealthStatus>, ApiError> {
        self.0.check_ready()?;
        let learner = self.0.learner.as_ref().map(|served| LearnerHealth::of(&served.learner.status()));
        Ok(Json(HealthStatus { status: "ready".to_owned(), learner }))
    }
}
